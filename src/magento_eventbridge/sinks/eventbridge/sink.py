"""The EventBridge sink: PutEvents of the classic bus."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.aws.endpoints import eventbridge_endpoint, global_endpoint
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.ports import Limits
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, EntryResult
from magento_eventbridge.sinks.eventbridge.answers import code_in, describe, read_json, refusal
from magento_eventbridge.sinks.eventbridge.buses import (
    DEFAULT_BUS,
    MISSING_BUS,
    BusState,
    EventBuses,
)
from magento_eventbridge.sinks.eventbridge.codes import CLASSIC
from magento_eventbridge.sinks.eventbridge.http_client import Reply
from magento_eventbridge.sinks.eventbridge.signed_calls import CallAddress, SignedCalls

MAX_ENTRIES = 10
MAX_BYTES = 1_000_000

_HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "AWSEvents.PutEvents",
}


class _PutEventsRequestEntry(Struct, rename="pascal", omit_defaults=True):
    source: str
    detail_type: str
    detail: str
    time: float
    event_bus_name: str | None = None
    resources: tuple[str, ...] = ()


class _PutEventsRequest(Struct, rename="pascal", omit_defaults=True):
    entries: list[_PutEventsRequestEntry]
    endpoint_id: str | None = None


class _PutEventsResultEntry(EntryResult, rename="pascal", frozen=True):
    # Named again, because msgspec gives inherited fields their inherited names.
    event_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class _PutEventsResponse(Struct, rename="pascal"):
    entries: list[_PutEventsResultEntry]


_result_decoder = msgspec.json.Decoder(_PutEventsResponse)


class EventBridgeSink:
    """Puts entries on classic buses of EventBridge, in any region and with any credentials."""

    codes = CLASSIC

    def __init__(
        self,
        credentials: CredentialsFinder,
        buses: EventBuses | None = None,
        *,
        max_bytes: int = MAX_BYTES,
        connect_seconds: float = 5.0,
        answer_seconds: float = 15.0,
    ) -> None:
        self.limits = Limits(max_entries=MAX_ENTRIES, max_bytes=max_bytes)
        self._buses = buses or EventBuses(credentials)
        self._owns_buses = buses is None
        self._calls = SignedCalls(
            credentials,
            _address_of,
            _HEADERS,
            connect_seconds=connect_seconds,
            answer_seconds=answer_seconds,
        )

    async def put(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        """Send entries in one PutEvents call."""
        bus = await self._buses.known(destination)
        if bus.state is BusState.MISSING:
            return Answer(status=400, error_code=MISSING_BUS, error_message=bus.reason)
        reply = await self._calls.post(destination, encode(entries, destination.endpoint_id))
        if isinstance(reply, Answer):
            return reply
        answer = read_answer(reply)
        if answer.results is not None:
            self._buses.accepted(destination)
        self._calls.check(destination, answer)
        return answer

    async def close(self) -> None:
        """Close connections."""
        if self._owns_buses:
            await self._buses.close()
        self._calls.close()


def _address_of(destination: Destination) -> CallAddress:
    region, profile = destination.region, destination.credentials.profile
    if destination.endpoint_id is None:
        url = destination.endpoint_url or eventbridge_endpoint(region, profile)
        return CallAddress(url, region)
    of_id = global_endpoint(destination.endpoint_id, region, profile)
    return CallAddress(destination.endpoint_url or of_id, region, is_global=True)


def encode(entries: Sequence[Entry], endpoint_id: str | None = None) -> bytes:
    """Return the body of a PutEvents call.

    Args:
        endpoint_id: of a global endpoint. It needs the name of the default bus too.
    """
    default_bus = None if endpoint_id is None else DEFAULT_BUS
    return msgspec.json.encode(
        _PutEventsRequest(
            [
                _PutEventsRequestEntry(
                    entry.source,
                    entry.detail_type,
                    entry.detail,
                    round(entry.time, 3),
                    entry.event_bus or default_bus,
                    entry.resources,
                )
                for entry in entries
            ],
            endpoint_id,
        )
    )


def read_answer(reply: Reply) -> Answer:
    """Read what EventBridge, or something on the way to it, answered."""
    if reply.status != 200:
        return refusal(reply, read_json(reply.body))
    try:
        results: list[_PutEventsResultEntry] = _result_decoder.decode(reply.body).entries
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        # Each result by itself: what is wrong with one must not let the others be sent again.
        content = read_json(reply.body)
        entries = content.get("Entries") if isinstance(content, dict) else None
        if not isinstance(entries, list):
            return Answer(status=200, answered_by=describe(reply))
        results = [_result_in(entry) for entry in entries]
    return Answer(status=200, results=[_cleaned(result) for result in results])


def _result_in(entry: object) -> _PutEventsResultEntry:
    fields = entry if isinstance(entry, dict) else {}
    texts = (fields.get(name) for name in ("EventId", "ErrorCode", "ErrorMessage"))
    return _PutEventsResultEntry(*(None if text is None else str(text) for text in texts))


def _cleaned(result: _PutEventsResultEntry) -> _PutEventsResultEntry:
    """Return a result in which an empty id or code is none: stand-ins for AWS send all fields."""
    identifier = result.event_id
    if result.error_code is None and identifier and identifier.strip():
        return result
    return _PutEventsResultEntry(
        event_id=identifier if identifier and identifier.strip() else None,
        error_code=code_in(result.error_code),
        error_message=result.error_message,
    )
