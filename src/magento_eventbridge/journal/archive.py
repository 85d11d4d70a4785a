"""Read the journal: search, single events, changes, and figures by the minute."""

import asyncio
import json
import sqlite3
import time
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from magento_eventbridge.journal.keys import as_key, is_thing
from magento_eventbridge.journal.personal import PersonalData, Redaction

Result = TypeVar("Result")

QUARTER = 900
"""Seconds of a quarter of an hour, for which the journal sums up the figures of minutes."""

_COUNTS_FOR = 0.5  # seconds
_LAST = "\U0010ffff"  # sorts after everything that continues a word

_SUMMARY = (
    "seq, id, detail_type, source, subject, store_id, destination, happened_at, told_at, verdict, "
    "reason, event_id, tries"
)

# What a search reads: the index of all that lists are filtered by, or the rows themselves.
_LISTED = "events INDEXED BY events_listed"
_ROWS = "events"

# Whether the last try failed in a time, or one of several tries. The first line is the condition of
# the index that finds them.
_FAILED = """
(tries > 1 OR verdict IN ('waiting', 'parked', 'dead')) AND told_at >= ? AND (
    (verdict IN ('waiting', 'parked', 'dead') AND told_at >= ? AND told_at < ?)
    OR (tries > 1 AND EXISTS (
        SELECT 1 FROM json_each(attempts) AS attempt
        WHERE json_extract(attempt.value, '$[3]') != 'delivered'
        AND json_extract(attempt.value, '$[0]') >= ? AND json_extract(attempt.value, '$[0]') < ?
    ))
)
"""


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

    @property
    def order_entity_id(self) -> int | None:
        """The database id of the order that the event is about; None: it does not say."""
        try:
            snapshot = json.loads(self.capture or "{}").get("snapshot") or {}
            # Documents of an order name their order; an order's own event is about itself.
            value = snapshot.get("order_id") or snapshot.get("entity_id")
            return int(value) if value else None
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None


class Exported(NamedTuple):
    """An event with its detail, a JSON text; None: it was never sent."""

    summary: Summary
    detail: str | None


@dataclass(frozen=True)
class Query:
    """Conditions on events; those that are None or empty do not apply.

    Attributes:
        verdict: empty for all but left_out, which is listed only on request.
        text: words, each the beginning of an id, an order number, a SKU, an e-mail address or a
            subject; a word that begins none of them may be anywhere in detail or capture.
        everywhere: all words may be anywhere in detail or capture.
        since, until: when they happened, in seconds since the epoch.
        tried_since, tried_until: when they were last tried.
        failed_since, failed_until: when a try failed, or they became a dead letter.
    """

    text: str = ""
    detail_type: str = ""
    verdict: str = ""
    view_id: int | None = None
    since: float | None = None
    until: float | None = None
    everywhere: bool = False
    destination: str = ""
    tried_since: float | None = None
    tried_until: float | None = None
    failed_since: float | None = None
    failed_until: float | None = None


class Fault(NamedTuple):
    """A reason that keeps several events from being delivered."""

    verdict: str
    reason: str
    events: int
    last_at: float


class Counts(NamedTuple):
    """Events of one destination in one step of time, by kind: scope, latency, verdict or code.

    Of the kinds `queue` and `memory`: the most that waited at once, in a queue or for a
    destination.

    Attributes:
        start: of the step, in seconds since the epoch.
        events: how many, by name: of the scope, latency, verdict, code or queue.
    """

    start: int
    kind: str
    events: dict[str, int]


class WaitingKind(NamedTuple):
    """The events of one detail-type that a destination does not take now."""

    detail_type: str
    verdict: str
    events: int
    oldest: float | None


class Archive:
    """Reads a journal file while it is being written."""

    def __init__(self, path: Path, personal_data: PersonalData = "keep") -> None:
        self._path = path
        self._personal_data: PersonalData = personal_data

    async def search(self, query: Query, limit: int, *, before: int | None = None) -> list[Summary]:
        """Find events, newest first; with `before`, only those with a smaller `seq`."""

        def work(connection: sqlite3.Connection) -> list[Summary]:
            condition, values, source = self._condition(connection, query)
            if before is not None:
                condition, values = f"{condition} AND seq < ?", [*values, before]
            found = connection.execute(
                f"SELECT seq FROM {source} WHERE {condition} "  # noqa: S608
                f"ORDER BY {_order(query)} DESC LIMIT ?",
                [*values, limit],
            )
            return _rows_of(connection, [seq for (seq,) in found])[::-1]

        return await self._read(work)

    async def history(self, thing: str, limit: int) -> list[Summary]:
        """Return the events about one thing, oldest first: the newest `limit` of them."""

        def work(connection: sqlite3.Connection) -> list[Summary]:
            words = self._variants(connection, thing)
            marks = ", ".join("?" * len(words))
            moment = "coalesce(happened_at, told_at)"
            found = connection.execute(
                f"SELECT seq FROM {_LISTED} "  # noqa: S608
                f"WHERE seq IN (SELECT seq FROM keys WHERE word IN ({marks})) "
                f"ORDER BY {moment} DESC, seq DESC LIMIT ?",
                [*(as_key(word) for word in words), limit],
            )
            return _rows_of(connection, [seq for (seq,) in found], f"{moment}, seq")

        return await self._read(work)

    async def related(self, thing: str, limit: int) -> list[str]:
        """Return other things that events about one thing name, the most frequent first."""

        def work(connection: sqlite3.Connection) -> list[str]:
            own = [as_key(word) for word in self._variants(connection, thing)]
            marks = ", ".join("?" * len(own))
            rows = connection.execute(
                f"SELECT word FROM keys WHERE seq IN "  # noqa: S608
                f"(SELECT seq FROM keys WHERE word IN ({marks}) ORDER BY seq DESC LIMIT 500) "
                f"AND word NOT IN ({marks}) AND (word LIKE '%/%' OR word LIKE '%@%') "
                "GROUP BY word ORDER BY count(*) DESC, word LIMIT ?",
                [*own, *own, limit],
            )
            return [word for (word,) in rows if is_thing(word)]

        return await self._read(work)

    async def count(self, query: Query, limit: int) -> int | None:
        """Count what matches, up to `limit`; None: counting would take too long."""

        def work(connection: sqlite3.Connection) -> int | None:
            condition, values, source = self._condition(connection, query)
            stops_at = time.monotonic() + _COUNTS_FOR
            connection.set_progress_handler(lambda: int(time.monotonic() > stops_at), 10_000)
            try:
                (found,) = connection.execute(
                    f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {condition} LIMIT ?)",  # noqa: S608
                    [*values, limit],
                ).fetchone()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                return None
            return int(found)

        return await self._read(work)

    async def captures(self, query: Query, limit: int) -> list[bytes]:
        """Return the captures of delivered events that match, oldest first.

        Raises:
            JournalError: the journal keeps no personal data, so they are not complete.
        """
        if self._personal_data != "keep":
            raise JournalError(
                "the journal keeps no complete captures, as journal.personal_data is "
                f"{self._personal_data}"
            )

        def work(connection: sqlite3.Connection) -> list[bytes]:
            condition, values, _ = self._condition(connection, query)
            rows = connection.execute(
                f"SELECT capture FROM events WHERE {condition} AND verdict = 'delivered' "  # noqa: S608
                "AND capture IS NOT NULL ORDER BY seq LIMIT ?",
                [*values, limit],
            )
            return [capture.encode() for (capture,) in rows]

        return await self._read(work)

    async def export(self, query: Query, limit: int, *, after: int = 0) -> list[Exported]:
        """Return events that match with their details, in the order of their first try."""

        def work(connection: sqlite3.Connection) -> list[Exported]:
            condition, values, _ = self._condition(connection, query)
            rows = connection.execute(
                f"SELECT {_SUMMARY}, detail FROM events "  # noqa: S608
                f"WHERE {condition} AND seq > ? ORDER BY seq LIMIT ?",
                [*values, after, limit],
            )
            return [Exported(Summary(*summary), detail) for *summary, detail in rows]

        return await self._read(work)

    async def changed(self, query: Query, since: float, limit: int) -> list[Summary]:
        """Find events that changed since a time: the newest `limit` of them, oldest first."""

        def work(connection: sqlite3.Connection) -> list[Summary]:
            # Few rows are new: each is searched in full, also for the words of the index.
            condition, values, _ = self._condition(connection, replace(query, everywhere=True))
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
                "SELECT detail FROM events WHERE detail IS NOT NULL "  # noqa: S608
                f"AND seq IN (SELECT seq FROM {_LISTED} WHERE detail_type = ?) "
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

    async def counts(
        self, since: float, *, in_quarters: bool = False, destination: str | None = None
    ) -> list[Counts]:
        """Return the figures of each minute or quarter of an hour since the start of one.

        Args:
            since: in seconds since the epoch.
            in_quarters: whether the steps are quarters of an hour.
            destination: None: of each destination.
        """
        table = "quarters" if in_quarters else "minutes"

        def work(connection: sqlite3.Connection) -> list[Counts]:
            # The groups are in the order of the table's key: nothing is sorted.
            rows = connection.execute(
                "SELECT minute, kind, json_group_object(name, count) "  # noqa: S608
                f"FROM {table} WHERE minute >= :since "
                "AND (:destination IS NULL OR destination = :destination) "
                "GROUP BY minute, destination, kind ORDER BY minute, destination, kind",
                {"since": since, "destination": destination},
            )
            return [Counts(start, kind, json.loads(events)) for start, kind, events in rows]

        return await self._read(work)

    async def has_destination(self, destination: str) -> bool:
        """Return whether an event was sent to a destination, or tried."""

        def work(connection: sqlite3.Connection) -> bool:
            rows = connection.execute(
                "SELECT 1 FROM events WHERE destination = ? LIMIT 1", (destination,)
            )
            return rows.fetchone() is not None

        return await self._read(work)

    async def waiting_kinds(self, destination: str, limit: int) -> list[WaitingKind]:
        """Return what a destination does not take now, by detail-type, the most events first."""

        def work(connection: sqlite3.Connection) -> list[WaitingKind]:
            rows = connection.execute(
                "SELECT detail_type, verdict, count(*), min(happened_at) FROM events "
                "WHERE destination = ? AND verdict IN ('waiting', 'parked') "
                "GROUP BY detail_type, verdict ORDER BY count(*) DESC, detail_type LIMIT ?",
                (destination, limit),
            )
            return [WaitingKind(*row) for row in rows]

        return await self._read(work)

    async def last_failures(self, destination: str, limit: int) -> list[Summary]:
        """Return the events that a destination did not take at their last try, latest first."""

        def work(connection: sqlite3.Connection) -> list[Summary]:
            return _summaries(
                connection,
                "destination = ? AND verdict IN ('waiting', 'parked', 'dead') "
                "ORDER BY told_at DESC LIMIT ?",
                [destination, limit],
            )

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

    def _condition(
        self, connection: sqlite3.Connection, query: Query
    ) -> tuple[str, list[Any], str]:
        """Return the condition of a query, its values, and what to read: index or rows."""
        conditions, values, source = ["true"], list[Any](), _LISTED
        for column, value in (
            ("detail_type = ?", query.detail_type),
            ("verdict = ?", query.verdict),
            ("store_id = ?", query.view_id),
            ("happened_at >= ?", query.since),
            ("happened_at < ?", query.until),
            ("destination = ?", query.destination),
            ("told_at >= ?", query.tried_since),
            ("told_at < ?", query.tried_until),
        ):
            if value not in (None, ""):
                conditions.append(column)
                values.append(value)
        if not query.verdict:
            conditions.append("verdict != 'left_out'")
        if query.failed_since is not None or query.failed_until is not None:
            since = query.failed_since if query.failed_since is not None else 0.0
            until = query.failed_until if query.failed_until is not None else float("inf")
            conditions.append(_FAILED)
            values += [since, since, until, since, until]
            source = _ROWS
        for word in query.text.split():
            condition, patterns = self._has_key(connection, word)
            if query.everywhere or not condition:
                condition, patterns = self._holds(connection, word)
                source = _ROWS
            conditions.append(condition)
            values += patterns
        return " AND ".join(conditions), values, source

    def _variants(self, connection: sqlite3.Connection, word: str) -> list[str]:
        """Return the word, and as it is stored where personal data is hashed."""
        if self._personal_data != "hash":
            return [word]
        (key,) = connection.execute("SELECT hash_key FROM secrets").fetchone()
        return [word, Redaction("hash", key).hash(word)]

    def _has_key(self, connection: sqlite3.Connection, word: str) -> tuple[str, list[str]]:
        """Return the condition for events with a key or id that begins so; empty: there is none."""
        for variant in map(as_key, self._variants(connection, word)):
            bounds = [variant, f"{variant}{_LAST}"]
            for found in (
                "SELECT seq FROM keys WHERE word >= ? AND word < ?",
                "SELECT seq FROM events WHERE id >= ? AND id < ?",
            ):
                if connection.execute(f"{found} LIMIT 1", bounds).fetchone():
                    return f"seq IN ({found})", bounds
        return "", []

    def _holds(self, connection: sqlite3.Connection, word: str) -> tuple[str, list[str]]:
        # The capture, which comes first, has the event's id and its subject.
        searches = [
            (place, pattern)
            for variant in self._variants(connection, word)
            for place in ("capture", "detail", "event_id")
            for pattern in _patterns(variant, place)
        ]
        conditions = [f"{place} LIKE ? ESCAPE '\\'" for place, _ in searches]
        return f"({' OR '.join(conditions)})", [pattern for _, pattern in searches]


def quantiles(counts: list[tuple[float, int]], shares: Sequence[float]) -> list[float | None]:
    """Return the bounds below which shares of the (upper bound, count) lie; None without any."""
    ordered = sorted(counts)
    seen = list(accumulate(count for _, count in ordered))
    if not seen or not seen[-1]:
        return [None for _ in shares]
    return [ordered[bisect_left(seen, share * seen[-1])][0] for share in shares]


def _order(query: Query) -> str:
    """Return the order of events; tries that failed are found by their index, not in this order."""
    is_of_failures = query.failed_since is not None or query.failed_until is not None
    return "+seq" if is_of_failures else "seq"


def _patterns(word: str, place: str) -> list[str]:
    """Return the patterns for a word in a column: captures are JSON as PHP writes it, or not."""
    word = unicodedata.normalize("NFC", word)  # as shoppers' browsers send it
    words = {word}
    if place in ("detail", "capture"):
        words = {json.dumps(word, ensure_ascii=False)[1:-1]}
    if place == "capture":
        words.add(json.dumps(word)[1:-1])
    return [f"%{_literal(each)}%" for each in sorted(words)]


def _literal(word: str) -> str:
    for special in ("\\", "%", "_"):
        word = word.replace(special, f"\\{special}")
    return word


def _rows_of(connection: sqlite3.Connection, seqs: list[int], order: str = "seq") -> list[Summary]:
    """Return the events of these numbers."""
    marks = ", ".join("?" * len(seqs))
    return _summaries(connection, f"seq IN ({marks}) ORDER BY {order}", list(seqs))


def _summaries(connection: sqlite3.Connection, rest: str, values: list[Any]) -> list[Summary]:
    rows = connection.execute(f"SELECT {_SUMMARY} FROM events WHERE {rest}", values)  # noqa: S608
    return [Summary(*row) for row in rows]
