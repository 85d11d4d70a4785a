"""What every event's detail is made of: its base model, the types of its fields, tracking."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema
from pydantic.alias_generators import to_camel


class Part(BaseModel):
    """An object within a detail; fields are in camel case in JSON.

    Fields that a newer version adds are passed over.
    """

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


Number = Annotated[int | float, WithJsonSchema({"type": "number"})]
"""An amount or a quantity; a whole number is written without a point."""

Identifier = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A row's id."""


FULL_ONLY = "x-full-only"
"""Marks, in a model's schema, a field that only full details have."""


def full_only() -> Any:
    """Declare a field that a detail has only where the shop's `options.detail` is `full`."""
    return Field(None, exclude_if=lambda value: value is None, json_schema_extra={FULL_ONLY: True})


def former() -> Any:
    """Declare the former value of a field; absent where the field did not change."""
    return Field(None, exclude_if=lambda value: value is None)


class Address(Part):
    """A postal address in order events."""

    country: str
    region: str | None
    street: list[str]
    city: str
    post_code: str


class InvoiceAddress(Part):
    """A postal address in invoice events: the country's field is `countryId`."""

    country_id: str
    region: str | None
    street: list[str]
    city: str
    post_code: str


class ItemOption(Part):
    """What the shopper chose of a product: `Color` is `Blue`."""

    label: str
    value: str


class ItemDetail(Part):
    """What full details add to an item of an order, an invoice, a credit memo or a shipment.

    Attributes:
        id: the item's own ID.
        order_item_id: the ID of the order's item; for an order the same as `id`.
    """

    id: Identifier | None = full_only()
    order_item_id: Identifier | None = full_only()
    product_id: Identifier | None = full_only()
    product_type: str | None = full_only()
    options: list[ItemOption] | None = full_only()
    row_total: Number | None = full_only()
    discount_amount: Number | None = full_only()
    tax_amount: Number | None = full_only()


class LineItem(ItemDetail):
    """One bought item; of a configurable or bundle product only the parent."""

    sku: str
    name: str
    price: Number
    qty: Number


class Buyer(Part):
    """Who an order or a cart belongs to; a guest has no ID."""

    id: Identifier | None
    email: str | None
    group_id: Identifier | None
    is_guest: bool | None


class Dataref(Part):
    """Where the arrays of an event are that was too large for the bus: an object in S3.

    Attributes:
        bytes, sha256: of the object, to check it by.
        fields: the paths of the arrays in the detail, as `items`; they are empty there.
    """

    bucket: str
    key: str
    region: str
    bytes: int
    sha256: str
    fields: list[str]

    @property
    def uri(self) -> str:
        """The object as `s3://bucket/key`."""
        return f"s3://{self.bucket}/{self.key}"


class Metadata(Part):
    """When the event happened, under which id it is known for ever, and how it came here."""

    id: str
    date: str  # UTC, YYYY-MM-DD HH:MM:SS
    timestamp: int  # seconds since the epoch
    async_: Annotated[bool, Field(alias="async")]  # it came through Magento's queue
    # By `magento-eventbridge send-test`: nothing of the kind happened.
    test: bool = Field(False, exclude_if=lambda test: not test)
    # Only in an event that was too large for the bus: `fetch` puts its arrays back.
    dataref: Dataref | None = Field(None, exclude_if=lambda dataref: dataref is None)
    # By `magento-eventbridge backfill`: sent later, from the rows of the store's tables.
    backfill: bool = Field(False, exclude_if=lambda backfill: not backfill)
    # By `magento-eventbridge audit --repair`: the event was missing, and is sent from the rows.
    repaired: bool = Field(False, exclude_if=lambda repaired: not repaired)
    # Of the full detail's schema; it grows when a field changes its meaning.
    version: int | None = full_only()
    # What the event is about, as `order/000000123`; null for an event about nothing in particular.
    subject: str | None = full_only()


class TrackingVersion(Part):
    """Versions of the agent, of PHP and of Magento."""

    module: str | None
    php: str | None
    magento: str | None


class Tracking(Part):
    """Client, session and framework; `ip` and `userAgent` only over HTTP.

    `user` is the admin user (`id`, `username`, `email`), the customer (`id`, `email`), on the
    command line the system's user (`name`, `uid`, …), or null for a guest.
    """

    transport: str
    hostname: str | None
    time: int | None  # milliseconds since the epoch
    store_id: int | None
    version: TrackingVersion
    user: dict[str, JsonValue] | None
    ip: str | None = None
    user_agent: str | None = None
    # The ID of the admin user who is logged in as this customer.
    impersonated_by: Identifier | None = full_only()


class Detail(Part):
    """A detail: the fields of its event, and those of every detail."""

    metadata: Metadata
    tracking: Tracking | None = Field(None, exclude_if=lambda tracking: tracking is None)


class ViewDetail(Detail):
    """A detail about something that belongs to a store view."""

    store_view_code: str | None = full_only()
    website_code: str | None = full_only()
