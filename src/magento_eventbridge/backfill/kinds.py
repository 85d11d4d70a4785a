"""The kinds of entities that can be backfilled: their tables and events. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

KindName = Literal["orders", "invoices", "creditmemos", "shipments", "customers", "newsletter"]


@dataclass(frozen=True)
class Kind:
    """One kind of entities.

    Attributes:
        name: the word on the command line.
        scope: the name in the catalog and in ids, as `order`.
        table, key: its table, and the table's primary key.
        happened: the column that says when the event happened.
        changed: the column that every update sets; empty: there is none.
        status: the column that `--status` selects by; empty: there is none.
        statuses: the status names by the column's values; empty: the store's own names.
        number: the column with the number that people know.
        magento_event: the Magento event of the captures.
        created, updated: detail-types of a new and of a changed entity; `updated` may be empty.
        has_time_index: whether the database has an index on `happened`.
    """

    name: KindName
    scope: str
    table: str
    magento_event: str
    created: str
    updated: str = ""
    key: str = "entity_id"
    happened: str = "created_at"
    changed: str = "updated_at"
    status: str = ""
    statuses: Mapping[str, str] = field(default_factory=dict)
    number: str = "increment_id"
    has_time_index: bool = True

    @property
    def detail_types(self) -> tuple[str, ...]:
        """The detail-types that its entities can be sent as."""
        return (self.created, self.updated) if self.updated else (self.created,)


_DOCUMENT = {"1": "OPEN", "2": "PAID", "3": "CANCELED"}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "orders",
            "order",
            "sales_order",
            "sales_order_save_after",
            "OrderCreated",
            "OrderUpdated",
            status="status",
        ),
        Kind(
            "invoices",
            "invoice",
            "sales_invoice",
            "sales_order_invoice_save_after",
            "InvoiceCreated",
            "InvoiceUpdated",
            status="state",
            statuses=_DOCUMENT,
        ),
        Kind(
            "creditmemos",
            "creditmemo",
            "sales_creditmemo",
            "sales_order_creditmemo_save_after",
            "CreditmemoCreated",
            "CreditmemoUpdated",
            status="state",
            statuses={**_DOCUMENT, "2": "REFUNDED"},
        ),
        Kind(
            "shipments",
            "shipment",
            "sales_shipment",
            "sales_order_shipment_save_after",
            "ShipmentSaved",
        ),
        Kind(
            "customers",
            "customer",
            "customer_entity",
            "customer_save_after_data_object",
            "CustomerSignedUp",
            number="email",
            has_time_index=False,
        ),
        Kind(
            "newsletter",
            "newsletter",
            "newsletter_subscriber",
            "newsletter_subscriber_save_after",
            "NewsletterSubscriptionChanged",
            key="subscriber_id",
            happened="change_status_at",
            changed="",
            status="subscriber_status",
            statuses={
                "1": "SUBSCRIBED",
                "2": "NOT_ACTIVE",
                "3": "UNSUBSCRIBED",
                "4": "UNCONFIRMED",
            },
            number="subscriber_email",
            has_time_index=False,
        ),
    )
}
"""All kinds, by their names on the command line."""
