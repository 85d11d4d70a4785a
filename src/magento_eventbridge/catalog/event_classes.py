"""The class of each event as its consumers read it, also of the shop's own events."""

from typing import Annotated, Any, Literal

from pydantic import create_model

from magento_eventbridge.catalog.declared import class_name
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent
from magento_eventbridge.events.union import CLASSES


def class_of(event: EventDefinition) -> type[EventBridgeEvent[Any]]:
    """Return the event's class: the documented one, unless the shop declares something of it."""
    documented = CLASSES.get(event.detail_type)
    if documented is not None and documented.model_fields["detail"].annotation is event.detail:
        return documented
    literal: Any = Literal[event.detail_type]
    members: dict[str, Any] = {"detail_type": (Annotated[literal, DETAIL_TYPE], ...)}
    return create_model(
        class_name(event.detail_type),
        __base__=EventBridgeEvent[event.detail],  # type: ignore[name-defined]
        __doc__=event.when,
        **members,
    )
