"""The one loop: claim captures, build entries, pass them to senders, settle them in the queue."""

import asyncio
import contextlib
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec

from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture
from magento_eventbridge.catalog import TranslationError
from magento_eventbridge.catalog.declared import DeclarationsUnknownError
from magento_eventbridge.delivery.apart import Refusals
from magento_eventbridge.delivery.envelope import ConditionNotMetError, Entry, build_entry
from magento_eventbridge.delivery.lane import Pending
from magento_eventbridge.delivery.observer import Observer, Settlement
from magento_eventbridge.delivery.outage import Outage
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import (
    Claim,
    LimitedQueue,
    Queue,
    QueueError,
    SharedQueue,
    Sink,
)
from magento_eventbridge.delivery.reasons import ReasonKind
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.delivery.sender import Sender, SenderCallbacks
from magento_eventbridge.delivery.settler import Settler
from magento_eventbridge.delivery.status import DestinationStatus, Totals

log = logging.getLogger(__name__)

Router = Callable[[int], Route]
"""Returns the route of a store view by its id."""

SinkOf = Callable[[Destination], Sink]
"""Returns the sink that serves a destination."""

RefusalsOf = Callable[[Destination], Refusals]
"""Returns what notices wrong settings of a destination's store views."""

# Then calls in flight get their turn: translating a whole claim takes longer than a call.
_ADMITTED_AT_A_TIME = 250
# When a route changes: how many deferred captures are read from the queue at a time.
_RECALLED_AT_A_TIME = 500
# In seconds: how long a capture of an own event waits for the shop's declarations. RabbitMQ moves
# what waits for so long out of the way.
_DECLARATIONS_AGAIN = 60.0
# AWS's messages are shorter; the place of an error in a hostile capture can be very long.
_LONGEST_REASON = 500
# In seconds: a process that was paused first reads the answers that came meanwhile.
_READS_WITHIN = 0.1


@dataclass(eq=False)
class _EndingSender:
    """A sender that finishes its calls; nothing else of its store views is sent meanwhile.

    Attributes:
        claims: those that it had not sent, in order, once it has ended.
        since: when it was asked to end.
        are_void: whether others may have the claims by now.
    """

    views: set[int]
    claims: "asyncio.Task[list[Claim]]"
    since: float
    are_void: bool = False


class Dispatcher:
    """Delivers what is in a queue to its destinations, each through a sender of its own."""

    def __init__(
        self,
        queue: Queue,
        routes: Router,
        sinks: SinkOf,
        policy: Policy,
        observer: Observer | None = None,
        refusals: RefusalsOf = lambda _: Refusals(),
    ) -> None:
        self.totals = Totals()
        self._queue = queue
        self._limited_queue = queue if isinstance(queue, LimitedQueue) else None
        self._routes = routes
        self._sinks = sinks
        self._policy = policy
        self._new_policy: Policy | None = None
        self._observer = observer
        self._refusals = refusals
        self._settler = Settler(queue, policy.backoff)
        self._senders: dict[Destination, Sender] = {}
        self._ending: list[_EndingSender] = []
        self._ending_views: set[int] = set()
        self._callbacks = SenderCallbacks(
            may_send=self._may_send,
            delivered=self._delivered,
            buried=self._buried,
            wrongly_buried=self._settler.recover,
            given_back=self._gave_back,
            made_room=self._made_room,
            observer=observer,
        )
        self._unplaced: deque[Claim] = deque()  # in order; some were deferred
        self._behind_ending: list[Claim] = []  # deferred, while their sender ends
        self._claiming: asyncio.Task[list[Claim]] | None = None  # ahead, while others are placed
        self._numbers = itertools.count()
        self._deferred: list[Claim] = []  # the queue does not know of these yet
        self._has_room = asyncio.Event()
        self._stopping = asyncio.Event()
        self._outage = Outage(
            f"Cannot read the queue '{queue.name}'",
            f"The queue '{queue.name}' can be read again",
            policy.backoff,
        )
        self._is_in_doubt = False  # whether the claims may have been lost
        self._passed: set[int] = set()  # store views whose captures others may pass
        self._declarations_missing = False
        self._rerouted: set[int] = set()  # store views whose route has changed

    def stop(self) -> None:
        """Ask `run` to end: calls in flight are finished, the rest goes back to the queue."""
        self._stopping.set()
        self._has_room.set()

    def reroute(self, views: Collection[int]) -> None:
        """Send events of store views whose route has changed by the new one, waiting ones too."""
        self._rerouted.update(views)
        self._has_room.set()

    def use(self, policy: Policy) -> None:
        """Use other limits of memory, such as smaller shares of what a queue hands out."""
        self._new_policy = policy
        self._has_room.set()

    def try_now(self, destination: str) -> bool:
        """End the pauses of a destination, by its name; return whether there is one."""
        found = [
            sender for sender in self._senders.values() if str(sender.destination) == destination
        ]
        for sender in found:
            sender.try_now()
        return bool(found)

    @property
    def destinations(self) -> list[DestinationStatus]:
        """The status of each destination that has had events since the start."""
        return [sender.status for sender in self._senders.values()]

    @property
    def problems(self) -> dict[str, str]:
        """Destinations that do not accept events now, or not all of them, and why."""
        problems = {}
        for status in self.destinations:
            if status.problem:
                problems[str(status.destination)] = status.problem
            for refused in status.refused:
                problems[f"{status.destination}, {refused.group}"] = refused.reason
            if status.large_events:
                problems[f"{status.destination}, large events"] = status.large_events.reason
        return problems

    @property
    def parked(self) -> list[str]:
        """What destinations refuse until a person acts, each with the reason."""
        parked = []
        for status in self.destinations:
            if status.is_parked:
                parked.append(f"{status.destination}: {status.problem}")
            parked += [
                f"{status.destination}, {refused.group}: {refused.reason}"
                for refused in status.refused
            ]
        return parked

    async def run(self, *, until_empty: bool = False, at_most: int | None = None) -> None:
        """Dispatch until asked to stop.

        Args:
            until_empty: end once nothing can be claimed and nothing is in flight.
            at_most: claim no more captures than that, then end.

        Raises:
            QueueError: it should end, and the queue cannot be read.
        """
        settling = asyncio.create_task(self._settler.run(), name="settle")
        try:
            await self._keep_claiming(until_empty, at_most)
        finally:
            self._end(self._senders.values())  # they stay: their status may be asked for
            await asyncio.gather(*(ending.claims for ending in self._ending))
            self._take_over_claims()
            if self._claiming:
                with contextlib.suppress(QueueError):  # then nothing was claimed
                    self._unplaced.extend(await self._claimed_ahead())
            settling.cancel()
            await asyncio.gather(settling, return_exceptions=True)
            await self._settler.settle_last(list(self._unplaced))

    # From the queue to a sender

    async def _keep_claiming(self, until_empty: bool, at_most: int | None) -> None:
        last = None if at_most is None else self.totals.claimed + at_most
        outage = self._outage
        while not self._stopping.is_set():
            self._has_room.clear()
            if self._new_policy:
                self._follow_policy(self._new_policy)
            if self._rerouted:
                self._follow_routes()
            self._take_over_claims()
            try:
                if not self._may_send():
                    self._unplaced.extend(await self._claimed_ahead())
                    await self._confirm()
                await self._place()
                if self._unplaced:
                    continue  # the routes have changed meanwhile
                claims = await self._claimed_ahead()
                limit, full = self._limit(last), self._full_views()
                if not claims:
                    claims = await self._claim(limit, full)
                outage.is_over()
            except QueueError as error:
                if until_empty and self._is_idle:
                    raise
                await self._pause(outage.goes_on(error))
                continue
            self._unplaced.extend(claims)
            if len(claims) == self._policy.claim_size:
                self._claim_ahead(self._limit(last))
            await self._place()
            await self._defer()
            await self._recall()
            if not claims:
                # What was passed over for want of room is still in the queue.
                is_all = (until_empty and not full) or limit == 0
                if is_all and self._is_idle:
                    if limit == 0 or not await self._settler.settle_now():
                        return
                    continue
                await self._until_news()

    @property
    def _is_idle(self) -> bool:
        return not self._ending and not any(self._senders.values())

    async def _place(self) -> None:
        """Pass what is not placed yet to its senders, in order, until the routes change.

        Raises:
            QueueError: deferred captures cannot be read; they stay unplaced.
        """
        unplaced = self._unplaced
        placed = itertools.count(1)
        while unplaced and not self._rerouted and not self._stopping.is_set():
            if not unplaced[0].is_deferred:
                self._admit(unplaced.popleft())
                if next(placed) % _ADMITTED_AT_A_TIME == 0:
                    await asyncio.sleep(0)
                continue
            some = itertools.islice(unplaced, _RECALLED_AT_A_TIME)
            deferred = list(itertools.takewhile(lambda claim: claim.is_deferred, some))
            recalled = await self._queue.recall(deferred)
            for _ in deferred:
                unplaced.popleft()
            unplaced.extendleft(reversed(recalled))

    def _full_views(self, claims: Collection[Claim] = ()) -> set[int]:
        """Return the store views with no room for more once some claims are placed."""
        size = sum(len(claim.body) for claim in claims)
        full = {
            view
            for sender in self._senders.values()
            if not sender.has_room_beside(len(claims), size)
            for view in sender.views
        }
        return full | self._ending_views

    def _stuck_views(self) -> set[int]:
        """Return the store views for whose destination nothing has left for a while."""
        began = time.monotonic() - self._policy.stuck_seconds
        ending = [each.views for each in self._ending if each.since < began]
        stuck = [sender.views for sender in self._senders.values() if sender.is_stuck]
        return set().union(*ending, *stuck)

    def _limit(self, last: int | None) -> int:
        """Return how many captures to claim at once; `last` is how many to claim in all."""
        most = self._policy.claim_size
        return most if last is None else min(most, last - self.totals.claimed)

    async def _claim(self, limit: int, without_views: set[int]) -> list[Claim]:
        if limit <= 0:
            return []
        if self._limited_queue:
            await self._let_pass(self._limited_queue)
        with self._outage.reports_silence(unless=self._waits_for_others):
            claims = await self._queue.claim(limit, without_views=without_views)
        self.totals.claimed += len(claims)
        return claims

    async def _let_pass(self, queue: LimitedQueue) -> None:
        """Name the store views of stuck destinations to a queue that hands out a limited number."""
        stuck = self._stuck_views()
        if not stuck <= self._passed:
            await asyncio.sleep(_READS_WITHIN)
            stuck = self._stuck_views()
        self._passed = stuck
        queue.let_pass(stuck)

    def _waits_for_others(self) -> bool:
        return isinstance(self._queue, SharedQueue) and self._queue.waits_for_others

    def _claim_ahead(self, limit: int) -> None:
        """Claim more while the claims at hand are placed, if there will be room for more."""
        full = self._full_views(self._unplaced)
        if any(not full.issuperset(sender.views) for sender in self._senders.values()):
            self._claiming = asyncio.create_task(self._claim(limit, full), name="claim ahead")

    async def _claimed_ahead(self) -> list[Claim]:
        """Return what was claimed ahead.

        Raises:
            QueueError: the queue could not be read; nothing was claimed.
        """
        claiming, self._claiming = self._claiming, None
        return await claiming if claiming else []

    def _may_send(self) -> bool:
        if not self._is_in_doubt and not self._queue.holds_claims():
            self._is_in_doubt = True
            self._has_room.set()
        return not self._is_in_doubt

    async def _confirm(self) -> None:
        """Confirm the claims after a pause; forget them if others may have them now."""
        with self._outage.reports_silence():
            are_held = await self._queue.confirm()
        if not are_held:
            self._end(self._senders.values())
            self._senders.clear()
            for ending in self._ending:
                ending.are_void = True
            self._unplaced.clear()
            self._behind_ending.clear()
            self._settler.forget_returns()
            self._deferred.clear()
            log.warning(
                "This bridge lost its claims on the queue '%s': it was paused, or did not reach "
                "the queue, for too long. The captures that it had not sent yet leave its memory; "
                "the queue hands out all of them again.",
                self._queue.name,
            )
        self._is_in_doubt = False
        for sender in self._senders.values():
            sender.resume()

    def _end(self, senders: Collection[Sender]) -> None:
        """Let senders finish their calls, each by itself: others must not wait for a slow one."""
        for sender in senders:
            claims = asyncio.create_task(_stop(sender), name=f"end {sender.destination}")
            claims.add_done_callback(lambda _: self._has_room.set())
            self._ending.append(_EndingSender(sender.views, claims, time.monotonic()))
            self._ending_views |= sender.views

    def _take_over_claims(self) -> None:
        """Place again what ended senders had not sent, before what was claimed since."""
        ended = [ending for ending in self._ending if ending.claims.done()]
        if not ended:
            return
        self._ending = [ending for ending in self._ending if ending not in ended]
        self._ending_views = set().union(*(ending.views for ending in self._ending))
        left = [claim for each in ended if not each.are_void for claim in each.claims.result()]
        self._unplaced.extendleft(reversed([*left, *self._behind_ending]))
        self._behind_ending.clear()

    async def _defer(self) -> None:
        """Let the queue know which claims wait behind many others of their subject."""
        deferred, self._deferred = self._deferred, []
        if deferred:
            try:
                await self._queue.defer(deferred)
            except QueueError as error:
                log.warning("Captures wait in memory: %s", error)

    async def _recall(self) -> None:
        """Read deferred captures whose turn comes."""
        for sender in list(self._senders.values()):
            for order_key, claims in sender.take_recalls():
                try:
                    recalled = await self._queue.recall(claims)
                except QueueError as error:
                    log.debug("Deferred captures cannot be read now: %s", error)
                    sender.end_recall(order_key, claims)
                    continue
                for claim in recalled:
                    self._admit(claim, is_recalled=True)
                sender.end_recall(order_key)

    def _follow_routes(self) -> None:
        """End the senders of store views with a new route: what waits there is placed again."""
        views, self._rerouted = self._rerouted, set()
        ended = [each for each in self._senders.values() if not views.isdisjoint(each.views)]
        self._end(ended)
        for sender in ended:
            del self._senders[sender.destination]

    def _follow_policy(self, policy: Policy) -> None:
        self._policy, self._new_policy = policy, None
        for sender in self._senders.values():
            sender.use(policy)

    async def _until_news(self) -> None:
        """Wait for something to claim, for room to claim more, or for the end."""
        waits = [
            asyncio.ensure_future(self._queue.wait(self._policy.poll_seconds)),
            asyncio.ensure_future(self._has_room.wait()),
        ]
        with self._outage.reports_silence():
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    def _admit(self, claim: Claim, *, is_recalled: bool = False) -> None:
        capture: Capture | None = None
        try:
            capture = read_capture(claim.body)
            if capture.view_id in self._ending_views:
                deferred = claim.deferred()
                self._behind_ending.append(deferred)
                self._deferred.append(deferred)
                return
            route = self._routes(capture.view_id)
            event = route.catalog.event_of(capture)
            if event is None or not route.is_on(event):
                self.totals.passed_over += 1
                self._settler.ack([claim])
                if event:
                    self._report_settled(claim, capture, route.detail_type(event.detail_type), None)
                return
            sender = self._sender(route.destination)
            order_key = event.order_key_of(capture)
            if not is_recalled and sender.defers(order_key):
                deferred = claim.deferred()
                sender.defer(order_key, capture.view_id, deferred)
                self._deferred.append(deferred)
                return
            if log.isEnabledFor(logging.DEBUG):
                extra = {"event_id": capture.id}
                log.debug("Event '%s' captured, executing..", event.label, extra=extra)
            entry = build_entry(capture, event, route)
        except DeclarationsUnknownError as error:
            self._wait_for_declarations(claim, str(error))
        except ConditionNotMetError as left_out:
            self.totals.left_out += 1
            self._settler.ack([claim])
            self._report_settled(claim, capture, left_out.detail_type, None, is_left_out=True)
        except InvalidCaptureError as error:
            self._refuse(claim, capture, ReasonKind.NOT_A_CAPTURE.reason(error))
        except TranslationError as error:
            self._refuse(claim, capture, str(error))
        except Exception as error:
            # A bug of ours must neither stop the loop nor lose the capture: it can be redriven.
            log.exception("A capture could not be translated", extra={"event_id": _id_of(capture)})
            self._refuse(claim, capture, ReasonKind.INTERNAL_ERROR.reason(type(error).__name__))
        else:
            view_id, number = capture.view_id, next(self._numbers)
            pending = Pending(
                claim,
                entry,
                order_key,
                capture.id,
                event.label,
                view_id,
                number,
                event.detail_type,
                event.entity_of(capture),
                event.own_fields,
            )
            self._send(pending, capture, sender)

    def _wait_for_declarations(self, claim: Claim, event: str) -> None:
        """Return a capture of an own event to the queue while the declarations cannot be read."""
        if not self._declarations_missing:
            self._declarations_missing = True
            log.error(
                "Captures of own events wait (the first is '%s'): this bridge does not have the "
                "shop's declarations. Write them with 'magento-eventbridge events export' where "
                "the store's folder is, and name the file in the setting declarations_file.",
                event,
            )
        self._settler.give_back([claim], _DECLARATIONS_AGAIN)

    def _send(self, pending: Pending, capture: Capture, sender: Sender) -> None:
        problem = _problem_of_size(pending.entry, sender)
        if problem:
            reason = ReasonKind.TOO_LARGE.reason(problem)
            self._buried(pending, reason)
            self._report_settled(pending.claim, capture, pending.entry.detail_type, reason)
        else:
            sender.add(pending)

    def _refuse(self, claim: Claim, capture: Capture | None, reason: str) -> None:
        self._bury(claim, reason, _id_of(capture), self._routes(_view_of(claim, capture)))
        self._report_settled(claim, capture, "", reason)

    def _report_settled(
        self,
        claim: Claim,
        capture: Capture | None,
        detail_type: str,
        reason: str | None,
        *,
        is_left_out: bool = False,
    ) -> None:
        """Report to the observer what was settled without a call."""
        if self._observer:
            reason = reason[:_LONGEST_REASON] if reason else None
            self._observer.ended(
                Settlement(time.time(), claim, capture, detail_type, reason, is_left_out)
            )

    def _sender(self, destination: Destination) -> Sender:
        sender = self._senders.get(destination)
        if sender is None:
            sink = self._sinks(destination)
            sender = Sender(
                destination,
                sink,
                self._policy,
                self.totals,
                self._callbacks,
                self._refusals(destination),
            )
            self._senders[destination] = sender
        return sender

    # What senders report

    def _delivered(self, batch: list[Pending]) -> None:
        self.totals.delivered += len(batch)
        self.totals.last_delivery_at = time.time()
        self._settler.ack(pending.claim for pending in batch)

    def _buried(self, pending: Pending, reason: str) -> None:
        reason = f"{pending.entry.detail_type} {pending.event_id}: {reason}"
        route = self._routes(pending.view_id)
        event, detail = pending.event, pending.entry.detail
        self._bury(pending.claim, reason, pending.event_id, route, event, detail)

    def _gave_back(self, claims: list[Claim], seconds: float) -> None:
        self._settler.give_back(claims, seconds)
        self._has_room.set()

    def _made_room(self) -> None:
        self._has_room.set()

    def _bury(
        self,
        claim: Claim,
        reason: str,
        event_id: str | None,
        route: Route,
        event: str | None = None,
        detail: str | None = None,
    ) -> None:
        try:
            body = route.dead_letter(claim.body, event, detail)
        except Exception:
            # A bug of ours must not stop the loop. It stays claimed: with its bytes, private
            # values would be kept.
            log.exception("A dead letter could not be made", extra={"event_id": event_id})
            return
        # In one line: it quotes the capture, whose text must not look like lines of the log.
        reason = " ".join(reason.split())[:_LONGEST_REASON]
        self.totals.buried += 1
        log.error("A capture is now a dead letter: %s", reason, extra={"event_id": event_id})
        self._settler.bury(claim, reason, event_id, body)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


async def _stop(sender: Sender) -> list[Claim]:
    """Stop a sender; return the claims that it had not sent, in order."""
    pending, deferred = await sender.stop()
    return [*(entry.claim for entry in sorted(pending, key=_number)), *deferred]


def _number(pending: Pending) -> int:
    return pending.number


def _problem_of_size(entry: Entry, sender: Sender) -> str | None:
    """Return why an entry is too large for its bus; None if it fits, or can be made to fit."""
    limits = sender.limits
    if entry.size <= limits.max_bytes:
        return None
    problem = f"{entry.size} bytes, the bus takes {limits.max_bytes}"
    if limits.claim_check is None:
        return f"{problem}; set claim_check.bucket to deliver such events with their arrays in S3"
    if limits.claim_check.split(entry, limits.max_bytes, sender.destination.region):
        return None
    return f"{problem}, and it has more than that without its arrays"


def _view_of(claim: Claim, capture: Capture | None) -> int:
    """Return the store view of a claim, also if its body is JSON but no capture."""
    if capture:
        return capture.view_id
    try:
        return msgspec.json.decode(claim.body, type=_View).store_id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return 0


class _View(msgspec.Struct):
    store_id: int = 0


def _id_of(capture: Capture | None) -> str | None:
    return capture.id if capture else None
