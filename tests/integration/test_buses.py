"""A bus that does not exist gets no events: they wait, and are delivered once it exists."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.sinks.eventbridge.buses import BusCheckTiming, BusState, EventBuses
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.support import recorded
from tests.support.put_events import Answer, Behaviour, PutEvents, Refuse, Take, put_events
from tests.support.waiting import PATIENCE

KEYS = CredentialsSource(type="keys", access_key="AKIATEST", secret_access_key="a-test-secret")
HASTY = Policy(backoff=Backoff(first=0.02, longest=0.1), poll_seconds=0.02, stop_seconds=5)
BUSES = b"arn:aws:events:eu-west-1:111111111111:event-bus"
OFTEN = BusCheckTiming(interval=0.05, missing_interval=0.02, unanswered_interval=0.05)


def destination(endpoint: PutEvents, bus: str | None = "shop") -> Destination:
    return Destination("eu-west-1", bus, endpoint_url=endpoint.url, credentials=KEYS)


async def test_what_is_known_of_a_bus() -> None:
    denied = Refuse("AccessDeniedException")
    cases: list[tuple[Behaviour, BusState]] = [
        (Take(), BusState.EXISTS),
        (Refuse("ResourceNotFoundException"), BusState.MISSING),
        (Refuse("ResourceNotFoundException", 404), BusState.MISSING),
        (denied, BusState.UNKNOWN),
        (Refuse("UnknownOperationException"), BusState.UNKNOWN),
        (Refuse("InternalException", 500), BusState.UNKNOWN),
        (Answer(404, b"<html>not found</html>"), BusState.UNKNOWN),
        (Answer(200, b"<html>welcome</html>"), BusState.UNKNOWN),
        (Answer(200, b"{}"), BusState.UNKNOWN),
        (Answer(200, b"[" * 5000), BusState.UNKNOWN),
        (Answer(200, b'{"Name": "other"}'), BusState.UNKNOWN),
        (Answer(200, b'{"Name": null, "Arn": ""}'), BusState.UNKNOWN),
        (Answer(200, b'{"Name": 5, "Arn": ["shop"]}'), BusState.UNKNOWN),
        (Answer(200, b'{"Name": "default", "Arn": "%b/shop"}' % BUSES), BusState.EXISTS),
        (Answer(200, b'{"Name": "shop", "Arn": "%b/other"}' % BUSES), BusState.UNKNOWN),
        (Answer(200, b'{"Arn": "%b/other"}' % BUSES), BusState.UNKNOWN),
    ]
    async with put_events() as endpoint:
        for behaviour, state in cases:
            endpoint.describes = behaviour
            buses = EventBuses(CredentialsFinder())
            check = await buses.check(destination(endpoint))
            assert check.state is state, behaviour
            assert bool(check.reason) == (state is not BusState.EXISTS)
            await buses.close()
        assert endpoint.described == ["shop"] * len(cases)


async def test_a_bus_that_is_named_by_its_arn_is_recognized() -> None:
    asked = "arn:aws:events:eu-west-1:111111111111:event-bus/aws.partner/shop"
    cases = [
        (asked, BusState.EXISTS),
        (asked.replace("1111", "2222"), BusState.UNKNOWN),  # of another account
        (asked.rpartition("/")[0], BusState.UNKNOWN),
    ]
    async with put_events() as endpoint:
        for answered, state in cases:
            endpoint.describes = Answer(200, b'{"Arn": "%b"}' % answered.encode())
            buses = EventBuses(CredentialsFinder())
            assert (await buses.check(destination(endpoint, asked))).state is state
            await buses.close()


async def test_the_default_bus_always_exists() -> None:
    async with put_events() as endpoint:
        buses = EventBuses(CredentialsFinder())
        for bus in (None, "default"):
            assert (await buses.check(destination(endpoint, bus))).state is BusState.EXISTS
        dry = replace(destination(endpoint), dry_run=True)
        assert (await buses.check(dry)).state is BusState.EXISTS
        assert endpoint.described == []


async def test_without_an_answer_nothing_is_known() -> None:
    buses = EventBuses(CredentialsFinder())
    closed = Destination("eu-west-1", "shop", "http://127.0.0.1:9", KEYS)
    check = await buses.check(closed)
    assert (check.state, check.is_answered) == (BusState.UNKNOWN, False)


async def test_what_was_known_holds_while_there_is_no_answer() -> None:
    async with put_events() as endpoint:
        endpoint.missing.add("shop")
        buses = EventBuses(CredentialsFinder())
        assert (await buses.check(destination(endpoint))).state is BusState.MISSING
        endpoint.describes = Answer(503)
        assert (await buses.check(destination(endpoint))).state is BusState.MISSING
        endpoint.describes = Refuse("AccessDeniedException")
        assert (await buses.check(destination(endpoint))).state is BusState.UNKNOWN


async def test_one_check_serves_all_calls_that_wait_for_it() -> None:
    async with put_events() as endpoint:
        buses = EventBuses(CredentialsFinder())
        await asyncio.gather(*(buses.known(destination(endpoint)) for _ in range(8)))
        assert await buses.known(destination(endpoint))
        assert endpoint.described == ["shop"]


@pytest.fixture
async def queue(tmp_path: Path):
    made = SqliteQueue(tmp_path / "spool.sqlite")
    yield made
    await made.close()


async def test_events_wait_until_a_missing_bus_exists(queue: SqliteQueue) -> None:
    await queue.put(recorded.orders(20))
    async with put_events() as endpoint:
        endpoint.missing.add("shop")
        credentials = CredentialsFinder()
        sink = EventBridgeSink(credentials, EventBuses(credentials, OFTEN))
        route = Route(destination(endpoint), "shop.example.com")
        dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, HASTY)
        running = asyncio.create_task(dispatcher.run())
        try:
            async with asyncio.timeout(PATIENCE):
                while not dispatcher.parked:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
            assert endpoint.calls == 0, "a missing bus accepts anything, so nothing is sent"
            assert "bus 'shop' in eu-west-1" in dispatcher.parked[0]
            assert "does not exist (DescribeEventBus)" in dispatcher.parked[0]
            endpoint.missing.clear()
            await endpoint.until_taken(20)
            assert dispatcher.parked == []
            assert "shop" in endpoint.described
            # Deleted while events are delivered: the next check notices.
            endpoint.missing.add("shop")
            await asyncio.sleep(0.2)
            await queue.put(recorded.orders(1))
            async with asyncio.timeout(PATIENCE):
                while not dispatcher.parked:
                    await queue.put(recorded.orders(1))
                    await asyncio.sleep(0.1)
        finally:
            dispatcher.stop()
            await running
            await sink.close()
    assert (await queue.depth()).dead == 0


@pytest.mark.parametrize(
    "describes",
    [
        Refuse("AccessDeniedException"),
        Refuse("UnknownOperationException"),
        Answer(500, b"KeyError"),
        Answer(404, b"not found"),
    ],
)
async def test_an_endpoint_that_does_not_say_gets_the_events(
    queue: SqliteQueue, describes: Behaviour
) -> None:
    captures = recorded.orders(50)
    await queue.put(captures)
    async with put_events() as endpoint:
        endpoint.describes = describes
        credentials = CredentialsFinder()
        sink = EventBridgeSink(credentials, EventBuses(credentials))
        route = Route(destination(endpoint), "shop.example.com")
        dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, HASTY)
        await asyncio.wait_for(dispatcher.run(until_empty=True), 20)
        await sink.close()
        assert len(set(endpoint.ids)) == len(captures)
        assert len(endpoint.described) <= 5, "calls do not wait for a check each"


async def test_a_bus_is_checked_when_the_endpoint_answers_again(queue: SqliteQueue) -> None:
    await queue.put(recorded.orders(5))
    async with put_events(lambda *_: Answer(503)) as endpoint:
        endpoint.missing.add("shop")
        endpoint.describes = Answer(503)
        credentials = CredentialsFinder()
        sink = EventBridgeSink(credentials, EventBuses(credentials))
        route = Route(destination(endpoint), "shop.example.com")
        dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, HASTY)
        running = asyncio.create_task(dispatcher.run())
        try:
            async with asyncio.timeout(PATIENCE):
                while endpoint.calls < 3:
                    await asyncio.sleep(0.01)
                endpoint.describes = Take()
                endpoint.script = lambda *_: Take()
                while not dispatcher.parked:
                    await asyncio.sleep(0.01)
            assert endpoint.taken == []
        finally:
            dispatcher.stop()
            await running
            await sink.close()
