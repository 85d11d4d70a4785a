"""Invoice events: created, updated, payed, registered, deleted."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import (
    Buyer,
    Identifier,
    InvoiceAddress,
    LineItem,
    Number,
    Part,
    ViewDetail,
    former,
    full_only,
)
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent

Status = Literal["OPEN", "PAID", "CANCELED"]


class PreviousInvoice(Part):
    """The former values of the fields that changed; only these are present."""

    status: Status | None = former()
    shipping_amount: Number | None = former()
    tax_amount: Number | None = former()
    total: Number | None = former()
    subtotal: Number | None = former()
    discount_amount: Number | None = former()


class Invoice(ViewDetail):
    """An invoice; amounts in the order's currency."""

    order_id: str
    status: Status
    billing_address: InvoiceAddress | None
    shipping_amount: Number
    tax_amount: Number
    total: Number
    items: list[LineItem]
    id: str | None = full_only()
    entity_id: Identifier | None = full_only()
    order_entity_id: Identifier | None = full_only()
    currency: str | None = full_only()
    base_currency: str | None = full_only()
    customer: Buyer | None = full_only()
    subtotal: Number | None = full_only()
    discount_amount: Number | None = full_only()
    payment_method: str | None = full_only()
    shipping_method: str | None = full_only()
    created_at: str | None = full_only()
    updated_at: str | None = full_only()
    previous: PreviousInvoice | None = full_only()


class InvoiceCreated(EventBridgeEvent[Invoice]):
    """An invoice was saved for the first time."""

    detail_type: Annotated[Literal["InvoiceCreated"], DETAIL_TYPE]


class InvoiceUpdated(EventBridgeEvent[Invoice]):
    """A saved invoice changed."""

    detail_type: Annotated[Literal["InvoiceUpdated"], DETAIL_TYPE]


class InvoicePayed(EventBridgeEvent[Invoice]):
    """An invoice was paid."""

    detail_type: Annotated[Literal["InvoicePayed"], DETAIL_TYPE]


class InvoiceRegistered(EventBridgeEvent[Invoice]):
    """An invoice was registered with its order."""

    detail_type: Annotated[Literal["InvoiceRegistered"], DETAIL_TYPE]


class InvoiceDeleted(EventBridgeEvent[Invoice]):
    """An invoice was deleted; the detail is what it was."""

    detail_type: Annotated[Literal["InvoiceDeleted"], DETAIL_TYPE]
