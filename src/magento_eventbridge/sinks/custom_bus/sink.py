"""The Custom Event Bus sink: PutEvents of the bus that keeps order and drops duplicates.

What one call answers is read in `wire`; here a call that was refused as a whole for the fault of
some of its entries is taken apart, so that the others are delivered.
"""

from collections.abc import Sequence

from magento_eventbridge.aws.arns import region_of
from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.aws.endpoints import custom_bus_endpoint
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.ports import Limits
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import (
    Answer,
    EntryResult,
    ResultCodes,
    blames_entries,
)
from magento_eventbridge.sinks.custom_bus.wire import HEADERS, PATH, encode_call, read_answer
from magento_eventbridge.sinks.eventbridge.codes import THROTTLING, UNAUTHORIZED, UNAVAILABLE
from magento_eventbridge.sinks.eventbridge.signed_calls import CallAddress, SignedCalls

# API reference of the Custom Event Bus, PutEvents, and what any AWS service may answer.
CODES = ResultCodes(
    entry_faults=frozenset({"InvalidInputException"}),
    denied_entries=frozenset({"AccessDeniedException"}),
    call_faults=frozenset(),  # a call that one entry spoiled is taken apart here
    throttling=THROTTLING,
    unavailable=UNAVAILABLE,
    unauthorized=UNAUTHORIZED | {"InvalidStateException"},
)

MAX_ENTRIES = 100
# AWS takes 1,048,576 bytes a call and does not say whether it counts what CBOR adds.
MAX_BYTES = 1_000_000

_UNKNOWN = "InternalException"  # retryable: for an entry of a part that got no answer


class CustomBusSink:
    """Puts entries on Custom Event Buses, in any region and with any credentials."""

    codes = CODES

    def __init__(
        self,
        credentials: CredentialsFinder,
        *,
        max_bytes: int = MAX_BYTES,
        connect_seconds: float = 5.0,
        answer_seconds: float = 15.0,
    ) -> None:
        self.limits = Limits(max_entries=MAX_ENTRIES, max_bytes=max_bytes)
        self._calls = SignedCalls(
            credentials,
            _address_of,
            HEADERS,
            connect_seconds=connect_seconds,
            answer_seconds=answer_seconds,
        )

    async def put(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        """Send entries in one PutEvents call, or in several when it is refused for some of them."""
        answer = await self._call(destination, entries)
        parts = _parts(answer, entries)
        if not parts:
            return _blamed(answer, len(entries))
        results: dict[int, EntryResult] = {}
        for part in parts:
            of_part = await self.put(destination, [entries[position] for position in part])
            results.update(zip(part, _results(of_part, len(part)), strict=True))
        return Answer(status=200, results=[results[position] for position in range(len(entries))])

    async def close(self) -> None:
        """Close connections."""
        self._calls.close()

    async def _call(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        body = encode_call(destination.event_bus or "", entries)
        reply = await self._calls.post(destination, body)
        if isinstance(reply, Answer):
            return reply
        answer = read_answer(reply)
        self._calls.check(destination, answer)
        return answer


def _address_of(destination: Destination) -> CallAddress:
    bus = destination.event_bus or ""
    host = destination.endpoint_url or custom_bus_endpoint(bus, destination.credentials.profile)
    return CallAddress(host.rstrip("/") + PATH, region_of(bus))


def _parts(answer: Answer, entries: Sequence[Entry]) -> list[list[int]]:
    """Return the positions of the entries to try again together; none if the answer stands.

    A malformed entry is found by halving. What is denied is denied by source and detail-type.
    """
    if blames_entries(answer, CODES.entry_faults) and len(entries) > 1:
        middle = len(entries) // 2
        return [list(range(middle)), list(range(middle, len(entries)))]
    if answer.error_code in CODES.denied_entries:
        kinds: dict[tuple[str, str], list[int]] = {}
        for position, entry in enumerate(entries):
            kinds.setdefault((entry.source, entry.detail_type), []).append(position)
        return list(kinds.values()) if len(kinds) > 1 else []
    return []


def _blamed(answer: Answer, entries: int) -> Answer:
    """Return an answer that cannot be taken apart further: its fault is then its entries' own."""
    is_denied = answer.error_code in CODES.denied_entries
    if not is_denied and not blames_entries(answer, CODES.entry_faults):
        return answer
    fault = EntryResult(error_code=answer.error_code, error_message=answer.error_message)
    return Answer(status=200, results=[fault] * entries)


def _results(answer: Answer, entries: int) -> Sequence[EntryResult]:
    """Return a part's results: its own, or the error of its call for each of its entries."""
    if answer.results is not None:
        return answer.results
    is_known = answer.error_code in CODES.transient | CODES.unauthorized
    code = answer.error_code if is_known else _UNKNOWN
    return [
        EntryResult(error_code=code, error_message=answer.error_message or answer.error)
    ] * entries
