"""Reading captures: what is accepted, what is refused, and with which message."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture, without_content
from magento_eventbridge.demo import store_day

ID = "019aa1f8-5c2b-7d0e-9f3a-4b1c2d3e4f50"
SMALLEST: dict[str, Any] = {"id": ID, "event": "cron_job_run", "time": 1795453984.4319}


def text(**fields: Any) -> bytes:
    return json.dumps(SMALLEST | fields).encode()


def fault(body: bytes | str) -> str:
    with pytest.raises(InvalidCaptureError) as caught:
        read_capture(body)
    return str(caught.value)


def nested(levels: int) -> bytes:
    """Return a capture that is nested so many levels deep."""
    inner = "[" * (levels - 2) + "]" * (levels - 2)
    return (text(snapshot={})[: -len("{}}")].decode() + f'{{"deep":{inner}}}}}').encode()


def test_every_recorded_capture_is_one():
    for recorded in store_day.captures():
        assert read_capture(recorded.line).id == recorded.capture_id


def test_what_may_be_left_out_has_a_default():
    assert read_capture(text()) == Capture(
        version=1,
        id=ID,
        event="cron_job_run",
        time=1795453984.4319,
        area=None,
        view_id=0,
        subject=None,
        queued=False,
        is_new=False,
        original={},
        snapshot={},
        context=None,
    )


def test_text_and_bytes_read_alike():
    assert read_capture(text()) == read_capture(text().decode())


def test_captures_of_one_store_and_subject_share_their_order_key():
    one, other = read_capture(text(store_id=1, subject="order/1")), read_capture(text(subject="x"))
    assert one.order_key == read_capture(text(store_id=1, subject="order/1", time=2)).order_key
    assert one.order_key != read_capture(text(store_id=2, subject="order/1")).order_key
    assert one.order_key != other.order_key


def test_a_capture_without_a_subject_keeps_no_order():
    assert read_capture(text()).order_key == ID


def test_without_content_a_capture_keeps_what_it_is_stored_and_ordered_by():
    for recorded in store_day.captures():
        capture = read_capture(recorded.line)
        light = without_content(capture)
        assert (light.id, light.event, light.time) == (capture.id, capture.event, capture.time)
        assert (light.view_id, light.order_key) == (capture.view_id, capture.order_key)
        assert not light.snapshot


def test_fields_of_a_newer_agent_are_passed_over():
    context = {"transport": "HTTP", "mood": "good", "version": {"php": "8.4", "os": "linux"}}
    capture = read_capture(text(colour="blue", context=context))
    assert capture.context is not None
    assert capture.context.version.php == "8.4"
    assert not hasattr(capture, "colour")


@pytest.mark.parametrize("field", ["id", "event", "time"])
def test_a_field_that_is_missing_is_named(field):
    body = {name: value for name, value in SMALLEST.items() if name != field}
    assert f"`{field}`" in fault(json.dumps(body))


@pytest.mark.parametrize(
    ("place", "fields"),
    [
        ("version", {"version": 2}),
        ("id", {"id": "019aa1f8"}),
        ("id", {"id": 7}),
        ("id", {"id": ID + "0"}),
        ("id", {"id": ID + "\n"}),
        ("id", {"id": ID.upper()}),
        ("event", {"event": ""}),
        ("event", {"event": "e" * 129}),
        ("time", {"time": -1}),
        ("time", {"time": "yesterday"}),
        ("time", {"time": 253402300800}),
        ("store_id", {"store_id": -1}),
        ("store_id", {"store_id": 2**31 + 1}),
        ("store_id", {"store_id": 1.5}),
        ("store_id", {"store_id": "1"}),
        ("subject", {"subject": ""}),
        ("subject", {"subject": "s" * 256}),
        ("queued", {"queued": "perhaps"}),
        ("is_new", {"is_new": None}),
        ("original", {"original": []}),
        ("snapshot", {"snapshot": "text"}),
        ("snapshot", {"snapshot": None}),
        ("context.transport", {"context": {"transport": "FTP"}}),
        ("context", {"context": {}}),
        ("context.time", {"context": {"transport": "HTTP", "time": "noon"}}),
        ("context.user", {"context": {"transport": "HTTP", "user": 3}}),
        ("context.version.php", {"context": {"transport": "HTTP", "version": {"php": 8}}}),
    ],
)
def test_a_fault_is_reported_by_its_place(place, fields):
    assert fault(text(**fields)).endswith(f" - at `$.{place}`")


@pytest.mark.parametrize(
    "body", ["", "null", "[]", '"text"', "7", "{", text()[:-1], b"\xef\xbb\xbf{}"]
)
def test_what_is_no_json_object_is_refused_as_a_whole(body):
    assert fault(body)


@pytest.mark.parametrize("byte", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf"])
@pytest.mark.parametrize("place", ["subject", "event", "area"])
def test_a_byte_that_is_no_utf_8_is_refused(place, byte):
    assert "utf-8" in fault(text(**{place: "order/?"}).replace(b"?", byte))


def test_a_byte_that_is_no_utf_8_is_refused_in_a_snapshot_and_its_names():
    for snapshot in ({"name": "?"}, {"?": "name"}):
        assert "utf-8" in fault(text(snapshot=snapshot).replace(b"?", b"\xff"))


def test_half_a_surrogate_pair_is_refused():
    fault(text(subject="order/?").replace(b"?", rb"\ud800"))
    fault(text(subject="order/?.").replace(b"?", rb"\udc00"))


def test_a_hundred_levels_are_read():
    assert read_capture(nested(100)).snapshot["deep"]


def test_nesting_without_end_is_refused():
    assert "nested too deep" in fault(nested(100_000))
    assert fault("[" * 1_000_000)


@pytest.mark.parametrize("figure", ["1e400", "-1e400", "1" + "0" * 400, "9" * 5000])
def test_a_time_beyond_all_numbers_is_refused(figure):
    fault(text(time="?").replace(b'"?"', figure.encode()))


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-Infinity"])
def test_a_time_that_is_no_number_is_refused(figure):
    fault(text(time="?").replace(b'"?"', figure.encode()))


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-Infinity"])
def test_what_json_does_not_know_as_a_number_is_refused_in_a_snapshot(figure):
    fault(text(snapshot={"job_config": "?"}).replace(b'"?"', figure.encode()))


def test_a_huge_number_in_a_snapshot_costs_nothing_else():
    body = text(snapshot={"qty": "?"}, subject="cart/1").replace(b'"?"', b"1" + b"0" * 400)
    capture = read_capture(body)
    assert (capture.subject, capture.snapshot["qty"]) == ("cart/1", 10**400)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "hunter2"},
        {"version": "hunter2"},
        {"event": ["hunter2"]},
        {"time": "hunter2"},
        {"store_id": "hunter2"},
        {"snapshot": "hunter2"},
        {"original": ["hunter2"]},
        {"context": {"transport": "hunter2"}},
        {"context": {"transport": "HTTP", "user": "hunter2"}},
        {"context": {"transport": "HTTP", "ip": {"password": "hunter2"}}},
    ],
)
def test_a_fault_never_shows_the_value(fields):
    assert "hunter2" not in fault(text(**fields))


def test_broken_json_is_reported_without_its_text():
    assert "hunter2" not in fault('{"password_hash": "hunter2"')


@given(st.binary(max_size=200))
def test_any_bytes_are_a_capture_or_an_invalid_one(body):
    try:
        read_capture(body)
    except InvalidCaptureError as error:
        assert str(error)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_a_snapshot_is_read_as_it_came(value):
    assert read_capture(text(snapshot={"value": value})).snapshot == {"value": value}
