"""Send what waits for one destination: take a batch, call the sink, apply the verdicts."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from magento_eventbridge.delivery.apart import Group, Refusals, TypeGroup, ViewGroup
from magento_eventbridge.delivery.condition import Change, Condition
from magento_eventbridge.delivery.lane import Lane, Pending
from magento_eventbridge.delivery.observer import Call, Observer
from magento_eventbridge.delivery.pace import Pace
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import LONGEST_DELAY, Claim, Sink
from magento_eventbridge.delivery.reasons import ReasonKind
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.status import DestinationStatus, LargeEventsStatus, Totals
from magento_eventbridge.delivery.verdicts import Answer, Fate, Verdict, is_throttled, judge

log = logging.getLogger(__name__)


_PARKED = (
    "PARKED: %s refuses %s: %s. Nothing is lost, the events wait. Fix the settings or the "
    "permissions ('magento-eventbridge doctor' checks them); delivery then resumes by itself."
)
# So often in a row may a destination ask for fewer calls; then it is left alone for a while.
_BRIEF = 10
_OF_GROUPS = (Fate.DENY, Fate.HOLD)


class _NotStored(NamedTuple):
    reason: str
    since: float


@dataclass(frozen=True)
class SenderCallbacks:
    """What a sender calls: for delivered entries, for a buried one, and when there is room again.

    `may_send` returns whether the claims are still this bridge's. `given_back` gets claims that
    must wait in the queue, and for how many seconds. `wrongly_buried` gets the IDs of events that
    were buried before it was clear that the settings of their store view are at fault. The
    observer, if there is one, is called with each call to the destination.
    """

    may_send: Callable[[], bool]
    delivered: Callable[[list[Pending]], None]
    buried: Callable[[Pending, str], None]
    wrongly_buried: Callable[[list[str]], None]
    given_back: Callable[[list[Claim], float], None]
    made_room: Callable[[], None]
    observer: Observer | None = None


class Sender:
    """Sends entries to one destination, with as many calls at once as it answers well."""

    def __init__(
        self,
        destination: Destination,
        sink: Sink,
        policy: Policy,
        totals: Totals,
        callbacks: SenderCallbacks,
        refusals: Refusals,
    ) -> None:
        self.destination = destination
        self.limits = sink.limits
        self.views: set[int] = set()  # the store views whose events are sent here
        self._sink = sink
        self._policy = policy
        self._totals = totals
        self._callbacks = callbacks
        self._lane = Lane(sink.limits, policy.entries_of_a_subject)
        self._condition = Condition()
        self._problem_since: float | None = None
        self._refusals = refusals
        self._reminded_at: dict[Group, float] = {}
        self._not_stored: dict[str, _NotStored] = {}  # by the subject that waits for S3
        self._given_back = 0  # entries of groups that wait apart, since the last one was released
        self._pace = Pace(policy.calls_at_once, policy.calls_per_second)
        self._throttled_in_a_row = 0
        self._wake = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()
        self._is_asked = False  # whether a person wants a call beside those that hang
        self._is_stopping = False
        self._moved_at = 0.0  # when an entry left, or the first one came
        self._runner = asyncio.create_task(self._run(), name=f"sender to {destination}")

    def __len__(self) -> int:
        """Return how many entries wait or are in flight, without those that wait apart."""
        return len(self._lane) + self._lane.deferred

    def has_room_beside(self, entries: int, size: int) -> bool:
        """Return whether more may be claimed for this destination, once so much is added."""
        return (
            len(self._lane) + entries < self._policy.entries_per_destination
            and self._lane.bytes + size < self._policy.bytes_per_destination
            and self._lane.deferred < self._policy.claims_deferred
        )

    @property
    def is_stuck(self) -> bool:
        """Whether entries wait, and none has left for a while."""
        waits_for = time.monotonic() - self._moved_at
        return bool(len(self)) and waits_for > self._policy.stuck_seconds

    @property
    def status(self) -> DestinationStatus:
        """The destination's status now."""
        return DestinationStatus(
            destination=self.destination,
            views=frozenset(self.views),
            waiting=len(self),
            calls=len(self._calls),
            problem=self._condition.problem,
            is_parked=self._condition.is_parked,
            refused=tuple(self._lane.apart.groups),
            since=self._problem_since,
            next_try=self._condition.rests_until if self._condition.problem else None,
            large_events=self._large_events,
        )

    @property
    def _large_events(self) -> LargeEventsStatus | None:
        # What went back to the queue meanwhile is not counted here.
        waiting = {key: self._lane.waiting_of(key) for key in self._not_stored}
        found = [self._not_stored[key] for key, count in waiting.items() if count]
        if not found:
            return None
        return LargeEventsStatus(
            found[-1].reason, sum(waiting.values()), min(each.since for each in found)
        )

    def try_now(self) -> None:
        """End the pauses: try the destination, and a probe of each group, at once.

        A call in flight may hang for as long as an answer may take, so it is not waited for.
        """
        self._is_asked = True
        self._condition = replace(self._condition, rests_until=0.0)
        self._lane.apart.probe_now(time.monotonic())
        self._wake.set()

    def add(self, pending: Pending) -> None:
        """Queue an entry behind all others."""
        self.views.add(pending.view_id)
        if not self:
            self._moved_at = time.monotonic()
        self._lane.add(pending)
        self._wake.set()

    def resume(self) -> None:
        """Go on sending: the claims are confirmed."""
        self._wake.set()

    def defers(self, order_key: str) -> bool:
        """Return whether a subject has so many events here that further ones must be deferred."""
        return self._lane.defers(order_key)

    def defer(self, order_key: str, view_id: int, claim: Claim) -> None:
        """Keep a claim without its body behind all others of its subject."""
        self.views.add(view_id)
        self._lane.defer(order_key, claim)

    def take_recalls(self) -> list[tuple[str, list[Claim]]]:
        """Take the deferred claims whose turn comes, by their subject."""
        return self._lane.take_recalls()

    def end_recall(self, order_key: str, not_recalled: Sequence[Claim] = ()) -> None:
        """Record that a subject's claims were added, but for those that could not be read."""
        self._lane.end_recall(order_key, not_recalled)

    def use(self, policy: Policy) -> None:
        """Use other limits of memory; what exceeds them goes back to the queue for a while."""
        shrinks = policy.entries_per_destination < self._policy.entries_per_destination
        self._policy = policy
        self._lane.most_of_a_key = policy.entries_of_a_subject
        if shrinks and (surplus := self._lane.take_surplus(policy.entries_per_destination)):
            self._callbacks.given_back(surplus, policy.apart_seconds)
        self._wake.set()

    async def stop(self) -> tuple[list[Pending], list[Claim]]:
        """Finish the calls in flight, as far as time allows, and return what is left, in order.

        That is entries, and deferred claims, which are behind all entries of their subjects.
        """
        self._is_stopping = True
        self._wake.set()
        tasks = {self._runner, *self._calls}
        await asyncio.wait(tasks, timeout=self._policy.stop_seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return self._lane.clear(), self._lane.clear_deferred()

    async def _run(self) -> None:
        while not self._is_stopping:
            try:
                while batch := await self._next_batch():
                    self._is_asked = False
                    self._pace.spend(time.monotonic())
                    call = asyncio.create_task(self._call(batch))
                    self._calls.add(call)
                    call.add_done_callback(self._ended)
            except Exception:
                # A bug of ours; the sender goes on.
                log.exception("Delivery to %s failed", self.destination)

    async def _call(self, batch: list[Pending]) -> None:
        try:
            if self._callbacks.may_send():
                await self._send(batch)
            else:
                self._take_back(batch)
        except asyncio.CancelledError:
            self._take_back(batch)
            raise
        except Exception:
            # A bug of ours. What was in flight stays claimed.
            log.exception("Delivery to %s failed", self.destination)

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._wake.set()
        self._callbacks.made_room()

    def _take_back(self, batch: list[Pending]) -> None:
        if batch[0].probes:
            self._lane.apart.put_back_probe(batch[0], time.monotonic())
        else:
            self._lane.put_back(batch)

    async def _next_batch(self) -> list[Pending]:
        """Wait for entries that may be sent; return none once the sender is to stop."""
        has_lingered = False
        while not self._is_stopping:
            now = time.monotonic()
            begins_in = self._begins_in(now)
            if begins_in is not None and begins_in <= 0:
                if self._calls and not self._lane.fills_a_call and not has_lingered:
                    has_lingered = True
                    await asyncio.sleep(self._policy.linger_seconds)
                    continue
                if batch := self._take(now):
                    return batch
                begins_in = self._begins_in(now)
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(begins_in):
                    await self._wake.wait()
        return []

    def _begins_in(self, now: float) -> float | None:
        """Return in how many seconds the next call may begin; None: not before something else."""
        due, condition, in_flight = self._lane.next_due(), self._condition, len(self._calls)
        most = self._policy.calls_at_once if self._is_asked else self._pace.calls
        if due is None or in_flight >= most:
            return None
        if condition.waits_for_answer(in_flight) and not self._is_asked:
            return None
        if not self._callbacks.may_send():
            return None
        return max(due - now, condition.rests_until - now, self._pace.wait(now))

    def _take(self, now: float) -> list[Pending]:
        waiting = len(self._lane)
        batch = self._lane.take(now, tries_destination=self._condition.problem is not None)
        self._limit_apart()
        if len(self._lane) < waiting:  # some wait apart now: others of their subjects have room
            self._callbacks.made_room()
        return batch

    def _limit_apart(self) -> None:
        """Return to the queue what exceeds the room of events that wait apart."""
        apart, policy = self._lane.apart, self._policy
        if len(apart) > policy.entries_apart or apart.bytes > policy.bytes_apart:
            left_over = apart.take_last(len(apart) - policy.entries_apart // 2)
            self._given_back += len(left_over)
            # The more there are, the longer: otherwise a bridge would only check them.
            delay = max(policy.apart_seconds, min(self._given_back / 100, LONGEST_DELAY))
            self._callbacks.given_back([pending.claim for pending in left_over], delay)

    async def _send(self, batch: list[Pending]) -> None:
        began, in_flight = time.monotonic(), len(self._calls)
        try:
            self._totals.calls += 1
            answer = await self._sink.put(self.destination, [pending.entry for pending in batch])
            verdicts = judge(len(batch), answer, self._sink.codes)
        except Exception as error:
            # A bug of ours: it is logged, and the events wait as in an outage.
            log.exception("The sink failed")
            answer = Answer(
                status=0,
                error_code=ReasonKind.INTERNAL_ERROR.code,
                error_message=type(error).__name__,
            )
            verdicts = [Verdict(Fate.REST, answer.error)] * len(batch)
        if not answer.is_local:
            verdicts = self._adapt(answer, verdicts, began, in_flight)
        verdicts, wrongly_buried = self._refusals.weigh(batch, verdicts)
        waiting = len(self)
        self._apply(batch, verdicts)
        if len(self) < waiting:
            self._moved_at = time.monotonic()
        if wrongly_buried:
            self._callbacks.wrongly_buried(wrongly_buried)
        if not answer.is_local:
            self._update_condition(verdicts, answer, began)
        seconds = time.monotonic() - began
        if self._callbacks.observer:
            self._callbacks.observer.called(
                Call(time.time(), seconds, self.destination, batch, verdicts, answer)
            )
        if log.isEnabledFor(logging.DEBUG):
            _log_call(batch, verdicts, seconds)

    def _adapt(
        self, answer: Answer, verdicts: list[Verdict], began: float, in_flight: int
    ) -> list[Verdict]:
        """Adapt the pace to an answer; return the verdicts, which may be about the pace alone."""
        now = time.monotonic()
        if is_throttled(answer, self._sink.codes):
            self._throttled_in_a_row += self._pace.throttled(began, now)
            is_brief = self._throttled_in_a_row <= _BRIEF and answer.retry_after is None
            if verdicts[0].fate is Fate.REST and is_brief:
                return [Verdict(Fate.THROTTLE, verdict.reason) for verdict in verdicts]
        elif answer.results is not None:
            self._throttled_in_a_row = 0
            self._pace.accepted(began, now, in_flight)
        elif verdicts[0].fate is Fate.REST:
            self._pace.failed()
        return verdicts

    def _apply(self, batch: list[Pending], verdicts: list[Verdict]) -> None:
        delivered: list[Pending] = []
        again: list[Pending] = []
        waited = self._take_not_stored(batch) if self._not_stored else {}
        for pending, verdict in zip(batch, verdicts, strict=True):
            if pending.probes:
                self._apply_to_probe(pending, pending.probes, verdict, delivered)
                continue
            match verdict.fate:
                case Fate.DELIVERED:
                    self._lane.settle(pending)
                    delivered.append(pending)
                case Fate.BURY:
                    self._lane.settle(pending)
                    self._callbacks.buried(pending, verdict.reason)
                case Fate.DENY | Fate.HOLD:
                    group = _group_of(pending, verdict)
                    self._wait_apart(group, verdict.reason)
                    self._lane.move_apart(group, pending)
                case Fate.RETRY | Fate.PARK:
                    if verdict.reason.startswith(ReasonKind.NOT_STORED.code):
                        since = waited.get(pending.order_key, time.monotonic())
                        self._not_stored[pending.order_key] = _NotStored(verdict.reason, since)
                    self._postpone(pending, verdict.reason)
                case Fate.WAIT:
                    log.warning(
                        "Event '%s' %s waits: %s",
                        pending.entry.detail_type,
                        pending.event_id,
                        verdict.reason,
                        extra={"event_id": pending.event_id},
                    )
                    self._postpone(pending, verdict.reason)
                case Fate.SUSPECT if len(batch) == 1:
                    self._postpone(pending, verdict.reason)
                case Fate.ISOLATE | Fate.SUSPECT:
                    pending.alone = True
                    again.append(pending)
                case Fate.REST | Fate.THROTTLE:
                    again.append(pending)
        self._lane.put_back(again)
        self._limit_apart()
        if delivered:
            self._prove(delivered)
            self._callbacks.delivered(delivered)

    def _prove(self, delivered: list[Pending]) -> None:
        """Try store views again that another call put in doubt while these were in flight."""
        if self._lane.apart.groups:
            for view_id in {pending.view_id for pending in delivered}:
                self._lane.apart.probe_soon(ViewGroup(view_id), time.monotonic())

    def _take_not_stored(self, batch: list[Pending]) -> dict[str, float]:
        """Forget which of a batch's subjects wait for S3; return since when they did."""
        found = {
            pending.order_key: self._not_stored.pop(pending.order_key, None) for pending in batch
        }
        return {key: waited.since for key, waited in found.items() if waited}

    def _apply_to_probe(
        self, pending: Pending, group: Group, verdict: Verdict, delivered: list[Pending]
    ) -> None:
        apart, now = self._lane.apart, time.monotonic()
        if verdict.fate in _OF_GROUPS and _group_of(pending, verdict) == group:
            apart.refuse_probe(pending, verdict.reason, now + self._probe_delay(group))
            self._remind(group, verdict.reason, now)
            return
        if verdict.fate not in (Fate.DELIVERED, Fate.BURY, *_OF_GROUPS):
            # The destination is at fault, or the way to it: this says nothing of the group.
            apart.put_back_probe(pending, now + self._probe_delay(group))
            return
        pending.probes = None
        released = self._release(group)
        if verdict.fate is Fate.DELIVERED:
            for other in released:
                other.settings_proven = isinstance(group, ViewGroup)
            delivered.append(pending)
        elif verdict.fate is Fate.BURY:
            self._callbacks.buried(pending, verdict.reason)
        else:
            now_in = _group_of(pending, verdict)
            self._wait_apart(now_in, verdict.reason)
            apart.add(now_in, pending)

    def _wait_apart(self, group: Group, reason: str) -> None:
        now = time.monotonic()
        if self._lane.apart.refuse(group, reason, now, now + self._probe_delay(group)):
            self._remind(group, reason, now)

    def _release(self, group: Group) -> list[Pending]:
        released = self._lane.release(group)
        self._reminded_at.pop(group, None)
        self._given_back = 0
        if isinstance(group, ViewGroup):
            self._refusals.forget(group.id)
        log.warning("Delivery of %s to %s resumes.", group, self.destination)
        return released

    def _probe_delay(self, group: Group) -> float:
        if isinstance(group, ViewGroup):
            return self._policy.probe_seconds
        return self._policy.backoff.delay(self._lane.apart.failures(group) + 1, _chance())

    def _remind(self, group: Group, reason: str, now: float) -> None:
        if now - self._reminded_at.get(group, float("-inf")) >= self._policy.reminder_seconds:
            self._reminded_at[group] = now
            log.critical(_PARKED, self.destination, group, reason)

    def _postpone(self, pending: Pending, reason: str) -> None:
        pending.failures += 1
        delay = self._policy.backoff.delay(pending.failures, _chance())
        self._lane.postpone(pending, time.monotonic() + delay)
        log.debug(
            "Event '%s' %s was not accepted (%s); next try in %.1f s",
            pending.entry.detail_type,
            pending.event_id,
            reason,
            delay,
            extra={"event_id": pending.event_id},
        )

    def _update_condition(self, verdicts: list[Verdict], answer: Answer, began: float) -> None:
        former = self._condition
        self._condition, changes = former.after(
            verdicts,
            began=began,
            now=time.monotonic(),
            policy=self._policy,
            chance=_chance(),
            retry_after=answer.retry_after or 0.0,
        )
        if self._condition.problem is None:
            self._problem_since = None
        elif former.problem is None:
            self._problem_since = time.monotonic()
        for change in changes:
            self._log_change(change)

    def _log_change(self, change: Change) -> None:
        match change:
            case Change.PARKED:
                log.critical(_PARKED, self.destination, "all events", self._condition.problem)
            case Change.RESTING:
                log.warning(
                    "No delivery to %s (%s). Its events wait; retrying until it answers.",
                    self.destination,
                    self._condition.problem,
                )
            case Change.RESUMED:
                log.warning("Delivery to %s resumes; %d wait.", self.destination, len(self._lane))


def _group_of(pending: Pending, verdict: Verdict) -> Group:
    """Return the group that a verdict lets wait apart."""
    if verdict.fate is Fate.HOLD:
        return ViewGroup(pending.view_id)
    return TypeGroup(pending.entry.source, pending.entry.detail_type)


def _chance() -> float:
    return random.random()  # noqa: S311  spreads retries; guards nothing


def _log_call(batch: list[Pending], verdicts: list[Verdict], seconds: float) -> None:
    for pending, verdict in zip(batch, verdicts, strict=True):
        name, extra = pending.entry.detail_type, {"event_id": pending.event_id}
        if verdict.fate is Fate.DELIVERED:
            log.debug("Event '%s' sent with id '%s'", name, verdict.event_id, extra=extra)
            log.debug("Event '%s' executed in %.3fs", pending.label, seconds, extra=extra)
        else:
            log.debug("Event '%s' not sent: %s", name, verdict.reason, extra=extra)
