"""Writes the journal: takes note in the loop that delivers, and writes in a thread of its own."""

import json
import logging
import shutil
import sqlite3
import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from magento_eventbridge.delivery.lane import Pending
from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.verdicts import Fate, Verdict
from magento_eventbridge.journal.personal import PersonalData, Redaction
from magento_eventbridge.sqlite_files import make_private, migrate, schema_steps

log = logging.getLogger(__name__)

# How often is written, in seconds: a live tail is late by as much, and a batch is worth its commit.
_WRITES_EVERY = 0.25
_CLEARS_EVERY = 10.0
# So many events at a time: 4,000 a second, more than AWS takes by the default limit of calls. More
# would take the processor from delivery.
_WRITES_AT_ONCE = 1_000
# What may wait to be written, in bytes. Beyond it deliveries at the first try are left out of the
# journal, beyond the double whatever comes; no event is ever.
_MOST_WAITING = 32_000_000
# With so many rows in one statement SQLite asks for Python's lock once and not for each row.
_ROWS_AT_ONCE = 64
_DELETED_AT_ONCE = 2_000
# An outage of days must not make a row of megabytes: the last try replaces the one before it.
_ATTEMPTS_KEPT = 100
# In bytes, or an eighth of a small disk.
_LEAVES_FREE = 64_000_000
_BUSY_TIMEOUT = 2_000  # milliseconds; another bridge may write the same file
_TELLS_EVERY = 60.0
_MINUTES_KEPT = 8 * 24 * 60

LATENCIES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""Upper bounds, in seconds, of the latencies that are counted together; beyond the last: `inf`."""
_BOUNDS = (*(json.dumps(latency) for latency in LATENCIES), "inf")

_VERDICTS = {
    Fate.DELIVERED: "delivered",
    Fate.RETRY: "waiting",
    Fate.REST: "waiting",
    Fate.ISOLATE: "waiting",
    Fate.WAIT: "waiting",
    Fate.PARK: "parked",
    Fate.SUSPECT: "parked",
    Fate.DENY: "parked",
    Fate.HOLD: "parked",
    Fate.BURY: "dead",
}

_COLUMNS = (
    "id, detail_type, source, subject, store_id, destination, happened_at, told_at, verdict, "
    "reason, event_id, tries, attempts, detail, capture"
)
_WIDTH = _COLUMNS.count(",") + 1
_UPSERT = f"""
INSERT INTO events ({_COLUMNS}) VALUES {{rows}}
ON CONFLICT (id) DO UPDATE SET
    told_at = excluded.told_at,
    verdict = excluded.verdict,
    reason = excluded.reason,
    event_id = excluded.event_id,
    destination = excluded.destination,
    detail_type = CASE excluded.detail_type WHEN '' THEN detail_type ELSE excluded.detail_type END,
    detail = coalesce(excluded.detail, detail),
    tries = tries + excluded.tries,
    attempts = CASE
        WHEN json_array_length(excluded.attempts) = 0 THEN attempts
        WHEN json_array_length(attempts) < {_ATTEMPTS_KEPT}
        THEN json_insert(attempts, '$[#]', json_extract(excluded.attempts, '$[0]'))
        ELSE json_set(attempts, '$[#-1]', json_extract(excluded.attempts, '$[0]'))
    END
"""  # noqa: S608  names of columns
_ONE_ROW = f"({', '.join('?' * _WIDTH)})"
_COUNT = """
INSERT INTO minutes VALUES (?, ?, ?, ?)
ON CONFLICT (minute, kind, name) DO UPDATE SET count = count + excluded.count
"""

Row = tuple[Any, ...]
MinuteCounts = Counter[tuple[int, str, str]]


class _Note(NamedTuple):
    """What was noted, with the bytes that it keeps in memory and the events that it tells of."""

    size: int
    events: int
    of: Call | Settlement


@dataclass(frozen=True)
class Retention:
    """How much of a journal is kept.

    Attributes:
        days: of events that are not delivered, from their last try on.
        delivered_days: of events that are delivered or switched off.
        events: in all; the oldest go first.
        personal_data: what is done with it.
    """

    days: float = 14.0
    delivered_days: float = 2.0
    events: int = 50_000
    personal_data: PersonalData = "keep"


class Recorder:
    """The journal that delivery is given; it never holds delivery up.

    What the loop hands over are references to what it had in hand anyway. The thread counts all of
    it at once and writes as much as leaves the processor to delivery; the rest waits. When too much
    waits or the disk is full, notes are dropped and counted.
    """

    def __init__(self, path: Path, retention: Retention) -> None:
        self.path = path
        self.dropped = 0
        self.problem: str | None = None
        self._retention = retention
        self._notes: deque[_Note] = deque()
        self._taken = 0  # bytes, by the loop only
        self._done = 0  # bytes, by the thread only
        self._waiting: deque[_Note] = deque()  # counted, not written
        self._counts: MinuteCounts = Counter()
        self._redaction: Redaction | None = None
        self._told_at = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)

    def open(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and end."""
        self._stopping.set()
        self._thread.join()

    def called(self, call: Call) -> None:
        """Take note of a call."""
        size = sum(pending.entry.size + len(pending.claim.body) for pending in call.batch)
        self._take(_Note(size, len(call.batch), call))

    def ended(self, end: Settlement) -> None:
        """Take note of an end without a call."""
        self._take(_Note(len(end.claim.body), 1, end))

    def _take(self, note: "_Note") -> None:
        if self._taken - self._done > 2 * _MOST_WAITING:
            self.dropped += note.events
            return
        self._taken += note.size
        self._notes.append(note)

    # In the thread

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        cleared_at = time.monotonic()
        while True:
            is_last = self._stopping.wait(_WRITES_EVERY)
            self._collect()
            if not is_last:
                self._leave_out()
            notes = self._next()
            try:
                connection = connection or _connect(self.path)
                if notes:
                    _leave_room(self.path)
                self._write(connection, notes)
                if time.monotonic() - cleared_at > _CLEARS_EVERY:
                    clear(connection, self._retention, time.time())
                    cleared_at = time.monotonic()
                self._is_well()
            except Exception as error:
                # Whatever it is: people miss a line in the console, delivery goes on.
                self._fails(error, notes)
                if connection:
                    connection.close()
                # Another file may be there when it is opened again, with another key.
                connection, self._redaction = None, None
            self._done += sum(note.size for note in notes)
            if is_last and not self._waiting:
                if connection:
                    connection.close()
                return

    def _collect(self) -> None:
        """Count what has come, and let it wait."""
        came = [self._notes.popleft() for _ in range(len(self._notes))]
        self._counts.update(_counted(note.of for note in came))
        self._waiting.extend(came)

    def _leave_out(self) -> None:
        """Drop the oldest of those that nobody has to look into, when too much waits."""
        too_much = sum(note.size for note in self._waiting) - _MOST_WAITING
        if too_much <= 0:
            return
        kept: deque[_Note] = deque()
        for note in self._waiting:
            if too_much > 0 and _went_well(note.of):
                self.dropped += note.events
                too_much -= note.size
                self._done += note.size
            else:
                kept.append(note)
        self._waiting = kept

    def _next(self) -> list["_Note"]:
        """Take what is written next."""
        notes: list[_Note] = []
        events = 0
        while self._waiting and events < _WRITES_AT_ONCE:
            notes.append(note := self._waiting.popleft())
            events += note.events
        return notes

    def _write(self, connection: sqlite3.Connection, notes: list["_Note"]) -> None:
        if not notes and not self._counts:
            return
        self._redaction = self._redaction or _redaction(connection, self._retention.personal_data)
        rows = [row for note in notes for row in _rows(note.of, self._redaction)]
        connection.execute("BEGIN IMMEDIATE")
        try:
            _upsert(connection, rows)
            connection.executemany(_COUNT, [(*key, n) for key, n in self._counts.items()])
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has ended it already
                connection.execute("ROLLBACK")
            raise
        self._counts.clear()

    def _fails(self, error: Exception, notes: list["_Note"]) -> None:
        self.dropped += sum(note.events for note in notes)
        self.problem = f"{self.path}: {error}"
        if time.monotonic() - self._told_at > _TELLS_EVERY:
            self._told_at = time.monotonic()
            log.warning("Cannot write the journal %s: %s. Delivery goes on.", self.path, error)

    def _is_well(self) -> None:
        if self.problem:
            log.warning("The journal %s is written again.", self.path)
            self.problem, self._told_at = None, float("-inf")


def clear(connection: sqlite3.Connection, retention: Retention, now: float) -> None:
    """Delete what is not to be kept any longer; `now` in seconds since the epoch."""
    day = 86_400.0
    oldest, oldest_delivered = now - retention.days * day, now - retention.delivered_days * day
    condition = (
        "told_at < ? OR (told_at < ? AND verdict IN ('delivered', 'off')) "
        "OR seq <= (SELECT max(seq) FROM events) - ?"
    )
    deleted = _DELETED_AT_ONCE
    while deleted == _DELETED_AT_ONCE:
        deleted = connection.execute(
            f"DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE {condition} LIMIT ?)",  # noqa: S608
            (oldest, oldest_delivered, retention.events, _DELETED_AT_ONCE),
        ).rowcount
    connection.execute("DELETE FROM minutes WHERE minute < ?", (now - _MINUTES_KEPT * 60,))


def _connect(path: Path) -> sqlite3.Connection:
    # It holds what the spool holds: nobody else reads it.
    make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
    connection.execute("PRAGMA page_size = 16384")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        migrate(connection, schema_steps(__package__))
    except BaseException:
        connection.close()
        raise
    return connection


def _leave_room(path: Path) -> None:
    """Refuse to take the last room of a disk: the spool may be there too, and goes first."""
    disk = shutil.disk_usage(path.parent)
    if disk.free < min(_LEAVES_FREE, disk.total // 8):
        raise OSError(f"its disk has {disk.free // 1_000_000} MB left, which are not for it")


def _redaction(connection: sqlite3.Connection, mode: PersonalData) -> Redaction:
    with closing(connection.execute("SELECT hash_key FROM secrets")) as found:
        return Redaction(mode, found.fetchone()[0])


def _upsert(connection: sqlite3.Connection, rows: list[Row]) -> None:
    whole = len(rows) - len(rows) % _ROWS_AT_ONCE
    many = _UPSERT.format(rows=", ".join([_ONE_ROW] * _ROWS_AT_ONCE))
    for start in range(0, whole, _ROWS_AT_ONCE):
        values = [value for row in rows[start : start + _ROWS_AT_ONCE] for value in row]
        connection.execute(many, values)
    connection.executemany(_UPSERT.format(rows=_ONE_ROW), rows[whole:])


def _rows(note: Call | Settlement, redaction: Redaction) -> Iterator[Row]:
    match note:
        case Call():
            destination = str(note.destination)
            for pending, verdict in zip(note.batch, note.verdicts, strict=True):
                yield _row_of_call(note, destination, pending, verdict, redaction)
        case Settlement():
            yield _row_of_end(note, redaction)


def _row_of_call(
    call: Call, destination: str, pending: Pending, verdict: Verdict, redaction: Redaction
) -> Row:
    entry, known_as = pending.entry, _VERDICTS[verdict.fate]
    attempt = (
        round(call.at, 3),
        round(call.seconds, 4),
        call.answer.status,
        known_as,
        verdict.reason,
        verdict.event_id,
    )
    subject = redaction.subject(pending.order_key.partition("/")[2] or None)
    return (
        pending.event_id,
        entry.detail_type,
        entry.source,
        subject,
        pending.view_id,
        destination,
        entry.time,
        call.at,
        known_as,
        verdict.reason,
        verdict.event_id,
        1,
        msgspec.json.encode([attempt]).decode(),
        redaction.of(entry.detail),
        redaction.of(pending.claim.body.decode(errors="replace")),
    )


def _row_of_end(end: Settlement, redaction: Redaction) -> Row:
    capture, body = end.capture, end.claim.body.decode(errors="replace")
    known_as = "off" if end.reason is None else "dead"
    return (
        capture.id if capture else f"claim {end.claim.handle}",
        end.detail_type or (capture.event if capture else ""),
        "",
        redaction.subject(capture.subject) if capture else None,
        capture.view_id if capture else None,
        "",
        capture.time if capture else None,
        end.at,
        known_as,
        end.reason or "",
        None,
        0,
        "[]",
        None,
        redaction.of(body),
    )


def _went_well(note: Call | Settlement) -> bool:
    """Whether nothing but success, at the first try, is told."""
    return isinstance(note, Call) and all(
        verdict.fate is Fate.DELIVERED and not pending.failures
        for pending, verdict in zip(note.batch, note.verdicts, strict=True)
    )


def _counted(notes: Iterable[Call | Settlement]) -> MinuteCounts:
    counts: MinuteCounts = Counter()
    for note in notes:
        minute = int(note.at) // 60 * 60
        if isinstance(note, Settlement):
            counts[minute, "verdict", "off" if note.reason is None else "dead"] += 1
            continue
        for pending, verdict in zip(note.batch, note.verdicts, strict=True):
            known_as = _VERDICTS[verdict.fate]
            counts[minute, "verdict", known_as] += 1
            if known_as == "delivered":
                counts[minute, "scope", _scope(pending.label)] += 1
                counts[minute, "latency", bound(note.at - pending.entry.time)] += 1
    return counts


@lru_cache(maxsize=1_000)
def _scope(label: str) -> str:
    return label.partition("/")[0].lower()


def bound(latency: float) -> str:
    """Give the upper bound, as the journal names it, under which a latency is counted."""
    return _BOUNDS[bisect_left(LATENCIES, latency)]
