"""What every event's detail is made of: its base model, the types of its fields, tracking."""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema
from pydantic.alias_generators import to_camel

from magento_eventbridge.captures import Context

Name = TypeVar("Name")

# Magento stores amounts and quantities with four decimals (its db_schema.xml: scale="4"). A new
# order holds PHP floats, the same order loaded again decimal strings: both must read alike.
_DECIMALS = 4
# Beyond this a float no longer tells neighbouring whole numbers apart.
_EXACT_FLOAT = 2**53


class Detail(BaseModel):
    """The model of one detail; its fields are written in camel case."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


def number(value: object) -> int | float:
    """Give a decimal string, an int or a float as the one JSON number that equals it.

    A whole number is an int, so that `"10.0000"`, `10.0` and `10` are all written `10`: an
    EventBridge pattern compares how a number is written, not what it is worth.
    """
    if value is None or value == "":
        return 0
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("should be a number")  # noqa: TRY004  pydantic reports ValueError
    return _decimal(value)


@lru_cache(maxsize=4096, typed=True)  # prices and quantities repeat
def _decimal(value: float | str) -> int | float:
    try:
        figure = float(value)
    except (ValueError, OverflowError):
        raise ValueError("should be a number") from None
    if not math.isfinite(figure):
        raise ValueError("should be a finite number")
    if abs(figure) < _EXACT_FLOAT:
        figure = round(figure, _DECIMALS)
        if figure.is_integer():
            return int(figure)
    return figure


def _number_or_null(value: object) -> int | float | None:
    return None if value is None else number(value)


def _null_if_empty(value: object) -> object:
    return None if value == "" else value


Number = Annotated[int | float, BeforeValidator(number), WithJsonSchema({"type": "number"})]
"""An amount or a quantity; Magento's null is 0."""

NullableNumber = Annotated[
    int | float | None,
    BeforeValidator(_number_or_null),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}]}),
]
"""A figure that Magento may not know, as a weight."""

Text = Annotated[str, Field(coerce_numbers_to_str=True)]
"""A text; a number that Magento gives in its place is written out."""

NullableText = Annotated[Text | None, BeforeValidator(_null_if_empty)]
"""A text that may be absent; Magento's null and its empty text are null."""

Identifier = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""A row's id, which Magento gives as a string or an int."""


class Address(Detail):
    """A postal address as order events give it."""

    country: Text
    region: NullableText
    street: list[str]
    city: Text
    post_code: Text


class InvoiceAddress(Detail):
    """A postal address as invoice events give it: the country's field is `countryId`."""

    country_id: Text
    region: NullableText
    street: list[str]
    city: Text
    post_code: Text


class LineItem(Detail):
    """One thing that was bought: of a configurable or bundle product only the whole."""

    sku: Text
    name: Text
    price: Number
    qty: Number


def text(value: object) -> Any:
    """Give a value of a snapshot for a text that is never null: Magento's null is empty."""
    return "" if value is None else value


def named(names: Mapping[str, Name], value: object) -> Name:
    """Give the name of one of Magento's numbered states."""
    name = names.get(str(value))
    if name is None:
        raise ValueError(f"its status is none of {', '.join(names)}")
    return name


def address(value: Mapping[str, Any] | None) -> Address | None:
    """Give an address of a snapshot as order events show it; null where there is none."""
    if value is None:
        return None
    return Address(country=text(value["country_id"]), **_place(value))


def invoice_address(value: Mapping[str, Any] | None) -> InvoiceAddress | None:
    """Give an address of a snapshot as invoice events show it; null where there is none."""
    if value is None:
        return None
    return InvoiceAddress(country_id=text(value["country_id"]), **_place(value))


def _place(value: Mapping[str, Any]) -> dict[str, Any]:
    street = value["street"]
    return {
        "region": value.get("region"),
        "street": street.split("\n") if isinstance(street, str) else street,
        "city": text(value.get("city")),
        "post_code": text(value.get("postcode")),
    }


def members(value: Iterable[Any] | Mapping[Any, Any] | None) -> list[Any]:
    """Give the members of a PHP array, which is a list or, keyed by id, an object."""
    if value is None:
        return []
    if isinstance(value, str):
        raise TypeError("a text stands where an array should be")
    return list(value.values()) if isinstance(value, Mapping) else list(value)


def bought(items: Iterable[Any] | Mapping[Any, Any] | None) -> list[Mapping[str, Any]]:
    """Give the items that were bought as such, without the parts of configurables and bundles."""
    return [item for item in members(items) if not item.get("has_parent")]


def line_items(items: Iterable[Any] | Mapping[Any, Any] | None, qty: str) -> list[LineItem]:
    """Give a snapshot's items, whose quantity stands in the field `qty`, as line items."""
    return [
        LineItem(sku=text(item["sku"]), name=text(item["name"]), price=item["price"], qty=item[qty])
        for item in bought(items)
    ]


class Metadata(Detail):
    """When the event happened, under which id it is known for ever, and how it came here."""

    id: str
    date: str  # UTC, YYYY-MM-DD HH:MM:SS
    timestamp: int  # seconds since the epoch
    async_: Annotated[bool, Field(alias="async")]


class TrackingVersion(Detail):
    """Versions of the agent, of PHP and of Magento."""

    module: str | None
    php: str | None
    magento: str | None


class Tracking(Detail):
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


def tracking(context: Context) -> dict[str, Any]:
    """Give a capture's context as the value of a detail's `tracking`, a `Tracking` in JSON."""
    shown: dict[str, Any] = {
        "transport": context.transport,
        "hostname": context.hostname,
        "time": context.time,
        "storeId": context.store_id,
        "version": {
            "module": context.version.module,
            "php": context.version.php,
            "magento": context.version.magento,
        },
        "user": _user(context.user),
    }
    if context.transport == "HTTP":
        shown["ip"] = context.ip
        shown["userAgent"] = context.user_agent
    return shown


# What a user may be told by; anything else (a password hash, a token) stays here.
_USER_FIELDS = frozenset(
    {"id", "username", "email", "name", "passwd", "uid", "gid", "gecos", "dir", "shell"}
)


def _user(user: Mapping[str, JsonValue] | None) -> dict[str, JsonValue] | None:
    if user is None:
        return None
    shown: dict[str, JsonValue] = {
        key: value
        for key, value in user.items()
        if key in _USER_FIELDS and not isinstance(value, (dict, list))
    }
    if "passwd" in shown:
        shown["passwd"] = "x"  # noqa: S105  what /etc/passwd holds; never a hash
    identifier = shown.get("id")
    if isinstance(identifier, str) and identifier.isdecimal():
        shown["id"] = int(identifier)
    return shown
