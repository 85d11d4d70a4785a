"""Read events to test a pattern with: samples, and files of events or captures."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from magento_eventbridge.aws.arns import account_of, service_of
from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.catalog import TranslationError
from magento_eventbridge.catalog.declared import DeclarationsUnknownError
from magento_eventbridge.delivery.envelope import (
    ConditionNotMetError,
    build_entry,
    full_metadata,
    metadata,
)
from magento_eventbridge.delivery.routing import Route
from magento_eventbridge.errors import cause

Json = dict[str, Any]

_ACCOUNT = "123456789012"  # when the bus does not name one; AWS's own for examples
_TIME = 1598438976.0
_ID = "01742a63-2a00-7d0e-9f3a-4b1c2d3e4f50"


class SampleError(ValueError):
    """The file contains no events."""


def sample_event(detail_type: str, route: Route) -> Json:
    """Return the sample of an event as EventBridge sends it to a target."""
    detail = {
        **route.catalog.by_name[detail_type].sample_at(route.detail),
        "metadata": metadata(_ID, _TIME, queued=False),
    }
    if route.detail == "full":
        detail["metadata"] |= full_metadata(None)
    sent = route.detail_types.get(detail_type, detail_type)
    return _envelope(route, sent, detail, _TIME, _ID)


def read_events(file: Path, route: Route) -> Iterator[tuple[str, Json]]:
    """Return the events in a file with a name for each.

    The file contains one event as a target receives it, or one event or capture on each line.

    Raises:
        SampleError: it cannot be read, or a line is neither event nor capture.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SampleError(f"{file}: {cause(error)}, and it is not a detail-type") from None
    whole = _json(text)
    if whole is not None:
        yield from _read(f"{file}", text, whole, route)
        return
    # Not by splitlines, which also divides at U+2028, which JSON has within texts.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            result = _json(line)
            if result is None:
                raise SampleError(f"{file}, line {number}: not a JSON object")
            yield from _read(f"{file}, line {number}", line, result, route)


def _json(text: str) -> Json | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read(where: str, text: str, event: Json, route: Route) -> Iterator[tuple[str, Json]]:
    if "detail-type" in event:
        yield f"{event['detail-type']} ({where})", event
        return
    try:
        capture = read_capture(text.encode())
        definition = route.catalog.event_of(capture)
        if definition is None:
            return
        entry = build_entry(capture, definition, route)
    except ConditionNotMetError:
        return
    except DeclarationsUnknownError as error:
        raise SampleError(
            f"{where}: the own event '{error}' is not known: name the store"
        ) from None
    except (InvalidCaptureError, TranslationError) as error:
        raise SampleError(f"{where}: neither an event nor a capture: {error}") from None
    yield (
        f"{entry.detail_type} ({where})",
        _envelope(route, entry.detail_type, json.loads(entry.detail), entry.time, capture.id),
    )


def _envelope(route: Route, detail_type: str, detail: Json, time: float, identifier: str) -> Json:
    bus = route.destination.event_bus or ""
    return {
        "version": "0",
        "id": identifier,
        "detail-type": detail_type,
        "source": route.source,
        "account": account_of(bus) if service_of(bus) else _ACCOUNT,
        "time": datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": route.destination.region,
        "resources": list(route.resources),
        "detail": detail,
    }
