"""The ledger: what it keeps of an event, in how many bytes, and for how long."""

import shutil
import sqlite3
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from magento_eventbridge.captures import Capture
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.lane import Pending
from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, Fate, Verdict
from magento_eventbridge.ledger.archive import LedgerArchive, LedgerError
from magento_eventbridge.ledger.blocks import pack
from magento_eventbridge.ledger.recorder import Ledger, clear, connect
from magento_eventbridge.ledger.states import state_of
from magento_eventbridge.ledger.tail import tails_of

PLACE = Destination("eu-west-1")


def pending(order: int, event: str = "OrderCreated", detail: str = '{"total":1}') -> Pending:
    identifier = str(uuid.uuid4())
    key = f"1/order/{order:09}"
    entry = Entry("shop", event, detail, 1.0, None, (), 10, identifier, key)
    claim = Claim(order, b"")
    return Pending(claim, entry, key, identifier, "Order/Saved", 1, event=event, entity=str(order))


def call(batch: list[Pending], fate: Fate = Fate.DELIVERED, at: float | None = None) -> Call:
    verdicts = [Verdict(fate)] * len(batch)
    return Call(at or time.time(), 0.01, PLACE, batch, verdicts, Answer(200))


def written(path: Path, *notes: Call | Settlement) -> LedgerArchive:
    ledger = Ledger(path)
    ledger.open()
    for note in notes:
        if isinstance(note, Call):
            ledger.called(note)
        else:
            ledger.ended(note)
    ledger.close()
    assert ledger.problem is None
    return LedgerArchive([path])


def until(condition):
    """Wait until a condition holds."""
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_an_event_takes_at_most_100_bytes(tmp_path):
    events = 30_000
    types = ("OrderPlaced", "OrderCreated", "OrderUpdated", "InvoiceCreated")
    batches = [
        [pending(start + number // 4, types[number % 4]) for number in range(10)]
        for start in range(0, events // 4, 10)
        for _ in range(4)
    ]
    file = tmp_path / "ledger.sqlite"
    written(file, *map(call, batches))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    count = sum(map(len, batches))
    archive = LedgerArchive([file])
    assert sum(map(len, archive.entries(types, range(events)).values())) == count
    assert file.stat().st_size / count <= 100


def test_single_events_take_at_most_100_bytes_too(tmp_path):
    file = tmp_path / "ledger.sqlite"
    with closing(connect(file)) as connection:
        for number in range(20_000):
            of = (
                f"1/order/{number:09}",
                "OrderCreated",
                f"{number:032x}",
                str(number),
                4,
                number,
                0,
            )
            connection.execute(
                "INSERT INTO blocks (first, last, subjects, names, records) VALUES (?, ?, ?, ?, ?)",
                pack([of]),
            )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert file.stat().st_size / 20_000 <= 100
    (found,) = LedgerArchive([file]).of_order("000019999")
    assert (found.entity, found.at, found.state) == (19_999, 19_999, 4)


def test_what_is_delivered_is_found_by_its_subject(tmp_path):
    one = pending(7)
    archive = written(tmp_path / "l", call([one, pending(8)]))
    (found,) = archive.of_order("000000007")
    assert archive.of_order("00000007") == archive.of_order("000000009") == []
    assert archive.entries(["OrderCreated"], [7, 9]) == {7: [found]}
    assert archive.entries(["OrderUpdated"], [7]) == {}
    assert (found.detail_type, found.entity, found.id) == ("OrderCreated", 7, one.event_id)
    assert (found.verdict, found.view_id) == ("delivered", 1)
    assert found.state == state_of('{"total":1}')
    assert archive.began()


def test_a_dead_letter_that_is_delivered_later_is_delivered(tmp_path):
    one = pending(7)
    waits = call([pending(8)], Fate.RETRY)
    archive = written(tmp_path / "l", call([one], Fate.BURY), waits)
    assert [entry.verdict for entry in archive.of_order("000000007")] == ["dead letter"]
    archive = written(tmp_path / "l", call([one]), call([one], Fate.BURY))
    assert [entry.verdict for entry in archive.of_order("000000007")] == ["delivered"]
    assert archive.of_order("000000008") == []


def test_what_is_settled_without_a_call_is_kept(tmp_path):
    def end(event: str, snapshot: dict[str, object], reason: str | None) -> Settlement:
        capture = Capture(
            str(uuid.uuid4()), event, 1.0, subject="order/7", is_new=True, snapshot=snapshot
        )
        return Settlement(time.time(), Claim(1, b""), capture, "", reason)

    archive = written(
        tmp_path / "l",
        end("sales_order_save_after", {"entity_id": "7"}, None),
        end("sales_order_place_after", {"entity_id": 7}, "broken"),
        end("sales_order_place_after", {"entity_id": None}, "broken"),
        end("unknown_event", {"entity_id": 7}, "broken"),
        end("cron_job_run", {"entity_id": 7}, None),
        Settlement(time.time(), Claim(1, b""), None, "", "no capture"),
    )
    found = {(one.detail_type, one.verdict) for one in archive.of_order("7")}
    assert found == {("OrderCreated", "switched off"), ("OrderPlaced", "dead letter")}


def test_old_events_are_deleted(tmp_path):
    file = tmp_path / "l"
    now = time.time()
    written(file, call([pending(7)], at=now - 100))
    archive = written(file, call([pending(8)], at=now))
    with closing(connect(file)) as connection:
        connection.execute("UPDATE began SET at = 0")
        clear(connection, now - 50, threading.Event())
    assert archive.of_order("000000007") == []
    assert len(archive.of_order("000000008")) == 1
    assert archive.began() == now - 50  # what was before is not known, and so not missing


def test_events_that_cannot_be_written_leave_a_gap(tmp_path, monkeypatch):
    monkeypatch.setattr("magento_eventbridge.ledger.recorder._MOST_WAITING", 5)
    archive = written(tmp_path / "l", call([pending(n) for n in range(8)], at=1000.0))
    ((began, _),) = archive.gaps()
    assert began == 1000


def test_nothing_is_written_while_the_disk_has_no_room_and_later_everything(tmp_path, monkeypatch):
    monkeypatch.setattr("magento_eventbridge.ledger.recorder._EVERY", 0.02)
    usage = shutil.disk_usage(tmp_path)
    path = tmp_path / "ledger.sqlite"

    def sizes():
        return [file.stat().st_size for file in (path, Path(f"{path}-wal"))]

    ledger = Ledger(path)
    ledger.open()
    ledger.called(call([pending(1)]))
    until(lambda: ledger.number and sizes()[1])
    number = ledger.number
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    until(lambda: ledger.problem)
    assert ledger.number == 0  # its bridge reports that its events are in no file
    before = sizes()
    ledger.called(call([pending(2)]))
    time.sleep(0.2)
    assert sizes() == before
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    until(lambda: not ledger.problem)
    assert ledger.number == number
    ledger.close()
    assert len(LedgerArchive([path]).entries(("OrderCreated",), [1, 2])) == 2


def test_a_file_that_cannot_be_opened_stops_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    ledger = Ledger(tmp_path / "folder")
    ledger.open()
    ledger.called(call([pending(1)]))
    ledger.close()
    assert ledger.problem


def test_a_file_of_a_newer_version_is_refused_by_its_name(tmp_path):
    archive = written(tmp_path / "ledger.sqlite", call([pending(7)]))
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: written by a newer version"):
        archive.of_order("000000007")
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: written by a newer version"):
        archive.keep_audit(1.0, {})


def test_a_former_format_has_no_entries_and_a_damaged_file_is_reported(tmp_path):
    path = tmp_path / "ledger.sqlite"
    archive = written(path, call([pending(7)]))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE blocks")
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: no such table"):
        archive.of_order("000000007")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")
    assert archive.of_order("000000007") == []
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: file is not a database"):
        archive.of_order("000000007")


def test_a_ledger_keeps_the_number_by_which_it_is_known(tmp_path):
    archive = written(tmp_path / "ledger.sqlite", call([pending(7)]))
    (number,) = archive.numbers()
    assert number
    written(tmp_path / "ledger.sqlite", call([pending(8)]))
    assert archive.numbers() == {number}


def test_audits_are_kept(tmp_path):
    archive = written(tmp_path / "l")
    archive.keep_audit(1.0, {"missing": []})
    archive.keep_audit(2.0, {"missing": [1]})
    assert archive.audits() == [(2.0, {"missing": [1]}), (1.0, {"missing": []})]


def test_the_state_is_that_of_the_entity():
    def states(*contents: dict[str, object], full: bool = False) -> list[int]:
        return [
            state_of(
                msgspec.json.encode(
                    {
                        "id": "1",
                        **of,
                        "metadata": {"id": str(number)} | ({"version": 1} if full else {}),
                        "tracking": {"n": number},
                    }
                ).decode()
            )
            for number, of in enumerate(contents)
        ]

    documented = states({"status": "new"}, {"status": "new"}, {"status": "done"})
    assert documented[0] == documented[1] != documented[2]
    tail = {"note": 'of ,"updatedAt":"x" and ,"previous":{}', "items": [1]}
    new: dict[str, object] = {"status": "new", "updatedAt": "x", "previous": {}, **tail}
    changed = {"name": 'a "brace" } and ,"updatedAt":"', "total": 1.5, "is": None}
    same, other = {**new, "updatedAt": None, "previous": changed}, {**new, "status": "done"}
    full = states(new, same, other, full=True)
    assert full[0] == full[1] != full[2]
    notes = states(new, {**new, "note": 'of ,"updatedAt":"y" and ,"previous":{}'}, full=True)
    assert notes[0] != notes[1]


def test_a_detail_without_metadata_has_the_state_of_its_fields():
    detail = '{"id":"1","status":"new","metadata":{"id":"7"}}'
    assert state_of(detail) == state_of('{"id":"1","status":"new"}')
    assert state_of(detail) != state_of('{"id":"1","status":"done"}')


def test_fields_that_the_shop_adds_are_no_part_of_the_state():
    added = '{"id":"1","note":"x","status":"new","metadata":{"id":"7"}}'
    assert state_of(added, frozenset({"note"})) == state_of('{"id":"1","status":"new"}')
    assert state_of(added) != state_of('{"id":"1","status":"new"}')


def test_a_line_feed_in_a_subject_keeps_the_other_events(tmp_path):
    odd = pending(7)
    odd.order_key = "1/order/a\nb"
    archive = written(tmp_path / "l", call([odd, pending(8)]))
    assert [one.entity for one in archive.of_order("a b")] == [7]
    assert [one.entity for one in archive.of_order("000000008")] == [8]


def test_an_event_that_is_in_two_ledgers_is_listed_once(tmp_path):
    one = pending(7)
    written(tmp_path / "a", call([one], Fate.BURY))
    written(tmp_path / "b", call([one]))
    archive = LedgerArchive([tmp_path / "a", tmp_path / "b", tmp_path / "none"])
    assert [entry.verdict for entry in archive.of_order("000000007")] == ["delivered"]


def killed_ledger(path: Path) -> Ledger:
    """Return a ledger whose thread never writes, as if its process were killed."""
    ledger = Ledger(path)
    ledger._work = lambda: None  # type: ignore[method-assign]
    ledger._thread = threading.Thread(target=ledger._work, daemon=True)
    ledger.open()
    return ledger


def test_what_a_killed_process_noted_is_read_and_then_written(tmp_path):
    path = tmp_path / "l"
    written(path)
    killed = killed_ledger(path)
    killed.called(call([pending(7), pending(8)]))
    (tail,) = tails_of(path)
    assert tail.stat().st_mode & 0o777 == 0o600
    archive = LedgerArchive([path])
    assert [one.entity for one in archive.of_order("000000007")] == [7]
    written(path, call([pending(9)]))
    assert tails_of(path) == [tail], "another living process removed it"
    assert killed._tail
    killed._tail.close(is_written=False)
    tail.write_bytes(tail.read_bytes() + b'[["1/order/1","Ord')
    written(path)
    assert tails_of(path) == []
    assert sorted(archive.entries(["OrderCreated"], [7, 8, 9])) == [7, 8, 9]


def test_the_tail_is_removed_when_its_events_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr("magento_eventbridge.ledger.recorder._EVERY", 0.01)
    path = tmp_path / "l"
    ledger = Ledger(path)
    ledger.open()
    archive = LedgerArchive([path])
    for number in range(20):
        ledger.called(call([pending(number)]))
        time.sleep(0.01)
        assert len(archive.entries(["OrderCreated"], range(20))) == number + 1
    assert len(tails_of(path)) <= 2
    ledger.close()
    assert tails_of(path) == []
    assert len(archive.entries(["OrderCreated"], range(20))) == 20


def test_the_tail_has_a_limit_while_the_ledger_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr("magento_eventbridge.ledger.tail._MOST_BYTES", 500)
    killed = killed_ledger(tmp_path / "l")
    for number in range(50):
        killed.called(call([pending(number)]))
    (tail,) = tails_of(tmp_path / "l")
    assert tail.stat().st_size < 1_000


def test_an_event_that_cannot_be_noted_stops_nothing(tmp_path):
    ledger = Ledger(tmp_path / "l")
    ledger.called(call([pending(1, detail="no JSON")]))
    assert ledger.problem
