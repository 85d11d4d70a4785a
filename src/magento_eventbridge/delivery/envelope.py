"""The entry that PutEvents takes: made from a capture, and measured as AWS measures it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import Event
from magento_eventbridge.catalog.detail import tracking
from magento_eventbridge.delivery.routing import Route

# EventBridge user guide, "Calculating PutEvents event entry size".
_SIZE_OF_TIME = 14


@dataclass(frozen=True, slots=True)
class Entry:
    """One event on its way.

    Attributes:
        detail: a JSON object as text.
        time: seconds since the epoch.
        size: bytes, as AWS counts them.
    """

    source: str
    detail_type: str
    detail: str
    time: float
    event_bus: str | None
    resources: tuple[str, ...]
    size: int

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
    ) -> "Entry":
        """Make an entry and measure it."""
        size = entry_size(source, detail_type, detail, resources, timed=True)
        return cls(source, detail_type, detail, time, event_bus, resources, size)


def entry_size(
    source: str, detail_type: str, detail: str, resources: tuple[str, ...] = (), *, timed: bool
) -> int:
    """Count the bytes of an entry; the limits of a bus are limits of this figure.

    Source: EventBridge user guide, "Calculating PutEvents event entry size".
    """
    texts = (source, detail_type, detail, *resources)
    return sum(len(text.encode()) for text in texts) + (_SIZE_OF_TIME if timed else 0)


def metadata(identifier: str, time: float, *, queued: bool) -> dict[str, Any]:
    """Give a detail's `metadata`; `time` in seconds since the epoch."""
    return {
        "id": identifier,
        "date": datetime.fromtimestamp(int(time), UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "timestamp": int(time),
        "async": queued,
    }


def seal(capture: Capture, event: Event, route: Route) -> Entry:
    """Make the entry of a capture that means the event.

    Raises:
        TranslationError: the capture's snapshot does not hold what the detail must say.
    """
    content = event.detail_of(capture).model_dump(by_alias=True)
    content["metadata"] = metadata(capture.id, capture.time, queued=capture.queued)
    if route.tracking and capture.context:
        content["tracking"] = tracking(capture.context)
    return Entry.of(
        source=route.source,
        detail_type=route.detail_types.get(event.detail_type, event.detail_type),
        detail=to_json(content).decode(),
        time=capture.time,
        event_bus=route.destination.event_bus,
        resources=route.resources,
    )
