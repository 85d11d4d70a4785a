"""The `sqlite` queue: a file on this machine, for the HTTP inlet and the demo."""

import asyncio
import contextlib
import fcntl
import heapq
import json
import logging
import os
import sqlite3
import time
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from magento_eventbridge.captures import Capture
from magento_eventbridge.delivery.ports import Claim, DeadLetter, Depth, QueueError, that_fit_a_page
from magento_eventbridge.queues.sqlite.file import SqliteFile
from magento_eventbridge.queues.sqlite.watch import FileWatch
from magento_eventbridge.sqlite_files import FILE_MODE, schema_steps

log = logging.getLogger(__name__)

# Where a claim stops: captures are small, but may be a megabyte each.
_BYTES_PER_CLAIM = 16_000_000
# In seconds, at rest: another process puts, or lets go of the lock, without our notice.
_LOOKS_EVERY = 0.25


class SqliteQueue:
    """Captures in a SQLite file in WAL mode; several processes may share it.

    All of them may put; only the process that holds the lock on the file beside it hands out
    claims, and keeps them in memory. The system releases the lock when the process ends, for any
    reason; the next process to claim then begins with the oldest capture.
    """

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        """Open the file; create it and its folder if they are missing.

        A link is followed here: SQLite puts its log and index beside the file that a link names.

        Raises:
            QueueError: it cannot be opened or written, or was written by a newer version.
        """
        path = Path(os.path.realpath(path))
        self._path = path
        self._lock = SpoolLock(path.with_name(f"{path.name}.lock"))
        self._file = SqliteFile(path, schema_steps(__package__), also=self._lock.problem)
        self._claimed: set[int] = set()
        self._postponed: list[tuple[float, int]] = []
        # By the store views to pass over: up to where everything of the others was handed out.
        self._read_to: dict[frozenset[int], int] = {}
        self._news = asyncio.Event()

    async def put(self, captures: Sequence[tuple[Capture, bytes]]) -> None:
        """Save captures with their JSON texts: they are on disk when this returns.

        Raises:
            QueueError: none of them was saved for certain.
        """
        # A line feed in JSON is white space; in the spool one capture is one line.
        rows = [
            (capture.view_id, capture.time, body.replace(b"\n", b" ")) for capture, body in captures
        ]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO captures (store_id, time, body) VALUES (?, ?, ?)", rows
            )

        await self._file.run(work, durable=True, needs_room=True)
        self._news.set()

    async def check(self) -> None:
        """Check whether captures could be saved now.

        Raises:
            QueueError: they could not.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("REPLACE INTO pulse (id, at) VALUES (1, ?)", (time.time(),))

        await self._file.run(work, durable=True, needs_room=True)

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        """Claim up to `limit` waiting captures, except those of the store views named.

        Return none while another process hands out.
        """
        self._news.clear()
        if not self._lock.acquire():
            return []
        if problem := self._claims_problem():
            raise QueueError(problem)
        self._return_postponed()
        excluded_views = frozenset(without_views)
        # What was read with fewer exceptions was read for these, too.
        begin = max(
            (seq for views, seq in self._read_to.items() if views <= excluded_views), default=0
        )
        claimed_beyond = sum(seq > begin for seq in self._claimed)
        excluded = ", ".join(str(int(view)) for view in excluded_views)
        waiting = (
            f"SELECT seq, body FROM captures WHERE seq > ? AND store_id NOT IN ({excluded}) "  # noqa: S608  numbers
            "ORDER BY seq LIMIT ?"
        )

        def work(connection: sqlite3.Connection) -> tuple[bytes | None, int]:
            rows = _rows_that_fit(connection, waiting, begin, limit + claimed_beyond)
            # All captures in one row: for each further row the thread would have to wait for
            # Python's lock, which the busy event loop holds.
            (lines,) = connection.execute(
                f"SELECT CAST(group_concat(seq || ' ' || body, char(10)) AS BLOB) FROM ({waiting})",  # noqa: S608
                (begin, rows),
            ).fetchone()
            (last,) = connection.execute("SELECT max(seq) FROM captures").fetchone()
            return lines, last or 0

        lines, last = await self._file.run(work)
        if lines is None:
            self._read_to[excluded_views] = max(begin, last)
            return []
        claims: list[Claim] = []
        for line in lines.split(b"\n"):
            if len(claims) == limit:
                break
            number, _, body = line.partition(b" ")
            begin = int(number)
            if begin not in self._claimed:
                claims.append(Claim(begin, body))
                self._claimed.add(begin)
        self._read_to[excluded_views] = begin
        return claims

    async def wait(self, seconds: float) -> None:
        """Return as soon as there may be something to claim, at the latest after `seconds`."""
        seconds = min(seconds, _LOOKS_EVERY)
        if self._postponed:
            seconds = min(seconds, max(0.0, self._postponed[0][0] - time.monotonic()))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    async def ack(self, claims: Sequence[Claim]) -> None:
        """Remove captures that were delivered, or that mean no event.

        They are removed in one transaction, or on a full disk in parts that its reserve has room
        for.
        """
        numbers, size = sorted(_seq(claim) for claim in claims), self._file.rows_in_reserve
        parts = (numbers[start : start + size] for start in range(0, len(numbers), size))
        await asyncio.gather(*(self._file.run(partial(_remove, _runs(part))) for part in parts))
        self._forget(claims)

    async def retry(self, claims: Sequence[Claim], delay: float = 0.0) -> None:
        """Return captures to the queue; they can be claimed again after `delay` seconds."""
        due = time.monotonic() + delay
        for claim in claims:
            heapq.heappush(self._postponed, (due, _seq(claim)))
        self._news.set()

    async def defer(self, claims: Sequence[Claim]) -> None:
        """Keep captures claimed without their bodies; they hold up nothing here."""

    async def recall(self, claims: Sequence[Claim]) -> list[Claim]:
        """Read claimed captures again, in their order; one that is gone is left out."""
        numbers = json.dumps([_seq(claim) for claim in claims])

        def work(connection: sqlite3.Connection) -> list[Claim]:
            rows = connection.execute(
                "SELECT seq, CAST(body AS BLOB) FROM captures "
                "WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq",
                (numbers,),
            )
            return [Claim(seq, body) for seq, body in rows]

        recalled: list[Claim] = await self._file.run(work)
        return recalled

    def holds_claims(self) -> bool:
        """Return whether the lock is still ours: it lasts as long as the process and its file."""
        return self._claims_problem() is None

    def _claims_problem(self) -> str | None:
        """Return why another process may have our claims, if so.

        Nobody else can open a spool that was removed with its lock, as with their whole folder.
        """
        problem = self._lock.problem()
        return problem if problem and self._file.is_in_place else None

    async def confirm(self) -> bool:
        """Return whether the lock is still ours; without it, drop all claims."""
        if self.holds_claims():
            return True
        self._claimed.clear()
        self._postponed.clear()
        self._read_to.clear()
        return False

    async def bury(self, claim: Claim, reason: str, body: bytes | None = None) -> None:
        """Move a capture that can never be delivered to the dead letters."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO dead_letters (store_id, time, body, reason, buried_at) "
                "SELECT store_id, time, coalesce(?, body), ?, ? FROM captures WHERE seq = ?",
                (body, reason, time.time(), claim.handle),
            )
            connection.execute("DELETE FROM captures WHERE seq = ?", (claim.handle,))

        await self._file.run(work, durable=True)
        self._forget([claim])

    async def depth(self) -> Depth:
        """Return how much there is to deliver."""

        def work(connection: sqlite3.Connection) -> Depth:
            captures, dead = connection.execute(
                "SELECT (SELECT count(*) FROM captures), (SELECT count(*) FROM dead_letters)"
            ).fetchone()
            oldest = connection.execute("SELECT time FROM captures ORDER BY seq LIMIT 1").fetchone()
            return Depth(captures, oldest[0] if oldest else None, dead)

        depth: Depth = await self._file.run(work)
        return depth

    @property
    def dead_letters(self) -> "SqliteDeadLetters":
        """The captures that it buried."""
        return SqliteDeadLetters(self._file, self._news)

    async def close(self) -> None:
        """Return what is still claimed to the queue; close the file."""
        await self._file.close()
        self._lock.release()

    def _forget(self, claims: Sequence[Claim]) -> None:
        self._claimed.difference_update(_seq(claim) for claim in claims)

    def _return_postponed(self) -> None:
        now = time.monotonic()
        while self._postponed and self._postponed[0][0] <= now:
            _, seq = heapq.heappop(self._postponed)
            self._claimed.discard(seq)
            for views, read_to in self._read_to.items():
                self._read_to[views] = min(read_to, seq - 1)


class SqliteDeadLetters:
    """The dead letters of a SQLite queue."""

    def __init__(self, file: SqliteFile, news: asyncio.Event) -> None:
        self._file = file
        self._news = news

    async def count(self) -> int:
        """Return how many there are."""

        def work(connection: sqlite3.Connection) -> int:
            (count,) = connection.execute("SELECT count(*) FROM dead_letters").fetchone()
            return int(count)

        count: int = await self._file.run(work)
        return count

    async def page(
        self, limit: int, *, after: int = 0, with_bodies: bool = True
    ) -> list[DeadLetter]:
        """Read up to `limit`, oldest first, those with a greater id than `after`."""
        return await self._read("id > ? ORDER BY id LIMIT ?", (after, limit))

    async def find(self, letter: int) -> DeadLetter | None:
        """Read one by its id."""
        letters = await self._read("id = ?", (letter,))
        return letters[0] if letters else None

    async def redrive(self, letters: Sequence[int] | None) -> int:
        """Put letters (None: all) back into the queue; return how many there were."""
        which, numbers = _which(letters)

        def work(connection: sqlite3.Connection) -> int:
            connection.execute(
                "INSERT INTO captures (store_id, time, body) "  # noqa: S608
                f"SELECT store_id, time, body FROM dead_letters {which} ORDER BY id",
                numbers,
            )
            cursor = connection.execute(f"DELETE FROM dead_letters {which}", numbers)  # noqa: S608
            return cursor.rowcount

        redriven: int = await self._file.run(work, durable=True)
        self._news.set()
        return redriven

    async def drop(self, letters: Sequence[int] | None) -> int:
        """Delete letters (None: all) for good; return how many there were."""
        which, numbers = _which(letters)

        def work(connection: sqlite3.Connection) -> int:
            cursor = connection.execute(f"DELETE FROM dead_letters {which}", numbers)  # noqa: S608
            return cursor.rowcount

        dropped: int = await self._file.run(work, durable=True)
        return dropped

    async def _read(self, condition: str, values: tuple[int, ...]) -> list[DeadLetter]:
        def work(connection: sqlite3.Connection) -> list[DeadLetter]:
            rows = connection.execute(
                "SELECT id, store_id, reason, buried_at, body "  # noqa: S608
                f"FROM dead_letters WHERE {condition}",
                values,
            )
            return that_fit_a_page(
                DeadLetter.of(number, view_id, reason, buried_at, body)
                for number, view_id, reason, buried_at, body in rows
            )

        letters: list[DeadLetter] = await self._file.run(work)
        return letters


def _rows_that_fit(connection: sqlite3.Connection, query: str, begin: int, limit: int) -> int:
    """Return how many rows to read, so that their bodies fit the bytes that a claim may have."""
    while True:
        (size,) = connection.execute(
            f"SELECT total(length(body)) FROM ({query})",  # noqa: S608  ours
            (begin, limit),
        ).fetchone()
        if size <= _BYTES_PER_CLAIM or limit == 1:
            return limit
        limit //= 2


def _which(letters: Sequence[int] | None) -> tuple[str, tuple[int, ...]]:
    if letters is None:
        return "WHERE true", ()
    return f"WHERE id IN ({', '.join('?' * len(letters))})", tuple(letters)


def _seq(claim: Claim) -> int:
    return cast("int", claim.handle)


def _remove(runs: list[tuple[int, int]], connection: sqlite3.Connection) -> None:
    connection.executemany("DELETE FROM captures WHERE seq BETWEEN ? AND ?", runs)


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Return ascending numbers as runs without gaps, by their first and last."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


class SpoolLock:
    """The right to hand out the captures of the file; it ends with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._watch: FileWatch | None = None
        self._has_logged = False

    def acquire(self) -> bool:
        """Take the lock; return False while another process has it.

        Raises:
            QueueError: its file cannot be used.
        """
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            os.fchmod(descriptor, FILE_MODE)
        except OSError as error:
            raise QueueError(f"{self._path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            watch = FileWatch(self._path)
        except (BlockingIOError, FileNotFoundError):
            os.close(descriptor)
            if not self._has_logged:
                log.info("Another process delivers what is in %s; standing by.", self._path.stem)
                self._has_logged = True
            return False
        except OSError as error:  # as on a network file system without a lock service
            os.close(descriptor)
            raise QueueError(f"{self._path} cannot be locked: {error.strerror}") from error
        self._descriptor, self._watch = descriptor, watch
        return True

    def problem(self) -> str | None:
        """Return why the lock that we hold no longer keeps other processes out, if so."""
        if self._watch is None or (problem := self._watch.problem()) is None:
            return None
        return f"{problem}: another bridge may deliver the same events; restart this one"

    def release(self) -> None:
        """Release the right to hand out captures."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor, self._watch = None, None
