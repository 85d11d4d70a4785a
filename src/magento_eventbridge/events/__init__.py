"""Typed events for consumers: a class for each detail-type and each detail, `parse`, `fetch`.

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
    Flush,
)
from magento_eventbridge.events.cart import (
    CartDetail,
    CartProduct,
    CartProductAdded,
    CartProductRemoved,
    CartProductUpdate,
    CartProductUpdated,
    QuantityChange,
)
from magento_eventbridge.events.creditmemo import (
    Creditmemo,
    CreditmemoCreated,
    CreditmemoDeleted,
    CreditmemoItem,
    CreditmemoRefunded,
    CreditmemoUpdated,
    PreviousCreditmemo,
)
from magento_eventbridge.events.cron import (
    CronFinishedError,
    CronFinishedSuccess,
    CronJob,
    CronStarted,
)
from magento_eventbridge.events.customer import (
    Customer,
    CustomerLoggedIn,
    CustomerLoggedOut,
    CustomerLoginFailed,
    CustomerSignedUp,
    CustomerSignedUpFailed,
    FailedCustomerLogin,
    FailedSignUp,
)
from magento_eventbridge.events.detail import (
    Address,
    Buyer,
    Dataref,
    Detail,
    InvoiceAddress,
    ItemDetail,
    ItemOption,
    LineItem,
    Metadata,
    Part,
    Tracking,
    TrackingVersion,
    ViewDetail,
)
from magento_eventbridge.events.event import EventBridgeEvent
from magento_eventbridge.events.fetching import FetchError, fetch
from magento_eventbridge.events.indexer import IndexerState, PreviousState, StateSaved
from magento_eventbridge.events.invoice import (
    Invoice,
    InvoiceCreated,
    InvoiceDeleted,
    InvoicePayed,
    InvoiceRegistered,
    InvoiceUpdated,
    PreviousInvoice,
)
from magento_eventbridge.events.newsletter import (
    NewsletterSubscriptionChanged,
    PreviousSubscription,
    Subscription,
)
from magento_eventbridge.events.order import (
    Order,
    OrderCanceled,
    OrderCreated,
    OrderDeleted,
    OrderPlaced,
    OrderUpdated,
    PreviousOrder,
)
from magento_eventbridge.events.parsing import (
    EventError,
    MalformedEventError,
    UnknownEventError,
    parse,
)
from magento_eventbridge.events.shipment import (
    PreviousShipment,
    Shipment,
    ShipmentDeleted,
    ShipmentSaved,
    Track,
)
from magento_eventbridge.events.union import CLASSES, AnyEvent
from magento_eventbridge.events.user import (
    FailedAdminLogin,
    User,
    UserLoggedIn,
    UserLoggedOut,
    UserLoginFailed,
)

__all__ = [
    "CLASSES",
    "Address",
    "AnyEvent",
    "BatchItem",
    "Buyer",
    "CacheFlushAll",
    "CacheFlushCatalogImages",
    "CacheFlushMedia",
    "CacheFlushStaticFiles",
    "CacheFlushSystem",
    "CartDetail",
    "CartProduct",
    "CartProductAdded",
    "CartProductRemoved",
    "CartProductUpdate",
    "CartProductUpdated",
    "Creditmemo",
    "CreditmemoCreated",
    "CreditmemoDeleted",
    "CreditmemoItem",
    "CreditmemoRefunded",
    "CreditmemoUpdated",
    "CronFinishedError",
    "CronFinishedSuccess",
    "CronJob",
    "CronStarted",
    "Customer",
    "CustomerLoggedIn",
    "CustomerLoggedOut",
    "CustomerLoginFailed",
    "CustomerSignedUp",
    "CustomerSignedUpFailed",
    "Dataref",
    "Detail",
    "EventBridgeEvent",
    "EventError",
    "FailedAdminLogin",
    "FailedCustomerLogin",
    "FailedSignUp",
    "FetchError",
    "Flush",
    "IndexerState",
    "Invoice",
    "InvoiceAddress",
    "InvoiceCreated",
    "InvoiceDeleted",
    "InvoicePayed",
    "InvoiceRegistered",
    "InvoiceUpdated",
    "ItemDetail",
    "ItemOption",
    "LineItem",
    "MalformedEventError",
    "Metadata",
    "NewsletterSubscriptionChanged",
    "Order",
    "OrderCanceled",
    "OrderCreated",
    "OrderDeleted",
    "OrderPlaced",
    "OrderUpdated",
    "Part",
    "PreviousCreditmemo",
    "PreviousInvoice",
    "PreviousOrder",
    "PreviousShipment",
    "PreviousState",
    "PreviousSubscription",
    "QuantityChange",
    "Shipment",
    "ShipmentDeleted",
    "ShipmentSaved",
    "StateSaved",
    "Subscription",
    "Track",
    "Tracking",
    "TrackingVersion",
    "UnknownEventError",
    "User",
    "UserLoggedIn",
    "UserLoggedOut",
    "UserLoginFailed",
    "ViewDetail",
    "fetch",
    "handle_all",
    "parse",
    "parse_all",
]
