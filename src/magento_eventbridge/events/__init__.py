"""Typed events for consumers: one class for each detail-type, and `parse`.

Needs pydantic and nothing else of what the bridge needs:

    from magento_eventbridge.events import OrderPlaced, parse

    def handler(event, context):
        match parse(event):
            case OrderPlaced(detail=order):
                print(order.id, order.total)
"""

from magento_eventbridge.events.batches import BatchItem, handle_all, parse_all
from magento_eventbridge.events.cache import (
    CacheFlushAll,
    CacheFlushCatalogImages,
    CacheFlushMedia,
    CacheFlushStaticFiles,
    CacheFlushSystem,
)
from magento_eventbridge.events.cart import CartProductAdded, CartProductRemoved, CartProductUpdated
from magento_eventbridge.events.creditmemo import (
    CreditmemoCreated,
    CreditmemoDeleted,
    CreditmemoRefunded,
    CreditmemoUpdated,
)
from magento_eventbridge.events.cron import CronFinishedError, CronFinishedSuccess, CronStarted
from magento_eventbridge.events.customer import (
    CustomerLoggedIn,
    CustomerLoggedOut,
    CustomerLoginFailed,
    CustomerSignedUp,
    CustomerSignedUpFailed,
)
from magento_eventbridge.events.detail import (
    Address,
    Detail,
    InvoiceAddress,
    LineItem,
    Metadata,
    Tracking,
)
from magento_eventbridge.events.event import EventBridgeEvent
from magento_eventbridge.events.indexer import StateSaved
from magento_eventbridge.events.invoice import (
    InvoiceCreated,
    InvoiceDeleted,
    InvoicePayed,
    InvoiceRegistered,
    InvoiceUpdated,
)
from magento_eventbridge.events.newsletter import NewsletterSubscriptionChanged
from magento_eventbridge.events.order import (
    OrderCanceled,
    OrderCreated,
    OrderDeleted,
    OrderPlaced,
    OrderUpdated,
)
from magento_eventbridge.events.parsing import (
    EventError,
    MalformedEventError,
    UnknownEventError,
    parse,
)
from magento_eventbridge.events.shipment import ShipmentDeleted, ShipmentSaved
from magento_eventbridge.events.union import CLASSES, AnyEvent
from magento_eventbridge.events.user import UserLoggedIn, UserLoggedOut, UserLoginFailed

__all__ = [
    "CLASSES",
    "Address",
    "AnyEvent",
    "BatchItem",
    "CacheFlushAll",
    "CacheFlushCatalogImages",
    "CacheFlushMedia",
    "CacheFlushStaticFiles",
    "CacheFlushSystem",
    "CartProductAdded",
    "CartProductRemoved",
    "CartProductUpdated",
    "CreditmemoCreated",
    "CreditmemoDeleted",
    "CreditmemoRefunded",
    "CreditmemoUpdated",
    "CronFinishedError",
    "CronFinishedSuccess",
    "CronStarted",
    "CustomerLoggedIn",
    "CustomerLoggedOut",
    "CustomerLoginFailed",
    "CustomerSignedUp",
    "CustomerSignedUpFailed",
    "Detail",
    "EventBridgeEvent",
    "EventError",
    "InvoiceAddress",
    "InvoiceCreated",
    "InvoiceDeleted",
    "InvoicePayed",
    "InvoiceRegistered",
    "InvoiceUpdated",
    "LineItem",
    "MalformedEventError",
    "Metadata",
    "NewsletterSubscriptionChanged",
    "OrderCanceled",
    "OrderCreated",
    "OrderDeleted",
    "OrderPlaced",
    "OrderUpdated",
    "ShipmentDeleted",
    "ShipmentSaved",
    "StateSaved",
    "Tracking",
    "UnknownEventError",
    "UserLoggedIn",
    "UserLoggedOut",
    "UserLoginFailed",
    "handle_all",
    "parse",
    "parse_all",
]
