"""The journal: records deliveries for a while, and never slows delivery down."""

import asyncio
import json
import shutil
import sqlite3
import time
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.captures import read_capture
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.observer import Settlement
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.delivery.privacy import Privacy
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.journal import recorder as module
from magento_eventbridge.journal.archive import Archive, Counts, JournalError, Query, quantiles
from magento_eventbridge.journal.recorder import (
    Level,
    Recorder,
    Retention,
    WriteOptions,
    bound,
    clear,
)
from magento_eventbridge.queues.mysql.queue import Handle
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from magento_eventbridge.sqlite_files import migrate, schema_steps
from tests.support import recorded
from tests.support.put_events import (
    Behaviour,
    PutEvents,
    Refuse,
    Script,
    Take,
    put_events,
    takes_all,
)
from tests.support.waiting import PATIENCE

_KEEP = Retention()
KEYS = CredentialsSource(type="keys", access_key="AKIATEST", secret_access_key="secret")


def _file(folder: Path) -> Path:
    return folder / "journal.sqlite"


async def _deliver(
    folder: Path,
    endpoint: PutEvents,
    bodies: list[Any],
    retention: Retention = _KEEP,
    **route: Any,
) -> Archive:
    """Deliver captures with a journal, and return its reader."""
    queue = SqliteQueue(folder / "spool.sqlite")
    await queue.put(bodies)
    sink = EventBridgeSink(CredentialsFinder())
    destination = Destination("eu-west-1", endpoint_url=endpoint.url, credentials=KEYS)
    journal = Recorder(_file(folder), retention)
    journal.open()
    way = Route(destination, "shop.example.com", **route)
    policy = Policy(backoff=Backoff(first=0.01, longest=0.02))
    dispatcher = Dispatcher(queue, lambda _: way, lambda _: sink, policy, journal)
    await dispatcher.run(until_empty=True)
    await asyncio.to_thread(journal.close)
    assert journal.dropped == 0
    await sink.close()
    await queue.close()
    return Archive(_file(folder), retention.personal_data)


async def test_a_delivered_event_is_found_by_whatever_is_known_of_it(tmp_path: Path) -> None:
    result = recorded.of("order-guest", "sales_order_place_after")
    login = recorded.of("admin-login-fail", "backend_auth_user_login_failed")
    async with put_events() as endpoint:
        archive = await _deliver(
            tmp_path, endpoint, [recorded.stored(result), recorded.stored(login)]
        )
    (sent,) = [entry for entry in endpoint.taken if entry["DetailType"] == "OrderPlaced"]
    detail = json.loads(sent["Detail"])
    for word in (result["id"], detail["id"], detail["items"][0]["sku"], result["subject"]):
        (found,) = await archive.search(Query(word), 10)
        assert (found.id, found.verdict, found.tries) == (result["id"], "delivered", 1)
    assert await archive.search(Query(f"{detail['id']} {detail['items'][0]['sku']}"), 10)
    assert not await archive.search(Query("100%"), 10)
    for query, count in (
        (Query(detail_type="OrderPlaced"), 1),
        (Query(verdict="delivered"), 2),
        (Query(verdict="dead"), 0),
        (Query(view_id=result["store_id"], detail_type="OrderPlaced"), 1),
        (Query(view_id=9), 0),
        (Query(since=result["time"] + 86400), 0),
        (Query(until=result["time"] + 86400), 2),
    ):
        assert len(await archive.search(query, 10)) == count
    record = await archive.find(result["id"])
    assert record
    assert record.detail == sent["Detail"]
    assert json.loads(record.capture or "") == result
    (attempt,) = record.attempts
    assert (attempt.status, attempt.verdict, attempt.event_id) == (
        200,
        "delivered",
        record.summary.event_id,
    )
    assert 0 <= attempt.seconds < 5
    assert await archive.find("no such id") is None
    assert await archive.size() == 2
    (newer,) = await archive.search(Query(), 1)
    (older,) = await archive.search(Query(), 9, before=newer.seq)
    assert {newer.id, older.id} == {result["id"], login["id"]}
    assert len(await archive.changed(Query(), 0, 9)) == 2
    assert not await archive.changed(Query(), time.time(), 9)


async def test_the_history_of_a_thing_is_found_by_each_of_its_names(tmp_path: Path) -> None:
    placed = recorded.of("order-guest", "sales_order_place_after")
    order = placed["snapshot"]["increment_id"]
    snapshot = {**placed["snapshot"], "quote_id": 1120, "customer_email": 'A"dä@Example.com'}
    placed = recorded.again(placed, snapshot=snapshot)
    item = recorded.of("cart-add", "sales_quote_item_save_after")
    added = recorded.again(
        item,
        subject="cart/1120",
        time=placed["time"] - 60,
        snapshot={**item["snapshot"], "quote_id": "1120"},
    )
    other = recorded.again(
        item,
        subject="cart/11203",
        snapshot={**item["snapshot"], "quote_id": 11203},
        paths={"order.increment_id": "DECLARED-7"},
    )
    bodies = [recorded.stored(one) for one in (placed, other, added)]
    async with put_events() as endpoint:
        archive = await _deliver(tmp_path, endpoint, bodies)
    (first, last) = await archive.history("cart/1120", 10)
    assert [first.id, last.id] == [added["id"], placed["id"]]  # in the order of what happened
    email = 'a"dä@example.com'
    for name in (order, f"#{order}", f"\u200b{order}\u200b", f"order/{order}", f"ORDER/{order}"):
        assert [found.id for found in await archive.history(name, 10)] == [placed["id"]], name
    for name in (email, email.upper(), unicodedata.normalize("NFD", email), last.event_id or ""):
        assert [found.id for found in await archive.history(name, 10)] == [placed["id"]], name
    assert [found.id for found in await archive.history("declared-7", 10)] == [other["id"]]
    assert await archive.history("cart/112", 10) == []
    assert set(await archive.related("cart/1120", 9)) == {f"order/{order}", email}
    # The search takes the beginning of a key, and any text that is no key.
    assert len(await archive.search(Query("cart/1120"), 10)) == 3
    assert len(await archive.search(Query("cart/1120", everywhere=True), 10)) == 2
    assert [found.id for found in await archive.search(Query(order[-4:]), 10)] == [placed["id"]]
    assert await archive.count(Query("cart/1120"), 2) == 2
    assert await archive.count(Query("no such word"), 9) == 0
    again = await archive.captures(Query("cart/1120", detail_type="OrderPlaced"), 10)
    assert [json.loads(body)["id"] for body in again] == [placed["id"]]
    with closing(sqlite3.connect(_file(tmp_path))) as connection:
        connection.execute("DELETE FROM events WHERE id = ?", (placed["id"],))
        words = connection.execute("SELECT word FROM keys").fetchall()
    assert (f"order/{order}",) not in words
    assert ("cart/11203",) in words


async def test_captures_without_personal_data_are_not_sent_again(tmp_path: Path) -> None:
    placed = recorded.stored(recorded.of("order-guest", "sales_order_place_after"))
    async with put_events() as endpoint:
        archive = await _deliver(tmp_path, endpoint, [placed], Retention(personal_data="hash"))
    with pytest.raises(JournalError, match=r"journal\.personal_data is hash"):
        await archive.captures(Query(), 10)


async def test_counting_ends_when_it_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = recorded.stored(recorded.of("order-guest", "sales_order_place_after"))
    async with put_events() as endpoint:
        archive = await _deliver(tmp_path, endpoint, [placed])
    with closing(sqlite3.connect(_file(tmp_path))) as connection:
        columns = "detail_type, source, destination, told_at, verdict, reason, tries, attempts"
        connection.execute(
            f"INSERT INTO events (id, {columns}) WITH RECURSIVE n (i) AS "
            "(SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
            f"SELECT i, {columns} FROM n JOIN events WHERE seq = 1"
        )
        connection.commit()
    assert await archive.count(Query("no such word"), 9) == 0
    monkeypatch.setattr("magento_eventbridge.journal.archive._COUNTS_FOR", 0.0)
    assert await archive.count(Query("no such word"), 9) is None


async def test_each_try_is_kept_with_its_answer(tmp_path: Path) -> None:
    def script(number: int, _: Any) -> Behaviour:
        match number:
            case 0:
                return Refuse("InternalException", 500)
            case 1:
                return Take({0: "ThrottlingException"})
            case 2:
                return Refuse("AccessDeniedException")
        return Take()

    result = recorded.of("order-guest", "sales_order_place_after")
    async with put_events(script) as endpoint:
        archive = await _deliver(tmp_path, endpoint, [recorded.stored(result)])
    record = await archive.find(result["id"])
    assert record
    tried = [(attempt.status, attempt.verdict) for attempt in record.attempts]
    assert tried == [(500, "waiting"), (200, "waiting"), (400, "parked"), (200, "delivered")]
    assert record.attempts[2].reason == "AccessDeniedException: AccessDeniedException on command"
    assert (record.summary.verdict, record.summary.tries) == ("delivered", 4)


async def test_dead_letters_and_switched_off_events_are_reported(tmp_path: Path) -> None:
    refused = recorded.of("order-guest", "sales_order_place_after")
    unknown = recorded.again(refused, event="event_of_tomorrow")
    off = recorded.of("admin-login-fail", "backend_auth_user_login_failed")
    async with put_events(lambda *_: Take({0: "MalformedDetail"})) as endpoint:
        archive = await _deliver(
            tmp_path,
            endpoint,
            [recorded.stored(one) for one in (refused, unknown, off)],
            switched_off=frozenset({"aws_eventbridge/events_user/login_failed"}),
        )
    known = {event.id: event for event in await archive.search(Query(), 9)}
    assert known[refused["id"]].verdict == known[unknown["id"]].verdict == "dead"
    assert known[unknown["id"]].detail_type == "event_of_tomorrow"
    assert known[unknown["id"]].reason.startswith("unknown Magento event")
    assert (known[off["id"]].verdict, known[off["id"]].tries) == ("off", 0)
    assert await archive.faults(9) == []  # dead letters are read from their queue


async def test_events_that_a_pattern_leaves_out_are_listed_only_on_request(tmp_path: Path) -> None:
    journal = Recorder(_file(tmp_path), Retention())
    journal.open()
    placed = recorded.of("order-guest", "sales_order_place_after")
    # Magento's JSON escapes letters that are not ASCII.
    left_out, body = recorded.stored(recorded.again(placed, remark="Gänseblümchen, Weiß"))
    assert rb"G\u00e4nsebl\u00fcmchen" in body
    off, other_body = recorded.stored(recorded.again(placed))
    claim, other = Claim(1, body), Claim(2, other_body)
    journal.ended(Settlement(time.time(), claim, left_out, "OrderPlaced", None, is_left_out=True))
    journal.ended(Settlement(time.time(), other, off, "OrderPlaced", None))
    journal.close()
    archive = Archive(_file(tmp_path))
    assert [event.id for event in await archive.search(Query(), 9)] == [off.id]
    assert [event.id for event in await archive.changed(Query(), 0, 9)] == [off.id]
    (found,) = await archive.search(Query(verdict="left_out"), 9)
    assert (found.id, found.verdict, found.detail_type) == (left_out.id, "left_out", "OrderPlaced")
    for word in ("Gänseblümchen", "Weiß", unicodedata.normalize("NFD", "Gänse")):
        assert await archive.search(Query(word, verdict="left_out"), 9) == [found], word
    counts = await archive.counts(0)
    assert [count.events for count in counts] == [{"left_out": 1, "off": 1}]


async def test_private_fields_of_a_store_view_are_not_written(tmp_path: Path) -> None:
    journal = Recorder(_file(tmp_path), Retention())
    privacy = Privacy(("billingAddress.street",))
    journal.shown_capture = lambda view_id, text: privacy.of_capture(text) if view_id == 1 else text
    journal.open()
    placed = recorded.of("order-guest", "sales_order_place_after")
    assert placed["store_id"] == 1
    private, body = recorded.stored(placed)
    other, other_body = recorded.stored(recorded.again(placed, store_id=2))
    journal.ended(Settlement(time.time(), Claim(1, body), private, "OrderPlaced", "reason"))
    journal.ended(Settlement(time.time(), Claim(2, other_body), other, "OrderPlaced", "reason"))
    journal.close()
    archive = Archive(_file(tmp_path))
    for identifier, is_written in ((private.id, False), (other.id, True)):
        record = await archive.find(identifier)
        assert record
        assert record.capture
        billing = json.loads(record.capture)["snapshot"]["billing_address"]
        assert ("street" in billing) is is_written


async def test_what_keeps_events_waiting_is_reported_by_reason(tmp_path: Path) -> None:
    journal = Recorder(_file(tmp_path), Retention())
    journal.open()
    async with put_events(lambda *_: Refuse("AccessDeniedException")) as endpoint:
        queue = SqliteQueue(tmp_path / "spool.sqlite")
        await queue.put(recorded.orders(12))
        sink = EventBridgeSink(CredentialsFinder())
        destination = Destination("eu-west-1", endpoint_url=endpoint.url, credentials=KEYS)
        route = Route(destination, "shop.example.com")
        dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, Policy(), journal)
        running = asyncio.create_task(dispatcher.run())
        while endpoint.calls < 2:
            await asyncio.sleep(0.01)
        (destination_status,) = dispatcher.destinations
        assert (destination_status.destination, destination_status.views) == (
            destination,
            frozenset({1}),
        )
        assert destination_status.waiting == 12
        dispatcher.stop()
        await running
        await sink.close()
        await queue.close()
    await asyncio.to_thread(journal.close)
    (fault,) = await Archive(_file(tmp_path)).faults(9)
    assert fault.verdict == "parked"
    assert fault.reason == "AccessDeniedException: AccessDeniedException on command"
    assert fault.events in (10, 12)


async def test_what_no_one_can_read_is_reported_too(tmp_path: Path) -> None:
    journal = Recorder(_file(tmp_path), Retention(personal_data="hash"))
    journal.open()
    journal.ended(Settlement(time.time(), Claim(7, b"{broken"), None, "", "not a capture"))
    await asyncio.to_thread(journal.close)
    (found,) = await Archive(_file(tmp_path)).search(Query(), 9)
    assert (found.id, found.verdict, found.view_id) == ("claim 7", "dead", None)
    record = await Archive(_file(tmp_path)).find("claim 7")
    assert record and record.capture == ""  # a journal that cannot be searched is not kept


@pytest.mark.parametrize(
    "body",
    [
        b'{"sku": "\\ud83d"}',
        b'{"sku": "\\u0000\\q"}',
        b'{"sku": "\xff\xfe", "email": "\x00"}',
        b"[" * 100_000,
        b"",
    ],
)
async def test_an_odd_message_costs_the_journal_no_other(tmp_path: Path, body: bytes) -> None:
    """Half a surrogate pair cannot be written: all events noted at the same time were dropped."""
    journal = Recorder(_file(tmp_path), Retention())
    journal.open()
    for number, text in enumerate([b"{}", body, b"{}"]):
        handle = Handle(number, "bridge/1")
        journal.ended(Settlement(time.time(), Claim(handle, text), None, "", "not a capture"))
    await asyncio.to_thread(journal.close)
    found = await Archive(_file(tmp_path)).search(Query(), 9)
    assert {each.id for each in found} == {f"claim {number} (bridge/1)" for number in range(3)}


async def test_figures_show_scope_latency_and_verdict(tmp_path: Path) -> None:
    fresh = [
        recorded.stored(recorded.again(json.loads(body), time=time.time() - 1.5))
        for _, body in recorded.orders(70)
    ]
    async with put_events() as endpoint:
        archive = await _deliver(tmp_path, endpoint, fresh)
    counts = await archive.counts(time.time() - 3600)
    by_name: dict[tuple[str, str], int] = {}
    for count in counts:
        for name, events in count.events.items():
            by_name[count.kind, name] = by_name.get((count.kind, name), 0) + events
    assert by_name["scope", "order"] == by_name["verdict", "delivered"] == 70
    latencies = [(float(name), n) for (kind, name), n in by_name.items() if kind == "latency"]
    (median,) = quantiles(latencies, [0.5])
    assert median is not None and 2 <= median <= 10
    assert await archive.counts(time.time() + 60) == []


async def test_figures_are_kept_by_destination(tmp_path: Path) -> None:
    def script(number: int, entries: list[dict[str, Any]]) -> Behaviour:
        return Refuse("ThrottlingException") if number == 0 else Take()

    async with put_events(script) as endpoint:
        archive = await _deliver(tmp_path, endpoint, recorded.orders(3))
    (destination,) = {event.destination for event in await archive.search(Query(), 9)}
    counts = await archive.counts(time.time() - 3600, destination=destination)
    assert {c.kind: c.events for c in counts if c.kind in ("verdict", "code")} == {
        "verdict": {"delivered": 3, "waiting": 3},
        "code": {"ThrottlingException": 3},
    }
    assert await archive.counts(0, destination="another bus") == []
    assert await archive.has_destination(destination)
    assert not await archive.has_destination("another bus")
    assert await archive.last_failures(destination, 9) == []
    assert await archive.waiting_kinds(destination, 9) == []


async def test_events_are_found_by_the_time_of_a_try_that_failed(tmp_path: Path) -> None:
    def script(number: int, entries: list[dict[str, Any]]) -> Behaviour:
        if number == 0:
            return Take({0: "MalformedDetail", 1: "InternalFailure"})
        return Take()

    async with put_events(script) as endpoint:
        archive = await _deliver(tmp_path, endpoint, recorded.orders(4))
    now = time.time()
    failed = await archive.search(Query(failed_since=now - 60, failed_until=now), 9)
    assert sorted(event.verdict for event in failed) == ["dead", "delivered"]
    assert await archive.search(Query(failed_since=now), 9) == []
    assert await archive.search(Query(failed_until=now), 9) == failed
    assert await archive.search(Query(failed_until=now - 60), 9) == []
    assert len(await archive.search(Query(tried_since=now - 60, tried_until=now), 9)) == 4
    assert await archive.search(Query(tried_until=now - 60), 9) == []
    destination = failed[0].destination
    assert len(await archive.search(Query(destination=destination), 9)) == 4
    assert await archive.search(Query(destination="another bus"), 9) == []
    (dead,) = await archive.last_failures(destination, 9)
    assert dead.verdict == "dead"


async def test_of_what_waits_the_most_of_each_minute_is_kept(tmp_path: Path) -> None:
    journal = Recorder(_file(tmp_path), Retention(), WriteOptions(every=0.02))
    journal.open()
    minute = int(time.time()) // 60 * 60
    for waiting in (3, 9, 4):
        journal.waits([Level(minute, "", "outbox", waiting), Level(minute + 1, "bus", "", waiting)])
        await asyncio.sleep(0.1)
    await asyncio.to_thread(journal.close)
    assert await Archive(journal.path).counts(0) == [
        Counts(minute, "queue", {"outbox": 9}),
        Counts(minute, "memory", {"": 9}),
    ]


async def test_figures_of_a_former_version_are_kept(tmp_path: Path) -> None:
    path = _file(tmp_path)
    minute = int(time.time()) // 60 * 60
    with sqlite3.connect(path, isolation_level=None) as connection:
        migrate(connection, schema_steps("magento_eventbridge.journal")[:2])
        connection.execute("INSERT INTO minutes VALUES (?, 'scope', 'order', 12)", (minute,))
    connection.close()
    journal = Recorder(path, Retention())
    journal.open()
    journal.waits([Level(minute, "", "outbox", 1)])
    await asyncio.to_thread(journal.close)
    counts = await Archive(path).counts(0, in_quarters=True)
    start = minute // 900 * 900
    assert counts == [(start, "queue", {"outbox": 1}), (start, "scope", {"order": 12})]


def test_quantiles_and_bounds() -> None:
    assert quantiles([], [0.5]) == [None]
    assert quantiles([(5.0, 1), (0.1, 9)], [0.5, 0.9, 0.95]) == [0.1, 0.1, 5.0]
    assert [bound(latency) for latency in (0.01, 0.05, 0.051, 100_000)] == [
        "0.01",
        "0.05",
        "0.075",
        "inf",
    ]


@pytest.mark.parametrize("mode", ["hash", "leave_out"])
async def test_personal_data_is_not_kept_where_it_must_not_be(tmp_path: Path, mode: Any) -> None:
    placed = recorded.of("order-guest", "sales_order_place_after")
    ordered = recorded.again(
        placed, snapshot={**placed["snapshot"], "customer_email": "Ada@Example.com"}
    )
    by_address = recorded.again(placed, subject="customer/Grace@example.com")
    admin = recorded.again(
        recorded.of("admin-login-fail", "backend_auth_user_login_failed"), subject="user/clerk-7"
    )
    async with put_events() as endpoint:
        archive = await _deliver(
            tmp_path,
            endpoint,
            [recorded.stored(result) for result in (ordered, by_address, admin)],
            Retention(personal_data=mode),
        )
    subjects = {event.subject for event in await archive.search(Query(), 9)}
    assert not any("@" in str(subject) or "clerk-7" in str(subject) for subject in subjects)
    assert len(subjects) == 3
    street = placed["snapshot"]["billing_address"]["street"]
    kept = _file(tmp_path).read_bytes()
    for secret in (b"Ada@Example.com", b"Grace", b"clerk-7"):
        assert secret not in kept
    assert json.dumps(street).strip('"[]').encode() not in kept
    found = await archive.search(Query("ada@example.com"), 9)
    assert len(found) == (1 if mode == "hash" else 0)
    record = await archive.find(ordered["id"])
    assert record and record.detail
    detail = json.loads(record.detail)
    assert detail["id"] == placed["snapshot"]["increment_id"]
    assert detail["items"] == json.loads(endpoint.taken[0]["Detail"])["items"]


async def test_age_and_count_end_what_is_kept(tmp_path: Path) -> None:
    async with put_events(lambda n, _: Take({0: "MalformedDetail"} if n == 0 else {})) as endpoint:
        archive = await _deliver(tmp_path, endpoint, recorded.orders(50))
    with sqlite3.connect(_file(tmp_path)) as connection:
        day = 86400.0
        clear(connection, Retention(), time.time() + 1 * day)
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (50,)
        clear(connection, Retention(), time.time() + 3 * day)
        assert connection.execute("SELECT verdict FROM events").fetchall() == [("dead",)]
        clear(connection, Retention(), time.time() + 15 * day)
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM minutes").fetchone() == (0,)
    connection.close()
    again = tmp_path / "again"
    again.mkdir()
    async with put_events() as endpoint:
        archive = await _deliver(again, endpoint, recorded.orders(50))
    with sqlite3.connect(_file(again)) as connection:
        clear(connection, Retention(events=20), time.time())
    connection.close()
    assert await archive.size() == 20


async def test_a_journal_that_cannot_be_written_costs_no_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "occupied").write_text("a file where a folder must be")
    journal = Recorder(
        tmp_path / "occupied" / "journal.sqlite", Retention(), WriteOptions(every=0.02)
    )
    journal.open()
    end = Settlement(time.time(), Claim(1, b"{}"), None, "", "reason")
    async with _delivering(tmp_path, journal) as endpoint:
        await endpoint.until_taken(30)
    journal.ended(end)
    async with asyncio.timeout(PATIENCE):
        while journal.dropped < 31:
            await asyncio.sleep(0.01)
    assert journal.problem and "occupied" in journal.problem
    assert caplog.text.count("Delivery goes on") == 1
    (tmp_path / "occupied").unlink()
    journal.ended(end)
    async with asyncio.timeout(PATIENCE):
        while journal.problem:
            await asyncio.sleep(0.01)
    await asyncio.to_thread(journal.close)
    assert await Archive(journal.path).size() == 1
    assert journal.path.stat().st_mode & 0o077 == 0


async def test_a_folder_that_was_moved_away_is_not_created_again(tmp_path: Path) -> None:
    """It is the spool's, too: to move it back put it into the new one."""
    folder = tmp_path / "spool"
    journal = Recorder(_file(folder), Retention(), WriteOptions(every=0.02))
    journal.open()
    folder.rename(tmp_path / "elsewhere")
    journal.waits([Level(int(time.time()), "", "outbox", 1)])
    await asyncio.sleep(0.3)
    assert journal.problem
    assert not folder.exists()
    (tmp_path / "elsewhere").rename(folder)
    journal.close()
    assert await Archive(_file(folder)).size() == 0


async def test_a_journal_of_a_newer_version_is_refused_and_delivery_continues(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = _file(tmp_path)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    journal = Recorder(file, Retention())
    journal.open()
    async with _delivering(tmp_path, journal) as endpoint:
        await endpoint.until_taken(30)
    await asyncio.to_thread(journal.close)
    assert journal.problem and "newer version" in journal.problem
    assert "schema 99" in caplog.text


async def test_a_journal_leaves_the_last_room_of_a_disk_to_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    journal = Recorder(
        tmp_path / "journal.sqlite", Retention(), WriteOptions(every=0.02, leaves_free=10**18)
    )
    journal.open()
    journal.ended(Settlement(time.time(), Claim(1, b"{}"), None, "", "reason"))
    async with asyncio.timeout(PATIENCE):
        while not journal.dropped:
            await asyncio.sleep(0.01)
    assert journal.problem and "1 MB left" in journal.problem
    journal.close()


async def test_a_journal_writes_nothing_while_the_disk_has_no_room_and_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sizes() -> dict[str, int]:
        return {file.name: file.stat().st_size for file in tmp_path.iterdir()}

    usage = shutil.disk_usage(tmp_path)
    journal = Recorder(_file(tmp_path), Retention(), WriteOptions(every=0.02))
    journal.open()
    journal.ended(Settlement(time.time(), Claim(1, b"{}"), None, "", "reason"))
    async with asyncio.timeout(PATIENCE):
        while not sizes().get("journal.sqlite-wal"):
            await asyncio.sleep(0.01)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    await asyncio.sleep(0.1)  # a write that had begun ends
    before = sizes()
    assert before["journal.sqlite-wal"] > 0
    for number in range(20):
        journal.ended(Settlement(time.time(), Claim(number, b"{}"), None, "", "reason"))
        journal.waits([Level(time.time() + 60 * number, "", "outbox", number)])
        await asyncio.sleep(0.02)
    assert journal.problem
    # Closing the file would copy its log into it, and take what is left for the spool.
    assert sizes() == before
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    async with asyncio.timeout(PATIENCE):
        while journal.problem:
            await asyncio.sleep(0.01)
    await asyncio.to_thread(journal.close)
    counts = await Archive(journal.path).counts(0)
    assert sum(one.events["dead"] for one in counts if one.kind == "verdict") == 21


async def test_notes_are_dropped_and_counted_when_too_many_wait(tmp_path: Path) -> None:
    options = WriteOptions(most_waiting=1_000)
    journal = Recorder(_file(tmp_path), Retention(), options)  # not opened: nothing is written
    async with _delivering(tmp_path, journal) as endpoint:
        await endpoint.until_taken(30)
    assert 10 <= journal.dropped < 30
    journal.open()
    await asyncio.to_thread(journal.close)
    assert await Archive(journal.path).size() == 30 - journal.dropped


async def test_when_too_many_come_plain_deliveries_are_left_out_and_counted(tmp_path: Path) -> None:
    # All records fit in memory, and half of them may wait.
    most = sum(len(body) for _, body in recorded.orders(30)) * 3 // 2
    options = WriteOptions(every=0.01, events_at_once=5, most_waiting=most)
    journal = Recorder(_file(tmp_path), Retention(), options)
    failing: list[str] = []

    def script(number: int, entries: list[dict[str, Any]]) -> Take:
        if number:
            return Take()
        failing.extend(json.loads(entry["Detail"])["metadata"]["id"] for entry in entries)
        return Take(dict.fromkeys(range(len(entries)), "InternalFailure"))

    async with _delivering(tmp_path, journal, script):
        pass  # nothing is written yet
    journal.open()
    async with asyncio.timeout(PATIENCE):
        while not journal.dropped:
            await asyncio.sleep(0.01)
    await asyncio.to_thread(journal.close)
    archive = Archive(journal.path)
    assert 0 < journal.dropped <= 30 - len(failing)
    known = {event.id: event for event in await archive.search(Query(), 99)}
    assert len(known) == 30 - journal.dropped
    assert [(known[number].verdict, known[number].tries) for number in failing] == [
        ("delivered", 2)
    ] * len(failing)
    counts = [count for count in await archive.counts(0) if count.kind == "verdict"]
    assert sum(count.events.get("delivered", 0) for count in counts) == 30


@asynccontextmanager
async def _delivering(
    folder: Path, journal: Recorder, script: Script = takes_all
) -> AsyncIterator[PutEvents]:
    queue = SqliteQueue(folder / "spool.sqlite")
    await queue.put(recorded.orders(30))
    sink = EventBridgeSink(CredentialsFinder())
    async with put_events(script) as endpoint:
        destination = Destination("eu-west-1", endpoint_url=endpoint.url, credentials=KEYS)
        route = Route(destination, "shop.example.com")
        dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, Policy(), journal)
        await dispatcher.run(until_empty=True)
        yield endpoint
    await sink.close()
    await queue.close()


async def test_an_outage_of_days_keeps_a_row_small(tmp_path: Path) -> None:
    journal = Recorder(_file(tmp_path), Retention())
    journal.open()
    capture, body = recorded.orders(1)[0]
    assert read_capture(body).id == capture.id
    await asyncio.to_thread(journal.close)
    row = (capture.id, "OrderPlaced", "shop", "order/1", 1, "bus", 0.0, 0.0, "waiting", "", None, 1)
    with sqlite3.connect(_file(tmp_path)) as connection:
        for number in range(150):
            attempt = json.dumps([[number, 0.1, 503, "waiting", "", None]])
            module._upsert(connection, [(*row, attempt, "{}", "{}")])
    connection.close()
    record = await Archive(_file(tmp_path)).find(capture.id)
    assert record and len(record.attempts) == 100
    assert (record.summary.tries, record.attempts[-1].at) == (150, 149)


async def test_without_a_journal_the_reader_says_so(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        await Archive(_file(tmp_path)).size()
    _file(tmp_path).write_text("no database, and long enough to be seen as none" * 10)
    with pytest.raises(JournalError, match=r"journal\.sqlite: file is not a database"):
        await Archive(_file(tmp_path)).size()


async def test_figures_of_a_day_are_those_of_its_minutes(tmp_path: Path) -> None:
    journal = Recorder(_file(tmp_path), Retention())
    journal.open()
    now = time.time() // 900 * 900
    for at, waiting in ((now, 3), (now + 60, 9), (now + 120, 4), (now + 900, 1)):
        journal.ended(Settlement(at, Claim(int(at), b"{broken"), None, "", "not a capture"))
        journal.waits([Level(at, "", "outbox", waiting)])
    await asyncio.to_thread(journal.close)
    counts = await Archive(_file(tmp_path)).counts(now, in_quarters=True)
    assert counts == [
        (now, "queue", {"outbox": 9}),
        (now, "verdict", {"dead": 3}),
        (now + 900, "queue", {"outbox": 1}),
        (now + 900, "verdict", {"dead": 1}),
    ]


async def test_lists_do_not_read_the_rows_of_events_that_they_leave_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = recorded.stored(recorded.of("order-guest", "sales_order_place_after"))
    async with put_events() as endpoint:
        archive = await _deliver(tmp_path, endpoint, [placed])
    (event,) = await archive.search(Query(), 9)
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*words: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*words, **options)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr("magento_eventbridge.journal.archive.sqlite3.connect", traced)
    now = time.time()
    for query in (
        Query(),
        Query(view_id=1, detail_type="OrderPlaced", verdict="delivered"),
        Query(since=0.0, until=now, destination=event.destination),
        Query(tried_since=0.0, tried_until=now),
        Query(text="order/"),
        Query(text=event.id),
    ):
        assert await archive.search(query, 9) == [event]
        assert await archive.count(query, 9) == 1
    await archive.history(event.subject or "", 9)
    monkeypatch.undo()
    lists = [one for one in statements if one.startswith(("SELECT seq FROM events I", "SELECT c"))]
    assert len(lists) == 13
    with closing(connect(_file(tmp_path))) as connection:
        for statement in lists:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert any("events USING COVERING INDEX events_listed" in step for step in plan), plan
            assert ("TEMP B-TREE" in str(plan)) == ("coalesce" in statement), plan
