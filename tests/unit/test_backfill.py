"""Backfill without a database: ids, options of items, times on the command line."""

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pymysql
import pytest

from magento_eventbridge.backfill.identifiers import identifier
from magento_eventbridge.backfill.kinds import KINDS
from magento_eventbridge.backfill.progress import Progress
from magento_eventbridge.backfill.queue import Entity, EntityQueue
from magento_eventbridge.backfill.rows import Key, Selection
from magento_eventbridge.backfill.snapshots import (
    RowError,
    Rows,
    ViewDescription,
    body_of,
    capture_of,
    options,
)
from magento_eventbridge.backfill.window import (
    WindowError,
    check_times,
    has_no_zone,
    moment,
    window,
    zone_of,
)
from magento_eventbridge.captures import Capture, read_capture
from magento_eventbridge.catalog import BY_DETAIL_TYPE, event_of
from magento_eventbridge.delivery.envelope import build_entry
from magento_eventbridge.delivery.outage import Outage
from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.magento.database import DatabaseError

AT = datetime(2026, 11, 27, 19, 15, 20, tzinfo=UTC).timestamp()
ORDER = {
    "entity_id": "7",
    "increment_id": "000000007",
    "store_id": "1",
    "status": "pending",
    "grand_total": "78.0000",
    "created_at": "2026-11-27 19:15:20",
    "updated_at": "2026-11-28 10:00:00",
}


def test_an_id_is_a_uuid_of_version_7_with_the_events_time():
    one = uuid.UUID(identifier(AT, 1, "order/7", "OrderCreated"))
    assert (one.version, one.variant) == (7, uuid.RFC_4122)
    assert one.int >> 80 == int(AT * 1000)


def test_each_part_of_an_id_counts_and_nothing_else():
    ids = [
        identifier(AT, 1, "order/7", "OrderCreated"),
        identifier(AT, 2, "order/7", "OrderCreated"),
        identifier(AT, 1, "order/8", "OrderCreated"),
        identifier(AT, 1, "invoice/7", "OrderCreated"),
        identifier(AT, 1, "order/7", "OrderUpdated"),
        identifier(AT, 1, "order/7", "OrderUpdated", "a-state"),
        identifier(AT + 1, 1, "order/7", "OrderCreated"),
    ]
    assert len(set(ids)) == len(ids)
    assert identifier(AT, 1, "order/7", "OrderCreated") == ids[0]


@pytest.mark.parametrize("time", [-1.0, 0.0, 1e12])
def test_an_id_of_any_time_is_a_uuid(time):
    assert uuid.UUID(identifier(time, 0, "x", "y")).version == 7


def test_newer_updates_do_not_change_an_event():
    kind = KINDS["orders"]
    later = {**ORDER, "updated_at": "2027-01-01 00:00:00"}
    one, other = (capture_of(kind, Rows(row), kind.created, "backfill") for row in (ORDER, later))
    assert (one.id, one.time) == (other.id, other.time) == (one.id, AT)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_detail_type_of_a_kind_is_one_of_the_catalog(kind):
    for detail_type in kind.detail_types:
        event = BY_DETAIL_TYPE[detail_type]
        assert kind.magento_event in event.magento_events
        assert event.scope == kind.scope


@pytest.mark.parametrize(("origin", "mark"), [("backfill", "backfill"), ("repair", "repaired")])
@pytest.mark.parametrize("detail_type", ["OrderCreated", "OrderUpdated"])
def test_an_event_is_marked_in_its_metadata(origin, mark, detail_type):
    capture = capture_of(KINDS["orders"], Rows(ORDER), detail_type, origin)
    assert read_capture(body_of(capture)) == capture
    event = event_of(capture)
    assert event and event.detail_type == detail_type
    entry = build_entry(capture, event, Route(Destination("eu-west-1"), "shop"))
    metadata = json.loads(entry.detail)["metadata"]
    assert metadata.keys() - {"id", "date", "timestamp", "async"} == {mark}
    assert event.detail.model_validate_json(entry.detail)
    assert metadata["date"] == "2026-11-27 19:15:20"


def test_a_state_has_its_own_id_and_the_time_of_the_update():
    kind = KINDS["orders"]
    one = capture_of(kind, Rows(ORDER), kind.updated, "repair", version="a")
    other = capture_of(kind, Rows(ORDER), kind.updated, "repair", version="b")
    assert one.id != other.id
    assert one.time > AT


@pytest.mark.parametrize(
    ("kind", "row", "reason"),
    [
        ("orders", {**ORDER, "increment_id": None}, "its increment_id is empty"),
        ("orders", {**ORDER, "created_at": "0000-00-00 00:00:00"}, "its created_at is no time"),
        ("invoices", {**ORDER, "order_id": "9"}, "its order 9 does not exist"),
    ],
)
def test_rows_that_make_no_event_are_refused_with_the_reason(kind, row, reason):
    with pytest.raises(RowError, match=reason):
        capture_of(KINDS[kind], Rows(row), KINDS[kind].created, "backfill")


def test_a_link_needs_the_address_of_the_shop():
    row = {"subscriber_id": "3", "change_status_at": "2026-11-27 19:15:20"}
    kind = KINDS["newsletter"]
    without = capture_of(kind, Rows(row), kind.created, "backfill")
    assert without.snapshot["unsubscription_link"] is None
    view = ViewDescription(link_base="https://shop.example.com/")
    known = capture_of(kind, Rows(row, view=view), kind.created, "backfill")
    link = "https://shop.example.com/newsletter/subscriber/unsubscribe/id/3/code//"
    assert known.snapshot["unsubscription_link"] == link


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (None, []),
        ("a:1:{i:0;s:1:x}", []),
        ("[1, 2]", []),
        ('{"options": "none"}', []),
        ('{"attributes_info": [{"label": "Color", "value": "Blue"}]}', [("Color", "Blue")]),
        ('{"options": {"5": {"label": "A", "print_value": "B", "value": "9"}}}', [("A", "B")]),
        ('{"additional_options": [{"label": 1, "value": ["a", 2, {}]}]}', [("1", "a, 2")]),
        ('{"options": [{"value": true}, {"label": null, "value": {}}]}', [("", "1"), ("", "")]),
        (
            '{"bundle_options": {"1": {"label": "Ball", "value": [{"qty": 2, "title": "Red"}]}}}',
            [("Ball", "2 x Red")],
        ),
    ],
)
def test_options_of_an_item(column, expected):
    assert [(one["label"], one["value"]) for one in options(column)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24h", 1_000_000 - 86_400),
        ("7d", 1_000_000 - 604_800),
        ("30m", 1_000_000 - 1800),
        ("1970-01-02", 82_800),
        ("1970-01-02T01:00", 86_400),
        ("1970-01-02T00:00:00Z", 86_400),
        ("1970-01-02T02:00:00+01:00", 90_000),
        ("0001-01-01", 0),
        ("999999w", 0),
        ("9999-12-31T23:59:59-05:00", 253_402_300_799),
        ("2026-03-29T02:30", 1_774_747_800),  # in the gap: as 03:30
        ("2026-10-25T02:30", 1_792_888_200),  # twice: the first
    ],
)
def test_times_are_read_in_the_stores_zone(text, expected):
    assert moment("--since", text, zone_of("Europe/Rome"), 1_000_000) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "h", "24", "2026-13-01", "-1d"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(WindowError, match="should be a date"):
        moment("--since", text, UTC, 0)


def test_a_range_must_begin_before_it_ends():
    assert window(None, None, UTC, 0) == (None, None)
    with pytest.raises(WindowError, match="is empty"):
        window("2026-11-02", "2026-11-02", UTC, 0)
    with pytest.raises(WindowError, match="is empty"):
        window("1970-01-01", "1970-01-01", UTC, 0)


@pytest.mark.parametrize(("since", "until"), [("", None), (None, "")])
def test_an_empty_bound_is_not_everything(since: str | None, until: str | None):
    with pytest.raises(WindowError, match="should be a date"):
        check_times(since, until)
    with pytest.raises(WindowError, match="should be a date"):
        window(since, until, UTC, 0)


def test_a_range_begins_in_the_past():
    with pytest.raises(WindowError, match="in the future") as raised:
        window("2026-11-29", None, UTC, AT)
    assert raised.value.exit_status == 2


def test_an_unknown_zone_is_utc_and_a_zone_is_recognised():
    assert zone_of("Mars/Olympus") is UTC
    assert has_no_zone("2026-11-02")
    assert not has_no_zone("2026-11-02T00:00Z")
    assert not has_no_zone("24h")


@pytest.mark.parametrize(
    ("selection", "is_wanted"),
    [
        (Selection(), True),
        (Selection(since=100.0, until=101.0), True),
        (Selection(until=100.0), False),
        (Selection(since=100.5), False),
        (Selection(until=0.0), False),
        (Selection(view_id=0), False),
        (Selection(view_id=1, status="2"), True),
        (Selection(status="1"), False),
    ],
)
def test_what_a_selection_wants(selection, is_wanted):
    assert selection.wants(Key(5, 100.0, 1, "2")) is is_wanted


def test_an_entity_without_time_is_in_no_range():
    assert Selection().wants(Key(5, None, None, None))
    assert not Selection(since=1.0).wants(Key(5, None, None, None))


class Failing:
    """Entities whose tables cannot be read for a while."""

    def __init__(self, errors: list[Exception], entities: list[Entity]) -> None:
        self.position = self.passed = 0
        self.left_out: list[tuple[str, str]] = []
        self._errors = errors
        self._entities = entities

    async def batches(self, after: int) -> AsyncIterator[list[Entity]]:
        if self._errors:
            problem = DatabaseError("the store's database")
            problem.__cause__ = self._errors.pop(0)
            raise problem
        yield [one for one in self._entities if one.key > after]

    def advance(self, position: int, passed: int) -> None:
        self.position, self.passed = position, passed

    def leave_out(self, entity: str, reason: str) -> None:
        self.left_out.append((entity, reason))


def entity(key: int, **more: object) -> Entity:
    rows = Rows({**ORDER, "entity_id": str(key), **more})
    return Entity(
        key, f"order {key}", lambda: capture_of(KINDS["orders"], rows, "OrderCreated", "backfill")
    )


@pytest.mark.parametrize(
    "error",
    [
        pymysql.OperationalError(2013, "Lost connection to server during query"),
        pymysql.OperationalError(1053, "Server shutdown in progress"),
        pymysql.InterfaceError(0, ""),
        ConnectionRefusedError(111, "refused"),
    ],
)
async def test_a_run_waits_while_the_database_is_unavailable(error, monkeypatch):
    monkeypatch.setattr(Outage, "goes_on", lambda *_: 0.0)
    source = Failing([error, error], [entity(1), entity(2)])
    queue = EntityQueue(source, rate=1000)
    claims = await queue.claim(10)
    assert [claim.handle for claim in claims] == [1, 2]
    await queue.ack(claims)
    assert (await queue.claim(10), queue.is_complete, source.position) == ([], True, 2)


async def test_a_run_ends_when_the_database_refuses_it():
    refused = pymysql.OperationalError(1142, "SELECT command denied to user")
    queue = EntityQueue(Failing([refused], [entity(1)]), rate=1000)
    with pytest.raises(QueueError, match="the store's database"):
        await queue.claim(10)


async def test_a_stopped_run_does_not_wait_for_the_database(monkeypatch):
    lost = pymysql.OperationalError(2006, "gone away")
    queue = EntityQueue(Failing([lost] * 2, [entity(1)]), rate=1000)

    def stop(*_: object) -> float:
        queue.stop()
        return 60.0

    monkeypatch.setattr(Outage, "goes_on", stop)
    assert await queue.claim(10) == []


async def test_rows_that_break_their_reader_are_left_out_with_the_reason():
    def recursion() -> Capture:
        raise RecursionError

    odd = entity(2, coupon_code="\ud800")
    source = Failing([], [Entity(1, "order 1", recursion), odd, entity(4_294_967_295)])
    queue = EntityQueue(source, rate=1000)
    assert [claim.handle for claim in await queue.claim(10)] == [4_294_967_295]
    assert source.left_out[0] == ("order 1", "RecursionError")
    assert source.left_out[1][0] == "order 2"


def test_very_many_entities_that_are_left_out_are_counted_and_listed_in_part(tmp_path):
    progress = Progress(tmp_path / "b.sqlite", {"kind": "orders"}, Selection())
    for number in range(30):
        progress.leave_out(f"order {number}", "broken")
    assert (len(progress.left_out(20)), progress.left_out_count()) == (20, 30)
    progress.close()


def test_options_nested_too_deep_are_left_out():
    assert options("[" * 100_000) == []
