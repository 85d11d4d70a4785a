"""The event catalog: every event that is sent, one module for each scope."""

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import (
    cache,
    cart,
    creditmemo,
    cron,
    customer,
    indexer,
    invoice,
    newsletter,
    order,
    shipment,
    user,
)
from magento_eventbridge.catalog.declared import ShopCatalog
from magento_eventbridge.catalog.event import EventDefinition, TranslationError

EVENTS: tuple[EventDefinition, ...] = (
    *cart.EVENTS,
    *user.EVENTS,
    *customer.EVENTS,
    *newsletter.EVENTS,
    *order.EVENTS,
    *invoice.EVENTS,
    *creditmemo.EVENTS,
    *shipment.EVENTS,
    *cache.EVENTS,
    *indexer.EVENTS,
    *cron.EVENTS,
)
"""All documented events, in the order of the reference documentation."""

BY_DETAIL_TYPE: dict[str, EventDefinition] = {event.detail_type: event for event in EVENTS}

_BY_MAGENTO_EVENT: dict[str, list[EventDefinition]] = {}
for _event in EVENTS:
    for _name in _event.magento_events:
        _BY_MAGENTO_EVENT.setdefault(_name, []).append(_event)

MAGENTO_EVENTS = frozenset(_BY_MAGENTO_EVENT)
"""The names of the Magento events that can mean a documented event."""


class UnknownMagentoEventError(TranslationError):
    """No documented event comes from the capture's Magento event."""


def event_of(capture: Capture) -> EventDefinition | None:
    """Return the documented event that a capture means; None when it means none.

    Raises:
        UnknownMagentoEventError: the catalog has no such Magento event at all.
        TranslationError: the snapshot is not one of this Magento event.
    """
    candidates = _BY_MAGENTO_EVENT.get(capture.event)
    if candidates is None:
        raise UnknownMagentoEventError(
            f"unknown Magento event {capture.event!r}: this version has no event of that name; "
            "an agent newer than the bridge may send it: upgrade the bridge, then redrive"
        )
    try:
        for event in candidates:
            if event.applies(capture):
                return event
    except (AttributeError, TypeError, ValueError) as error:
        raise TranslationError(f"{capture.event}: {error}") from None
    return None


DOCUMENTED = ShopCatalog(EVENTS, event_of)
"""The catalog of a shop without declarations."""

__all__ = [
    "BY_DETAIL_TYPE",
    "DOCUMENTED",
    "EVENTS",
    "MAGENTO_EVENTS",
    "EventDefinition",
    "TranslationError",
    "UnknownMagentoEventError",
    "event_of",
]
