"""Settings that change while captures wait: new routes, new shares, places kept. No server."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from magento_eventbridge.captures import read_capture
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.delivery.verdicts import Answer, EntryResult
from magento_eventbridge.testing import MemoryQueue, RecordingSink
from tests.support import recorded
from tests.support.delivering import running
from tests.support.waiting import until

ONE = Destination(region="eu-west-1", event_bus="one")
OTHER = Destination(region="eu-west-1", event_bus="other")
QUICK = Policy(backoff=Backoff(first=0.01, longest=0.05), poll_seconds=0.01, stop_seconds=0.2)
_PLACED = recorded.of("order-guest", "sales_order_place_after")

AnswerTo = Callable[[Destination, Sequence[Entry]], Answer | None]
"""Returns the answer to a call; None: the sink accepts its entries."""


class ScriptedSink(RecordingSink):
    """A sink that answers as a test wants, by destination and entries."""

    def __init__(self, answer_to: AnswerTo) -> None:
        super().__init__()
        self.answer_to = answer_to

    async def put(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        answer = self.answer_to(destination, entries)
        return answer if answer else await super().put(destination, entries)

    def accepted_by(self, destination: Destination) -> list[str]:
        """Return the IDs of the events that a destination accepted, in their order."""
        return [
            entry.id
            for call in self.calls
            if call.destination == destination
            for entry in call.entries
        ]

    def has_accepted(self, destination: Destination, count: int) -> bool:
        return len(self.accepted_by(destination)) == count


class Bench:
    """A queue, a sink, the routes of store views, and a dispatcher that uses them."""

    def __init__(self, answer_to: AnswerTo, queue: MemoryQueue | None = None) -> None:
        self.queue = queue or MemoryQueue()
        self.sink = ScriptedSink(answer_to)
        self.routes: defaultdict[int, Route] = defaultdict(lambda: Route(ONE, "shop"))

    @asynccontextmanager
    async def running(self, policy: Policy = QUICK) -> AsyncIterator[Dispatcher]:
        made = Dispatcher(self.queue, self.routes.__getitem__, lambda _: self.sink, policy)
        async with running(made) as dispatcher:
            yield dispatcher

    async def put(self, count: int, subject: str, view_id: int = 1) -> list[str]:
        """Put changes of one order into the queue; return their IDs."""
        captures = [
            recorded.again(_PLACED, subject=subject, store_id=view_id) for _ in range(count)
        ]
        await self.queue.put([recorded.stored(capture) for capture in captures])
        return [capture["id"] for capture in captures]


def refuses(destination: Destination, code: str, status: int = 400) -> AnswerTo:
    """Return a script: one destination refuses all calls, others accept them."""

    def answer_to(called: Destination, _: Sequence[Entry]) -> Answer | None:
        return Answer(status=status, error_code=code) if called == destination else None

    return answer_to


# Places


async def test_deferred_captures_keep_their_place_when_the_route_changes():
    bench = Bench(refuses(ONE, "AccessDeniedException"))
    ids = await bench.put(450, "order/1")
    async with bench.running() as dispatcher:
        await until(lambda: dispatcher.parked and dispatcher.destinations[0].waiting == 450)
        bench.routes[1] = Route(OTHER, "shop")
        dispatcher.reroute({1})
        ids += await bench.put(5, "order/1")
        await until(lambda: len(bench.sink.accepted_by(OTHER)) == 455)
    assert bench.sink.accepted_by(OTHER) == ids
    assert (await bench.queue.depth()).captures == 0


class UnreadableAtTimes(MemoryQueue):
    """A queue from which deferred captures cannot be read for a while."""

    unreadable = False

    async def recall(self, claims: Sequence[Claim]) -> list[Claim]:
        if self.unreadable:
            raise QueueError("the database is unavailable")
        return await super().recall(claims)


@asynccontextmanager
async def _moved_while_unreadable(bench: Bench, queue: UnreadableAtTimes) -> AsyncIterator[None]:
    """Deliver; once 300 captures wait for one destination, give their view another route."""
    async with bench.running() as dispatcher:
        await until(lambda: dispatcher.parked and dispatcher.destinations[0].waiting == 300)
        queue.unreadable = True
        bench.routes[1] = Route(OTHER, "shop")
        dispatcher.reroute({1})
        yield


async def test_deferred_captures_keep_their_place_though_the_queue_cannot_be_read_at_once():
    queue = UnreadableAtTimes()
    bench = Bench(refuses(ONE, "AccessDeniedException"), queue)
    ids = await bench.put(300, "order/1")
    async with _moved_while_unreadable(bench, queue):
        ids += await bench.put(5, "order/1")
        await until(lambda: bench.sink.accepted_by(OTHER))
        await asyncio.sleep(0.1)
        assert bench.sink.accepted_by(OTHER) == ids[: len(bench.sink.accepted_by(OTHER))]
        queue.unreadable = False
        await until(lambda: len(bench.sink.accepted_by(OTHER)) == 305)
    assert bench.sink.accepted_by(OTHER) == ids


async def test_captures_of_a_view_whose_source_was_wrong_keep_their_order():
    """Some wait apart, later ones in the lane: both take the new route, in their order."""
    is_down = False

    def answer_to(_: Destination, entries: Sequence[Entry]) -> Answer | None:
        if entries[0].source == "shop":
            return None
        if is_down:
            return Answer(status=503, error_code="ServiceUnavailable")
        refused = EntryResult(error_code="InvalidArgument", error_message="wrong source")
        return Answer(status=200, results=[refused] * len(entries))

    bench = Bench(answer_to)
    bench.routes[1] = bench.routes[2] = Route(ONE, "wrong")
    resting = replace(QUICK, backoff=Backoff(first=30.0, longest=30.0))
    async with bench.running(resting) as dispatcher:
        for number in range(10):
            await bench.put(1, f"order/{number}")
        await until(lambda: dispatcher.parked)
        await until(lambda: dispatcher.destinations[0].refused[0].waiting == 10)
        ids = await bench.put(3, "order/1")
        await until(lambda: dispatcher.destinations[0].refused[0].waiting == 13)
        is_down = True
        await bench.put(1, "order/2", view_id=2)  # from its answer on, the destination rests
        await until(lambda: dispatcher.destinations[0].problem)
        ids += await bench.put(3, "order/1")
        await until(lambda: dispatcher.destinations[0].waiting == 4)
        bench.routes[1] = bench.routes[2] = Route(ONE, "shop")
        dispatcher.reroute({1, 2})
        await until(lambda: len(bench.sink.accepted) == 17)
    assert [entry.id for entry in bench.sink.accepted if entry.id in ids] == ids


async def test_routes_that_change_while_captures_take_the_former_change():
    bench = Bench(refuses(ONE, "AccessDeniedException"))
    ids = await bench.put(700, "order/1")
    async with bench.running() as dispatcher:
        await until(lambda: dispatcher.parked and dispatcher.destinations[0].waiting == 700)
        for source in ("first", "second", "third"):
            bench.routes[1] = Route(OTHER, source)
            dispatcher.reroute({1})
            await asyncio.sleep(0)
        await until(lambda: len(bench.sink.accepted_by(OTHER)) == 700)
    assert bench.sink.accepted_by(OTHER) == ids


async def test_nothing_is_lost_when_stopped_while_routes_change():
    queue = UnreadableAtTimes()
    bench = Bench(refuses(ONE, "AccessDeniedException"), queue)
    ids = await bench.put(300, "order/1")
    async with _moved_while_unreadable(bench, queue):
        await until(lambda: bench.sink.accepted_by(OTHER))
    sent = bench.sink.accepted_by(OTHER)
    left = [read_capture(claim.body).id for claim in await queue.claim(1000)]
    assert sent + left == ids


class SlowSink(ScriptedSink):
    """A sink of which one destination answers only once it is released, and then refuses."""

    def __init__(self) -> None:
        super().__init__(refuses(ONE, "ServiceUnavailable", status=503))
        self.calls_to_one = 0
        self.released = asyncio.Event()

    async def put(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        if destination == ONE:
            self.calls_to_one += 1
            await self.released.wait()
        return await super().put(destination, entries)


THIRD = Destination(region="eu-west-1", event_bus="third")
PATIENT = replace(QUICK, stop_seconds=30.0)


@asynccontextmanager
async def _slow_one_of_two(queue: MemoryQueue) -> AsyncIterator[tuple[Bench, SlowSink, Dispatcher]]:
    """Deliver view 1 to a destination that does not answer, view 2 to another; calls have begun."""
    bench = Bench(lambda *_: None, queue)
    sink = bench.sink = SlowSink()
    bench.routes[2] = Route(OTHER, "shop")
    try:
        async with bench.running(PATIENT) as dispatcher:
            yield bench, sink, dispatcher
            sink.released.set()
    finally:
        sink.released.set()


async def test_a_slow_destination_whose_route_changes_delays_no_other() -> None:
    queue = MemoryQueue()
    async with _slow_one_of_two(queue) as (bench, sink, dispatcher):
        ids = await bench.put(150, "order/1")
        await bench.put(1, "order/2", view_id=2)
        await until(lambda: sink.calls_to_one and len(sink.accepted_by(OTHER)) == 1)
        for event_bus in (ONE, THIRD):  # it changes twice
            bench.routes[1] = Route(event_bus, "new")
            dispatcher.reroute({1})
            ids += await bench.put(150, "order/1")
            await bench.put(1, "order/3", view_id=2)
            sent = len(sink.accepted_by(OTHER)) + 1
            await until(partial(sink.has_accepted, OTHER, sent))
        assert sink.accepted_by(THIRD) == []  # before the call in flight has ended
        sink.released.set()
        await until(lambda: len(sink.accepted_by(THIRD)) == 450)
    assert sink.accepted_by(THIRD) == ids
    assert (await queue.depth()).captures == 0


async def test_nothing_is_lost_when_stopped_while_a_slow_destination_ends() -> None:
    queue = MemoryQueue()
    async with _slow_one_of_two(queue) as (bench, sink, dispatcher):
        ids = await bench.put(150, "order/1")
        await until(lambda: sink.calls_to_one == 1)
        bench.routes[1] = Route(THIRD, "new")
        ids += await bench.put(10, "order/1")
        dispatcher.reroute({1})
        await bench.put(1, "order/3", view_id=2)
        await until(lambda: len(sink.accepted_by(OTHER)) == 1)
    assert sink.accepted_by(THIRD) == []
    assert [read_capture(claim.body).id for claim in await queue.claim(1000)] == ids


class LosingQueue(MemoryQueue):
    """A queue that can take back all that it handed out."""

    are_lost = False

    def holds_claims(self) -> bool:
        return not self.are_lost

    async def confirm(self) -> bool:
        self.are_lost = False
        self._claimed.clear()
        return False


async def test_a_slow_destination_delays_no_other_when_claims_are_lost() -> None:
    queue = LosingQueue()
    async with _slow_one_of_two(queue) as (bench, sink, _):
        ids = await bench.put(3, "order/1")
        await until(lambda: sink.calls_to_one == 1)
        queue.are_lost = True
        await bench.put(1, "order/3", view_id=2)
        await until(lambda: len(sink.accepted_by(OTHER)) == 1)
        bench.routes[1] = Route(THIRD, "new")
        sink.released.set()
        await until(lambda: len(sink.accepted_by(THIRD)) == 3)
    assert sink.accepted_by(THIRD) == ids


# Shares of a queue that hands out a limited number


class LimitedQueue(MemoryQueue):
    """A queue that hands out a limited number, until what it handed out is settled or aside."""

    prefetch = 40

    def __init__(self) -> None:
        super().__init__()
        self.moved_aside = 0

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        room = self.prefetch - len(self._claimed)
        return await super().claim(min(limit, room), without_views=without_views)

    async def retry(self, claims: Sequence[Claim], delay: float = 0.0) -> None:
        self.moved_aside += len(claims) if delay else 0
        await super().retry(claims, delay)


async def test_a_destination_gives_up_what_exceeds_its_new_share():
    queue = LimitedQueue()
    bench = Bench(refuses(ONE, "AccessDeniedException"), queue)
    for number in range(60):
        await bench.put(1, f"order/{number}", view_id=1)
    async with bench.running() as dispatcher:
        await until(lambda: dispatcher.parked and dispatcher.destinations[0].waiting == 40)
        ids = await bench.put(10, "order/1000", view_id=2)
        bench.routes[2] = Route(OTHER, "shop")
        dispatcher.use(replace(QUICK, entries_per_destination=13, entries_apart=6))
        await until(lambda: queue.moved_aside == 27)
        assert dispatcher.destinations[0].waiting == 13
        await until(lambda: len(bench.sink.accepted_by(OTHER)) == 10)
    assert bench.sink.accepted_by(OTHER) == ids
    assert (await queue.depth()).captures == 60


async def test_what_exceeds_a_new_share_is_the_latest_of_each_subject():
    queue = MemoryQueue()
    bench = Bench(refuses(ONE, "AccessDeniedException"), queue)
    ids = await bench.put(150, "order/1")  # of which 49 are deferred
    async with bench.running() as dispatcher:
        await until(lambda: dispatcher.parked and dispatcher.destinations[0].waiting == 150)
        dispatcher.use(replace(QUICK, entries_per_destination=20, apart_seconds=0.3))
        await until(lambda: dispatcher.destinations[0].waiting == 20)
        bench.sink.answer_to = lambda *_: None
        dispatcher.try_now(str(ONE))
        await until(lambda: len(bench.sink.accepted_by(ONE)) == 150)
    assert bench.sink.accepted_by(ONE) == ids


class WatchedQueue(LimitedQueue):
    """A limited queue that records which store views others may pass."""

    def __init__(self) -> None:
        super().__init__()
        self.passed: list[set[int]] = []

    def let_pass(self, views: Collection[int]) -> None:
        self.passed.append(set(views))


class LateSink(RecordingSink):
    """A sink that answers after a while."""

    async def put(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        await asyncio.sleep(0.1)
        return await super().put(destination, entries)


async def test_a_destination_is_not_stuck_because_the_process_was_paused():
    queue, sink = WatchedQueue(), LateSink()
    await queue.put([recorded.stored(recorded.again(_PLACED, store_id=1))])

    def routes(view_id: int) -> Route:
        if view_id == 2:
            time.sleep(1)  # a pause of the whole process, while a call is in flight
        return Route(ONE, "shop")

    policy = replace(QUICK, stuck_seconds=0.5)
    async with running(Dispatcher(queue, routes, lambda _: sink, policy)) as dispatcher:
        await until(lambda: dispatcher.destinations and dispatcher.destinations[0].calls)
        await queue.put([recorded.stored(recorded.again(_PLACED, store_id=2))])
        await until(lambda: len(sink.calls) == 2)
    assert set().union(*queue.passed) == set()


async def test_others_pass_a_destination_whose_calls_hang():
    queue = WatchedQueue()
    await queue.put([recorded.stored(recorded.again(_PLACED, store_id=7))])
    policy = replace(QUICK, stuck_seconds=0.05)
    sink = SilentSink()
    async with running(Dispatcher(queue, lambda _: Route(ONE, "shop"), lambda _: sink, policy)):
        await until(lambda: {7} in queue.passed)


# Stopping


class SilentSink(RecordingSink):
    """A sink that never answers; it records when its calls were given up."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.given_up: list[float] = []

    async def put(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        self.waiting += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.append(asyncio.get_running_loop().time())
        raise AssertionError


async def test_destinations_stop_at_the_same_time():
    queue, sink = MemoryQueue(), SilentSink()
    for number in range(5):
        await queue.put([recorded.stored(recorded.again(_PLACED, store_id=number))])
    dispatcher = Dispatcher(
        queue,
        lambda view: Route(Destination(region="eu-west-1", event_bus=f"bus-{view}"), "shop"),
        lambda _: sink,
        replace(QUICK, stop_seconds=0.5),
    )
    running = asyncio.create_task(dispatcher.run())
    await until(lambda: sink.waiting == 5)
    dispatcher.stop()
    await running
    # One after the other they would be half a second apart.
    assert len(sink.given_up) == 5
    assert max(sink.given_up) - min(sink.given_up) < 0.5
    assert len(await queue.claim(10)) == 5


async def test_no_call_begins_once_asked_to_stop_while_routes_change():
    bench = Bench(refuses(ONE, "AccessDeniedException"))
    await bench.put(30, "order/1")
    async with bench.running() as dispatcher:
        await until(lambda: dispatcher.parked)
        bench.routes[1] = Route(OTHER, "shop")
        dispatcher.reroute({1})
        dispatcher.stop()
    assert bench.sink.accepted_by(OTHER) == []
    assert len(await bench.queue.claim(100)) == 30
