"""Read the journal: search, single events, changes, and figures by the minute."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from magento_eventbridge.journal.personal import PersonalData, Redaction

Result = TypeVar("Result")

_SUMMARY = (
    "seq, id, detail_type, source, subject, store_id, destination, happened_at, told_at, verdict, "
    "reason, event_id, tries"
)


class JournalError(Exception):
    """The journal cannot be read now; the message says why."""


class Summary(NamedTuple):
    """An event in a list. Times are in seconds since the epoch; `verdict` is the latest one:
    delivered, waiting, parked, dead (a dead letter), off (switched off) or left_out (by the pattern
    of its declaration)."""

    seq: int
    id: str
    detail_type: str
    source: str
    subject: str | None
    view_id: int | None
    destination: str
    happened_at: float | None
    changed_at: float
    verdict: str
    reason: str
    event_id: str | None
    tries: int


class Attempt(NamedTuple):
    """One try; `status` is the HTTP status, 0 when no answer came."""

    at: float
    seconds: float
    status: int
    verdict: str
    reason: str
    event_id: str | None


@dataclass(frozen=True)
class Record:
    """All that the journal has of one event; `detail` and `capture` are JSON texts."""

    summary: Summary
    attempts: list[Attempt]
    detail: str | None = field(repr=False)
    capture: str | None = field(repr=False)


@dataclass(frozen=True)
class Query:
    """Conditions on events; those that are None or empty do not apply.

    Attributes:
        verdict: empty for all but left_out, which is listed only on request.
        text: a part of an id, an order number or any other text in detail or capture.
        since, until: when they happened, in seconds since the epoch.
    """

    text: str = ""
    detail_type: str = ""
    verdict: str = ""
    view_id: int | None = None
    since: float | None = None
    until: float | None = None


class Fault(NamedTuple):
    """A reason that keeps several events from being delivered."""

    verdict: str
    reason: str
    events: int
    last_at: float


class Count(NamedTuple):
    """Events in one minute (seconds since the epoch), by kind: scope, latency or verdict."""

    minute: int
    kind: str
    name: str
    events: int


class Archive:
    """Reads a journal file while it is being written."""

    def __init__(self, path: Path, personal_data: PersonalData = "keep") -> None:
        self._path = path
        self._personal_data: PersonalData = personal_data

    async def search(self, query: Query, limit: int, *, before: int | None = None) -> list[Summary]:
        """Find events, newest first; with `before`, only those with a smaller `seq`."""

        def work(connection: sqlite3.Connection) -> list[Summary]:
            condition, values = self._condition(connection, query)
            if before is not None:
                condition, values = f"{condition} AND seq < ?", [*values, before]
            return _summaries(
                connection, f"{condition} ORDER BY seq DESC LIMIT ?", [*values, limit]
            )

        return await self._read(work)

    async def changed(self, query: Query, since: float, limit: int) -> list[Summary]:
        """Find events that changed since a time: the newest `limit` of them, oldest first."""

        def work(connection: sqlite3.Connection) -> list[Summary]:
            condition, values = self._condition(connection, query)
            found = _summaries(
                connection,
                f"told_at > ? AND {condition} ORDER BY told_at DESC LIMIT ?",
                [since, *values, limit],
            )
            return found[::-1]

        return await self._read(work)

    async def find(self, identifier: str) -> Record | None:
        """Read one event by its capture's id."""

        def work(connection: sqlite3.Connection) -> Record | None:
            row = connection.execute(
                f"SELECT {_SUMMARY}, attempts, detail, capture FROM events WHERE id = ?",  # noqa: S608
                (identifier,),
            ).fetchone()
            if row is None:
                return None
            *summary, attempts, detail, capture = row
            tried = [Attempt(*attempt) for attempt in json.loads(attempts)]
            return Record(Summary(*summary), tried, detail, capture)

        return await self._read(work)

    async def last_details(self, detail_type: str, limit: int) -> list[str]:
        """Return the details of the last events of a detail-type, newest first."""

        def work(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute(
                "SELECT detail FROM events WHERE detail_type = ? AND detail IS NOT NULL "
                "ORDER BY seq DESC LIMIT ?",
                (detail_type, limit),
            )
            return [detail for (detail,) in rows]

        return await self._read(work)

    async def last_captures(self, limit: int) -> list[str]:
        """Return the last captures, newest first."""

        def work(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute(
                "SELECT capture FROM events WHERE capture IS NOT NULL ORDER BY seq DESC LIMIT ?",
                (limit,),
            )
            return [capture for (capture,) in rows]

        return await self._read(work)

    async def faults(self, limit: int) -> list[Fault]:
        """Return the reasons for which events wait, the latest first."""

        def work(connection: sqlite3.Connection) -> list[Fault]:
            rows = connection.execute(
                "SELECT verdict, reason, count(*), max(told_at) FROM events "
                "WHERE verdict IN ('waiting', 'parked') "
                "GROUP BY verdict, reason ORDER BY max(told_at) DESC LIMIT ?",
                (limit,),
            )
            return [Fault(*row) for row in rows]

        return await self._read(work)

    async def counts(self, since: float) -> list[Count]:
        """Return the figures of each minute since a time."""

        def work(connection: sqlite3.Connection) -> list[Count]:
            rows = connection.execute(
                "SELECT minute, kind, name, count FROM minutes WHERE minute >= ? ORDER BY minute",
                (since,),
            )
            return [Count(*row) for row in rows]

        return await self._read(work)

    async def size(self) -> int:
        """Return the number of events in the journal."""

        def work(connection: sqlite3.Connection) -> int:
            return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])

        return await self._read(work)

    async def _read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        return await asyncio.to_thread(self._in_thread, work)

    def _in_thread(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=2.0)) as connection:
                return work(connection)
        except sqlite3.Error as error:
            if not self._path.exists():
                raise JournalError(f"there is no journal at {self._path} yet") from None
            raise JournalError(f"{self._path}: {error}") from None

    def _condition(self, connection: sqlite3.Connection, query: Query) -> tuple[str, list[Any]]:
        conditions, values = ["true"], list[Any]()
        for column, value in (
            ("detail_type = ?", query.detail_type),
            ("verdict = ?", query.verdict),
            ("store_id = ?", query.view_id),
            ("happened_at >= ?", query.since),
            ("happened_at < ?", query.until),
        ):
            if value not in (None, ""):
                conditions.append(column)
                values.append(value)
        if not query.verdict:
            conditions.append("verdict != 'left_out'")
        for word in query.text.split():
            condition, patterns = self._holds(connection, word)
            conditions.append(condition)
            values += patterns
        return " AND ".join(conditions), values

    def _holds(self, connection: sqlite3.Connection, word: str) -> tuple[str, list[str]]:
        words = [word]
        if self._personal_data == "hash":
            (key,) = connection.execute("SELECT hash_key FROM secrets").fetchone()
            words.append(Redaction("hash", key).hash(word))
        places = ("id", "subject", "event_id", "detail", "capture")
        conditions = [f"{place} LIKE ? ESCAPE '\\'" for _ in words for place in places]
        patterns = [_pattern(word, place) for word in words for place in places]
        return f"({' OR '.join(conditions)})", patterns


def quantile(counts: list[tuple[float, int]], share: float) -> float | None:
    """Return the bound below which a share of the (upper bound, count) lies; None without any."""
    total = sum(count for _, count in counts)
    seen = 0
    for upper, count in sorted(counts):
        seen += count
        if seen >= share * total and total:
            return upper
    return None


def _pattern(word: str, place: str) -> str:
    if place in ("detail", "capture"):
        word = json.dumps(word, ensure_ascii=False)[1:-1]  # as it is written in a JSON text
    for special in ("\\", "%", "_"):
        word = word.replace(special, f"\\{special}")
    return f"%{word}%"


def _summaries(connection: sqlite3.Connection, rest: str, values: list[Any]) -> list[Summary]:
    rows = connection.execute(f"SELECT {_SUMMARY} FROM events WHERE {rest}", values)  # noqa: S608
    return [Summary(*row) for row in rows]
