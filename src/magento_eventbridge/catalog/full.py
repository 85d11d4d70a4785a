"""Reading what full details add: a value that the snapshot lacks, or has in another shape, is null.

A documented field that is missing makes a capture a dead letter; an additional one never does, so
that captures from before `options.detail` was `full` are delivered too.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from magento_eventbridge.captures import Capture, ViewCodes
from magento_eventbridge.catalog import snapshot
from magento_eventbridge.catalog.snapshot import Json, bought

Source = Mapping[str, Any]
Read = Callable[[Source, str], Any]
Value = TypeVar("Value")


def text(source: Source, key: str) -> str | None:
    """Read a text; an empty one is null."""
    return _or_null(snapshot.text_or_null, source, key)


def number(source: Source, key: str) -> int | float | None:
    """Read an amount or a quantity."""
    return _or_null(snapshot.number_or_null, source, key)


def identifier(source: Source, key: str) -> int | None:
    """Read a row's ID; Magento's 0 stands for no row."""
    return _or_null(snapshot.identifier, source, key) or None


def group(source: Source, key: str) -> int | None:
    """Read the ID of a customer group; 0 is the group of guests."""
    return _or_null(snapshot.identifier, source, key)


def flag(source: Source, key: str) -> bool | None:
    """Read yes or no, which Magento writes in several ways."""
    match source.get(key):
        case True | 1 | "1":
            return True
        case False | 0 | "0":
            return False
    return None


def named(
    names: Mapping[str, Value], source: Source, key: str, unset: Value | None = None
) -> Value | None:
    """Read the name of one of Magento's numbered statuses."""
    return _or_null(lambda of, at: snapshot.named(names, of, at, unset), source, key)


def time(source: Source, key: str) -> str | None:
    """Read a time stamp of Magento's database, which is in UTC, as ISO 8601."""
    value = source.get(key)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return _iso(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def view(capture: Capture) -> Json:
    """Read which store view and website the subject belongs to."""
    codes = capture.view or ViewCodes()
    return {"storeViewCode": codes.code, "websiteCode": codes.website_code}


def times(source: Source) -> Json:
    """Read when the subject was created and last saved."""
    return {"createdAt": time(source, "created_at"), "updatedAt": time(source, "updated_at")}


def times_or_now(capture: Capture) -> Json:
    """Read the same of a thing whose times only the database sets, when it is first saved."""
    now = _iso(datetime.fromtimestamp(capture.time, UTC)) if capture.is_new else None
    return {name: value or now for name, value in times(capture.snapshot).items()}


def buyer(source: Source) -> Json:
    """Read the customer of an order or a cart."""
    customer_id = identifier(source, "customer_id")
    is_guest = flag(source, "customer_is_guest")
    return {
        "id": customer_id,
        "email": text(source, "customer_email"),
        "groupId": group(source, "customer_group_id"),
        "isGuest": False if customer_id else is_guest,
    }


def items(source: Source, documented: Iterable[Json]) -> list[Json]:
    """Add to documented items what full details say of each."""
    return [
        {**shown, **_item(item)} for shown, item in zip(documented, bought(source), strict=True)
    ]


def _item(item: Source) -> Json:
    return {
        "id": identifier(item, "item_id"),
        "orderItemId": identifier(item, "order_item_id"),
        "productId": identifier(item, "product_id"),
        "productType": text(item, "product_type"),
        "options": options(item.get("options")),
        "rowTotal": number(item, "row_total"),
        "discountAmount": number(item, "discount_amount"),
        "taxAmount": number(item, "tax_amount"),
    }


def options(value: object) -> list[Json] | None:
    """Read the options of an item as `[{label, value}]`; null where they are not known."""
    if not isinstance(value, list):
        return None
    return [
        {"label": text(option, "label") or "", "value": text(option, "value") or ""}
        for option in value
        if isinstance(option, Mapping)
    ]


def previous(capture: Capture, columns: Mapping[str, tuple[str, Read]]) -> Json:
    """Return the former values of what the save changed, by the names of the detail's fields.

    Of a column that the agent may not show it records only the change: it is left out.
    """
    return {
        name: read(capture.original, column)
        for column, (name, read) in columns.items()
        if column in capture.original and column in capture.snapshot
    }


AMOUNTS: Mapping[str, tuple[str, Read]] = {
    "shipping_amount": ("shippingAmount", number),
    "tax_amount": ("taxAmount", number),
    "grand_total": ("total", number),
    "subtotal": ("subtotal", number),
    "discount_amount": ("discountAmount", number),
}
"""The columns of amounts that orders, invoices and credit memos have."""


def document(capture: Capture) -> Json:
    """Read what invoices, credit memos and shipments have in common, apart from their items."""
    source = capture.snapshot
    order = source["order"]
    return {
        **view(capture),
        "id": text(source, "increment_id"),
        "entityId": identifier(source, "entity_id"),
        "orderEntityId": identifier(source, "order_id"),
        "customer": buyer(order),
        "paymentMethod": text(order, "payment_method"),
        "shippingMethod": text(order, "shipping_method"),
        **times(source),
    }


def amounts(source: Source) -> Json:
    """Read the amounts of an order, an invoice or a credit memo, and their currencies."""
    return {
        "currency": text(source, "order_currency_code"),
        "baseCurrency": text(source, "base_currency_code"),
        "subtotal": number(source, "subtotal"),
        "discountAmount": number(source, "discount_amount"),
    }


def _or_null(read: Callable[[Source, str], Value], source: Source, key: str) -> Value | None:
    try:
        return read(source, key)
    except (KeyError, ValueError):
        return None


SAMPLE_VIEW = {"storeViewCode": "default", "websiteCode": "base"}
SAMPLE_BUYER = {"id": 1, "email": "test@example.com", "groupId": 1, "isGuest": False}
SAMPLE_TIMES = {"createdAt": "2020-08-26T10:49:36Z", "updatedAt": "2020-08-26T10:49:36Z"}


SAMPLE_OPTIONS = [{"label": "Color", "value": "Blue"}]


def sample_item(documented: Json, **values: Any) -> Json:
    """Return the sample of an item as full details have it."""
    return {
        **documented,
        "id": 11,
        "orderItemId": 11,
        "productId": 7,
        "productType": "simple",
        "options": SAMPLE_OPTIONS,
        "rowTotal": documented["price"],
        "discountAmount": 0,
        "taxAmount": 0,
        **values,
    }
