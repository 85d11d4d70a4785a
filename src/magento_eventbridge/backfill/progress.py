"""The progress of backfills in a file: an interrupted run goes on where it was."""

import fcntl
import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from magento_eventbridge.backfill.rows import Selection
from magento_eventbridge.errors import BridgeError, cause
from magento_eventbridge.sqlite_files import NewerSchemaError, make_private, migrate, schema_steps

# Entities that are listed at the end; the others are in the file.
_MOST_LISTED = 1_000


class ProgressError(BridgeError):
    """The progress of a backfill cannot be kept."""


class LeftOut(NamedTuple):
    """An entity that could not be sent, and why."""

    entity: str
    reason: str


class Progress:
    """One run's row in the file; nobody else runs the same meanwhile."""

    def __init__(
        self, path: Path, name: Mapping[str, object], selection: Selection, *, restart: bool = False
    ) -> None:
        """Begin a run, or go on with the interrupted one of the same name.

        Raises:
            ProgressError: the file cannot be written, or another backfill is running.
        """
        try:
            make_private(path)
            self._lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._lock)
                raise ProgressError(
                    f"another backfill is running (it has locked {path}): wait until it has ended"
                ) from None
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            migrate(self._connection, schema_steps(__package__))
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            key = json.dumps(name, sort_keys=True)
            if restart:
                self._end(key)
            found = self._find(key)
            self.is_resumed = found is not None
            self._id, kept, self.position, self.passed = found or self._begin(key, selection)
        except (OSError, sqlite3.Error, NewerSchemaError) as error:
            raise ProgressError(f"{path}: {cause(error)}") from None
        self.selection = replace(selection, **json.loads(kept))

    def _find(self, key: str) -> tuple[int, str, int, int] | None:
        query = (
            "SELECT id, selection, position, passed FROM runs WHERE name = ? AND NOT is_finished"
        )
        row = self._connection.execute(query, (key,)).fetchone()
        return None if row is None else (row[0], row[1], row[2], row[3])

    def _begin(self, key: str, selection: Selection) -> tuple[int, str, int, int]:
        self._end(key)
        kept = json.dumps(asdict(selection))
        statement = "INSERT INTO runs (name, selection) VALUES (?, ?)"
        return self._connection.execute(statement, (key, kept)).lastrowid or 0, kept, 0, 0

    def _end(self, key: str) -> None:
        """Forget a run of the same name."""
        of_run = "(SELECT id FROM runs WHERE name = ?)"
        self._connection.execute(f"DELETE FROM left_out WHERE run IN {of_run}", (key,))  # noqa: S608
        self._connection.execute("DELETE FROM runs WHERE name = ?", (key,))

    def advance(self, position: int, passed: int) -> None:
        """Record that all entities up to a key are settled.

        Raises:
            ProgressError: the file cannot be written.
        """
        self._run("UPDATE runs SET position = ?, passed = ? WHERE id = ?", (position, passed))
        self.position, self.passed = position, passed

    def leave_out(self, entity: str, reason: str) -> None:
        """Record an entity that cannot be sent.

        Raises:
            ProgressError: the file cannot be written.
        """
        self._run("INSERT OR REPLACE INTO left_out VALUES (?3, ?1, ?2)", (entity, reason))

    def left_out(self, limit: int = _MOST_LISTED) -> list[LeftOut]:
        """Return the entities that could not be sent, the first of them if there are very many."""
        query = "SELECT entity, reason FROM left_out WHERE run = ? ORDER BY entity LIMIT ?"
        return [LeftOut(*row) for row in self._connection.execute(query, (self._id, limit))]

    def left_out_count(self) -> int:
        """Return how many entities could not be sent."""
        query = "SELECT count(*) FROM left_out WHERE run = ?"
        return int(self._connection.execute(query, (self._id,)).fetchone()[0])

    def finish(self) -> None:
        """Record that the run is complete: the same command begins again then."""
        self._run("UPDATE runs SET is_finished = 1 WHERE id = ?", ())

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
        os.close(self._lock)

    def _run(self, statement: str, values: Sequence[object]) -> None:
        try:
            self._connection.execute(statement, (*values, self._id))
        except sqlite3.Error as error:
            raise ProgressError(f"the progress cannot be written: {error}") from None
