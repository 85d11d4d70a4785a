"""Credit memo events: created, updated, refunded, deleted."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import Detail, Number, Part
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent

Status = Literal["OPEN", "REFUNDED", "CANCELED"]


class CreditmemoItem(Part):
    """One thing that was given back; its quantity's field is `quantity`."""

    sku: str
    name: str
    price: Number
    quantity: Number


class Creditmemo(Detail):
    """A credit memo; amounts in the order's currency."""

    order_id: str
    shipping_amount: Number
    tax_amount: Number
    total: Number
    status: Status
    items: list[CreditmemoItem]


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
