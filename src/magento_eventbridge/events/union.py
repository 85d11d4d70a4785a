"""All classes of events as one type, distinguished by their detail-type."""

from typing import Annotated, Any, get_args

from pydantic import Field

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
from magento_eventbridge.events.shipment import ShipmentDeleted, ShipmentSaved
from magento_eventbridge.events.user import UserLoggedIn, UserLoggedOut, UserLoginFailed

AnyEvent = Annotated[
    CartProductAdded
    | CartProductUpdated
    | CartProductRemoved
    | UserLoggedIn
    | UserLoggedOut
    | UserLoginFailed
    | CustomerLoggedIn
    | CustomerLoggedOut
    | CustomerLoginFailed
    | CustomerSignedUp
    | CustomerSignedUpFailed
    | NewsletterSubscriptionChanged
    | OrderPlaced
    | OrderCreated
    | OrderUpdated
    | OrderCanceled
    | OrderDeleted
    | InvoiceCreated
    | InvoiceUpdated
    | InvoicePayed
    | InvoiceRegistered
    | InvoiceDeleted
    | CreditmemoCreated
    | CreditmemoUpdated
    | CreditmemoRefunded
    | CreditmemoDeleted
    | ShipmentSaved
    | ShipmentDeleted
    | CacheFlushAll
    | CacheFlushSystem
    | CacheFlushCatalogImages
    | CacheFlushMedia
    | CacheFlushStaticFiles
    | StateSaved
    | CronStarted
    | CronFinishedSuccess
    | CronFinishedError,
    Field(discriminator="detail_type"),
]
"""Any documented event: what `parse` gives, and what a type checker can narrow by `match`."""

CLASSES: dict[str, type[EventBridgeEvent[Any]]] = {
    event.__name__: event for event in get_args(get_args(AnyEvent)[0])
}
"""The class of each documented detail-type."""
