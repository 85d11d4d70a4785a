"""Entries: their contents, and the size that AWS counts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.captures import Capture, Context
from magento_eventbridge.catalog import TranslationError, event_of
from magento_eventbridge.delivery.envelope import Entry, build_entry, entry_size, metadata
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from tests.unit.recorded import (
    detail,
    meaning,
    recorded,
    store_day_captures,
    varied,
    without,
)

PLACED = recorded("order-guest", "sales_order_place_after")
SHOP = Route(destination=Destination(region="eu-west-1"), source="shop.example.com")

texts = st.text(st.characters(codec="utf-8"))


def sealed(capture: Capture = PLACED, **settings: Any) -> Entry:
    route = Route(**{"destination": SHOP.destination, "source": SHOP.source, **settings})
    return build_entry(capture, meaning(capture), route)


def utf_8_bytes(text: str) -> int:
    """Count by code points, as RFC 3629 lays them out."""
    return sum(
        1 if point < 0x80 else 2 if point < 0x800 else 3 if point < 0x10000 else 4
        for point in map(ord, text)
    )


# Size


@given(source=texts, detail_type=texts, body=texts, resources=st.lists(texts, max_size=4))
def test_an_entry_is_as_large_as_the_bytes_of_its_texts_and_14_for_its_time(
    source, detail_type, body, resources
):
    expected = sum(map(utf_8_bytes, [source, detail_type, body, *resources]))
    assert entry_size(source, detail_type, body, tuple(resources), timed=True) == expected + 14
    assert entry_size(source, detail_type, body, tuple(resources), timed=False) == expected


@given(source=texts, detail_type=texts, body=texts, resources=st.lists(texts, max_size=4))
def test_an_entry_knows_its_size(source, detail_type, body, resources):
    entry = Entry.of(
        source=source,
        detail_type=detail_type,
        detail=body,
        time=1.0,
        event_bus="a bus does not count",
        resources=tuple(resources),
        id="an id does not count either",
    )
    expected = sum(map(utf_8_bytes, [source, detail_type, body, *resources]))
    assert entry.size == expected + 14


@given(name=texts)
def test_a_sealed_capture_is_measured_as_it_is_sent(name):
    entry = sealed(varied(PLACED, snapshot={"status": name}), resources=("arn:aws:☃",))
    expected = sum(
        map(utf_8_bytes, [entry.source, entry.detail_type, entry.detail, *entry.resources])
    )
    assert entry.size == expected + 14
    assert json.loads(entry.detail)["status"] == name


# Content


def test_an_entry_has_what_the_route_says():
    entry = sealed(
        destination=Destination(region="eu-west-1", event_bus="shop"),
        source="shop.example.com",
        resources=("arn:aws:one",),
    )
    assert (entry.source, entry.event_bus, entry.resources) == (
        "shop.example.com",
        "shop",
        ("arn:aws:one",),
    )


def test_the_default_bus_has_no_name_and_resources_are_empty():
    entry = sealed()
    assert (entry.event_bus, entry.resources) == (None, ())


def test_the_time_is_the_moment_of_capture():
    assert sealed().time == PLACED.time


def test_the_detail_type_is_the_documented_name():
    assert sealed().detail_type == "OrderPlaced"


def test_a_detail_type_can_be_renamed():
    state = recorded("reindex", "indexer_state_save_after")
    names = {"StateSaved": "IndexerStateSaved"}
    assert sealed(state, detail_types=names).detail_type == "IndexerStateSaved"
    assert sealed(detail_types=names).detail_type == "OrderPlaced"


def test_the_detail_is_followed_by_metadata_and_tracking():
    shown = json.loads(sealed().detail)
    expected = detail(PLACED)
    assert list(shown) == [*expected, "metadata", "tracking"]
    assert {name: shown[name] for name in expected} == expected
    assert shown["tracking"]["transport"] == "HTTP"


def test_there_is_no_tracking_when_it_is_off_or_unknown():
    assert "tracking" not in json.loads(sealed(tracking=False).detail)
    assert "tracking" not in json.loads(sealed(varied(PLACED, context=None)).detail)


def test_metadata_has_id_and_time_of_the_capture():
    capture = varied(PLACED, time=1598431878.999)
    assert json.loads(sealed(capture).detail)["metadata"] == {
        "id": PLACED.id,
        "date": "2020-08-26 08:51:18",
        "timestamp": 1598431878,
        "async": False,
    }


def test_what_came_through_magentos_queue_is_async():
    assert json.loads(sealed(varied(PLACED, queued=True)).detail)["metadata"]["async"] is True


@given(st.floats(min_value=0, max_value=253402300799.0))
def test_date_and_timestamp_are_the_same_second(time):
    shown = metadata("id", time, queued=False)
    assert shown["timestamp"] == int(time)
    assert len(shown["date"]) == len("2020-08-26 08:51:18")


def test_an_event_without_fields_has_its_metadata_alone():
    flush = recorded("cache-flush-all", "adminhtml_cache_flush_all")
    assert list(json.loads(sealed(flush, tracking=False).detail)) == ["metadata"]
    assert list(json.loads(sealed(flush).detail)) == ["metadata", "tracking"]


@pytest.mark.parametrize("tracking", [True, False])
def test_every_detail_of_the_store_day_is_one_json_object(tracking):
    for _, capture in store_day_captures():
        if event_of(capture) is not None:
            shown = json.loads(sealed(capture, tracking=tracking).detail)
            assert shown["metadata"]["id"] == capture.id
            assert ("tracking" in shown) == tracking


def test_texts_are_written_as_they_are_not_escaped():
    entry = sealed(varied(PLACED, snapshot={"status": "перевозка 🚚"}))
    assert "перевозка 🚚" in entry.detail


def test_a_capture_that_cannot_be_translated_is_not_sealed():
    with pytest.raises(TranslationError, match="grand_total"):
        sealed(without(PLACED, "grand_total"))


def nested(depth: int) -> Any:
    deep: Any = 3
    for _ in range(depth):
        deep = [deep]
    return deep


def test_what_is_nested_in_a_user_is_not_shown():
    entry = sealed(varied(PLACED, context=Context(transport="HTTP", user={"id": nested(300)})))
    assert json.loads(entry.detail)["tracking"]["user"] == {}


def test_a_detail_that_is_nested_too_deep_is_not_sealed():
    started = recorded("cron", "cron_job_run")
    with pytest.raises(TranslationError, match="CronStarted: the detail is nested too deep"):
        sealed(varied(started, snapshot={"job_config": {"deep": nested(200_000)}}))


# Source, bus and resources


def test_a_destination_is_named_by_bus_and_region():
    assert str(Destination(region="eu-west-1")) == "bus 'default' in eu-west-1"
    assert str(Destination(region="eu-west-1", event_bus="shop")) == "bus 'shop' in eu-west-1"
    assert (
        str(Destination(region="eu-west-1", endpoint_url="http://127.0.0.1:4566"))
        == "bus 'default' in eu-west-1 at http://127.0.0.1:4566"
    )


def test_destinations_that_differ_in_credentials_alone_are_two():
    one, other = (
        Destination(region="eu-west-1", credentials=CredentialsSource(type="keys", access_key=key))
        for key in ("AKIAONE", "AKIATWO")
    )
    assert len({one, other, one}) == 2


def test_a_destination_never_shows_its_secrets():
    source = CredentialsSource(
        type="keys", access_key="hunter2", secret_access_key="hunter2", external_id="hunter2"
    )
    destination = Destination(region="eu-west-1", credentials=source)
    assert "hunter2" not in f"{destination} {destination!r}"
