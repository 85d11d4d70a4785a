"""The entry that PutEvents takes: made from a capture, and measured as AWS measures it."""

from dataclasses import dataclass
from datetime import UTC, datetime

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


def entry_size(
    source: str, detail_type: str, detail: str, resources: tuple[str, ...] = (), *, timed: bool
) -> int:
    """Count the bytes of an entry; the limits of a bus are limits of this figure.

    Source: EventBridge user guide, "Calculating PutEvents event entry size".
    """
    texts = (source, detail_type, detail, *resources)
    return sum(len(text.encode()) for text in texts) + (_SIZE_OF_TIME if timed else 0)


def seal(capture: Capture, event: Event, route: Route) -> Entry:
    """Make the entry of a capture that means the event.

    Raises:
        TranslationError: the capture's snapshot does not hold what the detail must say.
    """
    content = event.detail_of(capture).model_dump(by_alias=True)
    content["metadata"] = {
        "id": capture.id,
        "date": datetime.fromtimestamp(int(capture.time), UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "timestamp": int(capture.time),
        "async": capture.queued,
    }
    if route.tracking and capture.context:
        content["tracking"] = tracking(capture.context)
    detail = to_json(content).decode()
    detail_type = route.detail_types.get(event.detail_type, event.detail_type)
    return Entry(
        source=route.source,
        detail_type=detail_type,
        detail=detail,
        time=capture.time,
        event_bus=route.destination.event_bus,
        resources=route.resources,
        size=entry_size(route.source, detail_type, detail, route.resources, timed=True),
    )
