"""The entry that PutEvents accepts: built from a capture, measured as AWS measures it."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import EventDefinition, TranslationError
from magento_eventbridge.catalog.snapshot import tracking
from magento_eventbridge.delivery.routing import NO_PRIVACY, Route

# EventBridge user guide, "Calculating PutEvents event entry size".
_SIZE_OF_TIME = 14

FULL_DETAIL_VERSION = 1
"""The `metadata.version` of full details; it grows when a field changes its meaning."""


# What marks events that come from the store's tables.
_ORIGINS = {"backfill": "backfill", "repair": "repaired"}


class ConditionNotMetError(Exception):
    """The shop's declaration leaves the event out: its detail does not pass the pattern."""

    def __init__(self, detail_type: str) -> None:
        super().__init__(detail_type)
        self.detail_type = detail_type


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One event, ready to be sent.

    Attributes:
        detail: a JSON object as text.
        time: seconds since the epoch.
        size: bytes, as AWS counts them.
        id: the capture's id, which stays the same however often the event is sent.
        order_key: events with the same one keep their order; an event without subject has its id.
    """

    source: str
    detail_type: str
    detail: str
    time: float
    event_bus: str | None
    resources: tuple[str, ...]
    size: int
    id: str
    order_key: str

    @classmethod
    def of(
        cls,
        *,
        source: str,
        detail_type: str,
        detail: str,
        time: float,
        event_bus: str | None,
        resources: tuple[str, ...] = (),
        id: str,  # noqa: A002  the field's own term, as in the capture
        order_key: str | None = None,
    ) -> "Entry":
        """Create an entry and measure it; without an order key it is ordered among no others."""
        size = entry_size(source, detail_type, detail, resources, timed=True)
        return cls(
            source, detail_type, detail, time, event_bus, resources, size, id, order_key or id
        )


def entry_size(
    source: str, detail_type: str, detail: str, resources: tuple[str, ...] = (), *, timed: bool
) -> int:
    """Count the bytes of an entry; the limits of a bus are limits of this figure.

    Source: EventBridge user guide, "Calculating PutEvents event entry size".
    """
    size = _size(source, detail_type, len(detail.encode()), resources)
    return size + _SIZE_OF_TIME if timed else size


def _size(source: str, detail_type: str, bytes_of_detail: int, resources: tuple[str, ...]) -> int:
    size = len(source.encode()) + len(detail_type.encode()) + bytes_of_detail
    if resources:
        size += sum(len(resource.encode()) for resource in resources)
    return size


def metadata(identifier: str, time: float, *, queued: bool) -> dict[str, Any]:
    """Return a detail's `metadata`; `time` in seconds since the epoch."""
    return {
        "id": identifier,
        "date": _date(int(time)),
        "timestamp": int(time),
        "async": queued,
    }


def full_metadata(subject: str | None) -> dict[str, Any]:
    """Return what a full detail's `metadata` has beside the documented fields."""
    return {"version": FULL_DETAIL_VERSION, "subject": subject}


@lru_cache(maxsize=256)  # events come in bursts, many in one second
def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def build_entry(capture: Capture, event: EventDefinition, route: Route) -> Entry:
    """Build the entry of a capture that means the event.

    Raises:
        TranslationError: the capture's snapshot does not hold what the detail must say.
        ConditionNotMetError: the detail does not pass the pattern that the shop declares.
    """
    key = event.order_key_of(capture)
    if capture.redacted and capture.redacted.detail is not None:
        content = capture.redacted.detail
    else:
        content = _content(capture, event, route)
    if route.privacy is not NO_PRIVACY and (privacy := route.privacy.after(capture.redacted)):
        subject = privacy.subject(capture.subject, content)
        if subject != capture.subject:
            content = _with_subject(content, subject)
            if event.is_ordered:
                key = f"{capture.view_id}/{subject}" if subject else capture.id
        content = privacy.apply(content)
    try:
        detail = msgspec.json.encode(content)
    except RecursionError:
        raise TranslationError(f"{event.detail_type}: the detail is nested too deep") from None
    detail_type = route.detail_type(event.detail_type)
    return Entry(
        route.source,
        detail_type,
        detail.decode(),
        capture.time,
        route.destination.event_bus,
        route.resources,
        _size(route.source, detail_type, len(detail), route.resources) + _SIZE_OF_TIME,
        capture.id,
        key,
    )


def _content(capture: Capture, event: EventDefinition, route: Route) -> dict[str, Any]:
    """Translate a capture; return the whole detail, to which privacy is not applied yet."""
    content = event.detail_of(capture, route.detail)
    if not route.catalog.accepts(event, content):
        raise ConditionNotMetError(route.detail_type(event.detail_type))
    content["metadata"] = metadata(capture.id, capture.time, queued=capture.queued)
    if capture.origin:
        content["metadata"][_ORIGINS[capture.origin]] = True
    if route.detail == "full":
        content["metadata"] |= full_metadata(capture.subject)
    if route.tracking and capture.context:
        content["tracking"] = tracking(capture.context, route.detail)
    return content


def _with_subject(content: dict[str, Any], subject: str | None) -> dict[str, Any]:
    """Return the detail with another subject in its metadata, where full details have it."""
    about = content["metadata"]
    return {**content, "metadata": {**about, "subject": subject}} if "subject" in about else content


def sample_entry(event: EventDefinition, route: Route, identifier: str, time: float) -> Entry:
    """Build an entry from an event's sample, marked by `"test": true` in its metadata."""
    about = metadata(identifier, time, queued=False) | {"test": True}
    if route.detail == "full":
        about |= full_metadata(None)
    return Entry.of(
        source=route.source,
        detail_type=route.detail_type(event.detail_type),
        detail=msgspec.json.encode({**event.sample_at(route.detail), "metadata": about}).decode(),
        time=time,
        event_bus=route.destination.event_bus,
        resources=route.resources,
        id=identifier,
    )
