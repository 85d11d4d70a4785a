"""How the bridge fares, in one word and a sentence: a pure function of what is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from magento_eventbridge.console.words import count, duration
from magento_eventbridge.delivery.ports import Depth
from magento_eventbridge.delivery.reasons import explain
from magento_eventbridge.delivery.status import DestinationStatus

# So long after the last delivery, in seconds, is it still called delivering.
_IS_IDLE_AFTER = 60.0

Tone = Literal["well", "calm", "wait", "trouble"]


@dataclass(frozen=True)
class QueueState:
    """What a queue holds, or why that cannot be read."""

    name: str
    depth: Depth | None
    error: str = ""


@dataclass(frozen=True)
class BridgeStatus:
    """The word, the sentence, what to do (empty: nothing), and how it is to look."""

    word: str
    told: str
    to_do: str
    tone: Tone


def status_of(
    destinations: Sequence[DestinationStatus],
    queues: Sequence[QueueState],
    last_delivery_at: float | None,
    now: float,
) -> BridgeStatus:
    """Say how the bridge fares; times in seconds since the epoch."""
    waiting = sum(queue.depth.captures for queue in queues if queue.depth)
    parked = [
        destination_status for destination_status in destinations if destination_status.is_parked
    ]
    if parked:
        explanation = explain(parked[0].problem or "")
        told = f"{explanation.title}: {_named(parked)} until that is mended. Nothing is lost."
        return BridgeStatus("Parked", told, explanation.remedy, "trouble")
    refused = [group for status in destinations for group in status.refused]
    if refused:
        explanation = explain(refused[0].reason)
        waiting_apart = sum(group.waiting for group in refused)
        what = str(refused[0].group) if len(refused) == 1 else f"{len(refused)} kinds of events"
        told = (
            f"{explanation.title}: {what}. {count(waiting_apart, 'event')} "
            f"wait{'s' if waiting_apart == 1 else ''} until that is fixed, all others are "
            "delivered. Nothing is lost."
        )
        return BridgeStatus("Refused", told, explanation.remedy, "trouble")
    broken = [queue for queue in queues if queue.error]
    if broken:
        told = f"The queue '{broken[0].name}' cannot be read: {broken[0].error}."
        return BridgeStatus(
            "Cut off", told, "Bring it back; delivery then goes on by itself.", "trouble"
        )
    if not queues:
        told = "The bridge has not begun to deliver: it waits for the store's database."
        return BridgeStatus("Starting", told, "If it lasts, look at the log.", "wait")
    with_problems = [
        destination_status for destination_status in destinations if destination_status.problem
    ]
    if with_problems:
        explanation = explain(with_problems[0].problem or "")
        told = f"{explanation.title}: {_named(with_problems)} for now. Nothing is lost."
        return BridgeStatus("Waiting for AWS", told, explanation.remedy, "wait")
    if waiting:
        return BridgeStatus("Delivering", f"{count(waiting, 'event')} on the way.", "", "well")
    if last_delivery_at is None:
        return BridgeStatus(
            "Idle", "Nothing waits, and nothing has come since the start.", "", "calm"
        )
    told = f"Nothing waits. The last delivery was {_ago(now - last_delivery_at)}."
    if now - last_delivery_at < _IS_IDLE_AFTER:
        return BridgeStatus("Delivering", told, "", "well")
    return BridgeStatus("Idle", told, "", "calm")


def _named(destinations: Sequence[DestinationStatus]) -> str:
    waiting = sum(destination_status.waiting for destination_status in destinations)
    where = (
        str(destinations[0].destination) if len(destinations) == 1 else f"{len(destinations)} buses"
    )
    return f"{count(waiting, 'event')} for {where} wait{'s' if waiting == 1 else ''}"


def _ago(seconds: float) -> str:
    return "just now" if seconds < 1 else f"{duration(seconds)} ago"
