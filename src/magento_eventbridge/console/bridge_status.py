"""Compute the status of the bridge: a word, a sentence and the present problems, worst first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from magento_eventbridge.console.words import duration
from magento_eventbridge.counting import count
from magento_eventbridge.delivery.ports import Depth
from magento_eventbridge.delivery.reasons import Explanation, explain
from magento_eventbridge.delivery.status import DestinationStatus

# The status is still "Delivering" for this many seconds after the last delivery.
_IS_IDLE_AFTER = 60.0
# An event that waits for longer than this, in seconds, is late.
_IS_LATE_AFTER = 20.0

Tone = Literal["well", "calm", "wait", "trouble"]


@dataclass(frozen=True)
class QueueState:
    """What a queue holds, or why that cannot be read."""

    name: str
    depth: Depth | None
    error: str = ""


@dataclass(frozen=True)
class Retried:
    """Events that AWS did not accept at their last try, for one reason, and that are retried."""

    reason: str
    events: int


@dataclass(frozen=True)
class DeliveryProblem:
    """Events that a destination does not take; times in seconds since the epoch.

    Attributes:
        destination: its name, by which it can be tried at once.
        what: the kind of events that is refused; empty: all.
        events: how many of them are in memory; more may wait in the queue behind them.
    """

    destination: str
    what: str
    is_parked: bool
    reason: str
    events: int
    since: float | None
    next_try_at: float | None

    @property
    def explanation(self) -> Explanation:
        """What the reason means, and what to do."""
        return explain(self.reason)

    @property
    def place(self) -> str:
        """The destination, and what of its events is refused."""
        return f"{self.destination}, {self.what}" if self.what else self.destination


@dataclass(frozen=True)
class BridgeStatus:
    """The word, the sentence, what to do (empty: nothing), the tone, and all problems."""

    word: str
    message: str
    to_do: str
    tone: Tone
    problems: tuple[DeliveryProblem, ...] = ()


def problems_of(
    destinations: Sequence[DestinationStatus], clock_offset: float
) -> tuple[DeliveryProblem, ...]:
    """Return the problems of destinations, those with the most events first.

    `clock_offset` is what to add to a monotonic time to get seconds since the epoch.
    """

    def at(time: float | None) -> float | None:
        return None if time is None else time + clock_offset

    problems = []
    for status in destinations:
        name = str(status.destination)
        if status.problem:
            since, next_try = at(status.since), at(status.next_try)
            problems.append(
                DeliveryProblem(
                    name, "", status.is_parked, status.problem, status.waiting, since, next_try
                )
            )
        problems += [
            DeliveryProblem(
                name,
                str(group.group),
                True,
                group.reason,
                group.waiting,
                at(group.since),
                at(group.next_probe),
            )
            for group in status.refused
        ]
        if large := status.large_events:
            problems.append(
                DeliveryProblem(
                    name,
                    "large events",
                    False,
                    large.reason,
                    large.waiting,
                    at(large.since),
                    None,
                )
            )
    merged = _merged(problems)
    return tuple(sorted(merged, key=lambda problem: (-problem.events, not problem.is_parked)))


def _merged(problems: Sequence[DeliveryProblem]) -> Iterable[DeliveryProblem]:
    """Merge the problems that a destination has with the events of several queues."""
    merged: dict[tuple[str, str, bool], DeliveryProblem] = {}
    for problem in sorted(problems, key=lambda problem: -problem.events):
        key = (problem.destination, problem.what, problem.is_parked)
        first = merged.get(key)
        merged[key] = problem if first is None else _together(first, problem)
    return merged.values()


def _together(one: DeliveryProblem, other: DeliveryProblem) -> DeliveryProblem:
    return replace(
        one,
        events=one.events + other.events,
        since=_earlier(one.since, other.since),
        next_try_at=_earlier(one.next_try_at, other.next_try_at),
    )


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((at for at in (one, other) if at is not None), default=None)


def status_of(
    destinations: Sequence[DestinationStatus],
    queues: Sequence[QueueState],
    last_delivery_at: float | None,
    now: float,
    clock_offset: float = 0.0,
    retried: Retried | None = None,
    inlet_problem: str = "",
) -> BridgeStatus:
    """Return the status of the bridge; times in seconds since the epoch."""
    problems = problems_of(destinations, clock_offset)
    if inlet_problem:
        message = f"The inlet accepts no captures: {inlet_problem}. Senders are asked to retry."
        to_do = "Fix this soon: senders repeat their captures for a limited time only."
        return BridgeStatus("Captures refused", message, to_do, "trouble", problems)
    broken = [queue for queue in queues if queue.error]
    if broken:
        message = f"The queue '{broken[0].name}' cannot be read: {broken[0].error}."
        to_do = "Start it again, or check its address; delivery then resumes by itself."
        return BridgeStatus("Queue unavailable", message, to_do, "trouble", problems)
    if problems:
        return _of_problems(problems)
    if not queues:
        message = "Delivery has not started: the bridge waits for the store's database."
        return BridgeStatus("Starting", message, "If it lasts, check the log.", "wait")
    return _without_problems(queues, last_delivery_at, now, retried)


def _of_problems(problems: tuple[DeliveryProblem, ...]) -> BridgeStatus:
    worst = problems[0]
    is_any_parked = any(problem.is_parked for problem in problems)
    message = f"{worst.explanation.title}: {_wait(worst)}."
    if rest := len(problems) - 1:
        behind = sum(problem.events for problem in problems[1:])
        message += f" {count(rest, 'more problem')} with {count(behind, 'event')} below."
    return BridgeStatus(
        "Parked" if worst.is_parked else "Waiting for AWS",
        f"{message} Nothing is lost.",
        worst.explanation.remedy,
        "trouble" if is_any_parked else "wait",
        problems,
    )


def _without_problems(
    queues: Sequence[QueueState],
    last_delivery_at: float | None,
    now: float,
    retried: Retried | None,
) -> BridgeStatus:
    depths = [queue.depth for queue in queues if queue.depth]
    waiting = sum(depth.captures for depth in depths)
    if not waiting:
        return _idle(last_delivery_at, now)
    oldest = min((d.oldest for d in depths if d.oldest is not None), default=now)
    age = now - oldest
    is_late = age >= _IS_LATE_AFTER
    message = f"{count(waiting, 'event')} on the way"
    message += f", the oldest for {duration(age)}." if is_late else "."
    to_do = ""
    if retried:
        explanation = explain(retried.reason)
        message += f" {explanation.title}: {_are_retried(min(retried.events, waiting))}."
        to_do = explanation.remedy
    if not is_late:
        return BridgeStatus("Delivering", message, to_do, "well")
    if last_delivery_at is not None and now - last_delivery_at < _IS_LATE_AFTER:
        return BridgeStatus("Catching up", f"{message} Deliveries go on.", to_do, "wait")
    message += f" The last delivery: {_last(last_delivery_at, now)}."
    if retried:
        return BridgeStatus("Waiting for AWS", f"{message} Nothing is lost.", to_do, "wait")
    return BridgeStatus(
        "No delivery",
        f"{message} No error has been reported yet.",
        "If it lasts, check the network to AWS, options.endpoint_url and the log.",
        "trouble",
    )


def _idle(last_delivery_at: float | None, now: float) -> BridgeStatus:
    if last_delivery_at is None:
        message = "Nothing waits, and nothing has come since the start."
        return BridgeStatus("Idle", message, "", "calm")
    message = f"Nothing waits. The last delivery was {_ago(now - last_delivery_at)}."
    if now - last_delivery_at < _IS_IDLE_AFTER:
        return BridgeStatus("Delivering", message, "", "well")
    return BridgeStatus("Idle", message, "", "calm")


def _wait(problem: DeliveryProblem) -> str:
    verb = "waits" if problem.events == 1 else "wait"
    return f"{count(problem.events, 'event')} for {problem.place} {verb}"


def _are_retried(events: int) -> str:
    return f"{count(events, 'event')} {'is' if events == 1 else 'are'} retried"


def _last(last_delivery_at: float | None, now: float) -> str:
    return "none" if last_delivery_at is None else _ago(now - last_delivery_at)


def _ago(seconds: float) -> str:
    return "just now" if seconds < 1 else f"{duration(seconds)} ago"
