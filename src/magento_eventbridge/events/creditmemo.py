"""Credit memo events: created, updated, refunded, deleted."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import (
    Buyer,
    Identifier,
    ItemDetail,
    Number,
    Part,
    ViewDetail,
    former,
    full_only,
)
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent

Status = Literal["OPEN", "REFUNDED", "CANCELED"]


class CreditmemoItem(ItemDetail):
    """One returned item; the field of its quantity is `quantity`."""

    sku: str
    name: str
    price: Number
    quantity: Number


class PreviousCreditmemo(Part):
    """The former values of the fields that changed; only these are present."""

    status: Status | None = former()
    shipping_amount: Number | None = former()
    tax_amount: Number | None = former()
    total: Number | None = former()
    subtotal: Number | None = former()
    discount_amount: Number | None = former()


class Creditmemo(ViewDetail):
    """A credit memo; amounts in the order's currency."""

    order_id: str
    shipping_amount: Number
    tax_amount: Number
    total: Number
    status: Status
    items: list[CreditmemoItem]
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
    previous: PreviousCreditmemo | None = full_only()


class CreditmemoCreated(EventBridgeEvent[Creditmemo]):
    """A credit memo was saved for the first time."""

    detail_type: Annotated[Literal["CreditmemoCreated"], DETAIL_TYPE]


class CreditmemoUpdated(EventBridgeEvent[Creditmemo]):
    """A saved credit memo changed."""

    detail_type: Annotated[Literal["CreditmemoUpdated"], DETAIL_TYPE]


class CreditmemoRefunded(EventBridgeEvent[Creditmemo]):
    """A credit memo was refunded."""

    detail_type: Annotated[Literal["CreditmemoRefunded"], DETAIL_TYPE]


class CreditmemoDeleted(EventBridgeEvent[Creditmemo]):
    """A credit memo was deleted; the detail is what it was."""

    detail_type: Annotated[Literal["CreditmemoDeleted"], DETAIL_TYPE]
