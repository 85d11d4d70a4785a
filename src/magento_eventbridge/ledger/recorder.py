"""Write the ledger: note what is settled in delivery's loop, and write it in a thread."""

import logging
import secrets
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import TranslationError, event_of
from magento_eventbridge.delivery.lane import Pending
from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.verdicts import Fate
from magento_eventbridge.ledger.blocks import Fields, pack
from magento_eventbridge.ledger.states import state_of
from magento_eventbridge.ledger.tail import Tail, left_behind
from magento_eventbridge.sqlite_files import (
    check_free_space,
    is_disk_full,
    make_private,
    migrate,
    schema_steps,
)

log = logging.getLogger(__name__)

DELIVERED, DEAD, OFF = range(3)

_SCHEMA = schema_steps(__package__)
SCHEMA_VERSION = len(_SCHEMA)
"""The version of the files that this bridge writes."""

_EVERY = 0.5
_AT_ONCE = 2_000
# Beyond this, in events, new ones are not recorded: the audit knows of the gap.
_MOST_WAITING = 100_000
_LEAVES_FREE = 64_000_000  # bytes of the disk, as the journal does
_BUSY_TIMEOUT = 5_000  # milliseconds; another bridge may write the same file
_WARNS_EVERY = 60.0
_CLEARS_EVERY = 3600.0
_DELETED_AT_ONCE = 500
_AFTER_ALL = 2**62
_MOST_LEDGERS = 2**31 - 1
# An enum's members are looked up slowly in the class.
_ACCEPTED = Fate.DELIVERED
_DAY = 86_400.0

_INSERT = "INSERT INTO blocks (first, last, subjects, names, records) VALUES (?, ?, ?, ?, ?)"
_FIRST_TO_KEEP = "SELECT id FROM blocks WHERE last >= ? ORDER BY id LIMIT 1"


class Ledger:
    """The observer that writes the ledger; it never stops delivery.

    The loop notes what is settled, in memory and in the tail, before the queue forgets it: a killed
    process loses nothing. The thread packs and writes many events at once.
    """

    def __init__(self, path: Path, days: float = 90.0) -> None:
        self.path = path
        self._number = 0
        self.problem: str | None = None
        self._days = days
        self._notes: deque[Sequence[Fields]] = deque()
        self._records: deque[Fields] = deque()
        self._tail: Tail | None = None
        self._noting = threading.Lock()
        self._gap: tuple[float, float] | None = None
        self._warned_at = float("-inf")
        self._has_folder = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)

    @property
    def number(self) -> int | None:
        """The number of its file; 0 while it cannot be written, None while it is not open yet."""
        return 0 if self.problem else self._number or None

    def open(self) -> None:
        """Start writing."""
        try:
            make_private(self.path)
            self._has_folder = True
            self._tail = Tail(self.path)
        except OSError as error:
            self._fails(error)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and stop."""
        self._stopping.set()
        self._thread.join()

    def called(self, call: Call) -> None:
        """Note a call."""
        self._note(call)

    def ended(self, end: Settlement) -> None:
        """Note a capture that was settled without a call."""
        self._note(end)

    def _note(self, note: Call | Settlement) -> None:
        try:
            if records := _records(note):
                with self._noting:
                    self._notes.append(records)
                    if self._tail:
                        self._tail.append(records)
        except Exception as error:
            self._fails(error)  # any error makes the audit blind, none stops delivery

    # In the thread:

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        cleared_at = float("-inf")
        while True:
            is_last, has_failed = self._stopping.wait(_EVERY), False
            try:
                check_free_space(self.path, _LEAVES_FREE)
                connection = connection or self._opened()
                self._rotate()
                self._collect()
                self._write(connection)
                if self._tail:
                    self._tail.drop_former()
                if time.monotonic() - cleared_at > _CLEARS_EVERY:
                    clear(connection, time.time() - self._days * _DAY, self._stopping)
                    cleared_at = time.monotonic()
                self._is_well()
            except Exception as error:
                # Any error makes the audit blind for a while, never stops delivery.
                has_failed = True
                self._collect()
                self._fails(error)
                if connection and not is_disk_full(error):
                    connection.close()
                    connection = None
            if is_last and (has_failed or not (self._records or self._notes)):
                if self._tail:
                    self._tail.close(is_written=not has_failed)
                if connection:
                    connection.close()
                return

    def _opened(self) -> sqlite3.Connection:
        # As the journal's: a folder that was moved away is not created again.
        connection = connect(self.path, with_folders=not self._has_folder)
        self._has_folder = True
        try:
            self._number = number_of(connection)
            self._write_left_behind(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write_left_behind(self, connection: sqlite3.Connection) -> None:
        """Write what killed processes have not written."""
        with left_behind(self.path) as records:
            for start in range(0, len(records), _AT_ONCE):
                connection.execute(_INSERT, pack(records[start : start + _AT_ONCE]))

    def _rotate(self) -> None:
        with self._noting:
            if self._tail:
                self._tail.rotate()

    def _collect(self) -> None:
        for _ in range(len(self._notes)):
            self._records.extend(self._notes.popleft())
        while len(self._records) > _MOST_WAITING:
            _, _, _, _, _, settled_at, _ = self._records.pop()
            at = float(settled_at)
            self._gap = (min(at, self._gap[0]) if self._gap else at, time.time())

    def _write(self, connection: sqlite3.Connection) -> None:
        while self._records or self._gap:
            records = list(islice(self._records, _AT_ONCE))
            connection.execute("BEGIN IMMEDIATE")
            try:
                if records:
                    connection.execute(_INSERT, pack(records))
                if self._gap:
                    connection.execute("INSERT INTO gaps VALUES (?, ?)", self._gap)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # after a full disk SQLite has rolled back already
                    connection.execute("ROLLBACK")
                raise
            self._gap = None
            for _ in records:
                self._records.popleft()

    def _fails(self, error: Exception) -> None:
        self.problem = f"{self.path}: {error}"
        if time.monotonic() - self._warned_at > _WARNS_EVERY:
            self._warned_at = time.monotonic()
            log.warning("Cannot write the ledger %s: %s. Delivery goes on.", self.path, error)

    def _is_well(self) -> None:
        if self.problem:
            log.warning("The ledger %s is written again.", self.path)
            self.problem, self._warned_at = None, float("-inf")


def connect(path: Path, *, with_folders: bool = True) -> sqlite3.Connection:
    """Open the file for writing; create it if there is none.

    Raises:
        OSError, sqlite3.Error, NewerSchemaError: it cannot be used.
    """
    make_private(path, with_folders=with_folders)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        migrate(connection, _SCHEMA)
        if not number_of(connection):
            # Kept in the file's header, by which a bridge says in which ledger its events are.
            connection.execute(f"PRAGMA application_id = {secrets.randbelow(_MOST_LEDGERS) + 1}")
    except BaseException:
        connection.close()
        raise
    return connection


def number_of(connection: sqlite3.Connection) -> int:
    """Return the number by which a ledger is known, wherever its file is; 0: it has none yet."""
    ((number,),) = connection.execute("PRAGMA application_id")
    return int(number)


def clear(connection: sqlite3.Connection, before: float, stopping: threading.Event) -> None:
    """Delete what was settled before a time (seconds since the epoch), some blocks at a time."""
    connection.execute("UPDATE began SET at = max(at, ?)", (before,))
    row = connection.execute(_FIRST_TO_KEEP, (before,)).fetchone()
    end = row[0] if row else _AFTER_ALL
    query = (
        "DELETE FROM blocks WHERE id IN (SELECT id FROM blocks WHERE id < ? ORDER BY id LIMIT ?)"
    )
    while not stopping.is_set():
        if not connection.execute(query, (end, _DELETED_AT_ONCE)).rowcount:
            break
    connection.execute("DELETE FROM audits WHERE at < ?", (before,))
    connection.execute("DELETE FROM gaps WHERE ended < ?", (before,))


def _records(note: Call | Settlement) -> Sequence[Fields]:
    if isinstance(note, Settlement):
        return _records_of_end(note)
    at = int(note.at)
    if all(verdict.fate is _ACCEPTED for verdict in note.verdicts):
        return _delivered(note.batch, at)
    settled = list(zip(note.batch, note.verdicts, strict=True))
    accepted = [pending for pending, verdict in settled if verdict.fate is _ACCEPTED]
    dead = [
        (pending.order_key, pending.event, pending.event_id, pending.entity, 0, at, DEAD)
        for pending, verdict in settled
        if pending.entity and verdict.fate is Fate.BURY
    ]
    return [*_delivered(accepted, at), *dead]


def _delivered(batch: Sequence[Pending], at: int) -> list[Fields]:
    return [
        (
            pending.order_key,
            pending.event,
            pending.event_id,
            pending.entity,
            state_of(pending.entry.detail, pending.own_fields),
            at,
            DELIVERED,
        )
        for pending in batch
        if pending.entity
    ]


def _records_of_end(end: Settlement) -> Sequence[Fields]:
    capture = end.capture
    event = _event(capture)
    if capture is None or event is None or not capture.subject:
        return ()
    name, entity = event
    verdict = OFF if end.reason is None else DEAD
    return ((capture.order_key, name, capture.id, entity, 0, int(end.at), verdict),)


def _event(capture: Capture | None) -> tuple[str, str] | None:
    try:
        event = capture and event_of(capture)
    except TranslationError:
        return None
    if not event or capture is None:
        return None
    entity = event.entity_of(capture)
    return (event.detail_type, entity) if entity else None
