"""The way to one destination: sends what waits for it, lets it rest when it fails, parks it."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from aiolimiter import AsyncLimiter

from magento_eventbridge.delivery.lane import Lane, Pending
from magento_eventbridge.delivery.observer import Call, Observer
from magento_eventbridge.delivery.policy import Policy, Totals
from magento_eventbridge.delivery.ports import Sink
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, Fate, Verdict, judge

log = logging.getLogger(__name__)

# A destination that asks for a pause gets one, but no longer than this, in seconds.
_LONGEST_PAUSE = 300.0


@dataclass(frozen=True)
class SenderCallbacks:
    """Whom a way tells what became of entries: delivered, buried for a reason, or room made.

    The journal, where one is kept, is told of each call.
    """

    delivered: Callable[[list[Pending]], None]
    buried: Callable[[Pending, str], None]
    made_room: Callable[[], None]
    journal: Observer | None = None


class Sender:
    """Brings entries to one destination, with as many calls at once as the policy allows."""

    def __init__(
        self,
        destination: Destination,
        sink: Sink,
        policy: Policy,
        totals: Totals,
        reports: SenderCallbacks,
    ) -> None:
        self.destination = destination
        self.limits = sink.limits
        self.stores: set[int] = set()  # whose events go this way
        self.problem: str | None = None
        self.is_parked = False
        self._sink = sink
        self._policy = policy
        self._tally = totals
        self._reports = reports
        self._lane = Lane(sink.limits)
        # Tokens for a tenth of a second at a time: an even flow, small bursts.
        burst = max(1.0, policy.calls_per_second / 10)
        self._limiter = AsyncLimiter(burst, burst / policy.calls_per_second)
        self._news = asyncio.Event()
        self._under_way = 0
        self._failures = 0
        self._failed_at = float("-inf")
        self._rests_until = 0.0
        self._told_at = float("-inf")
        self._is_stopping = False
        self._workers = [
            asyncio.create_task(self._work(), name=f"way to {destination}")
            for _ in range(policy.calls_at_once)
        ]

    def __len__(self) -> int:
        """How many entries wait or are under way."""
        return len(self._lane)

    @property
    def calls(self) -> int:
        """How many calls are under way."""
        return self._under_way

    @property
    def is_full(self) -> bool:
        """Whether no more should be claimed for it."""
        return (
            len(self._lane) >= self._policy.entries_per_destination
            or self._lane.bytes >= self._policy.bytes_per_destination
        )

    def add(self, pending: Pending) -> None:
        """Let an entry go this way."""
        self.stores.add(pending.store_id)
        self._lane.add(pending)
        self._news.set()

    async def stop(self) -> list[Pending]:
        """Finish the calls under way, as far as time allows, and give back what is left."""
        self._is_stopping = True
        self._news.set()
        await asyncio.wait(self._workers, timeout=self._policy.stop_seconds)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        return self._lane.clear()

    async def _work(self) -> None:
        while not self._is_stopping:
            try:
                await self._deliver()
            except Exception:
                # A fault of ours. What was under way stays claimed; the way stays open.
                log.exception("Delivery to %s failed", self.destination)

    async def _deliver(self) -> None:
        while batch := await self._next_batch():
            self._under_way += 1
            try:
                await self._limiter.acquire()
                await self._send(batch)
            except asyncio.CancelledError:
                self._lane.put_back(batch)
                raise
            finally:
                self._under_way -= 1
                self._news.set()
            self._reports.made_room()

    async def _next_batch(self) -> list[Pending]:
        """Wait for entries that may go; none once the way is to stop."""
        if self._under_way and not self._lane.fills_a_call:
            await asyncio.sleep(self._policy.linger_seconds)
        while not self._is_stopping:
            now = time.monotonic()
            # A destination in trouble is tried by one call at a time, until one succeeds.
            is_trying = self.problem is not None and self._under_way > 0
            if now >= self._rests_until and not is_trying and (batch := self._lane.take(now)):
                return batch
            due = self._lane.next_due()
            pause = None if due is None or is_trying else max(due, self._rests_until) - now
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)
        return []

    async def _send(self, batch: list[Pending]) -> None:
        began = time.monotonic()
        try:
            self._tally.calls += 1
            answer = await self._sink.put(self.destination, [pending.entry for pending in batch])
            verdicts = judge(len(batch), answer, self._sink.codes)
        except Exception as error:
            # A fault of ours: it is written down, and the events wait like in an outage.
            log.exception("The sink failed")
            answer = Answer(status=0, error_message=f"internal fault: {type(error).__name__}")
            verdicts = [Verdict(Fate.REST, answer.error)] * len(batch)
        self._carry_out(batch, verdicts)
        self._take_note(verdicts, answer, began)
        seconds = time.monotonic() - began
        if self._reports.journal:
            self._reports.journal.called(
                Call(time.time(), seconds, self.destination, batch, verdicts, answer)
            )
        if log.isEnabledFor(logging.DEBUG):
            _log_call(batch, verdicts, seconds)

    def _carry_out(self, batch: list[Pending], verdicts: list[Verdict]) -> None:
        delivered: list[Pending] = []
        again: list[Pending] = []
        for pending, verdict in zip(batch, verdicts, strict=True):
            match verdict.fate:
                case Fate.DELIVERED:
                    self._lane.settle(pending)
                    delivered.append(pending)
                case Fate.BURY:
                    self._lane.settle(pending)
                    self._reports.buried(pending, verdict.reason)
                case Fate.RETRY | Fate.PARK:
                    self._postpone(pending, verdict.reason)
                case Fate.ISOLATE:
                    pending.alone = True
                    again.append(pending)
                case Fate.REST:
                    again.append(pending)
        self._lane.put_back(again)
        if delivered:
            self._reports.delivered(delivered)

    def _postpone(self, pending: Pending, reason: str) -> None:
        self._tally.retried += 1
        pending.failures += 1
        delay = self._policy.backoff.delay(pending.failures, _chance())
        self._lane.postpone(pending, time.monotonic() + delay)
        log.debug(
            "Event '%s' %s was not taken (%s); next try in %.1f s",
            pending.entry.detail_type,
            pending.event_id,
            reason,
            delay,
            extra={"event_id": pending.event_id},
        )

    # How the destination fares

    def _take_note(self, verdicts: list[Verdict], answer: Answer, began: float) -> None:
        refusal = next((v.reason for v in verdicts if v.fate is Fate.PARK), None)
        took_some = any(v.fate in (Fate.DELIVERED, Fate.RETRY) for v in verdicts)
        if refusal is not None:
            self._park(refusal, began, takes_others=took_some)
        elif any(v.fate is Fate.REST for v in verdicts):
            self._rest(verdicts[0].reason, began, answer.retry_after or 0.0)
        elif self.problem is not None:
            self._resume()

    def _rest(self, reason: str, began: float, at_least: float) -> None:
        self._set_back(began, at_least)
        if self.problem is None or self.is_parked:
            log.warning(
                "No delivery to %s (%s). Its events wait; trying until it answers.",
                self.destination,
                reason,
            )
        self.problem, self.is_parked = reason, False

    def _park(self, reason: str, began: float, *, takes_others: bool) -> None:
        now = time.monotonic()
        if now - self._told_at >= self._policy.reminder_seconds:
            self._told_at = now
            log.critical(
                "PARKED: %s refuses %s: %s. Nothing is lost, the events wait. Mend the settings or "
                "the permissions ('magento-eventbridge doctor' looks at them); delivery then "
                "resumes by itself.",
                self.destination,
                "some events" if takes_others else "all events",
                reason,
            )
        if takes_others:
            self._resume()
        else:
            self._set_back(began)
            self.problem, self.is_parked = reason, True

    def _set_back(self, began: float, at_least: float = 0.0) -> None:
        # Calls that were under way together fail together: that is one failure.
        if began >= self._failed_at:
            self._failures += 1
        self._failed_at = time.monotonic()
        delay = self._policy.backoff.delay(self._failures, _chance())
        self._rests_until = self._failed_at + max(delay, min(at_least, _LONGEST_PAUSE))

    def _resume(self) -> None:
        if self.problem is not None:
            log.warning("Delivery to %s resumes; %d wait.", self.destination, len(self._lane))
            self._told_at = float("-inf")
        self.problem, self.is_parked = None, False
        self._failures, self._failed_at, self._rests_until = 0, float("-inf"), 0.0


def _chance() -> float:
    return random.random()  # noqa: S311  spreads retries; guards nothing


def _log_call(batch: list[Pending], verdicts: list[Verdict], seconds: float) -> None:
    for pending, verdict in zip(batch, verdicts, strict=True):
        name, about = pending.entry.detail_type, {"event_id": pending.event_id}
        if verdict.fate is Fate.DELIVERED:
            log.debug("Event '%s' sent with id '%s'", name, verdict.event_id, extra=about)
            log.debug("Event '%s' executed in %.3fs", pending.label, seconds, extra=about)
        else:
            log.debug("Event '%s' not sent: %s", name, verdict.reason, extra=about)
