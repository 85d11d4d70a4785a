"""Write the ledger: collect what is settled in delivery's loop, and write it in a thread."""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import TranslationError, event_of
from magento_eventbridge.delivery.lane import Pending
from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.verdicts import Fate
from magento_eventbridge.ledger.states import state_of
from magento_eventbridge.sqlite_files import make_private, migrate, schema_steps

log = logging.getLogger(__name__)

DELIVERED, DEAD, OFF = range(3)

_EVERY = 0.5
_AT_ONCE = 2_000
# Beyond this, in events, new ones are not recorded: the audit knows of the gap.
_MOST_WAITING = 100_000
_BUSY_TIMEOUT = 5_000  # milliseconds; another bridge may write the same file
_WARNS_EVERY = 60.0
_CLEARS_EVERY = 3600.0
_DELETED_AT_ONCE = 5_000
_DAY = 86_400.0

_INSERT = """
INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (subject, type, entity, id) DO UPDATE
SET verdict = excluded.verdict, at = excluded.at, state = excluded.state
WHERE verdict != 0
"""

Row = tuple[Any, ...]


def subject_key(subject: str) -> str:
    """Return a subject as the ledger has it: `order/000000123` is `o000000123`."""
    scope, _, name = subject.partition("/")
    return scope[:1] + name


class Ledger:
    """The observer that writes the ledger; it never slows delivery.

    The loop only appends references; the thread writes many rows in one transaction.
    """

    def __init__(self, path: Path, days: float = 90.0) -> None:
        self.path = path
        self.problem: str | None = None
        self._days = days
        self._notes: deque[Call | Settlement] = deque()
        self._waiting = 0
        self._rows: deque[Row] = deque()
        self._gap: tuple[float, float] | None = None
        self._types: dict[str, int] = {}
        self._warned_at = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)

    def open(self) -> None:
        """Start writing."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and stop."""
        self._stopping.set()
        self._thread.join()

    def called(self, call: Call) -> None:
        """Note a call."""
        self._notes.append(call)

    def ended(self, end: Settlement) -> None:
        """Note a capture that was settled without a call."""
        self._notes.append(end)

    # In the thread:

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        cleared_at = float("-inf")
        while True:
            is_last = self._stopping.wait(_EVERY)
            self._collect()
            try:
                connection = connection or connect(self.path)
                self._write(connection)
                if time.monotonic() - cleared_at > _CLEARS_EVERY:
                    clear(connection, time.time() - self._days * _DAY, self._stopping)
                    cleared_at = time.monotonic()
                self._is_well()
            except Exception as error:
                # Any error makes the audit blind for a while, never stops delivery.
                self._fails(error)
                if connection:
                    connection.close()
                connection = None
                self._types = {}
            if is_last and (connection is None or not (self._rows or self._notes)):
                if connection:
                    connection.close()
                return

    def _collect(self) -> None:
        for _ in range(len(self._notes)):
            self._rows.extend(_rows(self._notes.popleft()))
        while len(self._rows) > _MOST_WAITING:
            at = float(self._rows.pop()[6])
            self._gap = (min(at, self._gap[0]) if self._gap else at, time.time())

    def _write(self, connection: sqlite3.Connection) -> None:
        while self._rows or self._gap:
            rows = list(islice(self._rows, _AT_ONCE))
            connection.execute("BEGIN IMMEDIATE")
            try:
                numbered = [(row[0], self._type(connection, row[1]), *row[2:]) for row in rows]
                connection.executemany(_INSERT, numbered)
                if self._gap:
                    connection.execute("INSERT INTO gaps VALUES (?, ?)", self._gap)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # after a full disk SQLite has rolled back already
                    connection.execute("ROLLBACK")
                self._types = {}
                raise
            self._gap = None
            for _ in rows:
                self._rows.popleft()

    def _type(self, connection: sqlite3.Connection, name: str) -> int:
        if name not in self._types:
            connection.execute("INSERT OR IGNORE INTO types (name) VALUES (?)", (name,))
            query = "SELECT number FROM types WHERE name = ?"
            self._types[name] = connection.execute(query, (name,)).fetchone()[0]
        return self._types[name]

    def _fails(self, error: Exception) -> None:
        self.problem = f"{self.path}: {error}"
        if time.monotonic() - self._warned_at > _WARNS_EVERY:
            self._warned_at = time.monotonic()
            log.warning("Cannot write the ledger %s: %s. Delivery goes on.", self.path, error)

    def _is_well(self) -> None:
        if self.problem:
            log.warning("The ledger %s is written again.", self.path)
            self.problem, self._warned_at = None, float("-inf")


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for writing; create it if there is none.

    Raises:
        OSError, sqlite3.Error, NewerSchemaError: it cannot be used.
    """
    make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        migrate(connection, schema_steps(__package__))
    except BaseException:
        connection.close()
        raise
    return connection


def clear(connection: sqlite3.Connection, before: float, stopping: threading.Event) -> None:
    """Delete what was settled before a time (seconds since the epoch), some rows at a time."""
    last: Row = ("", 0, 0, b"")
    while not stopping.is_set():
        keys = connection.execute(
            "SELECT subject, type, entity, id, at FROM events "
            "WHERE (subject, type, entity, id) > (?, ?, ?, ?) "
            "ORDER BY subject, type, entity, id LIMIT ?",
            (*last, _DELETED_AT_ONCE),
        ).fetchall()
        if not keys:
            break
        connection.executemany(
            "DELETE FROM events WHERE subject = ? AND type = ? AND entity = ? AND id = ?",
            [key[:4] for key in keys if key[4] < before],
        )
        last = keys[-1][:4]
    connection.execute("DELETE FROM audits WHERE at < ?", (before,))
    connection.execute("DELETE FROM gaps WHERE ended < ?", (before,))


def _rows(note: Call | Settlement) -> Iterator[Row]:
    if isinstance(note, Settlement):
        yield from _row_of_end(note)
        return
    for pending, verdict in zip(note.batch, note.verdicts, strict=True):
        if pending.entity and verdict.fate in (Fate.DELIVERED, Fate.BURY):
            yield _row_of_call(note.at, pending, verdict.fate)


def _row_of_call(at: float, pending: Pending, fate: Fate) -> Row:
    is_delivered = fate is Fate.DELIVERED
    return (
        subject_key(pending.order_key.partition("/")[2]),
        pending.event,
        int(pending.entity),
        _bytes_of(pending.event_id),
        pending.view_id,
        DELIVERED if is_delivered else DEAD,
        int(at),
        state_of(pending.entry.detail, pending.event_id) if is_delivered else b"",
    )


def _row_of_end(end: Settlement) -> Iterator[Row]:
    capture = end.capture
    event = _event(capture)
    if capture is None or event is None or not capture.subject:
        return
    name, entity = event
    verdict = OFF if end.reason is None else DEAD
    identifier = _bytes_of(capture.id)
    key = subject_key(capture.subject)
    yield (key, name, int(entity), identifier, capture.view_id, verdict, int(end.at), b"")


def _bytes_of(identifier: str) -> bytes:
    return bytes.fromhex(identifier.replace("-", ""))


def _event(capture: Capture | None) -> tuple[str, str] | None:
    try:
        event = capture and event_of(capture)
    except TranslationError:
        return None
    if not event or capture is None:
        return None
    entity = event.entity_of(capture)
    return (event.detail_type, entity) if entity else None
