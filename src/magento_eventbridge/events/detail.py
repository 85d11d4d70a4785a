"""What every event's detail is made of: its base model, the types of its fields, tracking."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema
from pydantic.alias_generators import to_camel


class Part(BaseModel):
    """An object within a detail; fields are in camel case in JSON.

    Fields that a newer version adds are passed over.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


Number = Annotated[int | float, WithJsonSchema({"type": "number"})]
"""An amount or a quantity; a whole number is written without a point."""

Identifier = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A row's id."""


class Address(Part):
    """A postal address as order events give it."""

    country: str
    region: str | None
    street: list[str]
    city: str
    post_code: str


class InvoiceAddress(Part):
    """A postal address as invoice events give it: the country's field is `countryId`."""

    country_id: str
    region: str | None
    street: list[str]
    city: str
    post_code: str


class LineItem(Part):
    """One thing that was bought: of a configurable or bundle product only the whole."""

    sku: str
    name: str
    price: Number
    qty: Number


class Metadata(Part):
    """When the event happened, under which id it is known for ever, and how it came here."""

    id: str
    date: str  # UTC, YYYY-MM-DD HH:MM:SS
    timestamp: int  # seconds since the epoch
    async_: Annotated[bool, Field(alias="async")]  # it came through Magento's queue
    # By `magento-eventbridge send-test`: nothing of the kind happened.
    test: bool = Field(False, exclude_if=lambda test: not test)


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


class Detail(Part):
    """A detail: what the fields of its own event say, and what every detail has."""

    metadata: Metadata
    tracking: Tracking | None = Field(None, exclude_if=lambda tracking: tracking is None)
