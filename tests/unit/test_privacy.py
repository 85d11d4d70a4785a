"""Privacy: fields are removed or hashed before an event leaves, by path, in every event."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture
from magento_eventbridge.catalog import EVENTS, TranslationError, event_of
from magento_eventbridge.catalog.declared import (
    Declaration,
    DeclaredField,
    ShopCatalog,
    Trigger,
)
from magento_eventbridge.delivery.envelope import build_entry
from magento_eventbridge.delivery.privacy import Privacy
from magento_eventbridge.delivery.routing import Route
from magento_eventbridge.demo import store_day
from magento_eventbridge.settings.view import ViewSettings
from tests.unit.recorded import recorded, store_day_captures, varied

Json = dict[str, Any]

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


# What a value decides beside the field that it is the value of.
_DECIDES = {"has_parent", "subscriber_status"}
_FULL = ViewSettings.model_validate({"options": {"detail": "full"}}).route()


def _leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    if not members and not isinstance(value, (dict, list)):
        yield at
    for name, member in members:
        yield from _leaves(member, (*at, name))


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for name in place:
        try:
            value = value[name]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _paths(value: Any, at: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            path = f"{at}.{name}" if at else name
            yield path
            yield from _paths(member, path)
    elif isinstance(value, list):
        for member in value:
            yield from _paths(member, at)


def _values(value: Any, path: list[str]) -> Any:
    if isinstance(value, list):
        return [_values(member, path) for member in value]
    return _values(value.get(path[0]), path[1:]) if path and isinstance(value, dict) else value


def _full_detail(capture: Json) -> tuple[str, Json]:
    read = read_capture(json.dumps(capture))
    event = event_of(read)
    assert event is not None
    return event.detail_type, json.loads(build_entry(read, event, _FULL).detail)


def _sources(capture: Json) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Iterate over each field of the detail with each value that it is read from."""
    detail_type, detail = _full_detail(capture)
    paths = [path for path in dict.fromkeys(_paths(detail)) if not path.startswith("metadata")]
    for part in ("snapshot", "original", "context"):
        for leaf in _leaves(capture.get(part)):
            for other in ("1", "2", 8, "text"):
                changed = copy.deepcopy(capture)
                _at(changed[part], leaf[:-1])[leaf[-1]] = other
                try:
                    other_type, others = _full_detail(changed)
                except (TranslationError, InvalidCaptureError, AssertionError):
                    continue
                for path in paths if other_type == detail_type else ():
                    if _values(others, path.split(".")) != _values(detail, path.split(".")):
                        yield path, (part, *leaf)


FIRST_OF_EACH = {
    event.detail_type: json.loads(recording.line)
    for recording in reversed(store_day.captures("full"))
    if (event := event_of(read_capture(recording.line))) is not None
}


@pytest.mark.parametrize("detail_type", FIRST_OF_EACH)
def test_a_kept_capture_has_no_value_that_a_private_field_is_read_from(detail_type):
    capture = FIRST_OF_EACH[detail_type]
    read_from: dict[str, set[tuple[Any, ...]]] = {}
    for path, source in _sources(capture):
        read_from.setdefault(path, set()).add(source)
    for path, sources in read_from.items():
        kept = json.loads(Privacy(remove=(path,)).of_capture(json.dumps(capture)))
        left = {of for of in sources if _at(kept, of) is not None and _at(kept, of) != ""}
        assert {of for of in left if of[-1] not in _DECIDES} == set(), path


def private(**settings: Any) -> Route:
    return ViewSettings.model_validate(
        {"options": {"detail": "full"}, "privacy": {"secret": SECRET, **settings}}
    ).route()


def redriven(capture: Capture, buried_by: Route, sent_by: Route) -> tuple[bytes, Json]:
    """Return the stored dead letter of a capture, and the detail that is sent when redriven."""
    event = buried_by.catalog.event_of(capture)
    assert event is not None
    detail = build_entry(capture, event, buried_by).detail
    body = buried_by.dead_letter(msgspec.json.encode(capture), event.detail_type, detail)
    assert body is not None
    again = read_capture(body)
    event = sent_by.catalog.event_of(again)
    assert event is not None
    sent: Json = json.loads(build_entry(again, event, sent_by).detail)
    return body, sent


@pytest.mark.parametrize("level", ["documented", "full"])
def test_a_redriven_dead_letter_is_sent_as_it_would_have_been(level):
    route = replace(
        private(remove="billingAddress items.name", hash="customer.email tracking.ip"), detail=level
    )
    for _, capture in store_day_captures():
        event = event_of(capture)
        if event is None:
            continue
        body, sent_later = redriven(capture, route, route)
        assert sent_later == json.loads(build_entry(capture, event, route).detail)
        assert b"billing_address" not in body


def test_a_dead_letter_has_no_private_value():
    route = private(remove="billingAddress.street items.name", hash="customer.email")
    for capture in (PLACED, recorded("order-customer", "sales_order_place_after")):
        email = capture.snapshot.get("customer_email", "jane@example.com")
        with_email = varied(capture, snapshot={"customer_email": email})
        body, detail = redriven(with_email, route, route)
        assert email.encode() not in body
        assert detail["customer"]["email"].startswith("hmac-sha256:")
        for item in capture.snapshot["items"]:
            assert item["name"].encode() not in body


def test_settings_that_change_meanwhile_apply_to_what_is_left():
    before = private(remove="coupon", hash="customer.email")
    after = private(remove="items.sku", hash="customer.email customer.id billingAddress.city")
    capture = varied(PLACED, snapshot={"customer_email": "jane@example.com", "customer_id": 5})
    _, once = redriven(capture, before, before)
    _, detail = redriven(capture, before, after)
    assert "coupon" not in detail
    assert detail["customer"]["email"] == once["customer"]["email"]
    assert detail["customer"]["id"] == after.privacy.digest(5)
    assert detail["billingAddress"]["city"].startswith("hmac-sha256:")
    assert all("sku" not in item for item in detail["items"])


def test_without_privacy_settings_what_was_taken_out_stays_out():
    before = private(remove="coupon", hash="customer.email")
    capture = varied(PLACED, snapshot={"customer_email": "jane@example.com"})
    _, detail = redriven(capture, before, _FULL)
    assert "coupon" not in detail
    assert detail["customer"]["email"].startswith("hmac-sha256:")


def test_a_capture_that_cannot_be_translated_keeps_its_shape_without_private_values():
    route = private(remove="billingAddress", hash="customer.email")
    body = route.dead_letter(msgspec.json.encode(PLACED), None, None)
    assert body is not None
    again = read_capture(body)
    assert again.snapshot["billing_address"].keys() == PLACED.snapshot["billing_address"].keys()
    assert set(_texts_in(again.snapshot["billing_address"])) <= {"", "0"}
    event = event_of(again)
    assert event is not None
    detail = json.loads(build_entry(again, event, route).detail)
    plain = json.loads(build_entry(PLACED, event, _FULL).detail)
    del plain["billingAddress"], plain["customer"]["email"]
    assert detail == plain


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(member)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("settings", [{"remove": "username"}, {"hash": "username"}])
def test_a_subject_that_names_a_private_value_is_private_too(settings):
    capture = recorded("admin-login", "backend_auth_user_login_success")
    assert capture.subject == "user/admin"
    route = private(**settings)
    event = event_of(capture)
    assert event is not None
    entry = build_entry(capture, event, route)
    body, detail = redriven(capture, route, route)
    digest = f"user/{route.privacy.digest('admin')}" if "hash" in settings else None
    assert json.loads(entry.detail)["metadata"]["subject"] == digest
    assert entry.order_key == (f"{capture.view_id}/{digest}" if digest else capture.id)
    assert detail["metadata"]["subject"] == digest
    assert read_capture(body).subject == digest
    assert json.loads(route.shown_capture(json.dumps(CAPTURE | {"subject": "order/1"})))["subject"]


def test_a_dead_letter_that_is_buried_again_keeps_what_was_done_before():
    first = private(remove="coupon", hash="customer.email")
    second = private(hash="billingAddress.city customer.email")
    capture = varied(PLACED, snapshot={"customer_email": "jane@example.com"})
    body, once = redriven(capture, first, first)
    twice, detail = redriven(read_capture(body), second, second)
    mark = read_capture(twice).redacted
    assert mark is not None
    assert (mark.removed, set(mark.hashed)) == (
        ("coupon",),
        {"customer.email", "billingAddress.city"},
    )
    assert detail["customer"]["email"] == once["customer"]["email"]


OWN = ShopCatalog(
    EVENTS,
    event_of,
    [
        Declaration(
            "PointsChanged",
            "file:1",
            triggers=(Trigger("acme_points_save_after"),),
            fields=(DeclaredField("buyer", "customer.mail", "string"),),
        )
    ],
)


def test_own_fields_have_other_names_in_captures():
    capture = read_capture(
        '{"id": "01742a63-2a00-7d0e-9f3a-4b1c2d3e4f50", "event": "acme_points_save_after", '
        '"time": 1, "declared": "PointsChanged", "paths": {"customer.mail": "jane@example.com"}}'
    )
    route = replace(private(hash="buyer"), catalog=OWN)
    body, detail = redriven(capture, route, route)
    assert b"jane" not in body
    assert detail["buyer"] == route.privacy.digest("jane@example.com")
    assert "jane" not in route.shown_capture(msgspec.json.encode(capture).decode())


@pytest.mark.parametrize("body", [b"{broken", b"[1]", b'"\xff"', b"[" * 100_000])
def test_a_dead_letter_that_is_no_json_object_is_kept_as_it_came(body):
    assert private(remove="email").dead_letter(body, None, None) == body


def test_a_dead_letter_that_is_no_capture_has_no_private_value_either():
    kept = private(remove="email").dead_letter(
        b'{"snapshot": {"email": "jane@example.com", "age": 5, "odd": "\\ud800"}, "redacted": 7}',
        None,
        None,
    )
    assert kept is not None
    assert json.loads(kept)["snapshot"] == {"email": "", "age": 5, "odd": "\ud800"}
    assert json.loads(kept)["redacted"]["removed"] == ["email"]


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        ("[" * 900 + "]" * 900, None),
        ('{"a": ' * 900 + "1" + "}" * 900, None),
        ("9" * 100_000, "9" * 100_000),
        ("-1e400", "-1e400"),
    ],
)
def test_what_is_too_deep_or_too_large_for_python_hides_no_private_value(odd, kept):
    text = f'{{"snapshot": {{"email": "jane@example.com", "odd": {odd}}}, "odd": {odd}}}'
    shown = Privacy(("email",)).of_capture(text)
    letter = private(remove="email odd").dead_letter(text.encode(), None, None)
    assert "jane" not in shown
    assert letter is not None
    assert b"jane" not in letter
    json.loads(letter)
    if kept:
        assert json.loads(shown)["snapshot"]["odd"] == kept


@pytest.mark.parametrize("part", ["redacted", "context", "subject", "paths", "original"])
@pytest.mark.parametrize("odd", ['"\\ud800"', '{"\\ud800": "\\ud800"}', '["\\udc00"]', "7", "null"])
def test_odd_parts_of_what_is_no_capture_stop_no_dead_letter(part, odd):
    text = f'{{"snapshot": {{"email": "jane@example.com"}}, "{part}": {odd}}}'
    letter = private(remove="email", hash="name").dead_letter(text.encode(), None, None)
    assert letter is not None
    assert b"jane" not in letter


def test_a_context_that_lost_what_it_needs_is_left_out():
    capture = FIRST_OF_EACH["OrderPlaced"]
    kept = private(remove="tracking").dead_letter(json.dumps(capture).encode(), None, None)
    assert kept is not None
    assert read_capture(kept).context is None


def test_without_privacy_a_dead_letter_is_kept_as_it_came():
    assert _FULL.dead_letter(b"{}", None, None) is None
    assert Privacy().dead_letter(b"{}") == b"{}"


@pytest.mark.parametrize("level", ["documented", "full"])
def test_the_user_name_of_a_failed_login_is_in_no_part_of_its_event(level):
    capture = recorded("admin-login-fail", "backend_auth_user_login_failed")
    route = replace(private(remove="username"), detail=level)
    event = event_of(capture)
    assert event is not None
    entry = build_entry(capture, event, route)
    assert capture.snapshot["username"] not in entry.detail + entry.order_key
    logged_in = recorded("admin-login", "backend_auth_user_login_success")
    event = event_of(logged_in)
    assert event is not None
    assert build_entry(logged_in, event, route).order_key == logged_in.id
