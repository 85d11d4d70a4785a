"""Spans of PutEvents calls: contents, export, and a failing collector that harms nothing."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.lane import Pending
from magento_eventbridge.delivery.observer import Call
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, Fate, Verdict
from magento_eventbridge.inlets.client import hand_over
from magento_eventbridge.observability.tracing import Tracing, TracingError
from tests.support import recorded
from tests.support.process import SECRET, serving
from tests.support.put_events import put_events
from tests.support.waiting import PATIENCE


def call(*verdicts: Verdict) -> Call:
    entry = Entry.of(
        source="s", detail_type="OrderPlaced", detail="{}", time=1.0, event_bus=None, id="1"
    )
    batch = [
        Pending(Claim(number, b""), entry, "key", f"id-{number}", "Order/Placed")
        for number in range(len(verdicts))
    ]
    destination = Destination("eu-west-1", "shop", "http://127.0.0.1:4566")
    return Call(1000.5, 0.25, destination, batch, verdicts, Answer(200))


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Tracing:
    return Tracing(SimpleSpanProcessor(exporter))


def test_a_span_shows_when_where_and_of_which_events(
    tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    tracing.called(call(Verdict(Fate.DELIVERED), Verdict(Fate.DELIVERED)))
    (span,) = exporter.get_finished_spans()
    assert (span.start_time, span.end_time) == (1_000_250_000_000, 1_000_500_000_000)
    request_ = dict(span.attributes or {})
    assert request_["magento_eventbridge.event_ids"] == ("id-0", "id-1")
    assert request_["messaging.destination.name"] == "shop"
    assert request_["cloud.region"] == "eu-west-1"
    assert request_["server.address"] == "127.0.0.1"
    assert request_["http.response.status_code"] == 200
    assert span.status.status_code is StatusCode.UNSET


def test_a_call_whose_events_were_not_all_delivered_is_an_error_with_its_reason(
    tracing: Tracing, exporter: InMemorySpanExporter
) -> None:
    tracing.called(call(Verdict(Fate.DELIVERED), Verdict(Fate.RETRY, "ThrottlingException")))
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "ThrottlingException"


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(TracingError, match=r"pip install .*\[otel\]"):
        Tracing.to_collector(None)


class Collector:
    """An OTLP collector on the loopback."""

    def __init__(self) -> None:
        self.url = ""
        self.ids: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        request_ = ExportTraceServiceRequest.FromString(await request.read())
        for spans in (
            scope.spans for group in request_.resource_spans for scope in group.scope_spans
        ):
            for span in spans:
                for attribute in span.attributes:
                    if attribute.key == "magento_eventbridge.event_ids":
                        values = attribute.value.array_value.values
                        self.ids += [value.string_value for value in values]
        return web.Response()


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    yield collector
    await runner.cleanup()


async def test_a_collector_gets_the_spans_of_a_bridge(tmp_path: Path, collector: Collector) -> None:
    settings = {"TRACING__ENABLED": "1", "TRACING__ENDPOINT": collector.url}
    async with put_events() as endpoint:
        async with serving(tmp_path, endpoint.url, **settings) as bridge:
            await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(25)])
            await endpoint.until_taken(25)
            assert await bridge.stop() == 0
        assert sorted(collector.ids) == sorted(endpoint.ids)


async def test_an_unavailable_collector_costs_no_event_and_little_time(
    tmp_path: Path,
) -> None:
    settings = {"TRACING__ENABLED": "1", "TRACING__ENDPOINT": "http://127.0.0.1:9/v1/traces"}
    async with put_events() as endpoint:
        async with serving(tmp_path, endpoint.url, **settings) as bridge:
            await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(25)])
            await endpoint.until_taken(25)
            began = time.monotonic()
            async with asyncio.timeout(PATIENCE):
                assert await bridge.stop() == 0
            assert time.monotonic() - began < 20
            assert "Traceback" not in bridge.log
