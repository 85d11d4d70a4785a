"""Send an OpenTelemetry span for each PutEvents call; optional, and its library is an extra."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from magento_eventbridge import __version__
from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.verdicts import Fate
from magento_eventbridge.install_hints import add_extra

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

_NANOSECONDS = 1_000_000_000


class TracingError(Exception):
    """Tracing cannot start; the message says why."""


class Tracing:
    """An observer that sends a span to a collector after each call.

    Spans are sent in batches by a thread. When the collector is unavailable, spans are lost,
    never events.
    """

    def __init__(self, processor: "SpanProcessor") -> None:
        """Send spans to a processor.

        Raises:
            TracingError: the extra `otel` is not installed.
        """
        try:
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415
        except ImportError as error:
            raise _missing() from error
        about = {"service.name": "magento-eventbridge", "service.version": __version__}
        self._provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("magento_eventbridge", __version__)
        self._kind = SpanKind.PRODUCER
        self._error = StatusCode.ERROR

    @classmethod
    def to_collector(cls, endpoint: str | None) -> "Tracing":
        """Send spans by OTLP over HTTP to a URL, else to the address in OpenTelemetry's variables.

        Raises:
            TracingError: the extra `otel` is not installed.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter,
            )
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        except ImportError as error:
            raise _missing() from error
        return cls(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))

    def called(self, call: Call) -> None:
        """Create the span of a call."""
        ended = int(call.at * _NANOSECONDS)
        delivered = sum(verdict.fate is Fate.DELIVERED for verdict in call.verdicts)
        destination = call.destination
        attributes: dict[str, str | int | list[str]] = {
            "rpc.system": "aws-api",
            "rpc.service": "EventBridge",
            "rpc.method": "PutEvents",
            "cloud.region": destination.region,
            "messaging.system": "aws.eventbridge",
            "messaging.destination.name": destination.event_bus or "default",
            "messaging.operation.type": "send",
            "messaging.batch.message_count": len(call.batch),
            "magento_eventbridge.event_ids": [pending.event_id for pending in call.batch],
            "magento_eventbridge.detail_types": [
                pending.entry.detail_type for pending in call.batch
            ],
            "magento_eventbridge.verdicts": [verdict.fate.value for verdict in call.verdicts],
            "magento_eventbridge.delivered": delivered,
            "magento_eventbridge.dry_run": str(destination.dry_run).lower(),
        }
        if call.answer.status:
            attributes["http.response.status_code"] = call.answer.status
        if destination.endpoint_url:
            attributes["server.address"] = urlsplit(destination.endpoint_url).hostname or ""
        span = self._tracer.start_span(
            "PutEvents",
            kind=self._kind,
            attributes=attributes,
            start_time=ended - int(call.seconds * _NANOSECONDS),
        )
        if delivered < len(call.batch):
            reason = next(v.reason for v in call.verdicts if v.fate is not Fate.DELIVERED)
            span.set_status(self._error, reason)
        span.end(end_time=ended)

    def ended(self, end: Settlement) -> None:
        """Do nothing: there was no call."""

    def close(self) -> None:
        """Send the remaining spans, and stop."""
        self._provider.shutdown()


def _missing() -> TracingError:
    return TracingError(f"needs the extra 'otel': {add_extra('otel')}")
