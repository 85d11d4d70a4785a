"""From what a consumer is handed to the right class of event."""

import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from magento_eventbridge.events.event import EventBridgeEvent
from magento_eventbridge.events.union import CLASSES, AnyEvent


class EventError(ValueError):
    """What a consumer was handed is no event of this package."""


class UnknownEventError(EventError):
    """An event of a detail-type that this version does not know, or of another producer.

    Attributes:
        detail_type: what it says it is.
    """

    def __init__(self, detail_type: str) -> None:
        super().__init__(f"no event of a Magento shop has the detail-type '{detail_type}'")
        self.detail_type = detail_type


class MalformedEventError(EventError):
    """Not an event, or its fields are not those of its detail-type; the message names them.

    The message never says which values stand there: they may be personal.
    """


def parse(
    event: object,
    *,
    renamed: Mapping[str, str] | None = None,
    classes: Mapping[str, type[EventBridgeEvent[Any]]] = CLASSES,
) -> AnyEvent:
    """Return an event as an object of its class, as `OrderPlaced`.

    Args:
        event: what EventBridge hands to a Lambda function, as a dict or as JSON text; or a message
            of an SQS queue, as Lambda (`body`) or SQS itself (`Body`) gives it, also when it came
            to the queue through an SNS topic.
        renamed: the documented name of each detail-type that the shop's bridge is set to send
            under another one: `{"IndexerStateSaved": "StateSaved"}`.
        classes: the class of each detail-type; a module of `magento-eventbridge events generate`
            has those of a shop's own events.

    Raises:
        UnknownEventError: its detail-type is none of the known ones.
        MalformedEventError: it is no event, or its fields are other ones.
    """
    envelope = _unwrapped(event)
    sent = envelope.get("detail-type")
    if not isinstance(sent, str) or "detail" not in envelope:
        raise MalformedEventError(_what_is_wrong(envelope))
    name = (renamed or {}).get(sent, sent)
    if name not in classes:
        raise UnknownEventError(sent)
    try:
        return cast(AnyEvent, classes[name].model_validate({**envelope, "detail-type": name}))
    except ValidationError as error:
        raise MalformedEventError(_faults(name, error)) from None


def _unwrapped(event: object) -> Mapping[str, Any]:
    """Take the event out of the messages that it may be wrapped in."""
    if isinstance(event, EventBridgeEvent):
        return event.model_dump(by_alias=True)
    if isinstance(event, (str, bytes, bytearray)):
        try:
            event = json.loads(event)
        except ValueError as error:
            raise MalformedEventError(f"not JSON: {error}") from None
    if not isinstance(event, Mapping):
        raise MalformedEventError(f"an event is a JSON object, not {type(event).__name__}")
    if "detail-type" in event:
        return event
    for wrapped in ("body", "Body", "Message"):  # SQS by Lambda, SQS, SNS
        if isinstance(event.get(wrapped), str):
            return _unwrapped(event[wrapped])
    return event


def _what_is_wrong(envelope: Mapping[str, Any]) -> str:
    if "Records" in envelope:
        return "several messages: parse each of event['Records']"
    missing = [name for name in ("detail-type", "detail") if name not in envelope]
    if missing:
        return f"not an event of EventBridge: no {' and no '.join(missing)}"
    return "not an event of EventBridge: detail-type is no text"


def _faults(name: str, error: ValidationError) -> str:
    faults = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return f"{name}: {'; '.join(faults)}"
