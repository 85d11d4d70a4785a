"""Messages of Magento's queue: the agent's captures, and the original module's messages."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture
from magento_eventbridge.catalog import TranslationError, UnknownMagentoEventError, event_of
from magento_eventbridge.catalog.messages import capture_text
from magento_eventbridge.catalog.schema import detail_schema
from magento_eventbridge.delivery.envelope import build_entry
from magento_eventbridge.delivery.routing import Destination, Route
from tests.unit.recorded import store_day_captures

Json = dict[str, Any]

RECORDED = [
    json.loads(line)["body"]
    for line in Path(__file__).with_name("original_messages.ndjson").read_text().splitlines()
]
ROUTE = Route(Destination("eu-west-1"), "shop.example.com")


def published(name: str, **data: Any) -> bytes:
    """Return a message as the original publishes it, with its own metadata."""
    metadata = {"date": "2026-11-23 16:50:22", "timestamp": 1795452622, "async": True}
    return json.dumps([json.dumps({"name": name, "data": {**data, "metadata": metadata}})]).encode()


def read(message: bytes | str, key: str = "1") -> Capture:
    text = message.encode() if isinstance(message, str) else message
    return read_capture(capture_text(text, key))


def result(message: bytes | str, key: str = "1") -> tuple[str, Json]:
    """Return detail-type and detail, as sent to the bus."""
    capture = read(message, key)
    event = event_of(capture)
    assert event
    entry = build_entry(capture, event, ROUTE)
    detail: Json = json.loads(entry.detail)
    return entry.detail_type, detail


# The agent's


def test_a_capture_is_handed_on_as_it_is() -> None:
    text = b' {"id": "x"}'
    assert capture_text(text, "1") == text


def test_a_capture_within_a_json_string_is_unwrapped() -> None:
    text = '{"id": "\\u00e9 \\" \\\\"}'
    assert capture_text(json.dumps(text).encode(), "1") == text.encode()


# The original's


@pytest.mark.parametrize("text", ["no capture", "[1]", "1", "", '"twice"'])
def test_a_json_string_without_an_object_keeps_its_bytes(text: str) -> None:
    message = json.dumps(text).encode()
    assert capture_text(message, "key") == message


def test_every_recorded_message_becomes_the_event_that_the_catalog_documents() -> None:
    for number, body in enumerate(RECORDED):
        name = json.loads(json.loads(body)[0])["name"]
        detail_type, detail = result(body, str(number))
        assert detail_type == name.replace("IndexerStateSaved", "StateSaved")
        event = event_of(read(body))
        assert event
        jsonschema.Draft202012Validator(
            detail_schema(event), format_checker=jsonschema.FormatChecker()
        ).validate(detail)
    assert len(RECORDED) > 60


def test_metadata_is_that_of_the_message() -> None:
    _, detail = result(RECORDED[0])
    metadata = detail["metadata"]
    assert metadata["id"].startswith("01a20")
    assert {key: metadata[key] for key in ("date", "timestamp", "async")} == {
        "date": "2026-11-23 16:50:22",
        "timestamp": 1795452622,
        "async": True,
    }


def test_the_id_is_the_same_each_time_and_another_for_another_message() -> None:
    message = RECORDED[0].encode()
    assert read(message, "7").id == read(message, "7").id
    assert len({read(message, "7").id, read(message, "8").id, read(RECORDED[1], "7").id}) == 3


def test_an_order_is_sent_with_the_documented_names_and_types() -> None:
    placed = next(body for body in RECORDED if "OrderCanceled" in body)
    name, detail = result(placed)
    address = {
        "country": "US",
        "region": "Texas",
        "street": ["1 Test Street", "Floor 2"],
        "city": "Dallas",
        "postCode": "75001",
    }
    assert name == "OrderCanceled"
    assert {key: value for key, value in detail.items() if key != "metadata"} == {
        "id": "000000279",
        "status": "canceled",
        "coupon": None,
        "billingAddress": address,
        "shippingAddress": address,
        "shippingAmount": 10,
        "taxAmount": 0,
        "total": 78,
        "items": [{"sku": "24-MB01", "name": "Joust Duffle Bag", "price": 34, "qty": 2}],
    }


def test_a_new_subscription_is_subscribed_whatever_the_original_says() -> None:
    message = next(body for body in RECORDED if "NewsletterSubscriptionChanged" in body)
    _, detail = result(message)
    assert (detail["isSubscribed"], detail["status"]) == (True, "SUBSCRIBED")
    assert detail["customerId"] is None
    assert detail["code"] == "4o2blt3kdx946o7xn6yiyizuanrj88lg"


def test_a_customer_is_sent_with_the_documented_names() -> None:
    _, detail = result(next(body for body in RECORDED if "CustomerSignedUp\\" in body))
    assert (detail["id"], detail["firstname"], detail["lastname"]) == (44, "Test", "Customer")
    assert detail["middlename"] == ""


DATA: dict[str, Json] = {
    "CartProductUpdated": {
        "sku": "a",
        "operation": "add",
        "value": 2,
        "qty": {"from": 1, "to": "3"},
    },
    "UserLoggedOut": {"id": "1", "username": "admin", "email": "a@example.com"},
    "UserLoginFailed": {"username": "nobody"},
    "CustomerLoggedOut": {
        "id": "51",
        "email": "c@example.com",
        "createdAt": "2026-11-23 16:53:20",
        "firstName": "Test",
        "gender": None,
        "lastName": "Customer",
        "middleName": None,
        "prefix": None,
        "suffix": None,
    },
    "ShipmentSaved": {
        "id": "000000027",
        "tracks": {"25": {"title": "DHL", "carrier": "dhl", "number": "LATER-1"}},
        "comments": {"25": "left at the door"},
        "qty": "2.0000",
        "weight": None,
        "items": {"27": {"sku": "a", "name": "A", "price": "34.0000", "qty": "2.0000"}},
    },
    "CacheFlushMedia": {},
    "StateSaved": {"index": "customer_grid", "status": "valid"},
    "IndexerStateSaved": {"index": "customer_grid", "status": "valid"},
    "CronStarted": {"code": "a", "groupId": "default", "jobConfig": {}, "duration": None},
    "CronFinishedSuccess": {"code": "a", "groupId": "default", "jobConfig": {}, "duration": 0.004},
}
ORDER: Json = {
    "id": "000000114",
    "status": "pending",
    "coupon": "H20",
    "billingAddress": None,
    "shippingAddress": None,
    "shippingAmount": 15.0,
    "taxAmount": 0.0,
    "total": 128.0,
    "items": [{"sku": "a", "name": "A", "price": 34.0, "qty": 2.0}],
}
INVOICE: Json = {
    "orderId": "000000121",
    "status": "PAID",
    "billingAddress": None,
    "shippingAmount": None,
    "taxAmount": 0.0,
    "total": 34.0,
    "items": [],
}
CREDITMEMO: Json = {
    "orderId": "000000125",
    "status": "REFUNDED",
    "shippingAmount": "5.0000",
    "taxAmount": 0.0,
    "total": 73.0,
    "items": [{"sku": "a", "name": "A", "price": 34.0, "quantity": "2.0"}],
}
DATA |= {f"Order{what}": ORDER for what in ("Created", "Updated", "Placed", "Deleted")}
DATA |= {f"Invoice{what}": INVOICE for what in ("Created", "Payed", "Registered", "Deleted")}
DATA |= {f"Creditmemo{what}": CREDITMEMO for what in ("Created", "Refunded", "Deleted")}
DATA["ShipmentDeleted"] = DATA["ShipmentSaved"]


@pytest.mark.parametrize("name", DATA)
def test_what_was_not_recorded_is_understood_too(name: str) -> None:
    detail_type, detail = result(published(name, **DATA[name]))
    assert detail_type == name.replace("IndexerStateSaved", "StateSaved")
    event = event_of(read(published(name, **DATA[name])))
    assert event
    jsonschema.Draft202012Validator(detail_schema(event)).validate(detail)


def test_a_quantity_in_a_text_is_a_number() -> None:
    _, detail = result(published("CartProductUpdated", **DATA["CartProductUpdated"]))
    assert detail["qty"] == {"from": 1, "to": 3}


@pytest.mark.parametrize(("error", "shown"), [({}, None), ("no such table", "no such table")])
def test_a_failed_job_is_sent_with_its_error_where_there_is_one(error: object, shown: str) -> None:
    job = DATA["CronStarted"] | {"error": error}
    assert result(published("CronFinishedError", **job))[1]["error"] == shown


def test_events_about_one_order_keep_their_order() -> None:
    messages = [published("OrderUpdated", **ORDER), published("InvoicePayed", **INVOICE)]
    assert [read(message).subject for message in messages] == ["order/000000114", "order/000000121"]
    assert read(published("CustomerLoginFailed", username=None, messages=["no"])).subject is None


def test_tracking_is_taken_over_where_the_message_has_it() -> None:
    tracking = {
        "transport": "HTTP",
        "hostname": "web-1",
        "time": 1566594699836.0,
        "storeId": "2",
        "version": {"module": "1.0", "php": "7.4", "magento": "2.3.4Community"},
        "user": None,
        "ip": "192.0.2.1",
        "userAgent": "curl",
    }
    message = published("CacheFlushAll", tracking=tracking)
    _, detail = result(message)
    assert detail["tracking"] == tracking | {"time": 1566594699836, "storeId": 2}
    assert read(message).view_id == 2


def test_tracking_that_nobody_can_read_costs_only_itself() -> None:
    _, detail = result(published("CacheFlushAll", tracking={"transport": "PIGEON"}))
    assert "tracking" not in detail


# Messages of neither kind


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"not JSON",
        b"[",
        b"[]",
        b"[1]",
        b'["a", "b"]',
        b'["not JSON"]',
        b'["{}"]',
        b'["[]"]',
        b'["{\\"name\\":\\"OrderPlaced\\"}"]',
        b'["{\\"name\\":\\"OrderPlaced\\",\\"data\\":{}}"]',
        b'["{\\"name\\":\\"OrderPlaced\\",\\"data\\":{\\"metadata\\":1}}"]',
        published("CartProductUpdated", sku="a", qty=3),
        b'"half a string',
        b'"no JSON in it"',
        b"[" * 5000,
    ],
)
def test_anything_else_is_no_capture(message: bytes) -> None:
    with pytest.raises(InvalidCaptureError):
        read(message)


@pytest.mark.parametrize("timestamp", [-1, 1e300, "yesterday", None])
def test_a_time_that_is_none_makes_no_capture(timestamp: object) -> None:
    event = {"name": "CacheFlushAll", "data": {"metadata": {"timestamp": timestamp}}}
    with pytest.raises(InvalidCaptureError):
        read(json.dumps([json.dumps(event)]))


def test_an_event_that_nobody_knows_is_named() -> None:
    with pytest.raises(UnknownMagentoEventError, match="'WishlistShared'"):
        event_of(read(published("WishlistShared")))


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("OrderPlaced", {key: ORDER[key] for key in ORDER if key != "items"}, "'items'"),
        ("InvoicePayed", {key: INVOICE[key] for key in INVOICE if key != "orderId"}, "increment"),
        ("InvoicePayed", INVOICE | {"status": "9"}, "status"),
        ("CartProductRemoved", {"sku": "a"}, "'qty'"),
    ],
)
def test_data_that_lack_something_are_no_event(name: str, data: Json, fault: str) -> None:
    capture = read(published(name, **data))
    event = event_of(capture)
    assert event
    with pytest.raises(TranslationError, match=fault):
        event.detail_of(capture)


def test_every_recorded_capture_is_read_alike_as_object_and_as_string() -> None:
    _, capture = store_day_captures()[0]
    text = json.dumps({"id": capture.id, "event": capture.event, "time": capture.time})
    assert read(text) == read(json.dumps(text))
