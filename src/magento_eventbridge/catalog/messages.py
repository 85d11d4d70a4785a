"""Messages of Magento's queue, read as captures: the agent's and those of the original module.

The original (bitbull/magento2-module-awseventbridge) publishes `["{\\"name\\":…,\\"data\\":…}"]`: a
detail-type and a detail, with field names and types of its own. They get Magento's names
back, so that the catalog treats them like any capture.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from magento_eventbridge.captures import Context
from magento_eventbridge.catalog.snapshot import Json, members

_Reading = Callable[[Json], Json]


def capture_text(message: bytes, key: str) -> bytes:
    """Return the capture in a message, as JSON text; other messages are returned unchanged.

    Magento writes a message of the type `string` as a JSON string, which holds the agent's capture.
    A JSON string that holds no JSON object is no capture: its dead letter keeps the exact bytes.
    The original's events have no id: it is computed from the message, the same at each reading.
    `key`, the queue's id of the message, distinguishes messages of the same text.
    """
    begin = message.lstrip()[:1]
    if begin not in (b'"', b"["):
        return message
    try:
        result = msgspec.json.decode(message)
        if isinstance(result, str):
            return result.encode() if result.lstrip().startswith("{") else message
        (text,) = result
        event = msgspec.json.decode(text, type=_Published)
        return msgspec.json.encode(_capture(event, _identifier(event, message, key)))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return message  # reading it as a capture then reports the error


class _Published(msgspec.Struct):
    name: str
    data: Json


def _capture(event: _Published, identifier: str) -> Json:
    data = event.data
    tracking = _context(data.get("tracking"))
    capture: Json = {
        "id": identifier,
        "event": event.name,  # an unknown one is buried under its name
        "time": data["metadata"]["timestamp"],
        "queued": True,
        "store_id": tracking.view_id if tracking and tracking.view_id else 0,
        "context": tracking,
    }
    if event.name in _EVENTS:
        capture |= _EVENTS[event.name](data)
    return capture


def _identifier(event: _Published, message: bytes, key: str) -> str:
    """Compute a UUIDv7 from the message's time and digest."""
    milliseconds = int(event.data["metadata"]["timestamp"]) * 1000
    digest = hashlib.sha256(key.encode() + b"\0" + message).digest()
    octets = bytearray(milliseconds.to_bytes(6) + digest[:10])
    octets[6] = 0x70 | octets[6] & 0x0F
    octets[8] = 0x80 | octets[8] & 0x3F
    text = octets.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _context(tracking: object) -> Context | None:
    if not isinstance(tracking, Mapping):
        return None
    try:
        values = {_CONTEXT_NAMES.get(key, key): value for key, value in tracking.items()}
        return msgspec.convert(values, Context, strict=False)
    except msgspec.ValidationError:
        return None  # unreadable tracking does not cost the event


_CONTEXT_NAMES = {"storeId": "store_id", "userAgent": "user_agent"}

# Magento's names of each event's data. An absent field stays absent, for the catalog to report.


def _renamed(names: Mapping[str, str]) -> _Reading:
    def read(data: Json) -> Json:
        return {names[key]: value for key, value in data.items() if key in names}

    return read


def _address(data: Json | None) -> Json | None:
    return data and _ADDRESS(data)


def _items(data: Json, qty: str) -> Json:
    """Read items; the original lists the parts of a configurable or a bundle like the whole."""
    item = _renamed({"sku": "sku", "name": "name", "price": "price", "qty": qty, "quantity": qty})
    return {"items": [item(result) for result in members(data, "items")]} if "items" in data else {}


_ADDRESS = _renamed(
    {
        "country": "country_id",
        "countryId": "country_id",
        "region": "region",
        "street": "street",
        "city": "city",
        "postCode": "postcode",
    }
)
_USER = _renamed({"id": "user_id", "username": "username", "email": "email"})
_CUSTOMER = _renamed(
    {
        "id": "id",
        "createdAt": "created_at",
        "email": "email",
        "firstName": "firstname",
        "gender": "gender",
        "lastName": "lastname",
        "middleName": "middlename",
        "prefix": "prefix",
        "suffix": "suffix",
    }
)
_ATTEMPT = _renamed(
    {name: name for name in ("username", "email", "firstname", "lastname", "messages")}
)
_AMOUNTS = _renamed(
    {"shippingAmount": "shipping_amount", "taxAmount": "tax_amount", "total": "grand_total"}
)
_ORDER = _renamed({"id": "increment_id", "status": "status", "coupon": "coupon_code"})
_SHIPMENT = _renamed({"id": "increment_id", "qty": "total_qty", "weight": "total_weight"})
_TRACK = _renamed({"title": "title", "carrier": "carrier_code", "number": "track_number"})
_SUBSCRIBER = _renamed(
    {
        "customerId": "customer_id",
        "email": "subscriber_email",
        "unsubscriptionLink": "unsubscription_link",
        "code": "subscriber_confirm_code",
    }
)
_INDEX = _renamed({"index": "indexer_id", "status": "status"})
_JOB = _renamed(
    {
        "code": "job_code",
        "groupId": "group_id",
        "jobConfig": "job_config",
        "duration": "duration",
    }
)

# Magento's numbers for the original's words.
_INVOICE_STATES = {"OPEN": 1, "PAID": 2, "CANCELED": 3}
_CREDITMEMO_STATES = {"OPEN": 1, "REFUNDED": 2, "CANCELED": 3}
_SUBSCRIBER_STATUSES = {"SUBSCRIBED": 1, "NOT_ACTIVE": 2, "UNSUBSCRIBED": 3, "UNCONFIRMED": 4}


def _cart_added(data: Json) -> Json:
    return {"sku": data["sku"], "qty": data["qty"], "added_qty": data["qty"]}


def _order(data: Json) -> Json:
    return {
        **_ORDER(data),
        **_AMOUNTS(data),
        **_items(data, "qty_ordered"),
        "billing_address": _address(data.get("billingAddress")),
        "shipping_address": _address(data.get("shippingAddress")),
    }


def _of_order(data: Json, states: Mapping[str, int]) -> Json:
    return {
        **_AMOUNTS(data),
        **_items(data, "qty"),
        "order": _renamed({"orderId": "increment_id"})(data),
        "state": states.get(data["status"], data["status"]),
    }


def _invoice(data: Json) -> Json:
    return {
        **_of_order(data, _INVOICE_STATES),
        "billing_address": _address(data.get("billingAddress")),
    }


def _creditmemo(data: Json) -> Json:
    return _of_order(data, _CREDITMEMO_STATES)


def _shipment(data: Json) -> Json:
    return {
        **_SHIPMENT(data),
        **_items(data, "qty"),
        "tracks": [_TRACK(track) for track in members(data, "tracks", None)],
        "comments": [{"comment": comment} for comment in members(data, "comments", None)],
    }


def _subscriber(data: Json) -> Json:
    status = data["status"]
    return _SUBSCRIBER(data) | {"subscriber_status": _SUBSCRIBER_STATUSES.get(status, status)}


def _failed_job(data: Json) -> Json:
    error = data.get("error")  # an exception, which the original writes as {}
    return _JOB(data) | {"status": "error", "messages": error if isinstance(error, str) else None}


# From a detail-type to the contents of its capture.


def _event(
    name: str,
    snapshot: _Reading,
    subject: tuple[str, str] | None = None,
    **fields: Any,
) -> _Reading:
    def read(data: Json) -> Json:
        result = {"event": name, "snapshot": snapshot(data), **fields}
        if subject and data.get(subject[1]) not in (None, ""):
            result["subject"] = f"{subject[0]}/{data[subject[1]]}"
        return result

    return read


def _cart_updated(data: Json) -> Json:
    qty = data["qty"]
    return {
        "event": "sales_quote_item_save_after",
        "snapshot": {"sku": data["sku"], "qty": qty["to"]},
        "original": {"qty": qty["from"]},
    }


_THE_ORDER = ("order", "id")
_ITS_ORDER = ("order", "orderId")
_THE_CUSTOMER = ("customer", "id")
_THE_USER = ("user", "username")
_THE_INDEX = ("indexer", "index")
# The original does not say what a save changed, only that it did.
_CHANGED: Json = {"original": {"state": None}}
_NEW: Json = {"is_new": True}

_EVENTS: dict[str, _Reading] = {
    "CartProductAdded": _event("sales_quote_item_save_after", _cart_added, **_NEW),
    "CartProductUpdated": _cart_updated,
    "CartProductRemoved": _event(
        "sales_quote_item_delete_after", _renamed({"sku": "sku", "qty": "qty"})
    ),
    "UserLoggedIn": _event("backend_auth_user_login_success", _USER, _THE_USER),
    "UserLoggedOut": _event(
        "controller_action_predispatch_adminhtml_auth_logout", _USER, _THE_USER
    ),
    "UserLoginFailed": _event("backend_auth_user_login_failed", _USER, _THE_USER),
    "CustomerLoggedIn": _event("customer_login", _CUSTOMER, _THE_CUSTOMER),
    "CustomerLoggedOut": _event("customer_logout", _CUSTOMER, _THE_CUSTOMER),
    "CustomerLoginFailed": _event(
        "controller_action_postdispatch_customer_account_loginpost",
        _ATTEMPT,
        ("customer", "username"),
    ),
    "CustomerSignedUp": _event("customer_save_after_data_object", _CUSTOMER, _THE_CUSTOMER, **_NEW),
    "CustomerSignedUpFailed": _event(
        "controller_action_postdispatch_customer_account_createpost",
        _ATTEMPT,
        ("customer", "email"),
    ),
    "NewsletterSubscriptionChanged": _event(
        "newsletter_subscriber_save_after", _subscriber, ("subscriber", "email"), **_NEW
    ),
    "OrderPlaced": _event("sales_order_place_after", _order, _THE_ORDER),
    "OrderCreated": _event("sales_order_save_after", _order, _THE_ORDER, **_NEW),
    "OrderUpdated": _event("sales_order_save_after", _order, _THE_ORDER, **_CHANGED),
    "OrderCanceled": _event("order_cancel_after", _order, _THE_ORDER),
    "OrderDeleted": _event("sales_order_delete_after", _order, _THE_ORDER),
    "InvoiceCreated": _event("sales_order_invoice_save_after", _invoice, _ITS_ORDER, **_NEW),
    "InvoiceUpdated": _event("sales_order_invoice_save_after", _invoice, _ITS_ORDER, **_CHANGED),
    "InvoicePayed": _event("sales_order_invoice_pay", _invoice, _ITS_ORDER),
    "InvoiceRegistered": _event("sales_order_invoice_register", _invoice, _ITS_ORDER),
    "InvoiceDeleted": _event("sales_order_invoice_delete_after", _invoice, _ITS_ORDER),
    "CreditmemoCreated": _event(
        "sales_order_creditmemo_save_after", _creditmemo, _ITS_ORDER, **_NEW
    ),
    "CreditmemoUpdated": _event(
        "sales_order_creditmemo_save_after", _creditmemo, _ITS_ORDER, **_CHANGED
    ),
    "CreditmemoRefunded": _event("sales_order_creditmemo_refund", _creditmemo, _ITS_ORDER),
    "CreditmemoDeleted": _event("sales_order_creditmemo_delete_after", _creditmemo, _ITS_ORDER),
    # A shipment's data do not name its order.
    "ShipmentSaved": _event("sales_order_shipment_save_after", _shipment, ("shipment", "id")),
    "ShipmentDeleted": _event("sales_order_shipment_delete_after", _shipment, ("shipment", "id")),
    "CacheFlushAll": _event("adminhtml_cache_flush_all", _renamed({})),
    "CacheFlushSystem": _event("adminhtml_cache_flush_system", _renamed({})),
    "CacheFlushCatalogImages": _event("clean_catalog_images_cache_after", _renamed({})),
    "CacheFlushMedia": _event("clean_media_cache_after", _renamed({})),
    "CacheFlushStaticFiles": _event("clean_static_files_cache_after", _renamed({})),
    "StateSaved": _event("indexer_state_save_after", _INDEX, _THE_INDEX, **_NEW),
    # The name that the original really uses.
    "IndexerStateSaved": _event("indexer_state_save_after", _INDEX, _THE_INDEX, **_NEW),
    "CronStarted": _event("cron_job_run", _JOB),
    "CronFinishedSuccess": _event(
        "plugin:cron_schedule.save", lambda data: _JOB(data) | {"status": "success"}
    ),
    "CronFinishedError": _event("plugin:cron_schedule.save", _failed_job),
}
