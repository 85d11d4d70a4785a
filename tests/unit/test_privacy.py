"""Privacy: fields are removed or hashed before an event leaves, by path, in every event."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.catalog import event_of
from magento_eventbridge.delivery.envelope import build_entry
from magento_eventbridge.delivery.privacy import Privacy
from magento_eventbridge.settings.view import ViewSettings
from tests.unit.recorded import recorded, store_day_captures

PLACED = recorded("order-guest", "sales_order_place_after")
SECRET = "a-secret-of-enough-length"


def sent(settings: dict[str, Any], capture: Any = PLACED) -> Any:
    event = event_of(capture)
    assert event is not None
    entry = build_entry(capture, event, ViewSettings.model_validate(settings).route())
    return json.loads(entry.detail)


def test_fields_are_removed_by_path_also_within_arrays():
    detail = sent({"privacy": {"remove": "billingAddress.street tracking.ip items.name nothing.x"}})
    plain = sent({})
    assert "street" not in detail["billingAddress"]
    assert "ip" not in detail["tracking"]
    assert all("name" not in item and "sku" in item for item in detail["items"])
    assert detail["shippingAddress"] == plain["shippingAddress"]
    assert detail["metadata"] == plain["metadata"]


def test_a_hash_is_the_same_for_the_same_value_and_secret_only():
    def digest(secret: str) -> Any:
        return sent({"privacy": {"hash": ["billingAddress.city"], "secret": secret}})

    one = digest(SECRET)["billingAddress"]["city"]
    assert one == digest(SECRET)["billingAddress"]["city"]
    assert one != digest(SECRET + "2")["billingAddress"]["city"]
    assert one.startswith("hmac-sha256:")
    assert len(one) == len("hmac-sha256:") + 64


def test_each_value_of_an_array_is_hashed_and_null_stays_null():
    detail = sent(
        {"privacy": {"hash": "shippingAddress.street coupon items.price", "secret": SECRET}}
    )
    assert all(line.startswith("hmac-sha256:") for line in detail["shippingAddress"]["street"])
    assert detail["coupon"] is None
    assert all(item["price"].startswith("hmac-sha256:") for item in detail["items"])


@pytest.mark.parametrize(
    ("privacy", "message"),
    [
        ({"hash": ["email"]}, "needs a secret"),
        ({"hash": ["email"], "secret": "short"}, "at least 16 characters"),
        ({"remove": ["a..b"]}, "is not the path of a field"),
        ({"remove": ["metadata.id"]}, "consumers need metadata"),
    ],
)
def test_wrong_settings_are_refused(privacy, message):
    with pytest.raises(ValueError, match=message):
        ViewSettings.model_validate({"privacy": privacy})


def test_the_secret_is_not_shown():
    settings = ViewSettings.model_validate({"privacy": {"hash": "email", "secret": SECRET}})
    assert SECRET not in repr(settings) + repr(settings.route())


def test_no_event_of_the_store_day_shows_what_is_removed():
    for _, capture in store_day_captures():
        if event_of(capture) is not None:
            detail = sent({"privacy": {"remove": "tracking.ip tracking.user email"}}, capture)
            assert "ip" not in detail.get("tracking", {})
            assert "user" not in detail.get("tracking", {})
            assert "email" not in detail


@given(
    path=st.lists(st.sampled_from("abc"), min_size=1, max_size=3),
    detail=st.dictionaries(
        st.sampled_from("abc"),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner)
            ),
            max_leaves=6,
        ),
    ),
)
def test_what_is_removed_is_nowhere_and_the_rest_is_unchanged(path, detail):
    before = json.dumps(detail)
    changed = Privacy(remove=(".".join(path),)).apply(detail)
    assert json.dumps(detail) == before
    assert Privacy(remove=(".".join(path),)).apply(changed) == changed
    if len(path) == 1:
        assert changed == {name: of for name, of in detail.items() if name != path[0]}


CAPTURE = {
    "id": "1",
    "snapshot": {
        "customer_email": "jane@example.com",
        "billing_address": {"street": ["1 Main St", "B"], "city": "Oslo"},
        "email": "kept@example.com",
        "order": {"customer_email": "jane@example.com"},
        "items": [{"name": "Bag", "sku": "A"}, "odd"],
    },
    "original": {"customer_email": "old@example.com"},
    "context": {"ip": "10.0.0.1", "hostname": "web-1"},
    "paths": {"billing_address.street": "1 Main St", "items[].name": ["Bag"], "sku": "A"},
}


def test_a_capture_is_shown_without_the_private_fields_of_its_detail():
    privacy = Privacy(
        ("customer.email", "tracking.ip", "items.name"), ("billingAddress.street",), "k" * 32
    )
    shown = json.loads(privacy.of_capture(json.dumps(CAPTURE)))
    first, second = shown["snapshot"]["billing_address"]["street"]
    assert first.startswith("hmac-sha256:")
    assert first != second
    assert shown == {
        "id": "1",
        "snapshot": {
            "billing_address": {"street": [first, second], "city": "Oslo"},
            "email": "kept@example.com",
            "order": {},
            "items": [{"sku": "A"}, "odd"],
        },
        "original": {},
        "context": {"hostname": "web-1"},
        "paths": {"billing_address.street": first, "sku": "A"},
    }


@pytest.mark.parametrize("text", ["{broken", "[1]", "null", '"x"'])
def test_a_text_that_is_no_capture_is_shown_as_it_is(text):
    assert Privacy(("email",)).of_capture(text) == text


def test_a_capture_without_a_snapshot_is_shown():
    assert json.loads(Privacy(("email",)).of_capture('{"id": "1"}')) == {"id": "1"}
