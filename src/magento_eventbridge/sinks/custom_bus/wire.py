"""PutEvents of the Custom Event Bus on the wire: the CBOR body of a call, and of its answer.

Sources: API reference of Amazon EventBridge Custom Event Bus, PutEvents; Smithy RPC v2 CBOR.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from typing import Any

import cbor2
import msgspec
from msgspec import Struct, field

from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.verdicts import Answer, EntryResult
from magento_eventbridge.sinks.eventbridge.http_client import Reply
from magento_eventbridge.sinks.eventbridge.sink import describe

PATH = "/service/AWSEventsV2/operation/PutEvents"
HEADERS = {
    "Accept": "application/cbor",
    "Content-Type": "application/cbor",
    "smithy-protocol": "rpc-v2-cbor",
}

_EPOCH_TIME = 1  # the CBOR tag of a time in seconds since the epoch (RFC 8949, 3.4.2)
_LONGEST_GROUP = 128  # characters of EventGroupId
_SUCCESSES = frozenset({"PUBLISHED", "DEDUPLICATED"})


class _Result(Struct, rename="pascal"):
    success_code: str | None = None
    event_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class _Response(Struct, rename="pascal"):
    entries: list[_Result]


class _Error(Struct):
    type: str = field(default="", name="__type")
    message: str = ""
    capital_message: str = field(default="", name="Message")


def group_of(entry: Entry) -> str:
    """Return the event group of an entry: the events of one group keep their order.

    It is the store view with the subject, or the event's own id when it has no subject; what is
    longer than 128 characters is replaced by its SHA-256.
    """
    key = entry.order_key
    if len(key) <= _LONGEST_GROUP:
        return key
    return hashlib.sha256(key.encode()).hexdigest()


def encode_call(bus_arn: str, entries: Sequence[Entry]) -> bytes:
    """Return the body of a PutEvents call."""
    return cbor2.dumps(
        {"EventBusArn": bus_arn, "Entries": [_encode_entry(entry) for entry in entries]}
    )


def _encode_entry(entry: Entry) -> dict[str, Any]:
    encoded: dict[str, Any] = {
        "Source": entry.source,
        "DetailType": entry.detail_type,
        "Detail": entry.detail,
        "Time": cbor2.CBORTag(_EPOCH_TIME, round(entry.time, 3)),
        "SystemMetadata": {"EventGroupId": group_of(entry), "DeduplicationId": entry.id},
    }
    if entry.resources:
        encoded["Resources"] = entry.resources
    return encoded


def read_answer(reply: Reply) -> Answer:
    """Read what the bus, or something on the way to it, answered."""
    content: Any = None
    with contextlib.suppress(cbor2.CBORDecodeError, UnicodeError, RecursionError):
        content = cbor2.loads(reply.body)
    try:
        if reply.status == 200:
            results = msgspec.convert(content, _Response).entries
            return Answer(status=200, results=[_result_of(result) for result in results])
        error = msgspec.convert(content, _Error)
    except msgspec.ValidationError:
        if reply.status == 200:
            return Answer(status=200, answered_by=describe(reply))
        error = _Error()
    # "com.amazonaws.eventbridgev2#ThrottlingException" is a ThrottlingException.
    code = (error.type or reply.error_type).rpartition("#")[2].partition(":")[0]
    return Answer(
        status=reply.status,
        error_code=code or None,
        error_message=error.message or error.capital_message or None,
        retry_after=reply.pause,
        answered_by=None if code else describe(reply),
    )


def _result_of(result: _Result) -> EntryResult:
    if result.error_code is not None:
        return EntryResult(error_code=result.error_code, error_message=result.error_message)
    if result.success_code not in _SUCCESSES:
        return EntryResult()
    # Deduplicated: the bus has it from a call whose answer did not reach us.
    return EntryResult(event_id=result.event_id or "")
