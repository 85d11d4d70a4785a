"""Batches of events: what queues, pipes and subscribers of a Custom Event Bus hand over at once."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from magento_eventbridge.events.event import EventBridgeEvent
from magento_eventbridge.events.parsing import EventError, MalformedEventError, parse
from magento_eventbridge.events.union import CLASSES, AnyEvent


@dataclass(frozen=True)
class BatchItem:
    """One event of a batch, or why it is none.

    Attributes:
        event: None when it could not be read.
        error: why not; None when it could be read.
        message_id: of the SQS message that it came in, by which it is reported as failed.
        group_id: of that message, in a FIFO queue: its events keep their order.
    """

    event: AnyEvent | None
    error: EventError | None = None
    message_id: str | None = None
    group_id: str | None = None

    def read(self) -> AnyEvent:
        """Return the event.

        Raises:
            EventError: it could not be read.
        """
        if self.event is None:
            raise self.error or EventError("there is no event")
        return self.event


def parse_all(
    batch: object,
    *,
    renamed: Mapping[str, str] | None = None,
    classes: Mapping[str, type[EventBridgeEvent[Any]]] = CLASSES,
) -> list[BatchItem]:
    """Return each event of a batch, in order; one that cannot be read spoils no other.

    Args:
        batch: what a Lambda function gets from an SQS queue (`Records`), from EventBridge Pipes or
            from a subscriber of a Custom Event Bus (an array), as objects or as JSON text. A single
            event is a batch of one.
        renamed: as for `parse`.
        classes: as for `parse`.

    Raises:
        MalformedEventError: it is no batch: not JSON, or neither an object nor an array.
    """
    return [_item(member, renamed, classes) for member in _members(batch)]


def handle_all(
    batch: object,
    handle: Callable[[AnyEvent], object],
    *,
    renamed: Mapping[str, str] | None = None,
    classes: Mapping[str, type[EventBridgeEvent[Any]]] = CLASSES,
) -> dict[str, list[dict[str, str]]]:
    """Call a function with each event, and return what Lambda and Pipes take as partial failures.

    Needs `ReportBatchItemFailures` in the event source mapping. After a failure in a FIFO queue the
    later messages of its group are reported too, and not handled: they keep their order.

    Args:
        batch: as for `parse_all`.
        handle: raises what it likes if it cannot handle an event.

    Raises:
        Exception: what `handle` raised or why an event cannot be read, for an event that did not
            come in an SQS message: it cannot be reported, so the whole batch has to fail. All
            events before it were handled.
    """
    failed: list[str] = []
    stopped: set[str] = set()
    for item in parse_all(batch, renamed=renamed, classes=classes):
        if item.message_id is not None and item.message_id in failed:
            continue
        if item.group_id is not None and item.group_id in stopped:
            failed.append(item.message_id or "")
            continue
        try:
            handle(item.read())
        except Exception:
            if item.message_id is None:
                raise
            failed.append(item.message_id)
            if item.group_id is not None:
                stopped.add(item.group_id)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _members(batch: object) -> Iterator[object]:
    if isinstance(batch, (str, bytes, bytearray)):
        try:
            batch = json.loads(batch)
        except ValueError as error:
            raise MalformedEventError(f"not JSON: {error}") from None
    if isinstance(batch, Mapping):
        records = batch.get("Records")
        yield from records if isinstance(records, list) else [batch]
    elif isinstance(batch, list):
        yield from batch
    else:
        raise MalformedEventError(f"a batch is a JSON array or object, not {type(batch).__name__}")


def _item(
    member: object,
    renamed: Mapping[str, str] | None,
    classes: Mapping[str, type[EventBridgeEvent[Any]]],
) -> BatchItem:
    message_id = group_id = None
    if isinstance(member, Mapping):
        message_id = _text(member, "messageId", "MessageId")
        group_id = _text(_mapping(member, "attributes", "Attributes"), "MessageGroupId")
        # A subscriber with the transformer WITH_METADATA wraps the event.
        member = member["Data"] if "Data" in member and "SystemMetadata" in member else member
    try:
        event = parse(member, renamed=renamed, classes=classes)
        return BatchItem(event, None, message_id, group_id)
    except EventError as error:
        return BatchItem(None, error, message_id, group_id)


def _text(member: Mapping[Any, Any], *names: str) -> str | None:
    return next((member[name] for name in names if isinstance(member.get(name), str)), None)


def _mapping(member: Mapping[Any, Any], *names: str) -> Mapping[Any, Any]:
    return next((member[name] for name in names if isinstance(member.get(name), Mapping)), {})
