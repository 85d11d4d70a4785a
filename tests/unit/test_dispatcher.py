"""The dispatcher sends, passes over or buries a capture; tested without a server."""

import asyncio
import json
from collections.abc import Collection

import pytest

from magento_eventbridge.captures import read_capture
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.delivery.verdicts import Answer, EntryResult
from magento_eventbridge.testing import MemoryQueue, RecordingSink, deliver
from tests.support import recorded
from tests.support.waiting import until

BUS = Destination(region="eu-west-1")


async def test_each_store_views_events_go_by_its_own_route():
    queue, sink = MemoryQueue(), RecordingSink()
    await queue.put([*recorded.orders(3, view_id=1), *recorded.orders(2, view_id=2)])
    other = Destination(region="us-east-1", event_bus="other")
    routes = {1: Route(BUS, "one"), 2: Route(other, "two")}
    await deliver(queue, sink, routes=routes.__getitem__)
    sources = {
        (call.destination, entry.source): len(call.entries)
        for call in sink.calls
        for entry in call.entries
    }
    assert sources == {(BUS, "one"): 3, (other, "two"): 2}


async def test_an_event_that_is_switched_off_is_passed_over():
    queue, sink = MemoryQueue(), RecordingSink()
    sent = recorded.orders(2, view_id=1)
    await queue.put(recorded.orders(3, view_id=2) + sent)
    off = frozenset({"aws_eventbridge/events_order/placed"})
    routes = {1: Route(BUS, "shop"), 2: Route(BUS, "shop", switched_off=off)}
    totals = await deliver(queue, sink, routes=routes.__getitem__)
    assert [entry.id for entry in sink.accepted] == [capture.id for capture, _ in sent]
    assert (totals.delivered, totals.passed_over) == (2, 3)
    assert (await queue.depth()).captures == 0


async def test_a_snapshot_without_what_the_event_needs_is_a_dead_letter_and_the_others_go_on():
    queue, sink = MemoryQueue(), RecordingSink()
    placed = recorded.of("order-guest", "sales_order_place_after")
    broken = recorded.again(placed, snapshot={})
    await queue.put([recorded.stored(broken), *recorded.orders(2)])
    totals = await deliver(queue, sink)
    (letter,) = await queue.dead_letters.page(10)
    assert (letter.capture_id, letter.body) == (broken["id"], json.dumps(broken).encode())
    assert (totals.buried, totals.delivered) == (1, 2)


async def test_a_dead_letter_that_cannot_be_made_stops_nothing(monkeypatch, caplog):
    def fails(*_: object) -> bytes:
        raise RecursionError

    monkeypatch.setattr(Route, "dead_letter", fails)
    queue, sink = MemoryQueue(), RecordingSink()
    await queue.put(recorded.orders(2))
    broken = recorded.again(recorded.of("order-guest", "sales_order_place_after"), snapshot={})
    await queue.put([recorded.stored(broken), *recorded.orders(2)])
    totals = await deliver(queue, sink)
    assert (totals.buried, totals.delivered) == (0, 4)
    assert (await queue.depth()).captures == 1
    assert "A dead letter could not be made" in caplog.text


async def test_an_entry_that_aws_refuses_for_good_is_a_dead_letter_and_its_neighbours_are_sent():
    queue, sink = MemoryQueue(), RecordingSink()
    captures = recorded.orders(3)
    await queue.put(captures)
    refused = EntryResult(error_code="InvalidArgument", error_message="no")
    sink.answer_next(
        Answer(status=200, results=(EntryResult("a"), refused, EntryResult("c"))),
    )
    await deliver(queue, sink)
    (letter,) = await queue.dead_letters.page(10)
    assert letter.capture_id == captures[1][0].id
    assert "InvalidArgument" in letter.reason
    assert {entry.id for entry in sink.accepted} == {captures[0][0].id, captures[2][0].id}


class UnreadableQueue(MemoryQueue):
    """A queue that cannot be read."""

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        raise QueueError("the database is unavailable")


async def test_a_queue_that_cannot_be_read_ends_a_delivery_until_empty():
    with pytest.raises(QueueError):
        await deliver(UnreadableQueue(), RecordingSink())


# Claims ahead


class WatchedQueue(MemoryQueue):
    """A queue whose claims take a while, and are lost during the second one if a test wants."""

    def __init__(self, *, loses: bool = False) -> None:
        super().__init__()
        self.claims = 0
        self.ended = 0
        self.losses = 0
        self._loses = loses
        self._is_lost = False

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        self.claims += 1
        claims = await super().claim(limit, without_views=without_views)
        if self._loses and self.claims == 2:
            self._is_lost = True
        await asyncio.sleep(0.05)
        self.ended += 1
        return claims

    def holds_claims(self) -> bool:
        return not self._is_lost

    async def confirm(self) -> bool:
        if not self._is_lost:
            return True
        self._is_lost = False
        self._claimed.clear()
        self.losses += 1
        return False


async def test_more_is_claimed_while_claims_are_placed_and_goes_back_in_its_order_at_the_end():
    queue, sink = WatchedQueue(), RecordingSink()
    captures = recorded.orders(600)
    await queue.put(captures)
    sink.answer_next(*[Answer(status=400, error_code="AccessDeniedException")] * 100)
    route = Route(BUS, "shop")
    policy = Policy(claim_size=200, entries_per_destination=500)
    dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, policy)
    running = asyncio.create_task(dispatcher.run())
    await until(lambda: queue.claims == 3)
    assert queue.ended == 2
    assert dispatcher.destinations[0].waiting == 400
    dispatcher.stop()
    await running
    assert not sink.accepted
    left = await queue.claim(1000)
    assert [read_capture(claim.body).id for claim in left] == [each.id for each, _ in captures]


async def test_what_was_claimed_ahead_is_lost_with_the_other_claims_and_sent_once():
    queue, sink = WatchedQueue(loses=True), RecordingSink()
    captures = recorded.orders(900)
    await queue.put(captures)
    route = Route(BUS, "shop")
    dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, Policy(claim_size=300))
    async with asyncio.timeout(10):
        await dispatcher.run(until_empty=True)
    assert queue.losses == 1
    assert sorted(entry.id for entry in sink.accepted) == sorted(each.id for each, _ in captures)
