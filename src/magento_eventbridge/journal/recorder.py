"""Write the journal: collect notes in delivery's loop, and write them in a thread."""

import contextlib
import json
import logging
import sqlite3
import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from magento_eventbridge.delivery.lane import Pending
from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.reasons import without_event
from magento_eventbridge.delivery.verdicts import Fate, Verdict
from magento_eventbridge.errors import cause
from magento_eventbridge.journal.archive import QUARTER
from magento_eventbridge.journal.keys import keys_of
from magento_eventbridge.journal.last_minute import LastMinute
from magento_eventbridge.journal.personal import PersonalData, Redaction
from magento_eventbridge.journal.waiting import Note, WaitingNotes
from magento_eventbridge.sqlite_files import (
    check_free_space,
    is_disk_full,
    make_private,
    migrate,
    schema_steps,
)

log = logging.getLogger(__name__)

_CLEARS_EVERY = 10.0
# With this many rows in one statement SQLite takes Python's lock once, not once a row.
_ROWS_AT_ONCE = 64
_DELETED_AT_ONCE = 2_000
# A row must not grow during an outage of days: the last try replaces the one before it.
_ATTEMPTS_KEPT = 100
# In KiB. Keys change all over their index: with SQLite's 2 MB pages were written several times.
_CACHE = 8_000
_BUSY_TIMEOUT = 2_000  # milliseconds; another bridge may write the same file
_WARNS_EVERY = 60.0
_MINUTES_KEPT = 8 * 24 * 60
_LEVELS_WAITING = 10_000
_LONGEST_CODE = 60

LATENCIES = (
    *(0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0),
    *(60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 420.0, 600.0, 720.0, 900.0, 1200.0, 1800.0, 2700.0),
    *(3600.0, 5400.0, 7200.0, 10800.0, 14400.0, 21600.0, 28800.0, 43200.0, 64800.0, 86400.0),
)
"""Upper bounds of the latency buckets, in seconds; the last bucket is `inf`."""
_BOUNDS = (*(json.dumps(latency) for latency in LATENCIES), "inf")

_VERDICTS = {
    Fate.DELIVERED: "delivered",
    Fate.RETRY: "waiting",
    Fate.THROTTLE: "waiting",
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
_ID, _SUBJECT, _EVENT_ID, _CAPTURE = (
    _COLUMNS.split(", ").index(name) for name in ("id", "subject", "event_id", "capture")
)
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
INSERT INTO {table} VALUES (?, ?, ?, ?, ?)
ON CONFLICT (minute, destination, kind, name) DO UPDATE SET count = count + excluded.count
"""
_LEVEL = """
INSERT INTO {table} VALUES (?, ?, ?, ?, ?)
ON CONFLICT (minute, destination, kind, name) DO UPDATE SET count = max(count, excluded.count)
"""

_KEYS = """
INSERT OR IGNORE INTO keys (word, seq)
SELECT words.value, events.seq
FROM json_each(?) AS rows
JOIN events ON events.id = json_extract(rows.value, '$[0]')
JOIN json_each(rows.value, '$[1]') AS words
"""

Row = tuple[Any, ...]
Figure = tuple[int, str, str, str, int]
"""Start, destination, kind, name and number of events."""
_FIGURES = (("minutes", 60), ("quarters", QUARTER))
MinuteCounts = Counter[tuple[int, str, str, str]]
"""Events by minute, destination, kind and name."""


class Level(NamedTuple):
    """How much waits at a time: in a queue, or in memory for a destination.

    Attributes:
        at: in seconds since the epoch.
        destination: empty for a queue.
        name: of the queue; empty for a destination.
    """

    at: float
    destination: str
    name: str
    waiting: int

    @property
    def row(self) -> tuple[int, str, str, str, int]:
        """The row of the table of minutes."""
        kind = "memory" if self.destination else "queue"
        return (int(self.at) // 60 * 60, self.destination, kind, self.name, self.waiting)


@dataclass(frozen=True)
class Retention:
    """How much of a journal is kept.

    Attributes:
        days: how long undelivered events are kept after their last try.
        delivered_days: how long events are kept that are delivered, switched off or left out.
        events: how many are kept; the oldest are deleted first.
        personal_data: whether it is kept, hashed or left out.
    """

    days: float = 14.0
    delivered_days: float = 2.0
    events: int = 50_000
    personal_data: PersonalData = "keep"


@dataclass(frozen=True)
class WriteOptions:
    """How the journal is written.

    Attributes:
        every: seconds between writes: the delay of a live tail.
        events_at_once: events per write. 1,000 make 4,000 a second, more than the default quota
            of PutEvents; more would take processor time from delivery. While plain deliveries are
            left out anyway, a quarter of it is written.
        bytes_at_once: bytes of events after which a write takes no more: they are copied several
            times on the way.
        most_waiting: bytes that may wait to be written. Beyond it events delivered at the first
            try are left out of the journal; beyond the double, everything is.
        leaves_free: bytes of the disk that stay free, or a quarter of a small disk.
    """

    every: float = 0.25
    events_at_once: int = 1_000
    bytes_at_once: int = 16_000_000
    most_waiting: int = 32_000_000
    leaves_free: int = 64_000_000


class Recorder:
    """The observer that writes the journal; it never slows delivery.

    The loop only appends references. The thread counts everything at once and writes a limited
    number of rows at a time. When too much waits or the disk is full, notes are dropped and
    counted.
    """

    def __init__(
        self, path: Path, retention: Retention, options: WriteOptions | None = None
    ) -> None:
        self.path = path
        self._options = options or WriteOptions()
        # Returns a capture's JSON text without the private fields of its store view.
        self.shown_capture: Callable[[int, str], str] = lambda _, body: body
        self.dropped = 0
        self.problem: str | None = None
        self.last_minute = LastMinute()
        self._retention = retention
        self._notes: deque[Note] = deque()
        self._taken = 0  # bytes; changed by the loop only
        self._done = 0  # bytes; changed by the thread only
        self._waiting = WaitingNotes(
            self._options.most_waiting, self._options.events_at_once, self._options.bytes_at_once
        )
        self._counts: MinuteCounts = Counter()
        self._levels: deque[Level] = deque(maxlen=_LEVELS_WAITING)
        self._redaction: Redaction | None = None
        self._has_folder = False
        self._warned_at = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)

    def open(self) -> None:
        """Start writing."""
        with contextlib.suppress(OSError):  # the thread tries again, and reports why
            make_private(self.path)
            self._has_folder = True
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and stop."""
        self._stopping.set()
        self._thread.join()

    def called(self, call: Call) -> None:
        """Note a call."""
        size = sum(pending.entry.size + len(pending.claim.body) for pending in call.batch)
        self._take(Note(size, len(call.batch), call))

    def ended(self, end: Settlement) -> None:
        """Note a capture that was settled without a call."""
        # The capture is the body once more, in parts.
        self._take(Note(len(end.claim.body) * (2 if end.capture else 1), 1, end))

    def waits(self, levels: Iterable[Level]) -> None:
        """Note how much waits now; of each minute the most is kept."""
        self._levels.extend(levels)

    def _take(self, note: Note) -> None:
        if self._taken - self._done > 2 * self._options.most_waiting:
            self.dropped += note.events
            return
        self._taken += note.size
        self._notes.append(note)

    # In the thread:

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        cleared_at = time.monotonic()
        while True:
            is_last = self._stopping.wait(self._options.every)
            self._collect()
            if not is_last:
                self._leave_out()
            notes = self._waiting.next()
            try:
                check_free_space(self.path, self._options.leaves_free)
                connection = connection or self._opened()
                self._write(connection, notes)
                if time.monotonic() - cleared_at > _CLEARS_EVERY:
                    clear(connection, self._retention, time.time())
                    cleared_at = time.monotonic()
                self._is_well()
            except Exception as error:
                # Any error costs lines in the console, never delivery.
                self._fails(error, notes)
                if not is_disk_full(error):
                    if connection:
                        connection.close()
                    # The file may be another one when it is opened again, with another key.
                    connection, self._redaction = None, None
            self._done += sum(note.size for note in notes)
            if is_last and not self._waiting:
                if connection:
                    connection.close()
                return

    def _opened(self) -> sqlite3.Connection:
        # A folder that was moved away, as with the spool in it, could not be moved back if there
        # were a new one.
        connection = _connect(self.path, with_folders=not self._has_folder)
        self._has_folder = True
        return connection

    def _collect(self) -> None:
        """Count the new notes, and keep them for writing."""
        came = [self._notes.popleft() for _ in range(len(self._notes))]
        self._counts.update(_counted(note.of for note in came))
        self.last_minute.add(end for note in came for end in _ends(note.of))
        self._waiting.add(came)

    def _leave_out(self) -> None:
        for note in self._waiting.leave_out():
            self.dropped += note.events
            self._done += note.size

    def _write(self, connection: sqlite3.Connection, notes: list[Note]) -> None:
        levels = list(self._levels)
        if not notes and not self._counts and not levels:
            return
        self._redaction = self._redaction or _redaction(connection, self._retention.personal_data)
        rows = [
            row for note in notes for row in _rows(note.of, self._redaction, self.shown_capture)
        ]
        connection.execute("BEGIN IMMEDIATE")
        try:
            _upsert(connection, rows)
            _index(connection, rows)
            counts = [(*key, n) for key, n in self._counts.items()]
            _add_figures(connection, counts, [level.row for level in levels])
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # after a full disk SQLite has rolled back already
                connection.execute("ROLLBACK")
            raise
        self._counts.clear()
        for _ in levels:  # others may have been appended meanwhile
            self._levels.popleft()

    def _fails(self, error: Exception, notes: list[Note]) -> None:
        self.dropped += sum(note.events for note in notes)
        self.problem = f"{self.path}: {cause(error)}"
        if time.monotonic() - self._warned_at > _WARNS_EVERY:
            self._warned_at = time.monotonic()
            log.warning("Cannot write the journal %s: %s. Delivery goes on.", self.path, error)

    def _is_well(self) -> None:
        if self.problem:
            log.warning("The journal %s is written again.", self.path)
            self.problem, self._warned_at = None, float("-inf")


def clear(connection: sqlite3.Connection, retention: Retention, now: float) -> None:
    """Delete records beyond the age or number limits; `now` in seconds since the epoch."""
    day = 86_400.0
    oldest, oldest_delivered = now - retention.days * day, now - retention.delivered_days * day
    condition = (
        "told_at < ? OR (told_at < ? AND verdict IN ('delivered', 'off', 'left_out')) "
        "OR seq <= (SELECT max(seq) FROM events) - ?"
    )
    deleted = _DELETED_AT_ONCE
    while deleted == _DELETED_AT_ONCE:
        deleted = connection.execute(
            f"DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE {condition} LIMIT ?)",  # noqa: S608
            (oldest, oldest_delivered, retention.events, _DELETED_AT_ONCE),
        ).rowcount
    for table, _ in _FIGURES:
        connection.execute(f"DELETE FROM {table} WHERE minute < ?", (now - _MINUTES_KEPT * 60,))  # noqa: S608


def _connect(path: Path, *, with_folders: bool = True) -> sqlite3.Connection:
    # It contains the same data as the spool: private.
    make_private(path, with_folders=with_folders)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
    connection.execute("PRAGMA page_size = 16384")
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        migrate(connection, schema_steps(__package__))
    except BaseException:
        connection.close()
        raise
    return connection


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


def _add_figures(
    connection: sqlite3.Connection, counts: Sequence[Figure], levels: Sequence[Figure]
) -> None:
    """Add figures to those of their minutes and of their quarters of an hour."""
    for table, seconds in _FIGURES:
        for statement, rows in ((_COUNT, counts), (_LEVEL, levels)):
            starts = [(row[0] // seconds * seconds, *row[1:]) for row in rows]
            connection.executemany(statement.format(table=table), starts)


def _index(connection: sqlite3.Connection, rows: list[Row]) -> None:
    keys = [
        (row[_ID], sorted(keys_of(row[_SUBJECT], row[_EVENT_ID], row[_CAPTURE]))) for row in rows
    ]
    connection.execute(_KEYS, (msgspec.json.encode(keys).decode(),))


def _rows(
    note: Call | Settlement, redaction: Redaction, shown_capture: Callable[[int, str], str]
) -> Iterator[Row]:
    match note:
        case Call():
            destination = str(note.destination)
            for pending, verdict in zip(note.batch, note.verdicts, strict=True):
                body = pending.claim.body.decode(errors="replace")
                body = shown_capture(pending.view_id, body)
                yield _row_of_call(note, destination, pending, verdict, redaction, body)
        case Settlement():
            body = note.claim.body.decode(errors="replace")
            subject = note.capture.subject if note.capture else None
            if note.capture and (shown := shown_capture(note.capture.view_id, body)) != body:
                body, subject = shown, msgspec.json.decode(shown, type=_SubjectOf).subject
            yield _row_of_end(note, redaction, body, subject)


class _SubjectOf(msgspec.Struct):
    subject: str | None = None


def _row_of_call(
    call: Call,
    destination: str,
    pending: Pending,
    verdict: Verdict,
    redaction: Redaction,
    body: str,
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
    subject = redaction.subject(entry.order_key.partition("/")[2] or None)
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
        redaction.of(body),
    )


def _row_of_end(end: Settlement, redaction: Redaction, body: str, subject: str | None) -> Row:
    capture = end.capture
    known_as = _known_as(end)
    return (
        capture.id if capture else f"claim {end.claim.handle}",
        end.detail_type or (capture.event if capture else ""),
        "",
        redaction.subject(subject),
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


def _known_as(end: Settlement) -> str:
    if end.is_left_out:
        return "left_out"
    return "off" if end.reason is None else "dead"


def _counted(notes: Iterable[Call | Settlement]) -> MinuteCounts:
    counts: MinuteCounts = Counter()
    for note in notes:
        minute = int(note.at) // 60 * 60
        if isinstance(note, Settlement):
            counts[minute, "", "verdict", _known_as(note)] += 1
            continue
        to = str(note.destination)
        for pending, verdict in zip(note.batch, note.verdicts, strict=True):
            known_as = _VERDICTS[verdict.fate]
            counts[minute, to, "verdict", known_as] += 1
            if known_as == "delivered":
                counts[minute, to, "scope", _scope(pending.label)] += 1
                counts[minute, to, "latency", bound(note.at - pending.entry.time)] += 1
            else:
                counts[minute, to, "code", _code(verdict.reason)] += 1
    return counts


def _ends(note: Call | Settlement) -> Iterator[tuple[float, str, bool]]:
    """Return the ends of tries in a call, in the form that `LastMinute` counts."""
    if isinstance(note, Call):
        to = str(note.destination)
        for verdict in note.verdicts:
            yield note.at, to, verdict.fate is Fate.DELIVERED


@lru_cache(maxsize=1_000)
def _code(reason: str) -> str:
    """Return how a reason begins: a code of AWS, or the kind of the problem."""
    return without_event(reason).partition(":")[0][:_LONGEST_CODE]


@lru_cache(maxsize=1_000)
def _scope(label: str) -> str:
    return label.partition("/")[0].lower()


def bound(latency: float) -> str:
    """Return the name of the bucket in which a latency is counted."""
    return _BOUNDS[bisect_left(LATENCIES, latency)]
