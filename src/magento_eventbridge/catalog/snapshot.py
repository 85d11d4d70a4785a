"""Read snapshots: whatever form Magento gives a value, each field of a detail has one type.

It runs for every event, so it is plain functions over plain values. The models in `events/` state
the same for consumers and schemas; tests compare the two.
"""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from magento_eventbridge.captures import Context

Json = dict[str, Any]
Name = TypeVar("Name")

# Magento stores amounts and quantities with four decimals (its db_schema.xml: scale="4"). A new
# order holds PHP floats, the same order loaded again decimal strings: both must read alike.
_DECIMALS = 4
# Beyond this a float cannot distinguish neighbouring whole numbers.
_EXACT_FLOAT = 2**53
_LARGEST_ID = 2**63 - 1
_REQUIRED: Any = object()


def text(source: Mapping[str, Any], key: str, absent: object = _REQUIRED) -> str:
    """Read a text; null becomes the empty text, a number becomes its digits.

    Raises:
        KeyError: the field is absent, and `absent` gives no value for that.
        ValueError: it is neither text nor number.
    """
    value = source[key] if absent is _REQUIRED else source.get(key, absent)
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{key}: should be a text")


def text_or_null(source: Mapping[str, Any], key: str) -> str | None:
    """Read a text that may be absent; Magento's null and its empty text are null."""
    return text(source, key, None) or None


def number(source: Mapping[str, Any], key: str, absent: object = _REQUIRED) -> int | float:
    """Read an amount or a quantity with `as_number`; null is 0.

    Raises:
        KeyError: the field is absent, and `absent` gives no value for that.
        ValueError: it is not a number.
    """
    try:
        return as_number(source[key] if absent is _REQUIRED else source.get(key, absent))
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def number_or_null(source: Mapping[str, Any], key: str) -> int | float | None:
    """Read a number that Magento may not know, as a weight."""
    return None if source.get(key) is None else number(source, key)


def as_number(value: object) -> int | float:
    """Convert a decimal string, an int or a float to the JSON number that equals it.

    A whole number is an int, so that `"10.0000"`, `10.0` and `10` are all written `10`: an
    EventBridge pattern compares how a number is written, not what it is worth.

    Raises:
        ValueError: it is not a number.
    """
    if value is None or value == "":
        return 0
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("should be a number")  # noqa: TRY004  like every other wrong value
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


def identifier(source: Mapping[str, Any], key: str) -> int:
    """Read a row's id, a string or an int in Magento.

    Raises:
        KeyError: the field is absent.
        ValueError: it is not an id.
    """
    value = source[key]
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 19:
        value = int(value)
    if type(value) is not int or not 0 <= value <= _LARGEST_ID:
        raise ValueError(f"{key}: should be an id")
    return value


def named(
    names: Mapping[str, Name], source: Mapping[str, Any], key: str, unset: Name | None = None
) -> Name:
    """Read the name of one of Magento's numbered statuses.

    Args:
        names: of the statuses, by their numbers.
        source: what has the status.
        key: of the field.
        unset: the name when the field is null, 0 or empty; None: it must be set.

    Raises:
        KeyError: the field is missing.
        ValueError: Magento has no such status.
    """
    if unset is not None and str(source[key] or "0") == "0":
        return unset
    name = names.get(str(source[key]))
    if name is None:
        raise ValueError(f"{key}: its status is none of {', '.join(names)}")
    return name


def members(source: Mapping[str, Any], key: str, absent: object = _REQUIRED) -> list[Any]:
    """Read the members of a PHP array, which is a list or, keyed by id, an object.

    Raises:
        KeyError: the field is absent, and `absent` gives no value for that.
        ValueError: it is not an array.
    """
    value = source[key] if absent is _REQUIRED else source.get(key, absent)
    if type(value) is list:
        return value
    if value is None:
        return []
    if isinstance(value, Mapping):
        return list(value.values())
    raise ValueError(f"{key}: should be an array")


def texts(source: Mapping[str, Any], key: str) -> list[str]:
    """Read an array of texts."""
    return [text({key: member}, key) for member in members(source, key)]


def bought(source: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Read the items that were bought, without the parts of configurables and bundles."""
    return (item for item in members(source, "items") if not item.get("has_parent"))


def line_items(source: Mapping[str, Any], qty: str) -> list[Json]:
    """Read items, whose quantity is in the field `qty`, as line items."""
    return [
        {
            "sku": text(item, "sku"),
            "name": text(item, "name"),
            "price": number(item, "price"),
            "qty": number(item, qty),
        }
        for item in bought(source)
    ]


def address(source: Mapping[str, Any], key: str, country: str) -> Json | None:
    """Read an address, or null; `country` is the name of its country field."""
    value = source.get(key)
    if value is None:
        return None
    street = value["street"]
    return {
        country: text(value, "country_id"),
        "region": text_or_null(value, "region"),
        "street": street.split("\n") if isinstance(street, str) else texts(value, "street"),
        "city": text(value, "city", None),
        "postCode": text(value, "postcode", None),
    }


# The fields of a user that may be sent; others (a password hash, a token) may not.
_USER_FIELDS = frozenset(
    {"id", "username", "email", "name", "passwd", "uid", "gid", "gecos", "dir", "shell"}
)


def tracking(context: Context, level: str = "documented") -> Json:
    """Return a capture's context as the value of a detail's `tracking`."""
    version = context.version
    shown: Json = {
        "transport": context.transport,
        "hostname": context.hostname,
        "time": context.time,
        "storeId": context.view_id,
        "version": {"module": version.module, "php": version.php, "magento": version.magento},
        "user": context.user and _user(context.user),
    }
    if context.transport == "HTTP":
        shown["ip"] = context.ip
        shown["userAgent"] = context.user_agent
    if level == "full":
        shown["impersonatedBy"] = context.impersonated_by
    return shown


def _user(user: Mapping[str, Any]) -> Json:
    shown = {
        key: value
        for key, value in user.items()
        if key in _USER_FIELDS and not isinstance(value, (dict, list))
    }
    if "passwd" in shown:
        shown["passwd"] = "x"  # noqa: S105  what /etc/passwd holds; never a hash
    number = shown.get("id")
    if isinstance(number, str) and number.isascii() and number.isdecimal():
        shown["id"] = int(number)
    return shown
