"""Indexer events: an index changed its state."""

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import full
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.catalog.snapshot import Json, text
from magento_eventbridge.events.indexer import IndexerState


def _state(capture: Capture) -> Json:
    return {
        "index": text(capture.snapshot, "indexer_id"),
        "status": text(capture.snapshot, "status"),
    }


def _full(capture: Capture) -> Json:
    return {"previous": full.previous(capture, {"status": ("status", full.text)})}


def _status_changed(capture: Capture) -> bool:
    return capture.is_new or "status" in capture.original


EVENTS = (
    EventDefinition(
        detail_type="StateSaved",
        config_path="aws_eventbridge/events_indexer/state_saved",
        magento_events=("indexer_state_save_after",),
        detail=IndexerState,
        translate=_state,
        add_full=_full,
        full_sample={"previous": {"status": "invalid"}},
        applies=_status_changed,
        sample={"index": "catalog_product_price", "status": "working"},
    ),
)
