"""Batches of events, as queues, pipes and subscribers deliver them."""

import json

import pytest

from magento_eventbridge.cli.samples import sample_event
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.events import (
    MalformedEventError,
    OrderPlaced,
    StateSaved,
    UnknownEventError,
    handle_all,
    parse_all,
)

ROUTE = Route(Destination("eu-west-1"), "shop.example.com")
PLACED = sample_event("OrderPlaced", ROUTE)
SAVED = sample_event("StateSaved", ROUTE)
FOREIGN = PLACED | {"detail-type": "OrderTeleported"}


def message(number, event, group=None):
    attributes = {"MessageGroupId": group} if group else {}
    body = event if isinstance(event, str) else json.dumps(event)
    return {"messageId": f"m{number}", "body": body, "attributes": attributes}


def records(*events, groups=()):
    groups = groups or [None] * len(events)
    return {
        "Records": [
            message(number, event, group)
            for number, (event, group) in enumerate(zip(events, groups, strict=True))
        ]
    }


def failures(answer):
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.mark.parametrize(
    "batch",
    [
        [PLACED, SAVED],
        json.dumps([PLACED, SAVED]),
        records(PLACED, SAVED),
        json.dumps(records(PLACED, SAVED)).encode(),
        records(PLACED, SAVED)["Records"],  # of EventBridge Pipes from a queue
        [
            {"Data": event, "Metadata": {}, "SystemMetadata": {"EventGroupId": "1/order/1"}}
            for event in (PLACED, SAVED)
        ],
    ],
    ids=["array", "text", "SQS", "SQS as bytes", "pipe", "with metadata"],
)
def test_each_event_is_read_in_its_order(batch):
    items = parse_all(batch)
    assert [type(item.event) for item in items] == [OrderPlaced, StateSaved]
    assert [item.error for item in items] == [None, None]


def test_a_single_event_is_a_batch_of_one():
    (item,) = parse_all(PLACED)
    assert isinstance(item.event, OrderPlaced)
    assert item.message_id is None


def test_what_cannot_be_read_spoils_no_other():
    items = parse_all([PLACED, FOREIGN, 5, PLACED | {"detail": {}}, SAVED])
    assert [type(item.error) for item in items] == [
        type(None),
        UnknownEventError,
        MalformedEventError,
        MalformedEventError,
        type(None),
    ]
    assert [item.event is None for item in items] == [False, True, True, True, False]


@pytest.mark.parametrize("batch", [5, None, "no JSON", "7"])
def test_what_is_no_batch_is_refused(batch):
    with pytest.raises(MalformedEventError):
        parse_all(batch)


def test_renamed_detail_types_are_known():
    renamed = [SAVED | {"detail-type": "IndexerStateSaved"}]
    (item,) = parse_all(renamed, renamed={"IndexerStateSaved": "StateSaved"})
    assert isinstance(item.event, StateSaved)


def test_failed_messages_are_reported_and_the_others_are_handled():
    handled = []

    def handle(event):
        if event.detail_type == "StateSaved":
            raise RuntimeError("busy")
        handled.append(event)

    batch = records(PLACED, SAVED, "no JSON", FOREIGN, PLACED)
    assert failures(handle_all(batch, handle)) == ["m1", "m2", "m3"]
    assert len(handled) == 2
    assert handle_all(records(PLACED), handle) == {"batchItemFailures": []}


def test_after_a_failure_the_later_messages_of_its_group_wait():
    handled = []

    def handle(event):
        handled.append(event.detail.id)
        if event.detail.id == "2":
            raise RuntimeError("busy")

    def order(number):
        return PLACED | {"detail": PLACED["detail"] | {"id": number}}

    batch = records(*map(order, "12345"), groups=["a", "a", "b", "a", "b"])
    assert failures(handle_all(batch, handle)) == ["m1", "m3"]
    assert handled == ["1", "2", "3", "5"]


def test_what_cannot_be_reported_fails_the_whole_batch():
    handled: list[object] = []
    with pytest.raises(UnknownEventError):
        handle_all([PLACED, FOREIGN, SAVED], handled.append)
    assert len(handled) == 1
