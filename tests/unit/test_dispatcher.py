"""The dispatcher sends, passes over or buries a capture; tested without a server."""

import json
from collections.abc import Collection

import pytest

from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.delivery.verdicts import Answer, EntryResult
from magento_eventbridge.testing import MemoryQueue, RecordingSink, deliver
from tests.support import recorded

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
