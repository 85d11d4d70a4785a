"""Cache events: which cache was flushed, from the admin or the command line."""

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.catalog.snapshot import Json
from magento_eventbridge.events.cache import Flush


def _flush(_: Capture) -> Json:
    return {}


def _event(detail_type: str, setting: str, magento_event: str) -> EventDefinition:
    return EventDefinition(
        detail_type=detail_type,
        config_path=f"aws_eventbridge/events_cache/{setting}",
        magento_events=(magento_event,),
        detail=Flush,
        translate=_flush,
        sample={},
        unordered="each flush stands for itself",
    )


EVENTS = (
    _event("CacheFlushAll", "flush_all", "adminhtml_cache_flush_all"),
    _event("CacheFlushSystem", "flush_system", "adminhtml_cache_flush_system"),
    _event("CacheFlushCatalogImages", "flush_catalog_images", "clean_catalog_images_cache_after"),
    _event("CacheFlushMedia", "flush_media", "clean_media_cache_after"),
    _event("CacheFlushStaticFiles", "flush_static_files", "clean_static_files_cache_after"),
)
