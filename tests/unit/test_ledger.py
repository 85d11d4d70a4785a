"""The ledger: what it keeps of an event, in how many bytes, and for how long."""

import sqlite3
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import msgspec

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import BY_DETAIL_TYPE
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.lane import Pending
from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, Fate, Verdict
from magento_eventbridge.ledger.archive import LedgerArchive
from magento_eventbridge.ledger.recorder import Ledger, clear, connect
from magento_eventbridge.ledger.states import state_of

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
        ((count,),) = connection.execute("SELECT count(*) FROM events")
    assert count == sum(map(len, batches))
    assert file.stat().st_size / count <= 100


def test_what_is_delivered_is_found_by_its_subject(tmp_path):
    one = pending(7)
    archive = written(tmp_path / "l", call([one, pending(8)]))
    (found,) = archive.entries(["order/000000007", "order/000000009"])
    assert (found.detail_type, found.entity, found.id) == ("OrderCreated", 7, one.event_id)
    assert (found.verdict, found.view_id) == ("delivered", 1)
    assert found.state == state_of('{"total":1}', one.event_id)
    assert archive.began()


def test_a_dead_letter_that_is_delivered_later_is_delivered(tmp_path):
    one = pending(7)
    waits = call([pending(8)], Fate.RETRY)
    archive = written(tmp_path / "l", call([one], Fate.BURY), waits)
    assert [entry.verdict for entry in archive.entries(["order/000000007"])] == ["dead letter"]
    archive = written(tmp_path / "l", call([one]), call([one], Fate.BURY))
    assert [entry.verdict for entry in archive.entries(["order/000000007"])] == ["delivered"]
    assert archive.entries(["order/000000008"]) == []


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
    found = {(one.detail_type, one.verdict) for one in archive.entries(["order/7"])}
    assert found == {("OrderCreated", "switched off"), ("OrderPlaced", "dead letter")}


def test_old_events_are_deleted(tmp_path):
    file = tmp_path / "l"
    now = time.time()
    archive = written(file, call([pending(7)], at=now - 100), call([pending(8)], at=now))
    with closing(connect(file)) as connection:
        clear(connection, now - 50, threading.Event())
    assert archive.entries(["order/000000007"]) == []
    assert len(archive.entries(["order/000000008"])) == 1


def test_events_that_cannot_be_written_leave_a_gap(tmp_path, monkeypatch):
    monkeypatch.setattr("magento_eventbridge.ledger.recorder._MOST_WAITING", 5)
    archive = written(tmp_path / "l", call([pending(n) for n in range(8)], at=1000.0))
    ((began, _),) = archive.gaps()
    assert began == 1000


def test_a_file_that_cannot_be_opened_stops_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    ledger = Ledger(tmp_path / "folder")
    ledger.open()
    ledger.called(call([pending(1)]))
    ledger.close()
    assert ledger.problem


def test_audits_are_kept(tmp_path):
    archive = written(tmp_path / "l")
    archive.keep_audit(1.0, {"missing": []})
    archive.keep_audit(2.0, {"missing": [1]})
    assert archive.audits() == [(2.0, {"missing": [1]}), (1.0, {"missing": []})]


def test_the_state_is_that_of_the_entity():
    def states(more: dict[str, object], *others: dict[str, object]) -> list[bytes]:
        return [
            state_of(
                msgspec.json.encode(
                    {"id": "1", **of, "metadata": {"id": str(number)}, "tracking": {"n": number}}
                ).decode(),
                str(number),
            )
            for number, of in enumerate((more, *others))
        ]

    documented = states({"status": "new"}, {"status": "new"}, {"status": "done"})
    assert documented[0] == documented[1] != documented[2]
    new: dict[str, object] = {"status": "new", "updatedAt": "x", "previous": {}}
    full = states(new, {**new, "updatedAt": "y", "previous": {"a": 1}}, {**new, "status": "done"})
    assert full[0] == full[1] != full[2]
    assert len(full[0]) == 8


def test_the_row_of_an_event_is_that_of_its_snapshot():
    order, cart = BY_DETAIL_TYPE["OrderCreated"], BY_DETAIL_TYPE["CartProductAdded"]
    for value, expected in (("7", "7"), (7, "7"), (None, ""), ("x", ""), ("9" * 30, "")):
        capture = Capture(str(uuid.uuid4()), "x", 1.0, snapshot={"entity_id": value})
        assert order.entity_of(capture) == expected
        assert cart.entity_of(capture) == ""
