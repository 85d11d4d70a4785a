"""What every sink promises."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.ports import Limits, Sink
from magento_eventbridge.delivery.routing import CredentialsSource, Destination
from magento_eventbridge.delivery.verdicts import Fate, judge
from magento_eventbridge.demo.custom_bus import custom_bus
from magento_eventbridge.sinks.custom_bus.sink import CustomBusSink
from magento_eventbridge.sinks.dry_run import DryRunSink
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from magento_eventbridge.testing import RecordingSink
from tests.support.put_events import put_events

KEYS = CredentialsSource(type="keys", access_key="AKIATEST", secret_access_key="a-test-secret")
CUSTOM_BUS = f"arn:aws:events:eu-west-1:123456789012:event-busv2/shop/{'a1' * 12}b"


@dataclass
class Subject:
    """A sink under test, and a destination that accepts what it sends."""

    sink: Sink
    destination: Destination


@pytest.fixture(params=["recording", "dry-run", "eventbridge", "global-endpoint", "custom-bus"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with AsyncExitStack() as stack:
        sink: Sink
        destination = Destination("eu-west-1", credentials=KEYS)
        if request.param == "recording":
            sink = RecordingSink()
        elif request.param == "dry-run":
            sink = DryRunSink(Limits(max_entries=10, max_bytes=1_000_000))
        elif request.param in ("eventbridge", "global-endpoint"):
            endpoint = await stack.enter_async_context(put_events())
            identity = "abcde.veo" if request.param == "global-endpoint" else None
            destination = Destination("eu-west-1", None, endpoint.url, KEYS, endpoint_id=identity)
            sink = EventBridgeSink(CredentialsFinder(), answer_seconds=5)
        else:
            bus = await stack.enter_async_context(custom_bus())
            destination = Destination("eu-west-1", CUSTOM_BUS, bus.url, KEYS)
            sink = CustomBusSink(CredentialsFinder(), answer_seconds=5)
        yield Subject(sink, destination)
        await sink.close()


def entries(count: int) -> list[Entry]:
    return [
        Entry.of(
            source="shop.example.com",
            detail_type="OrderPlaced",
            detail=json.dumps({"metadata": {"id": str(number)}}),
            time=1_700_000_000.0,
            event_bus=None,
            id=str(number),
        )
        for number in range(count)
    ]


async def test_a_call_of_as_many_entries_as_allowed_has_an_event_id_for_each(subject: Subject):
    sent = entries(subject.sink.limits.max_entries)
    answer = await subject.sink.put(subject.destination, sent)
    verdicts = judge(len(sent), answer, subject.sink.codes)
    assert [verdict.fate for verdict in verdicts] == [Fate.DELIVERED] * len(sent)
    assert all(verdict.event_id for verdict in verdicts)


async def test_calls_follow_each_other(subject: Subject):
    for _ in range(3):
        answer = await subject.sink.put(subject.destination, entries(1))
        assert answer.results is not None
        assert len(answer.results) == 1


async def test_a_sink_that_was_never_used_can_be_closed_and_closed_again(subject: Subject):
    await subject.sink.close()
    await subject.sink.close()


@pytest.mark.parametrize("kind", [EventBridgeSink, CustomBusSink])
async def test_a_failure_of_the_network_is_an_answer(kind: type[EventBridgeSink | CustomBusSink]):
    sink = kind(CredentialsFinder(), connect_seconds=0.5)
    nowhere = Destination("eu-west-1", CUSTOM_BUS, "http://127.0.0.1:1", KEYS)
    answer = await sink.put(nowhere, entries(2))
    await sink.close()
    assert (answer.status, answer.results) == (0, None)
    verdicts = judge(2, answer, sink.codes)
    assert {verdict.fate for verdict in verdicts} == {Fate.REST}
