"""Cache events: which cache was flushed."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import Detail
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent


class Flush(Detail):
    """Nothing but that it happened."""


class CacheFlushAll(EventBridgeEvent[Flush]):
    """The cache storage was flushed, by an admin user or by `bin/magento cache:flush`."""

    detail_type: Annotated[Literal["CacheFlushAll"], DETAIL_TYPE]


class CacheFlushSystem(EventBridgeEvent[Flush]):
    """The Magento cache was flushed, by an admin user or by `bin/magento cache:clean`."""

    detail_type: Annotated[Literal["CacheFlushSystem"], DETAIL_TYPE]


class CacheFlushCatalogImages(EventBridgeEvent[Flush]):
    """An admin user flushed the catalog images cache."""

    detail_type: Annotated[Literal["CacheFlushCatalogImages"], DETAIL_TYPE]


class CacheFlushMedia(EventBridgeEvent[Flush]):
    """An admin user flushed the JavaScript/CSS cache."""

    detail_type: Annotated[Literal["CacheFlushMedia"], DETAIL_TYPE]


class CacheFlushStaticFiles(EventBridgeEvent[Flush]):
    """An admin user flushed the static files cache."""

    detail_type: Annotated[Literal["CacheFlushStaticFiles"], DETAIL_TYPE]
