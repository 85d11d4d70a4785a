"""PutEvents of the Custom Event Bus on the wire: the CBOR body of a call, and of its answer.

Sources: API reference of Amazon EventBridge Custom Event Bus, PutEvents; Smithy RPC v2 CBOR.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from typing import Any

import cbor2
import msgspec
from msgspec import Struct

from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.verdicts import Answer, EntryResult
from magento_eventbridge.sinks.eventbridge.answers import code_in, describe, refusal
from magento_eventbridge.sinks.eventbridge.http_client import Reply

PATH = "/service/AWSEventsV2/operation/PutEvents"
HEADERS = {
    "Accept": "application/cbor",
    "Content-Type": "application/cbor",
    "smithy-protocol": "rpc-v2-cbor",
}

_EPOCH_TIME = 1  # the CBOR tag of a time in seconds since the epoch (RFC 8949, 3.4.2)
_LONGEST_GROUP = 128  # characters of EventGroupId
_SUCCESSES = frozenset({"PUBLISHED", "DEDUPLICATED"})


class _CustomBusResultEntry(Struct, rename="pascal"):
    success_code: str | None = None
    event_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


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
    if reply.status != 200:
        return refusal(reply, content)
    entries = content.get("Entries") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return Answer(status=200, answered_by=describe(reply))
    return Answer(status=200, results=[_result_of(entry) for entry in entries])


def _result_of(entry: Any) -> EntryResult:
    try:
        result = msgspec.convert(entry, _CustomBusResultEntry)
    except msgspec.ValidationError:
        return EntryResult()
    if code := code_in(result.error_code):
        return EntryResult(error_code=code, error_message=result.error_message)
    if result.success_code not in _SUCCESSES:
        return EntryResult()
    # Deduplicated: the bus has it from a call whose answer did not reach us.
    return EntryResult(event_id=result.event_id or "")
