"""Invoice events: created, updated, payed, registered, deleted."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import Detail, InvoiceAddress, LineItem, Number
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent

Status = Literal["OPEN", "PAID", "CANCELED"]


class Invoice(Detail):
    """An invoice; amounts in the order's currency."""

    order_id: str
    status: Status
    billing_address: InvoiceAddress | None
    shipping_amount: Number
    tax_amount: Number
    total: Number
    items: list[LineItem]


class InvoiceCreated(EventBridgeEvent[Invoice]):
    """An invoice was saved for the first time."""

    detail_type: Annotated[Literal["InvoiceCreated"], DETAIL_TYPE]


class InvoiceUpdated(EventBridgeEvent[Invoice]):
    """A saved invoice changed."""

    detail_type: Annotated[Literal["InvoiceUpdated"], DETAIL_TYPE]


class InvoicePayed(EventBridgeEvent[Invoice]):
    """An invoice was payed."""

    detail_type: Annotated[Literal["InvoicePayed"], DETAIL_TYPE]


class InvoiceRegistered(EventBridgeEvent[Invoice]):
    """An invoice was registered with its order."""

    detail_type: Annotated[Literal["InvoiceRegistered"], DETAIL_TYPE]


class InvoiceDeleted(EventBridgeEvent[Invoice]):
    """An invoice was deleted; the detail is what it was."""

    detail_type: Annotated[Literal["InvoiceDeleted"], DETAIL_TYPE]
