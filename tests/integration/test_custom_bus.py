"""Delivery to a Custom Event Bus: its answers, its order, its deduplication."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.bridge.sinks import Sinks
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.demo.custom_bus import (
    CustomBus,
    Refusal,
    ScriptedReply,
    accept,
    custom_bus,
)
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.sinks.custom_bus.sink import CustomBusSink
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.support import recorded

ARN = f"arn:aws:events:eu-west-1:123456789012:event-busv2/shop/{'a1' * 12}b"
KEYS = CredentialsSource(type="keys", access_key="AKIATEST", secret_access_key="a-test-secret")
POLICY = Policy(backoff=Backoff(first=0.02, longest=0.1), poll_seconds=0.02, stop_seconds=5)


@pytest.fixture
async def bus() -> AsyncIterator[CustomBus]:
    async with custom_bus() as running:
        yield running


@pytest.fixture
async def sink() -> AsyncIterator[CustomBusSink]:
    sink = CustomBusSink(CredentialsFinder(), answer_seconds=0.3, connect_seconds=0.5)
    yield sink
    await sink.close()


def destination(bus: CustomBus) -> Destination:
    return Destination("eu-west-1", ARN, bus.url, KEYS)


def entries(count: int, **changes: Any) -> list[Entry]:
    return [
        Entry.of(
            **{
                "source": "shop.example.com",
                "detail_type": "OrderPlaced",
                "detail": json.dumps({"number": number}),
                "time": 1_700_000_000.0,
                "event_bus": ARN,
                "id": f"id-{number}",
                **changes,
            }
        )
        for number in range(count)
    ]


def codes(answer: Any) -> list[str | None]:
    return [result.error_code for result in answer.results]


async def test_a_call_takes_a_hundred_entries(bus: CustomBus, sink: CustomBusSink) -> None:
    answer = await sink.put(destination(bus), entries(100))
    assert codes(answer) == [None] * 100
    assert bus.sizes == [100]
    assert [entry["SystemMetadata"]["DeduplicationId"] for entry in bus.taken] == [
        f"id-{number}" for number in range(100)
    ]


async def test_a_repeated_call_is_delivered_and_makes_no_duplicate(
    bus: CustomBus, sink: CustomBusSink
) -> None:
    first = await sink.put(destination(bus), entries(3))
    again = await sink.put(destination(bus), entries(3))
    assert codes(first) == codes(again) == [None] * 3
    assert (len(bus.taken), bus.duplicates) == (3, 3)


@pytest.mark.parametrize("bad", [{0}, {99}, {41}, {0, 1, 50, 98}, set(range(0, 100, 7))])
async def test_malformed_entries_fail_alone(
    bus: CustomBus, sink: CustomBusSink, bad: set[int]
) -> None:
    batch = [
        replace(entry, source="x" * 257) if number in bad else entry
        for number, entry in enumerate(entries(100))
    ]
    answer = await sink.put(destination(bus), batch)
    failed = {number for number, code in enumerate(codes(answer)) if code}
    assert failed == bad
    assert {codes(answer)[number] for number in bad} == {"InvalidInputException"}
    assert len(bus.taken) == 100 - len(bad)


async def test_a_single_malformed_entry_is_at_fault_itself(
    bus: CustomBus, sink: CustomBusSink
) -> None:
    answer = await sink.put(destination(bus), entries(1, detail="[]"))
    assert codes(answer) == ["InvalidInputException"]


async def test_what_a_policy_denies_does_not_stop_the_rest(
    bus: CustomBus, sink: CustomBusSink
) -> None:
    def deny_carts(_: int, call: list[dict[str, Any]]) -> ScriptedReply:
        if any(entry["DetailType"].startswith("Cart") for entry in call):
            return ScriptedReply(refusal=Refusal(403, "AccessDeniedException", "not authorized"))
        return ScriptedReply()

    bus.script = deny_carts
    types = ["OrderPlaced", "CartProductAdded", "OrderCreated", "CartProductRemoved"]
    batch = [
        replace(entry, detail_type=types[number % 4]) for number, entry in enumerate(entries(20))
    ]
    answer = await sink.put(destination(bus), batch)
    assert codes(answer) == [None, "AccessDeniedException"] * 10
    assert {entry["DetailType"] for entry in bus.taken} == {"OrderPlaced", "OrderCreated"}


async def test_a_bus_that_denies_everything_denies_each_entry(
    bus: CustomBus, sink: CustomBusSink
) -> None:
    bus.script = lambda _, __: ScriptedReply(refusal=Refusal(403, "AccessDeniedException", "no"))
    batch = [*entries(2), *entries(2, detail_type="OrderCreated")]
    assert codes(await sink.put(destination(bus), batch)) == ["AccessDeniedException"] * 4
    assert codes(await sink.put(destination(bus), batch[:1])) == ["AccessDeniedException"]


async def test_a_part_without_an_answer_is_tried_again(bus: CustomBus, sink: CustomBusSink) -> None:
    def script(number: int, call: list[dict[str, Any]]) -> ScriptedReply:
        return ScriptedReply(hang_up=True) if number in (1, 2) else accept(number, call)

    bus.script = script
    batch = entries(4)
    batch[3] = replace(batch[3], source="x" * 257)
    answer = await sink.put(destination(bus), batch)
    # Calls: all four; the first two (no answer, nor on a new connection); the last two; the
    # third; the fourth.
    assert codes(answer) == ["InternalException"] * 2 + [None, "InvalidInputException"]
    assert set(codes(answer)[:2]) <= CustomBusSink.codes.transient


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(429, "ThrottlingException", "slow down"),
        Refusal(500, "InternalException", "ours"),
        Refusal(404, "ResourceNotFoundException", "no such bus"),
        Refusal(409, "InvalidStateException", "the bus is being created"),
    ],
    ids=lambda refusal: refusal.code,
)
async def test_an_error_of_the_call_is_reported_as_one(
    bus: CustomBus, sink: CustomBusSink, refusal: Refusal
) -> None:
    bus.script = lambda _, __: ScriptedReply(refusal=refusal)
    answer = await sink.put(destination(bus), entries(3))
    assert (answer.status, answer.error_code, answer.results) == (
        refusal.status,
        refusal.code,
        None,
    )
    assert bus.calls == 1


async def test_the_kind_of_bus_decides_the_sink() -> None:
    sinks = Sinks(Settings())
    try:
        assert isinstance(sinks.of(Destination("eu-west-1", ARN)), CustomBusSink)
        for classic in (None, "shop", "arn:aws:events:eu-west-1:123456789012:event-bus/shop"):
            assert isinstance(sinks.of(Destination("eu-west-1", classic)), EventBridgeSink)
    finally:
        await sinks.close()


async def test_a_backlog_arrives_once_and_in_order_although_answers_are_late(
    bus: CustomBus, sink: CustomBusSink, tmp_path: Path
) -> None:
    def late(number: int, _: list[dict[str, Any]]) -> ScriptedReply:
        return ScriptedReply(seconds=1.0) if number % 10 == 0 else ScriptedReply()

    bus.script = late
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    placed = recorded.of("order-guest", "sales_order_place_after")
    captures = [
        recorded.stored(recorded.again(placed, subject=f"order/{number % 40}"))
        for number in range(400)
    ]
    await queue.put(captures)
    route = Route(destination(bus), "shop.example.com")
    dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, POLICY)
    await asyncio.wait_for(dispatcher.run(until_empty=True), 60)
    await queue.close()
    assert dispatcher.totals.delivered == 400
    assert bus.duplicates > 0
    arrived = [entry["SystemMetadata"]["DeduplicationId"] for entry in bus.taken]
    assert sorted(arrived) == sorted(capture.id for capture, _ in captures)
    by_group: dict[str, list[str]] = defaultdict(list)
    for entry in bus.taken:
        system = entry["SystemMetadata"]
        by_group[system["EventGroupId"]].append(system["DeduplicationId"])
    expected: dict[str, list[str]] = defaultdict(list)
    for capture, _ in captures:
        expected[capture.order_key].append(capture.id)
    assert by_group == expected
