"""Read the ledger, also while it is being written."""

import json
import sqlite3
import uuid
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from magento_eventbridge.errors import BridgeError
from magento_eventbridge.ledger.recorder import connect, subject_key

_VERDICTS = ("delivered", "dead letter", "switched off")
_SUBJECTS_AT_ONCE = 500
_ENTRIES = """
SELECT e.subject, t.name, e.entity, e.id, e.view, e.verdict, e.at, e.state
FROM json_each(?) AS listed
CROSS JOIN events AS e ON e.subject = listed.value
JOIN types AS t ON t.number = e.type
"""


class LedgerError(BridgeError):
    """The ledger cannot be read or written."""


class LedgerEntry(NamedTuple):
    """What the ledger has of one event; `at` in seconds since the epoch."""

    subject: str
    detail_type: str
    entity: int
    id: str
    view_id: int
    verdict: str
    at: int
    state: bytes


class LedgerArchive:
    """Reads one or several ledger files: several bridges may have one each."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def entries(self, subjects: Iterable[str]) -> list[LedgerEntry]:
        """Return the entries of subjects such as `order/000000123`.

        Raises:
            LedgerError: a file cannot be read.
        """
        keys = sorted({subject_key(subject) for subject in subjects})
        found: list[LedgerEntry] = []
        for start in range(0, len(keys), _SUBJECTS_AT_ONCE):
            some = keys[start : start + _SUBJECTS_AT_ONCE]
            for row in self._all(_ENTRIES, [json.dumps(some)]):
                subject, name, entity, number, view, verdict, at, state = row
                identifier = str(uuid.UUID(bytes=number))
                known_as = _VERDICTS[verdict]
                found.append(
                    LedgerEntry(subject, name, entity, identifier, view, known_as, at, state)
                )
        return found

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

    def audits(self, limit: int = 30) -> list[tuple[float, dict[str, Any]]]:
        """Return the last audits, newest first.

        Raises:
            LedgerError: a file cannot be read.
        """
        rows = self._all("SELECT at, result FROM audits ORDER BY at DESC LIMIT ?", [limit])
        return [(at, json.loads(result)) for at, result in rows]

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
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"{self._paths[0]}: {error}") from None

    def _all(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for path in self._paths:
            if not path.exists():
                continue
            try:
                uri = f"{path.absolute().as_uri()}?mode=ro"
                with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as connection:
                    rows += connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise LedgerError(f"{path}: {error}") from None
        return rows
