"""Full details: documented fields unchanged, additional fields, and types for both."""

import json
from collections import Counter
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magento_eventbridge.captures import Capture, ViewCodes, read_capture
from magento_eventbridge.catalog import BY_DETAIL_TYPE, EVENTS, event_of, full
from magento_eventbridge.catalog.event import DetailLevel
from magento_eventbridge.catalog.schema import detail_schema
from magento_eventbridge.delivery.envelope import build_entry, full_metadata, metadata, sample_entry
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.demo import store_day
from magento_eventbridge.events import OrderUpdated, parse
from magento_eventbridge.provisioning import schemas
from magento_eventbridge.provisioning.schemas import Subject
from magento_eventbridge.settings.view import ViewSettings
from tests.unit.recorded import recorded, store_day_captures, varied

Json = dict[str, Any]

ID = "01742a63-2a00-7d0e-9f3a-4b1c2d3e4f50"


def route(level: DetailLevel) -> Route:
    return Route(destination=Destination(region="eu-west-1"), source="shop", detail=level)


def sent(capture: Capture, level: DetailLevel = "full") -> Json:
    """Return the detail that is sent of a capture."""
    event = event_of(capture)
    assert event is not None
    detail: Json = json.loads(build_entry(capture, event, route(level)).detail)
    return detail


def sample(detail_type: str, level: DetailLevel) -> Json:
    entry = sample_entry(BY_DETAIL_TYPE[detail_type], route(level), ID, 1598438976.0)
    detail: Json = json.loads(entry.detail)
    return detail


def received(detail_type: str, detail: Json) -> Json:
    """Return an event as EventBridge delivers it to a target."""
    return {
        "version": "0",
        "id": ID,
        "detail-type": detail_type,
        "source": "shop",
        "account": "123456789012",
        "time": "2020-08-26T10:49:36Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
    }


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_a_full_sample_fits_the_full_schema_and_has_each_of_its_fields(event):
    schema = detail_schema(event, "full")
    shown = sample(event.detail_type, "full")
    jsonschema.Draft202012Validator(schema).validate(shown)
    assert shown.keys() == schema["properties"].keys() - {"tracking"}
    assert schema["required"] == [name for name in schema["required"] if name in shown]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_a_full_detail_also_fits_the_documented_schema(event):
    jsonschema.validate(sample(event.detail_type, "full"), detail_schema(event))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_the_full_schema_refuses_a_documented_detail(event):
    schema = jsonschema.Draft202012Validator(detail_schema(event, "full"))
    assert not schema.is_valid(sample(event.detail_type, "documented"))


@pytest.mark.parametrize("level", ["documented", "full"])
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_consumers_read_either_detail_with_the_same_class(event, level):
    detail = sample(event.detail_type, level)
    if level == "full":
        detail["metadata"]["subject"] = "order/000000001"
    parsed = parse(received(event.detail_type, detail))
    assert json.loads(parsed.model_dump_json(by_alias=True))["detail"] == detail


def test_a_consumer_reads_what_changed():
    parsed = parse(received("OrderUpdated", sample("OrderUpdated", "full")))
    assert isinstance(parsed, OrderUpdated)
    order = parsed.detail
    assert (order.status, order.currency, order.metadata.version) == ("processing", "EUR", 1)
    assert order.previous is not None
    assert order.previous.model_fields_set == {"status", "state"}
    assert order.previous.status == "pending"


def test_a_documented_schema_knows_nothing_of_full_details():
    text = json.dumps([detail_schema(event) for event in EVENTS])
    assert not [name for name in ("currency", "previous", "x-full-only", "subject") if name in text]


@pytest.mark.parametrize("write", [schemas.json_schema, schemas.open_api_3])
def test_exported_schemas_have_the_fields_of_their_level(write):
    documented = json.dumps(write(Subject(BY_DETAIL_TYPE["OrderPlaced"], "OrderPlaced", "shop")))
    whole = json.dumps(write(Subject(BY_DETAIL_TYPE["OrderPlaced"], "OrderPlaced", "shop", "full")))
    assert '"currency"' in whole
    assert '"currency"' not in documented
    assert "x-full-only" not in documented + whole


def test_an_async_api_has_the_fields_of_its_level():
    def document(level: DetailLevel) -> str:
        subject = Subject(BY_DETAIL_TYPE["OrderPlaced"], "OrderPlaced", "shop", level)
        return json.dumps(
            schemas.async_api_3([subject], bus="default", host="h", examples={"OrderPlaced": {}})
        )

    assert '"currency"' in document("full")
    assert '"currency"' not in document("documented")


def test_documented_fields_have_the_same_values_in_full_details():
    for _, capture in store_day_captures():
        if event_of(capture) is None:
            continue
        documented, whole = sent(capture, "documented"), sent(capture)
        for name, value in documented.items():
            if name == "items":
                pairs = zip(value, whole["items"], strict=True)
                assert all(item.items() <= more.items() for item, more in pairs)
            elif name in ("metadata", "tracking"):
                assert value.items() <= whole[name].items()
            else:
                assert whole[name] == value


def test_a_capture_from_before_full_details_were_on_fits_the_full_schema():
    validators = {
        event.detail_type: jsonschema.Draft202012Validator(detail_schema(event, "full"))
        for event in EVENTS
    }
    for _, capture in store_day_captures():
        event = event_of(capture)
        if event is not None:
            validators[event.detail_type].validate(sent(capture))


CREATED = jsonschema.Draft202012Validator(detail_schema(BY_DETAIL_TYPE["OrderCreated"], "full"))
RECORDED = [
    read_capture(action.line)
    for action in store_day.captures("full")
    if action.action.startswith("full-")
]


def test_what_a_store_with_full_details_recorded_fits_the_full_schema():
    seen = Counter(
        event.detail_type for capture in RECORDED if (event := event_of(capture)) is not None
    )
    assert seen == sum(
        (of for action, of in store_day.expected("full").items() if action.startswith("full-")),
        Counter(),
    )
    for capture in RECORDED:
        event = event_of(capture)
        if event is not None:
            validator = jsonschema.Draft202012Validator(detail_schema(event, "full"))
            validator.validate(sent(capture))


def test_each_event_was_recorded_with_full_details():
    assert {event.detail_type for c in RECORDED if (event := event_of(c))} == BY_DETAIL_TYPE.keys()


CONFIGURABLE = "full-order-configurable"


def of_action(action: str) -> list[Json]:
    captures = (
        read_capture(recording.line)
        for recording in store_day.captures("full")
        if recording.action == action
    )
    return [sent(capture) for capture in captures if event_of(capture)]


def test_what_an_admin_did_who_was_logged_in_as_a_customer_is_marked():
    login, added, logout = of_action("full-login-as-customer")
    assert [shown["tracking"]["impersonatedBy"] for shown in (login, added, logout)] == [1, 1, 1]
    assert login["tracking"]["user"] == {"id": login["id"], "email": login["email"]}
    assert [shown["tracking"]["impersonatedBy"] for shown in of_action("full-login")] == [None]


def test_a_recorded_cart_says_whose_it_is_and_when_its_item_was_added():
    added, updated, removed = of_action("full-cart")
    assert added["cartId"] == updated["cartId"] == removed["cartId"] > 0
    assert added["itemId"] == removed["itemId"] > 0
    assert added["createdAt"] == added["updatedAt"]
    assert added["createdAt"][:19] == added["metadata"]["date"].replace(" ", "T")
    assert (added["currency"], added["customer"]["isGuest"]) == ("USD", True)
    (_, by_customer, order, _) = of_action("full-order-customer")
    assert by_customer["customer"] == order["customer"]
    assert order["customer"]["isGuest"] is False
    assert order["quoteId"] == by_customer["cartId"]


def test_deleted_documents_say_what_they_were():
    for action, name in (
        ("full-delete-order", "status"),
        ("full-delete-invoice", "status"),
        ("full-delete-creditmemo", "status"),
        ("full-delete-shipment", "qty"),
    ):
        (shown,) = of_action(action)
        assert shown[name]
        assert shown["entityId"] > 0
        assert shown["customer"]["email"] == "guest@example.com"
        assert shown["previous"] == {}


def test_an_updated_document_says_what_its_status_was():
    for action in ("full-invoice-updated", "full-creditmemo-updated"):
        (shown,) = of_action(action)
        assert (shown["status"], shown["previous"]) == (
            "CANCELED",
            {"status": "PAID" if "invoice" in action else "REFUNDED"},
        )


def test_a_recorded_order_says_who_bought_what_for_which_currency():
    (placed, *_) = (
        sent(capture)
        for capture in RECORDED
        if capture.event == "sales_order_place_after" and not capture.snapshot["customer_id"]
    )
    assert (placed["currency"], placed["paymentMethod"]) == ("USD", "checkmo")
    assert placed["customer"]["email"] == "guest@example.com"
    assert placed["customer"]["isGuest"] is True
    assert (placed["storeViewCode"], placed["websiteCode"]) == ("default", "base")
    # The item has the ID that it got after the order was saved.
    assert placed["items"][0]["id"] == placed["items"][0]["orderItemId"] > 0
    assert placed["createdAt"].endswith("Z")


def test_a_recorded_configurable_product_has_its_options():
    added, placed, created = of_action(CONFIGURABLE)
    for shown in (added, placed["items"][0], created["items"][0]):
        assert {option["label"] for option in shown["options"]} == {"Color", "Size"}


def test_a_recorded_invoice_changes_what_the_order_was():
    previous = [
        sent(capture)["previous"]
        for capture in RECORDED
        if capture.event == "sales_order_save_after" and not capture.is_new
    ]
    assert {"status": "pending", "state": "new"}.items() <= previous[1].items()


ORDER = recorded("order-guest", "sales_order_save_after")
ADDED = {
    "base_currency_code": "USD",
    "subtotal": "68.0000",
    "discount_amount": 0,
    "total_paid": None,
    "total_due": 78,
    "customer_id": None,
    "customer_email": "guest@example.com",
    "customer_group_id": 0,
    "customer_is_guest": 1,
    "quote_id": "428",
    "shipping_method": "flatrate_flatrate",
    "payment_method": "checkmo",
    "created_at": "2026-11-23 17:13:04",
}


def test_a_full_order_has_the_types_of_its_schema_however_magento_writes_them():
    capture = varied(ORDER, snapshot=ADDED, view=ViewCodes("default", "base"))
    shown = sent(capture)
    CREATED.validate(shown)
    assert shown["customer"] == {
        "id": None,
        "email": "guest@example.com",
        "groupId": 0,
        "isGuest": True,
    }
    assert (shown["quoteId"], shown["subtotal"], shown["totalPaid"]) == (428, 68, None)
    assert shown["createdAt"] == "2026-11-23T17:13:04Z"
    assert (shown["storeViewCode"], shown["websiteCode"]) == ("default", "base")
    assert shown["metadata"]["subject"] == ORDER.subject
    assert shown["previous"] == {}


def test_former_values_have_the_names_and_types_of_the_detail():
    original = {"status": "pending", "grand_total": "78.0000", "weight": None, "coupon_code": None}
    shown = sent(varied(ORDER, is_new=False, original=original))
    # `weight` changed, but is not in the snapshot: the agent may not show its former value.
    assert shown["previous"] == {"status": "pending", "total": 78, "coupon": None}


@pytest.mark.parametrize(
    ("action", "event"),
    [
        ("full-invoice", "sales_order_invoice_save_after"),
        ("full-refund", "sales_order_creditmemo_save_after"),
    ],
)
def test_the_former_status_of_a_document_has_the_name_of_a_status(action, event):
    (capture,) = (
        read_capture(recording.line)
        for recording in store_day.captures("full")
        if recording.action == action and read_capture(recording.line).event == event
    )
    for state, status in (("1", "OPEN"), (None, "OPEN"), ("9", None)):
        shown = sent(varied(capture, is_new=False, original={"state": state}))
        assert shown["previous"] == {"status": status}


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@settings(deadline=None, max_examples=60)
@given(odd=ODD, name=st.sampled_from([*ADDED, "entity_id", "updated_at", "store_id", "quote_id"]))
def test_an_additional_value_of_any_shape_never_makes_a_dead_letter(odd: Any, name: str) -> None:
    capture = varied(ORDER, snapshot=ADDED | {name: odd})
    CREATED.validate(sent(capture))


@settings(deadline=None, max_examples=60)
@given(odd=ODD, name=st.sampled_from(["item_id", "product_id", "options", "row_total"]))
def test_an_additional_value_of_an_item_never_makes_a_dead_letter(odd: Any, name: str) -> None:
    items = [item | {name: odd} for item in ORDER.snapshot["items"]]
    capture = varied(ORDER, snapshot={"items": items})
    CREATED.validate(sent(capture))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-23 17:13:04", "2026-11-23T17:13:04Z"),
        ("2026-11-23T18:13:04+01:00", "2026-11-23T17:13:04Z"),
        ("yesterday", None),
        ("", None),
        (1795453984, None),
    ],
)
def test_times_are_iso_8601_in_utc(written, expected):
    assert full.time({"created_at": written}, "created_at") == expected


@pytest.mark.parametrize(
    ("written", "expected"), [(1, True), ("1", True), (0, False), ("0", False), ("", None)]
)
def test_flags_are_booleans(written, expected):
    assert full.flag({"customer_is_guest": written}, "customer_is_guest") is expected


def test_options_are_labels_with_values():
    options = [{"label": "Size", "value": "XL"}, "no option", {"label": None, "value": 5}]
    items = [item | {"options": options} for item in ORDER.snapshot["items"]]
    (item, *_) = sent(varied(ORDER, snapshot={"items": items}))["items"]
    assert item["options"] == [{"label": "Size", "value": "XL"}, {"label": "", "value": "5"}]


def test_the_tracking_of_a_full_detail_names_the_admin_who_is_logged_in_as_the_customer():
    context = {"transport": "HTTP", "impersonated_by": 7}
    body = {"id": ID, "event": "customer_login", "time": 1.0, "context": context}
    capture = read_capture(json.dumps(body | {"snapshot": {"id": 1, "created_at": ""}}))
    capture = varied(
        capture, snapshot={"email": "a@example.com", "firstname": "A", "lastname": "B"}
    )
    assert sent(capture)["tracking"]["impersonatedBy"] == 7
    assert "impersonatedBy" not in sent(capture, "documented")["tracking"]


def test_a_setting_asks_for_full_details():
    assert ViewSettings().route().detail == "documented"
    settings = ViewSettings.model_validate({"options": {"detail": "full"}})
    assert settings.route().detail == "full"
    with pytest.raises(ValueError, match="'documented' or 'full'"):
        ViewSettings.model_validate({"options": {"detail": "everything"}})


def test_metadata_of_documented_details_stays_as_it_is():
    about = metadata(ID, 1.0, queued=False)
    assert set(about) == {"id", "date", "timestamp", "async"}
    assert set(about) & set(full_metadata("order/1")) == set()
    assert sent(ORDER, "documented")["metadata"].keys() == about.keys()
