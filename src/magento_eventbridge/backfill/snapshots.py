"""Captures from the rows of an entity: the same as the agent's own. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from magento_eventbridge.backfill.identifiers import identifier
from magento_eventbridge.backfill.kinds import Kind
from magento_eventbridge.captures import Capture, ViewCodes
from magento_eventbridge.catalog import BY_DETAIL_TYPE

Row = Mapping[str, Any]
Origin = Literal["backfill", "repair"]


class RowError(ValueError):
    """An entity's rows cannot become an event; the message says why."""


@dataclass(frozen=True)
class ViewDescription:
    """What the rows do not say of a store view: its codes, and the start of its links."""

    code: str | None = None
    website_code: str | None = None
    link_base: str | None = None


@dataclass(frozen=True)
class Rows:
    """The rows of one entity, with values as Magento reads them: texts, or None.

    Attributes:
        main: the entity's own row.
        items, tracks, comments: the rows that belong to it.
        order, order_items, addresses, payment: of the entity's order.
        view: the entity's store view.
        own: the values of the shop's own fields that are columns of `main`, by their paths.
    """

    main: Row
    items: Sequence[Row] = ()
    tracks: Sequence[Row] = ()
    comments: Sequence[Row] = ()
    order: Row | None = None
    order_items: Sequence[Row] = ()
    addresses: Sequence[Row] = ()
    payment: Row | None = None
    view: ViewDescription = field(default_factory=ViewDescription)
    own: Row = field(default_factory=dict)


_ORDER = (
    "entity_id", "increment_id", "state", "status", "store_id", "coupon_code",
    "order_currency_code", "shipping_amount", "tax_amount", "grand_total", "created_at",
    "updated_at", "quote_id", "base_currency_code", "subtotal", "discount_amount", "total_paid",
    "total_refunded", "total_due",
)  # fmt: skip
_BUYER = (
    "customer_id", "customer_email", "customer_group_id", "customer_is_guest", "shipping_method",
)  # fmt: skip
_DOCUMENT = (
    "entity_id", "increment_id", "state", "store_id", "order_id", "order_currency_code",
    "shipping_amount", "tax_amount", "grand_total", "created_at", "updated_at",
    "base_currency_code", "subtotal", "discount_amount",
)  # fmt: skip
_SHIPMENT = (
    "entity_id", "increment_id", "store_id", "order_id", "total_qty", "total_weight",
    "created_at", "updated_at",
)  # fmt: skip
_ITEM = ("sku", "name", "price", "product_id", "row_total", "discount_amount", "tax_amount")
_ADDRESS = ("country_id", "region", "city", "postcode")
_CUSTOMER = (
    "created_at", "email", "firstname", "gender", "lastname", "middlename", "prefix", "suffix",
    "store_id", "website_id", "group_id", "updated_at",
)  # fmt: skip
_SUBSCRIBER = (
    "subscriber_id", "customer_id", "store_id", "subscriber_email", "subscriber_status",
    "subscriber_confirm_code", "change_status_at",
)  # fmt: skip

_OF_DOCUMENT = ("entity_id", "parent_id")
_DOCUMENT_ITEM = (*_OF_DOCUMENT, "order_item_id", "qty", *_ITEM)

COLUMNS: Mapping[str, Sequence[str]] = {
    "sales_order": (*_ORDER, *_BUYER),
    "sales_order_item": (
        "item_id", "order_id", "parent_item_id", "qty_ordered", "product_type", "product_options",
        *_ITEM,
    ),
    "sales_order_address": (*_OF_DOCUMENT, "address_type", "street", *_ADDRESS),
    "sales_order_payment": (*_OF_DOCUMENT, "method"),
    "sales_invoice": _DOCUMENT,
    "sales_invoice_item": _DOCUMENT_ITEM,
    "sales_creditmemo": _DOCUMENT,
    "sales_creditmemo_item": _DOCUMENT_ITEM,
    "sales_shipment": _SHIPMENT,
    "sales_shipment_item": _DOCUMENT_ITEM,
    "sales_shipment_track": (*_OF_DOCUMENT, "title", "carrier_code", "track_number"),
    "sales_shipment_comment": (*_OF_DOCUMENT, "comment"),
    "customer_entity": ("entity_id", *_CUSTOMER),
    "newsletter_subscriber": _SUBSCRIBER,
}  # fmt: skip
"""The columns that events are made of, by table without prefix."""


def capture_of(
    kind: Kind, rows: Rows, detail_type: str, origin: Origin, *, version: str = ""
) -> Capture:
    """Return the capture of an entity.

    Args:
        kind: of the entity.
        rows: of the entity.
        detail_type: one of the kind's, or another event of the same scope that it should have.
        origin: marks the event's metadata.
        version: of the state that a repaired update shows; empty: the entity's creation.

    Raises:
        RowError: the rows do not make an event.
    """
    main = rows.main
    created = _moment(main, kind.happened)
    view_id = int(main.get("store_id") or 0)
    subject, snapshot = _SNAPSHOTS[kind.name](rows)
    is_new = detail_type != kind.updated
    of_kind = detail_type in kind.detail_types
    entity = f"{kind.scope}/{main[kind.key]}"
    return Capture(
        id=identifier(created, view_id, entity, detail_type, version),
        event=kind.magento_event if of_kind else BY_DETAIL_TYPE[detail_type].magento_events[0],
        time=_moment(main, kind.changed) if version else created,
        view_id=view_id,
        subject=subject[:255],
        is_new=is_new,
        # What changed is not known; that something did makes it an update.
        original={} if is_new else {"row": None},
        snapshot=snapshot,
        view=ViewCodes(rows.view.code, rows.view.website_code),
        paths=dict(rows.own),
        origin=origin,
    )


def body_of(capture: Capture) -> bytes:
    """Return a capture as JSON text, as queues keep it."""
    return msgspec.json.encode(capture)


def _order(rows: Rows) -> tuple[str, dict[str, Any]]:
    order = rows.main
    number = _known(order, "increment_id")
    snapshot = _fields(order, (*_ORDER, *_BUYER))
    return f"order/{number}", {
        **snapshot,
        "payment_method": rows.payment and rows.payment.get("method"),
        "items": [
            {
                **_fields(item, ("item_id", "qty_ordered", "product_type", *_ITEM)),
                "order_item_id": item.get("item_id"),
                "has_parent": bool(item.get("parent_item_id")),
                "options": options(item.get("product_options")),
            }
            for item in rows.items
        ],
        "billing_address": _address(rows, "billing"),
        "shipping_address": _address(rows, "shipping"),
    }


def _invoice(rows: Rows) -> tuple[str, dict[str, Any]]:
    subject, snapshot = _document(rows, _DOCUMENT)
    return subject, {**snapshot, "billing_address": _address(rows, "billing")}


def _creditmemo(rows: Rows) -> tuple[str, dict[str, Any]]:
    return _document(rows, _DOCUMENT)


def _shipment(rows: Rows) -> tuple[str, dict[str, Any]]:
    subject, snapshot = _document(rows, _SHIPMENT)
    return subject, {
        **snapshot,
        "tracks": [_fields(of, ("title", "carrier_code", "track_number")) for of in rows.tracks],
        "comments": [_fields(of, ("comment",)) for of in rows.comments],
    }


def _document(rows: Rows, names: Sequence[str]) -> tuple[str, dict[str, Any]]:
    order = rows.order
    if order is None:
        raise RowError(f"its order {rows.main.get('order_id')} does not exist")
    number = _known(order, "increment_id")
    ordered = {item["item_id"]: item for item in rows.order_items}
    items = []
    for item in rows.items:
        of = ordered.get(item.get("order_item_id"), {})
        items.append(
            {
                **_fields(item, ("qty", "order_item_id", *_ITEM)),
                "item_id": item.get("entity_id"),
                "product_type": of.get("product_type"),
                "has_parent": bool(of.get("parent_item_id")),
                "options": options(of.get("product_options")),
            }
        )
    return f"order/{number}", {
        **_fields(rows.main, names),
        "order": {
            **_fields(order, ("increment_id", "store_id", *_BUYER)),
            "payment_method": rows.payment and rows.payment.get("method"),
        },
        "items": items,
    }


def _customer(rows: Rows) -> tuple[str, dict[str, Any]]:
    number = rows.main["entity_id"]
    return f"customer/{number}", {"id": number, **_fields(rows.main, _CUSTOMER)}


def _subscriber(rows: Rows) -> tuple[str, dict[str, Any]]:
    row, base = rows.main, rows.view.link_base
    number, code = row["subscriber_id"], row.get("subscriber_confirm_code")
    link = f"{base}newsletter/subscriber/unsubscribe/id/{number}/code/{code or ''}/"
    return f"subscriber/{number}", {
        **_fields(row, _SUBSCRIBER),
        "unsubscription_link": link if base else None,
    }


_SNAPSHOTS = {
    "orders": _order,
    "invoices": _invoice,
    "creditmemos": _creditmemo,
    "shipments": _shipment,
    "customers": _customer,
    "newsletter": _subscriber,
}


def _fields(row: Row, names: Iterable[str]) -> dict[str, Any]:
    return {name: row.get(name) for name in names}


def _known(row: Row, column: str) -> str:
    value = row.get(column)
    if not value:
        raise RowError(f"its {column} is empty")
    return str(value)


def _address(rows: Rows, kind: str) -> dict[str, Any] | None:
    for address in rows.addresses:
        if address.get("address_type") == kind:
            street = str(address.get("street") or "")
            return {**_fields(address, _ADDRESS), "street": street.split("\n")}
    return None


def _moment(row: Row, column: str) -> float:
    """Return a time of the database, which is in UTC, in seconds since the epoch."""
    value = row.get(column)
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise RowError(f"its {column} is no time: {value}") from None


def options(text: object) -> list[dict[str, str]]:
    """Return what the shopper chose of a product, from an order item's column.

    Stores of before Magento 2.2 have PHP's own format there, which is not read.
    """
    try:
        value = msgspec.json.decode(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return []
    chosen = [
        _option(option.get("label"), option.get("print_value", option.get("value")))
        for kind in ("attributes_info", "options", "additional_options")
        for option in _objects(value.get(kind))
    ]
    for option in _objects(value.get("bundle_options")):
        chosen += [
            _option(option.get("label"), f"{_text(part.get('qty'))} x {_text(part.get('title'))}")
            for part in _objects(option.get("value"))
        ]
    return chosen


def _objects(value: object) -> list[dict[str, Any]]:
    """Return the members of a PHP array that are arrays themselves."""
    members = value.values() if isinstance(value, dict) else value
    if not isinstance(members, Iterable) or isinstance(members, str):
        return []
    return [member for member in members if isinstance(member, dict)]


def _option(label: object, value: object) -> dict[str, str]:
    return {"label": _text(label), "value": _text(value)}


def _text(value: object) -> str:
    """Return a value as PHP converts it to text."""
    if isinstance(value, list):
        return ", ".join(_text(part) for part in value if not isinstance(part, (list, dict)))
    if value is None or value is False or isinstance(value, dict):
        return ""
    return "1" if value is True else str(value)
