"""Read the ledger, also while it is being written."""

import json
import sqlite3
import uuid
from collections.abc import Collection, Container, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from magento_eventbridge.errors import BridgeError, cause
from magento_eventbridge.ledger.blocks import Block, LedgerRecord, pack, unpack
from magento_eventbridge.ledger.recorder import DELIVERED, SCHEMA_VERSION, connect
from magento_eventbridge.ledger.tail import records_of, tails_of
from magento_eventbridge.sqlite_files import NewerSchemaError, refuse_newer

VERDICTS = ("delivered", "dead letter", "switched off")
"""The words for what became of an event, by the number in the file."""
_BLOCKS = "SELECT first, last, subjects, names, records FROM blocks ORDER BY id"
_BLOCKS_OF = """
SELECT first, last, subjects, names, records FROM blocks WHERE instr(subjects, ?) ORDER BY id
"""


_BLOCKS_BETWEEN = """
SELECT first, last, subjects, names, records FROM blocks WHERE last >= ? AND first < ? ORDER BY id
"""


_LAST_SCHEDULED = """
SELECT at, result FROM audits WHERE json_extract(result, '$.scheduled') ORDER BY at DESC LIMIT 1
"""


class LedgerError(BridgeError):
    """The ledger cannot be read or written."""


class LedgerEntry(NamedTuple):
    """What the ledger has of one event; `at` in seconds since the epoch, `state` 0: unknown."""

    subject: str
    detail_type: str
    entity: int
    id: str
    view_id: int
    verdict: str
    at: int
    state: int


class LedgerArchive:
    """Reads one or several ledger files: several bridges may have one each."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def of_order(self, number: str) -> list[LedgerEntry]:
        """Return the entries about an order, its invoices, credit memos and shipments.

        Raises:
            LedgerError: a file cannot be read.
        """
        subject = f"order/{number}"
        found = self._entries(_BLOCKS_OF, [f"/{subject}\n".encode()], None)
        return [entry for entry in found if entry.subject == subject]

    def between(self, since: float, until: float) -> list[LedgerEntry]:
        """Return the entries of events that were settled in a time range.

        Raises:
            LedgerError: a file cannot be read.
        """
        found = self._entries(_BLOCKS_BETWEEN, [since, until], None)
        return [entry for entry in found if since <= entry.at < until]

    def entries(
        self, detail_types: Collection[str], entities: Collection[int]
    ) -> dict[int, list[LedgerEntry]]:
        """Return the entries of some detail-types about some rows of the store, by their keys.

        It reads the whole ledger: ask for many rows at once.

        Raises:
            LedgerError: a file cannot be read.
        """
        by_entity: dict[int, list[LedgerEntry]] = {}
        for entry in self._entries(_BLOCKS, [], frozenset(entities)):
            if entry.detail_type in detail_types:
                by_entity.setdefault(entry.entity, []).append(entry)
        return by_entity

    def _entries(
        self, query: str, values: Sequence[object], entities: Container[int] | None
    ) -> list[LedgerEntry]:
        """Return entries: of an event that was settled several times the one that counts."""
        by_id: dict[str, LedgerEntry] = {}
        for path in self._paths:
            # The tail first: what is in it may be moved to the file meanwhile.
            of_tail = [pack(records) for tail in tails_of(path) if (records := [*records_of(tail)])]
            for block in chain((Block(*row) for row in self._read(path, query, values)), of_tail):
                for record in unpack(block, entities):
                    known = by_id.get(record.id)
                    if known is None or known.verdict != VERDICTS[DELIVERED]:
                        by_id[record.id] = _entry(record)
        return list(by_id.values())

    def began(self) -> float | None:
        """Return since when all files have been written; None: there is none.

        Raises:
            LedgerError: a file cannot be read.
        """
        return max((at for (at,) in self._all("SELECT at FROM began")), default=None)

    def gaps(self) -> list[tuple[float, float]]:
        """Return the times in which delivered events could not be written.

        Raises:
            LedgerError: a file cannot be read.
        """
        return [(began, ended) for began, ended in self._all("SELECT began, ended FROM gaps")]

    def numbers(self) -> set[int]:
        """Return the numbers of the files.

        Raises:
            LedgerError: a file cannot be read.
        """
        return {number for (number,) in self._all("PRAGMA application_id")}

    def audits(self, limit: int = 30) -> list[tuple[float, dict[str, Any]]]:
        """Return the last audits of the first file, newest first.

        Raises:
            LedgerError: it cannot be read.
        """
        query = "SELECT at, result FROM audits ORDER BY at DESC LIMIT ?"
        rows = self._read(self._paths[0], query, [limit])
        return [(at, json.loads(result)) for at, result in rows]

    def last_scheduled_audit(self) -> tuple[float, dict[str, Any]] | None:
        """Return the last audit of the schedule.

        Raises:
            LedgerError: the file cannot be read.
        """
        row = next(self._read(self._paths[0], _LAST_SCHEDULED), None)
        return row and (row[0], json.loads(row[1]))

    def keep_audit(self, at: float, result: dict[str, Any]) -> None:
        """Keep the result of an audit.

        Raises:
            LedgerError: the file cannot be written.
        """
        try:
            with closing(connect(self._paths[0])) as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO audits VALUES (?, ?)", (at, json.dumps(result))
                )
        except (OSError, sqlite3.Error, NewerSchemaError) as error:
            raise LedgerError(f"{self._paths[0]}: {cause(error)}") from None

    def _all(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return [row for path in self._paths for row in self._read(path, query, values)]

    def _read(
        self, path: Path, query: str, values: Sequence[object] = ()
    ) -> Iterator[tuple[Any, ...]]:
        if not path.exists():
            return
        try:
            uri = f"{path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as connection:
                ((version,),) = connection.execute("PRAGMA user_version")
                refuse_newer(version, SCHEMA_VERSION)
                try:
                    yield from connection.execute(query, values)
                except sqlite3.OperationalError as error:
                    # A file that is being created, or that has a former format, lacks tables.
                    is_older = version < SCHEMA_VERSION
                    if not (is_older and error.sqlite_errorcode == sqlite3.SQLITE_ERROR):
                        raise
        except (NewerSchemaError, sqlite3.Error) as error:
            raise LedgerError(f"{path}: {error}") from None


def _entry(record: LedgerRecord) -> LedgerEntry:
    view, _, subject = record.subject.partition("/")
    return LedgerEntry(
        subject,
        record.detail_type,
        record.entity,
        str(uuid.UUID(record.id)),
        int(view),
        VERDICTS[record.verdict],
        record.at,
        record.state,
    )
