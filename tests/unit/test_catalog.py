"""The catalog: which events there are, and how captures of a real store become their details."""

import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.captures import Capture, Context
from magento_eventbridge.catalog import (
    BY_DETAIL_TYPE,
    EVENTS,
    MAGENTO_EVENTS,
    EventDefinition,
    TranslationError,
    UnknownMagentoEventError,
    event_of,
)
from magento_eventbridge.catalog.schema import DIALECT, detail_schema, fields
from magento_eventbridge.catalog.snapshot import as_number as number
from magento_eventbridge.catalog.snapshot import tracking
from magento_eventbridge.demo import store_day
from tests.unit.recorded import (
    Json,
    detail,
    meaning,
    recorded,
    store_day_captures,
    varied,
    without,
)

# Detail-types as the reference documentation names them, with the setting that switches each.
DOCUMENTED = {
    "CartProductAdded": "cart/product_added",
    "CartProductUpdated": "cart/product_updated",
    "CartProductRemoved": "cart/product_removed",
    "UserLoggedIn": "user/logged_in",
    "UserLoggedOut": "user/logged_out",
    "UserLoginFailed": "user/login_failed",
    "CustomerLoggedIn": "customer/logged_in",
    "CustomerLoggedOut": "customer/logged_out",
    "CustomerLoginFailed": "customer/login_failed",
    "CustomerSignedUp": "customer/signed_up",
    "CustomerSignedUpFailed": "customer/signed_up_failed",
    "NewsletterSubscriptionChanged": "newsletter/subscription_changed",
    "OrderPlaced": "order/placed",
    "OrderCreated": "order/saved",
    "OrderUpdated": "order/saved",
    "OrderCanceled": "order/canceled",
    "OrderDeleted": "order/deleted",
    "InvoiceCreated": "invoice/saved",
    "InvoiceUpdated": "invoice/saved",
    "InvoicePayed": "invoice/payed",
    "InvoiceRegistered": "invoice/registered",
    "InvoiceDeleted": "invoice/deleted",
    "CreditmemoCreated": "creditmemo/saved",
    "CreditmemoUpdated": "creditmemo/saved",
    "CreditmemoRefunded": "creditmemo/refunded",
    "CreditmemoDeleted": "creditmemo/deleted",
    "ShipmentSaved": "shipment/saved",
    "ShipmentDeleted": "shipment/deleted",
    "CacheFlushAll": "cache/flush_all",
    "CacheFlushSystem": "cache/flush_system",
    "CacheFlushCatalogImages": "cache/flush_catalog_images",
    "CacheFlushMedia": "cache/flush_media",
    "CacheFlushStaticFiles": "cache/flush_static_files",
    "StateSaved": "indexer/state_saved",
    "CronStarted": "cron/started",
    "CronFinishedSuccess": "cron/finished_success",
    "CronFinishedError": "cron/finished_error",
}

_PLACE = {"region": None, "street": ["via di test"], "city": "Test", "postCode": "12345"}
_ORDER = {
    "id": "000000001",
    "status": "pending",
    "coupon": None,
    "billingAddress": {"country": "IT", **_PLACE},
    "shippingAddress": {"country": "IT", **_PLACE},
    "shippingAmount": 5,
    "taxAmount": 0,
    "total": 64,
    "items": [{"sku": "24-MB02", "name": "Fusion Backpack", "price": 59, "qty": 1}],
}
_TEE = {"sku": "WS12-M-Purple", "name": "Radiant Tee", "price": "22.0000"}
_INVOICE = {
    "orderId": "000000001",
    "status": "PAID",
    "billingAddress": {"countryId": "IT", **_PLACE},
    "shippingAmount": "10.0000",
    "taxAmount": 0,
    "total": 77,
    "items": [{**_TEE, "qty": 1}],
}
_CREDITMEMO = {
    "orderId": "000000001",
    "shippingAmount": 10,
    "taxAmount": 0,
    "total": 77,
    "status": "REFUNDED",
    "items": [{**_TEE, "quantity": 1}],
}
_SHIPMENT = {
    "id": "000000016",
    "tracks": [{"title": "DHL", "carrier": "dhl", "number": "123346457"}],
    "comments": ["this is a comment"],
    "qty": 1,
    "weight": None,
    "items": [
        {"sku": "MT07-M-Gray", "name": "Argus All-Weather Tank", "price": "22.0000", "qty": 1}
    ],
}
_CUSTOMER = {
    "id": 1,
    "createdAt": "2020-08-24 00:00:00",
    "email": "test@example.com",
    "firstname": "Test",
    "gender": "",
    "lastname": "Test",
    "middlename": "",
    "prefix": "",
    "suffix": "",
}
_ADMIN = {"id": 1, "username": "admin", "email": "admin@example.com"}

# What the reference documentation shows of each event, amounts as it writes them. A status of
# its own have those that it shows together with another event, and the canceled order, whose
# status in Magento is spelt with one l.
SHOWN: dict[str, Json] = {
    "CartProductAdded": {"sku": "abc-123", "qty": 1},
    "CartProductUpdated": {
        "sku": "abc-123",
        "operation": "add",
        "value": 1,
        "qty": {"from": 1, "to": 2},
    },
    "CartProductRemoved": {"sku": "abc-123", "qty": 2},
    "UserLoggedIn": _ADMIN,
    "UserLoggedOut": _ADMIN,
    "UserLoginFailed": {"username": "admin"},
    "CustomerLoggedIn": _CUSTOMER,
    "CustomerLoggedOut": _CUSTOMER,
    "CustomerLoginFailed": {
        "username": "test@example.com",
        "messages": [
            "The account sign-in was incorrect or your account is disabled temporarily. "
            "Please wait and try again later."
        ],
    },
    "CustomerSignedUp": _CUSTOMER,
    "CustomerSignedUpFailed": {
        "email": "test@example.com",
        "firstname": "Test",
        "lastname": "Test",
        "messages": ["customerAlreadyExistsErrorMessage"],
    },
    "OrderPlaced": _ORDER,
    "OrderCreated": _ORDER,
    "OrderUpdated": _ORDER | {"status": "processing"},
    "OrderCanceled": _ORDER | {"status": "canceled"},
    "OrderDeleted": _ORDER,
    "InvoiceCreated": _INVOICE | {"status": "OPEN"},
    "InvoiceUpdated": _INVOICE,
    "InvoicePayed": _INVOICE,
    "InvoiceRegistered": _INVOICE,
    "InvoiceDeleted": _INVOICE,
    "CreditmemoCreated": _CREDITMEMO | {"status": "OPEN"},
    "CreditmemoUpdated": _CREDITMEMO,
    "CreditmemoRefunded": _CREDITMEMO,
    "CreditmemoDeleted": _CREDITMEMO,
    "ShipmentSaved": _SHIPMENT,
    "ShipmentDeleted": _SHIPMENT,
    "CacheFlushAll": {},
    "CacheFlushSystem": {},
    "CacheFlushCatalogImages": {},
    "CacheFlushMedia": {},
    "CacheFlushStaticFiles": {},
    "StateSaved": {"index": "catalog_product_price", "status": "working"},
}


def with_numbers(value: Any) -> Any:
    """Return amounts that the reference documentation writes as texts as numbers."""
    if isinstance(value, dict):
        return {name: with_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [with_numbers(member) for member in value]
    if isinstance(value, str) and re.fullmatch(r"\d+\.\d{4}", value):
        return float(value)
    return value


def result(capture: Capture) -> str:
    """Return the message of a capture that cannot be translated."""
    with pytest.raises(TranslationError) as caught:
        meaning(capture).detail_of(capture)
    return str(caught.value)


def validator(event: EventDefinition) -> jsonschema.Draft202012Validator:
    schema = detail_schema(event)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


METADATA = {
    "id": "019aa1f8-5c2b-7d0e-9f3a-4b1c2d3e4f50",
    "date": "2026-11-23 17:12:40",
    "timestamp": 1795453960,
    "async": False,
}

PLACED = recorded("order-guest", "sales_order_place_after")
CANCELED = recorded("order-cancel", "order_cancel_after")
INVOICED = recorded("invoice", "sales_order_invoice_save_after")
REFUNDED = recorded("refund", "sales_order_creditmemo_save_after")
SHIPPED = recorded("ship", "sales_order_shipment_save_after")
ADDED = recorded("cart-add", "sales_quote_item_save_after")
ADDED_AGAIN = recorded("cart-add-again", "sales_quote_item_save_after", -1)
UPDATED = recorded("cart-update", "sales_quote_item_save_after", -1)
REMOVED = recorded("cart-remove", "sales_quote_item_delete_after")
SUBSCRIBED = recorded("signup-subscribe", "newsletter_subscriber_save_after")
UNSUBSCRIBED = recorded("newsletter-unsubscribe-link", "newsletter_subscriber_save_after", -1)
LOGIN_FAILED = recorded(
    "login-fail", "controller_action_postdispatch_customer_account_loginpost", -1
)
SIGN_UP_FAILED = recorded(
    "signup-fail", "controller_action_postdispatch_customer_account_createpost", -1
)
SIGNED_UP = recorded("signup", "customer_save_after_data_object")
LOGGED_IN = recorded("login", "customer_login")
JOB_STARTED = recorded("cron", "cron_job_run")
JOB_MISSED = recorded("cron-missed", "plugin:cron_schedule.save", -1)
JOB_FAILED = recorded("cron-error", "plugin:cron_schedule.save", -1)
REINDEXED = recorded("reindex", "indexer_state_save_after")


# Which events there are


def test_the_catalog_has_the_37_documented_events_and_no_other():
    assert len(EVENTS) == 37
    assert {
        event.detail_type: event.config_path.removeprefix("aws_eventbridge/events_")
        for event in EVENTS
    } == DOCUMENTED


def test_every_setting_is_in_the_stores_section():
    assert all(event.config_path.startswith("aws_eventbridge/events_") for event in EVENTS)


def test_an_event_is_found_by_its_name():
    assert {name: event.detail_type for name, event in BY_DETAIL_TYPE.items()} == {
        name: name for name in DOCUMENTED
    }


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_an_event_says_its_scope_and_when_it_is_sent(event):
    assert event.scope == DOCUMENTED[event.detail_type].split("/")[0]
    assert event.when.endswith(".")


def test_every_magento_event_of_the_store_day_is_known():
    assert {capture.event for _, capture in store_day_captures()} == MAGENTO_EVENTS


@pytest.mark.parametrize("detail_type", SHOWN)
def test_the_sample_is_what_the_reference_shows(detail_type):
    assert BY_DETAIL_TYPE[detail_type].sample == with_numbers(SHOWN[detail_type])


def test_the_sample_of_a_subscription_is_what_the_reference_shows():
    sample = dict(BY_DETAIL_TYPE["NewsletterSubscriptionChanged"].sample)
    assert sample.pop("unsubscriptionLink").startswith("https://")
    assert sample == {
        "customerId": 1,
        "email": "test@example.com",
        "isSubscribed": True,
        "status": "SUBSCRIBED",
        "code": "1234",
    }


@pytest.mark.parametrize("detail_type", ["CronStarted", "CronFinishedSuccess", "CronFinishedError"])
def test_the_sample_of_a_cron_event_has_the_fields_that_the_original_sends(detail_type):
    assert list(BY_DETAIL_TYPE[detail_type].sample) == [
        "code",
        "groupId",
        "jobConfig",
        "duration",
        "error",
    ]


# Schemas


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_a_sample_with_metadata_fits_its_schema(event):
    validator(event).validate({**event.sample, "metadata": METADATA})


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_a_schema_asks_for_metadata(event):
    assert detail_schema(event)["$schema"] == DIALECT
    assert not validator(event).is_valid(dict(event.sample))


def test_a_schema_refuses_an_amount_that_is_a_text():
    order = BY_DETAIL_TYPE["OrderPlaced"]
    wrong = {**order.sample, "total": "64.0000", "metadata": METADATA}
    assert [error.json_path for error in validator(order).iter_errors(wrong)] == ["$.total"]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_the_fields_that_are_listed_are_those_of_the_sample(event):
    assert [name for name, _ in fields(event)] == list(event.sample)


def test_fields_are_listed_with_their_json_types():
    assert fields(BY_DETAIL_TYPE["ShipmentSaved"]) == [
        ("id", "string"),
        ("tracks", "array of objects"),
        ("comments", "array of strings"),
        ("qty", "number"),
        ("weight", "number or null"),
        ("items", "array of objects"),
    ]
    types = dict(fields(BY_DETAIL_TYPE["NewsletterSubscriptionChanged"]))
    assert types["customerId"] == "integer or null"
    assert types["status"] == '"SUBSCRIBED" or "NOT_ACTIVE" or "UNSUBSCRIBED" or "UNCONFIRMED"'
    assert types["code"] == "string, not always there"


# The recorded store day


def test_each_action_of_the_store_day_yields_the_events_that_it_must():
    yielded: dict[str, Counter[str]] = {}
    for action, capture in store_day_captures():
        event = event_of(capture)
        if event is not None:
            yielded.setdefault(action, Counter())[event.detail_type] += 1
    assert yielded == store_day.expected()


def test_every_detail_of_the_store_day_fits_its_schema():
    validators = {event.detail_type: validator(event) for event in EVENTS}
    seen = set()
    for _, capture in store_day_captures():
        event = event_of(capture)
        if event is None:
            continue
        assert capture.context is not None
        shown = detail(capture) | {
            "metadata": METADATA,
            "tracking": json.loads(json.dumps(tracking(capture.context))),
        }
        validators[event.detail_type].validate(shown)
        model = event.detail.model_validate(shown)
        assert model.model_dump(by_alias=True, exclude={"tracking"}) == {
            **detail(capture),
            "metadata": METADATA,
        }
        assert list(shown)[:-2] == list(event.sample)[: len(shown) - 2]
        seen.add(event.detail_type)
    assert seen == set(DOCUMENTED)


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for member in value.values():
            yield from numbers_in(member)
    elif isinstance(value, list):
        for member in value:
            yield from numbers_in(member)
    elif isinstance(value, float):
        yield value


def test_no_whole_number_is_written_with_a_point():
    for _, capture in store_day_captures():
        if event_of(capture):
            assert not any(figure.is_integer() for figure in numbers_in(detail(capture)))


# Numbers


@pytest.mark.parametrize(
    ("given_by_magento", "shown"),
    [
        ("10.0000", "10"),
        (10.0, "10"),
        (10, "10"),
        ("9.5000", "9.5"),
        (9.5, "9.5"),
        (0.1 + 0.2, "0.3"),
        ("0.3000", "0.3"),
        ("-0.0000", "0"),
        (-0.00001, "0"),
        (None, "0"),
        ("", "0"),
        ("1e3", "1000"),
        (2**53 - 1, str(2**53 - 1)),
        (1e20, "1e+20"),
        ("100000000000000000000", "1e+20"),
    ],
)
def test_an_amount_is_the_one_number_that_equals_it(given_by_magento, shown):
    assert json.dumps(number(given_by_magento)) == shown


@pytest.mark.parametrize("value", [True, "NaN", "inf", "-inf", "ten", "1e400"])
def test_what_is_no_finite_number_is_no_amount(value):
    with pytest.raises(ValueError, match=r"."):
        number(value)


@pytest.mark.parametrize("value", [[], {}, {"amount": 1}])
def test_a_list_or_an_object_is_no_amount_and_its_field_is_named(value):
    assert result(varied(PLACED, snapshot={"shipping_amount": value})).startswith(
        "OrderPlaced: shipping_amount: "
    )


def test_a_whole_number_beyond_all_floats_is_no_amount():
    with pytest.raises(ValueError, match=r"."):
        number(10**400)


@given(st.decimals(min_value=-(10**8), max_value=10**8, places=4, allow_nan=False))
def test_the_same_amount_is_written_alike_however_magento_gives_it(amount):
    as_text, as_float = number(f"{amount:.4f}"), number(float(amount))
    assert json.dumps(as_text) == json.dumps(as_float)
    assert as_text == float(amount)


def test_a_new_order_and_the_same_order_loaded_read_alike():
    new = recorded("order-cancel", "sales_order_save_after")
    assert isinstance(new.snapshot["grand_total"], int)
    assert isinstance(CANCELED.snapshot["grand_total"], str)
    assert json.dumps(detail(new) | {"status": "canceled"}) == json.dumps(detail(CANCELED))


# Orders


def test_an_order_is_sent_as_the_reference_shows_it():
    place = {
        "country": "US",
        "region": "Texas",
        "street": ["1 Test Street", "Floor 2"],
        "city": "Dallas",
        "postCode": "75001",
    }
    assert detail(PLACED) == {
        "id": PLACED.snapshot["increment_id"],
        "status": "pending",
        "coupon": None,
        "billingAddress": place,
        "shippingAddress": place,
        "shippingAmount": 15,
        "taxAmount": 0,
        "total": 128,
        "items": [
            {"sku": "24-MB01", "name": "Joust Duffle Bag", "price": 34, "qty": 2},
            {"sku": "24-WB04", "name": "Push It Messenger Bag", "price": 45, "qty": 1},
        ],
    }


def test_a_virtual_order_has_no_shipping_address():
    virtual = detail(recorded("order-virtual", "sales_order_place_after"))
    assert virtual["shippingAddress"] is None
    assert virtual["billingAddress"]["country"] == "US"
    assert virtual["total"] == 9.5


def test_an_order_whose_addresses_were_not_loaded_has_none():
    bare = detail(without(PLACED, "billing_address", "shipping_address"))
    assert (bare["billingAddress"], bare["shippingAddress"]) == (None, None)


def test_a_configurable_product_is_one_item_of_its_order():
    order = recorded("order-configurable", "sales_order_place_after")
    assert len(order.snapshot["items"]) == 2
    assert detail(order)["items"] == [
        {"sku": "MH01-XS-Black", "name": "Chaz Kangeroo Hoodie", "price": 52, "qty": 1}
    ]


def test_a_coupon_is_sent_and_no_coupon_is_null():
    assert detail(varied(PLACED, snapshot={"coupon_code": "H20"}))["coupon"] == "H20"
    assert detail(varied(PLACED, snapshot={"coupon_code": ""}))["coupon"] is None


def test_items_keyed_by_id_are_read_like_a_list():
    items = {str(number): item for number, item in enumerate(PLACED.snapshot["items"], start=136)}
    assert detail(varied(PLACED, snapshot={"items": items})) == detail(PLACED)


def test_a_street_in_one_text_is_sent_line_by_line():
    place = PLACED.snapshot["billing_address"] | {"street": "1 Test Street\nFloor 2"}
    shown = detail(varied(PLACED, snapshot={"billing_address": place}))["billingAddress"]
    assert shown["street"] == ["1 Test Street", "Floor 2"]


def test_what_an_address_lacks_is_null_or_empty():
    place = {"country_id": "IT", "street": []}
    shown = detail(varied(PLACED, snapshot={"billing_address": place}))["billingAddress"]
    assert shown == {"country": "IT", "region": None, "street": [], "city": "", "postCode": ""}


def test_a_save_that_made_the_order_is_a_creation_and_a_later_one_an_update():
    saves = [recorded("order-cancel", "sales_order_save_after", turn) for turn in (0, 1)]
    assert [meaning(save).detail_type for save in saves] == ["OrderCreated", "OrderUpdated"]


@pytest.mark.parametrize("original", [{}, {"updated_at": "2026-11-23 17:13:18"}])
@pytest.mark.parametrize("capture", [PLACED, INVOICED, REFUNDED], ids=["order", "invoice", "memo"])
def test_a_save_that_changed_nothing_is_not_sent(capture, original):
    event = "sales_order_save_after" if capture is PLACED else capture.event
    assert event_of(varied(capture, event=event, is_new=False, original=original)) is None


@pytest.mark.parametrize("capture", [PLACED, INVOICED, REFUNDED], ids=["order", "invoice", "memo"])
def test_a_change_of_a_field_that_may_not_be_sent_is_a_change(capture):
    event = "sales_order_save_after" if capture is PLACED else capture.event
    changed = varied(capture, event=event, is_new=False, original={"customer_note": None})
    assert meaning(changed).detail_type.endswith("Updated")


# Invoices, credit memos, shipments


def test_an_invoice_is_sent_as_the_reference_shows_it():
    assert detail(INVOICED) == {
        "orderId": INVOICED.snapshot["order"]["increment_id"],
        "status": "PAID",
        "billingAddress": {
            "countryId": "US",
            "region": "Texas",
            "street": ["1 Test Street", "Floor 2"],
            "city": "Dallas",
            "postCode": "75001",
        },
        "shippingAmount": 10,
        "taxAmount": 0,
        "total": 78,
        "items": [{"sku": "24-MB01", "name": "Joust Duffle Bag", "price": 34, "qty": 2}],
    }


def test_a_saved_invoice_that_changes_is_an_update():
    canceled = varied(INVOICED, snapshot={"state": "3"}, is_new=False, original={"state": "1"})
    assert meaning(canceled).detail_type == "InvoiceUpdated"
    assert detail(canceled)["status"] == "CANCELED"


def test_a_saved_credit_memo_that_changes_is_an_update():
    canceled = varied(REFUNDED, snapshot={"state": 3}, is_new=False, original={"state": "1"})
    assert meaning(canceled).detail_type == "CreditmemoUpdated"
    assert detail(canceled)["status"] == "CANCELED"


@pytest.mark.parametrize(
    ("capture", "statuses"),
    [(INVOICED, ("OPEN", "PAID", "CANCELED")), (REFUNDED, ("OPEN", "REFUNDED", "CANCELED"))],
    ids=["invoice", "memo"],
)
def test_a_state_is_sent_in_words_whether_it_is_a_number_or_a_text(capture, statuses):
    for state, status in enumerate(statuses, start=1):
        assert detail(varied(capture, snapshot={"state": state}))["status"] == status
        assert detail(varied(capture, snapshot={"state": str(state)}))["status"] == status


@pytest.mark.parametrize("state", [None, 0, "0", ""])
@pytest.mark.parametrize("capture", [INVOICED, REFUNDED], ids=["invoice", "memo"])
def test_a_state_that_rest_left_unset_is_open(capture, state):
    assert detail(varied(capture, snapshot={"state": state}))["status"] == "OPEN"


def test_an_invoice_of_an_order_without_a_billing_address_has_none():
    assert detail(without(INVOICED, "billing_address"))["billingAddress"] is None


def test_a_credit_memo_calls_its_items_quantity_so():
    assert detail(REFUNDED) == {
        "orderId": REFUNDED.snapshot["order"]["increment_id"],
        "shippingAmount": 10,
        "taxAmount": 0,
        "total": 73,
        "status": "REFUNDED",
        "items": [{"sku": "24-MB01", "name": "Joust Duffle Bag", "price": 34, "quantity": 2}],
    }


def test_a_shipment_has_its_tracks_and_comments():
    shown = detail(SHIPPED)
    assert shown == {
        "id": SHIPPED.snapshot["increment_id"],
        "tracks": [{"title": "United Parcel Service", "carrier": "ups", "number": "1Z999"}],
        "comments": ["left at the door"],
        "qty": 2,
        "weight": None,
        "items": [{"sku": "24-MB01", "name": "Joust Duffle Bag", "price": 34, "qty": 2}],
    }


def test_a_track_that_comes_later_and_goes_again_saves_the_shipment():
    tracks = [
        detail(recorded("ship-track-later", f"sales_order_shipment_{save}_after"))["tracks"]
        for save in ("save", "track_save", "track_delete")
    ]
    assert [[track["number"] for track in shown] for shown in tracks] == [[], ["1Z999"], []]


def test_tracks_and_comments_keyed_by_id_are_read_like_lists():
    keyed = {
        name: {str(at): member for at, member in enumerate(SHIPPED.snapshot[name], start=7)}
        for name in ("tracks", "comments", "items")
    }
    assert detail(varied(SHIPPED, snapshot=keyed)) == detail(SHIPPED)


def test_a_shipment_without_tracks_and_comments_has_empty_lists():
    bare = detail(varied(SHIPPED, snapshot={"tracks": None, "comments": None}))
    assert (bare["tracks"], bare["comments"]) == ([], [])


def test_a_weight_that_is_known_is_a_number():
    assert detail(varied(SHIPPED, snapshot={"total_weight": "1.5000"}))["weight"] == 1.5


@pytest.mark.parametrize(
    ("action", "event", "items"),
    [
        ("delete-order", "sales_order_delete_after", ["24-MB01"]),
        ("delete-invoice", "sales_order_invoice_delete_after", ["24-MB01"]),
        ("delete-creditmemo", "sales_order_creditmemo_delete_after", ["24-MB01"]),
        ("delete-shipment", "sales_order_shipment_delete_after", ["24-MB01"]),
    ],
)
def test_what_is_deleted_is_sent_with_its_items(action, event, items):
    assert [item["sku"] for item in detail(recorded(action, event))["items"]] == items


# Carts


def test_a_product_put_into_the_cart_is_an_addition():
    assert meaning(ADDED).detail_type == "CartProductAdded"
    assert detail(ADDED) == {"sku": "24-MB01", "qty": 1}


def test_adding_again_shows_how_many_were_added_not_how_many_there_are():
    assert ADDED_AGAIN.snapshot["qty"] == 3
    assert meaning(ADDED_AGAIN).detail_type == "CartProductAdded"
    assert detail(ADDED_AGAIN) == {"sku": "24-MB01", "qty": 2}


def test_changing_the_quantity_is_an_update():
    assert meaning(UPDATED).detail_type == "CartProductUpdated"
    assert detail(UPDATED) == {
        "sku": "24-MB01",
        "operation": "remove",
        "value": 4,
        "qty": {"from": 5, "to": 1},
    }


def test_raising_the_quantity_is_an_update_that_adds():
    raised = recorded("cart-update", "sales_quote_item_save_after", -2)
    assert detail(raised) == {
        "sku": "24-MB01",
        "operation": "add",
        "value": 3,
        "qty": {"from": 2, "to": 5},
    }


def test_the_minicarts_text_is_sent_as_a_number():
    update = recorded("cart-update-minicart", "sales_quote_item_save_after", -1)
    assert detail(varied(update, snapshot={"qty": "3"}))["qty"] == {"from": 1, "to": 3}


def test_fractions_of_a_quantity_are_exact():
    change = varied(UPDATED, snapshot={"qty": 0.3}, original={"qty": "0.1000"})
    assert detail(change)["value"] == 0.2


def test_the_item_edit_page_updates_though_magento_adds_the_product_again():
    edited = varied(ADDED_AGAIN, snapshot={"qty": 5, "added_qty": 5}, original={"qty": "2.0000"})
    assert meaning(edited).detail_type == "CartProductUpdated"
    assert detail(edited)["qty"] == {"from": 2, "to": 5}


def test_the_item_edit_page_that_leaves_the_quantity_sends_nothing():
    assert event_of(varied(ADDED_AGAIN, snapshot={"qty": 2, "added_qty": 2}, original={})) is None


def test_an_item_that_is_saved_as_it_was_sends_nothing():
    assert event_of(varied(UPDATED, original={})) is None


def test_a_new_item_is_an_addition_however_it_came():
    # A guest's cart was merged into the customer's, or a module added the item itself.
    capture = varied(ADDED, snapshot={"added_qty": None})
    assert meaning(capture).detail_type == "CartProductAdded"
    assert detail(capture)["qty"] == ADDED.snapshot["qty"]


def test_a_new_item_has_the_quantity_that_a_module_left():
    capture = varied(ADDED, snapshot={"qty": 3, "added_qty": 10})
    assert meaning(capture).detail_type == "CartProductAdded"
    assert detail(capture)["qty"] == 3


def test_a_line_that_grows_by_a_merge_is_an_update():
    merged = varied(ADDED_AGAIN, snapshot={"added_qty": None})
    assert meaning(merged).detail_type == "CartProductUpdated"


def test_nothing_added_is_no_addition():
    assert event_of(varied(ADDED, snapshot={"qty": 0, "added_qty": 0})) is None


@pytest.mark.parametrize("capture", [ADDED, ADDED_AGAIN, UPDATED, REMOVED])
def test_the_cart_of_an_order_that_an_admin_prepares_is_no_shoppers(capture):
    assert event_of(varied(capture, area="adminhtml")) is None


@pytest.mark.parametrize("capture", [ADDED, ADDED_AGAIN, UPDATED, REMOVED])
def test_the_parts_of_configurables_and_bundles_are_not_sent(capture):
    assert event_of(varied(capture, snapshot={"has_parent": True})) is None


@pytest.mark.parametrize("area", ["frontend", "webapi_rest", "graphql", None])
def test_a_cart_is_sent_whichever_way_it_is_changed(area):
    assert meaning(varied(ADDED, area=area)).detail_type == "CartProductAdded"


def test_a_product_taken_out_is_sent_with_how_many_there_were():
    assert meaning(REMOVED).detail_type == "CartProductRemoved"
    assert detail(REMOVED) == {"sku": "24-MB01", "qty": 2}


def test_setting_the_quantity_to_zero_is_a_removal_and_nothing_else():
    told_of = [
        meaning(capture).detail_type
        for action, capture in store_day_captures()
        if action == "cart-remove-by-zero"
    ]
    assert told_of == ["CartProductAdded", "CartProductRemoved"]


# Customers, users, newsletter


def test_a_customer_is_sent_as_the_reference_shows_it():
    shown = detail(LOGGED_IN)
    assert list(shown) == list(_CUSTOMER)
    assert shown["id"] == int(LOGGED_IN.snapshot["id"])
    assert (shown["gender"], shown["prefix"]) == ("", "")


def test_a_later_save_of_a_customer_is_no_sign_up():
    assert event_of(varied(SIGNED_UP, is_new=False)) is None


def test_an_account_that_an_admin_makes_is_no_sign_up():
    assert meaning(SIGNED_UP).detail_type == "CustomerSignedUp"
    assert event_of(varied(SIGNED_UP, area="adminhtml")) is None


@pytest.mark.parametrize("capture", [LOGIN_FAILED, SIGN_UP_FAILED], ids=["login", "sign-up"])
def test_an_attempt_without_errors_is_no_failure(capture):
    assert event_of(varied(capture, snapshot={"messages": []})) is None


def test_a_failed_login_is_sent_with_what_the_shop_answered():
    assert detail(LOGIN_FAILED) == {
        "username": LOGIN_FAILED.snapshot["username"],
        "messages": SHOWN["CustomerLoginFailed"]["messages"],
    }


def test_a_failed_sign_up_is_sent_with_what_the_shop_answered():
    assert detail(SIGN_UP_FAILED) == {
        "email": SIGN_UP_FAILED.snapshot["email"],
        "firstname": SIGN_UP_FAILED.snapshot["firstname"],
        "lastname": SIGN_UP_FAILED.snapshot["lastname"],
        "messages": ["customerAlreadyExistsErrorMessage"],
    }


def test_an_admin_user_is_sent_with_a_number_as_id():
    user = recorded("admin-login", "backend_auth_user_login_success")
    assert detail(user) == {"id": 1, "username": "admin", "email": "admin@example.com"}


def test_a_failed_login_of_nobody_is_reported_by_the_name_alone():
    assert detail(recorded("admin-login-unknown", "backend_auth_user_login_failed")) == {
        "username": "nobody"
    }


def test_a_new_subscription_has_link_and_code():
    shown = detail(SUBSCRIBED)
    assert list(shown) == [
        "customerId",
        "email",
        "isSubscribed",
        "status",
        "unsubscriptionLink",
        "code",
    ]
    assert (shown["isSubscribed"], shown["status"]) == (True, "SUBSCRIBED")
    assert shown["customerId"] == int(SUBSCRIBED.snapshot["customer_id"])
    assert shown["code"] in shown["unsubscriptionLink"]


def test_an_ended_subscription_has_neither_link_nor_code():
    assert detail(UNSUBSCRIBED) == {
        "customerId": None,
        "email": UNSUBSCRIBED.snapshot["subscriber_email"],
        "isSubscribed": False,
        "status": "UNSUBSCRIBED",
    }


@pytest.mark.parametrize(
    ("number", "status"),
    [(1, "SUBSCRIBED"), (2, "NOT_ACTIVE"), (3, "UNSUBSCRIBED"), (4, "UNCONFIRMED")],
)
def test_a_subscription_shows_its_status_in_words(number, status):
    for value in (number, str(number)):
        shown = detail(varied(SUBSCRIBED, snapshot={"subscriber_status": value}))
        assert (shown["status"], shown["isSubscribed"]) == (status, number == 1)


@pytest.mark.parametrize("former", [{}, {"change_status_at": "2026"}, {"subscriber_status": "3"}])
def test_a_subscription_whose_status_stays_sends_nothing(former):
    assert event_of(varied(UNSUBSCRIBED, original=former)) is None


# Caches, indexes, cron


def test_a_cache_event_says_nothing_but_that_it_happened():
    assert detail(recorded("cli-cache-flush", "adminhtml_cache_flush_all")) == {}


def test_an_index_shows_its_new_state():
    assert detail(REINDEXED) == {"index": "design_config_grid", "status": "working"}


def test_an_index_that_is_saved_as_it_was_sends_nothing():
    assert event_of(varied(REINDEXED, is_new=False, original={})) is None
    assert meaning(varied(REINDEXED, is_new=True, original={})).detail_type == "StateSaved"


def test_a_job_that_starts_has_neither_duration_nor_error():
    shown = detail(JOB_STARTED)
    assert (shown["duration"], shown["error"]) == (None, None)


def test_a_job_that_succeeds_shows_its_duration():
    done = varied(JOB_FAILED, snapshot={"status": "success", "messages": None})
    assert meaning(done).detail_type == "CronFinishedSuccess"
    shown = detail(done)
    assert shown["duration"] >= 0
    assert shown["error"] is None


def test_a_job_that_fails_shows_the_message():
    assert meaning(JOB_FAILED).detail_type == "CronFinishedError"
    assert detail(JOB_FAILED) == {
        "code": "drive_failing_job",
        "groupId": "default",
        "jobConfig": {
            "name": "drive_failing_job",
            "instance": "Shop\\Jobs\\Cron\\Fail",
            "method": "execute",
            "schedule": "0 0 1 1 *",
        },
        "duration": JOB_FAILED.snapshot["duration"],
        "error": "drive: this job fails on purpose",
    }


def test_a_job_that_was_missed_failed_though_it_never_ran():
    assert meaning(JOB_MISSED).detail_type == "CronFinishedError"
    shown = detail(JOB_MISSED)
    assert shown["duration"] is None
    assert shown["error"].startswith("Cron Job drive_failing_job is missed at 20")


@pytest.mark.parametrize("status", ["running", "pending", None])
def test_a_job_that_is_not_over_is_not_sent_as_finished(status):
    assert event_of(varied(JOB_FAILED, snapshot={"status": status})) is None


@pytest.mark.parametrize("config", [None, [], {}])
def test_a_job_without_configuration_has_an_empty_one(config):
    assert detail(varied(JOB_STARTED, snapshot={"job_config": config}))["jobConfig"] == {}


# What cannot be translated


def test_an_unknown_magento_event_is_sent_with_what_to_do():
    with pytest.raises(UnknownMagentoEventError, match=r"sales_order_teleported.*upgrade"):
        event_of(varied(PLACED, event="sales_order_teleported"))


@pytest.mark.parametrize(
    ("capture", "field"),
    [
        (PLACED, "increment_id"),
        (PLACED, "status"),
        (PLACED, "grand_total"),
        (PLACED, "items"),
        (INVOICED, "order"),
        (INVOICED, "state"),
        (INVOICED, "grand_total"),
        (INVOICED, "items"),
        (REFUNDED, "order"),
        (REFUNDED, "state"),
        (REFUNDED, "items"),
        (SHIPPED, "increment_id"),
        (SHIPPED, "items"),
        (ADDED, "sku"),
        (UPDATED, "sku"),
        (REMOVED, "sku"),
        (REMOVED, "qty"),
        (LOGGED_IN, "id"),
        (LOGGED_IN, "email"),
        (LOGIN_FAILED, "username"),
        (SIGN_UP_FAILED, "email"),
        (SUBSCRIBED, "subscriber_status"),
        (SUBSCRIBED, "subscriber_email"),
        (recorded("admin-login", "backend_auth_user_login_success"), "user_id"),
        (recorded("admin-login-fail", "backend_auth_user_login_failed"), "username"),
        (REINDEXED, "indexer_id"),
        (REINDEXED, "status"),
        (JOB_STARTED, "job_code"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.event,
)
def test_a_field_that_a_snapshot_lacks_is_named(capture, field):
    name = meaning(capture).detail_type
    assert result(without(capture, field)) == f"{name}: the snapshot has no {field!r}"


def test_a_field_that_an_item_lacks_is_named():
    assert result(varied(PLACED, snapshot={"items": [{"sku": "a", "name": "b"}]})).endswith(
        "'price'"
    )


@pytest.mark.parametrize(
    ("capture", "snapshot", "place"),
    [
        (PLACED, {"grand_total": "a lot"}, "grand_total"),
        (PLACED, {"status": ["pending"]}, "status"),
        (PLACED, {"status": True}, "status"),
        (REMOVED, {"qty": True}, "qty"),
        (REMOVED, {"qty": "Infinity"}, "qty"),
        (LOGGED_IN, {"id": "one"}, "id"),
        (LOGGED_IN, {"id": -1}, "id"),
        (LOGGED_IN, {"id": str(2**63)}, "id"),
        (LOGGED_IN, {"email": {"a": 1}}, "email"),
        (LOGIN_FAILED, {"messages": ["fine", {"no": "text"}]}, "messages"),
        (JOB_STARTED, {"job_config": ["name"]}, "job_config"),
        (SHIPPED, {"total_weight": "heavy"}, "total_weight"),
    ],
)
def test_a_field_of_another_type_is_named(capture, snapshot, place):
    name = meaning(capture).detail_type
    assert result(varied(capture, snapshot=snapshot)).startswith(f"{name}: {place}: ")


@pytest.mark.parametrize(
    ("capture", "snapshot"),
    [
        (PLACED, {"items": [None]}),
        (PLACED, {"billing_address": []}),
        (PLACED, {"shipping_address": "Dallas"}),
        (INVOICED, {"order": None}),
        (INVOICED, {"order": []}),
        (SHIPPED, {"tracks": [1]}),
        (SHIPPED, {"comments": ["no object"]}),
    ],
)
def test_a_snapshot_of_another_shape_is_sent_with_the_event(capture, snapshot):
    name = meaning(capture).detail_type
    assert result(varied(capture, snapshot=snapshot)).startswith(
        f"{name}: the snapshot has another shape than its event's: "
    )


def test_a_customer_id_that_is_no_number_is_named():
    assert "customer_id" in result(varied(SUBSCRIBED, snapshot={"customer_id": "somebody"}))


@pytest.mark.parametrize(
    ("capture", "field"),
    [(INVOICED, "state"), (REFUNDED, "state"), (SUBSCRIBED, "subscriber_status")],
    ids=["invoice", "memo", "subscriber"],
)
def test_a_status_that_magento_does_not_have_is_named(capture, field):
    message = result(varied(capture, snapshot={field: "9"}))
    assert "status" in message
    assert "has no '9'" not in message


def test_messages_that_are_one_text_do_not_fall_apart():
    text = varied(LOGIN_FAILED, snapshot={"messages": "Invalid login."})
    with pytest.raises(TranslationError, match="messages: should be an array"):
        detail(text)


@pytest.mark.parametrize(
    ("capture", "snapshot", "original"),
    [
        (ADDED, {"qty": "two"}, {}),
        (ADDED_AGAIN, {"added_qty": ["two"]}, {}),
        (UPDATED, {"qty": {}}, {}),
        (UPDATED, {}, {"qty": "five"}),
    ],
)
def test_a_cart_item_whose_quantity_is_none_is_sent_with_its_magento_event(
    capture, snapshot, original
):
    with pytest.raises(TranslationError, match=r"^sales_quote_item_save_after: "):
        event_of(varied(capture, snapshot=snapshot, original=original or capture.original))


@pytest.mark.parametrize(
    ("capture", "snapshot"),
    [
        (PLACED, {"grand_total": "hunter2"}),
        (PLACED, {"items": "hunter2"}),
        (PLACED, {"status": ["hunter2"]}),
        (LOGGED_IN, {"id": "hunter2"}),
        (LOGGED_IN, {"email": {"password_hash": "hunter2"}}),
        (ADDED, {"qty": "hunter2"}),
        (INVOICED, {"state": "hunter2"}),
        (JOB_STARTED, {"job_config": ["hunter2"]}),
    ],
)
def test_a_fault_never_shows_the_value(capture, snapshot):
    wrong = varied(capture, snapshot=snapshot)
    with pytest.raises(TranslationError) as caught:
        event = event_of(wrong)
        assert event is not None
        event.detail_of(wrong)
    assert "hunter2" not in str(caught.value)


def test_a_sku_that_is_a_number_is_sent_as_a_text():
    assert detail(varied(ADDED, snapshot={"sku": 12345}))["sku"] == "12345"


@pytest.mark.parametrize("value", ["many", 3])
def test_what_is_no_array_is_named(value):
    assert result(varied(PLACED, snapshot={"items": value})) == (
        "OrderPlaced: items: should be an array"
    )


def test_a_job_config_that_is_no_object_is_named():
    assert "job_config: should be an object" in result(
        varied(JOB_STARTED, snapshot={"job_config": "x"})
    )


# Tracking


def context(action: str, event: str) -> Context:
    found = recorded(action, event).context
    assert found is not None
    return found


def test_tracking_over_http_is_as_the_reference_shows_it():
    shown = tracking(context("admin-login", "backend_auth_user_login_success"))
    assert shown == {
        "transport": "HTTP",
        "hostname": "web-1",
        "time": shown["time"],
        "storeId": 0,
        "version": {"module": "0.1.0", "php": "8.2.36", "magento": "2.4.6Community"},
        "user": {"id": 1, "username": "admin", "email": "admin@example.com"},
        "ip": "127.0.0.1",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    }
    assert list(shown) == [
        "transport",
        "hostname",
        "time",
        "storeId",
        "version",
        "user",
        "ip",
        "userAgent",
    ]
    assert isinstance(shown["time"], int)


def test_tracking_of_a_command_shows_the_systems_user_and_no_address():
    shown = tracking(context("cli-cache-flush", "adminhtml_cache_flush_all"))
    assert shown == {
        "transport": "SHELL",
        "hostname": "web-1",
        "time": shown["time"],
        "storeId": 0,
        "version": {"module": "0.1.0", "php": "8.2.36", "magento": "2.4.6Community"},
        "user": {
            "name": "www-data",
            "passwd": "x",
            "uid": 33,
            "gid": 33,
            "gecos": "www-data",
            "dir": "/var/www",
            "shell": "/usr/sbin/nologin",
        },
    }


def test_tracking_of_a_guest_has_no_user():
    assert tracking(context("cart-add", "sales_quote_item_save_after"))["user"] is None


def test_tracking_over_http_has_its_fields_even_where_nothing_is_known():
    shown = tracking(Context(transport="HTTP"))
    assert shown == {
        "transport": "HTTP",
        "hostname": None,
        "time": None,
        "storeId": None,
        "version": {"module": None, "php": None, "magento": None},
        "user": None,
        "ip": None,
        "userAgent": None,
    }


@pytest.mark.parametrize(
    ("given_id", "shown"), [("3", 3), (3, 3), ("guest", "guest"), (None, None)]
)
def test_a_users_id_is_a_number_however_magento_gives_it(given_id, shown):
    assert tracking(Context(transport="HTTP", user={"id": given_id}))["user"] == {"id": shown}


def test_a_users_password_and_tokens_are_never_shown():
    user = {
        "id": "3",
        "email": "a@example.com",
        "password": "hunter2",
        "password_hash": "hunter2",
        "rp_token": "hunter2",
        "passwd": "$6$hunter2",
    }
    shown = tracking(Context(transport="SHELL", user=dict(user)))["user"]
    assert shown == {"id": 3, "email": "a@example.com", "passwd": "x"}


def test_a_details_model_cannot_be_changed():
    model = meaning(PLACED).detail.model_validate(detail(PLACED) | {"metadata": METADATA})
    with pytest.raises(ValueError, match="frozen"):
        model.id = "other"  # type: ignore[attr-defined]


def test_the_row_of_an_event_is_that_of_its_snapshot():
    order, cart = BY_DETAIL_TYPE["OrderCreated"], BY_DETAIL_TYPE["CartProductAdded"]
    for value, expected in (("7", "7"), (7, "7"), (None, ""), ("x", ""), ("9" * 30, "")):
        capture = Capture(str(uuid.uuid4()), "x", 1.0, snapshot={"entity_id": value})
        assert order.entity_of(capture) == expected
        assert cart.entity_of(capture) == ""
