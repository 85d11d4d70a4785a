"""The `sqlite` queue: a file on this machine, for the HTTP inlet and the demo."""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Collection, Sequence
from importlib.resources import files
from pathlib import Path

import uuid_utils

from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture
from magento_eventbridge.delivery.ports import Claim, DeadLetter, Depth, QueueError
from magento_eventbridge.queues.sqlite_file import SqliteFile

# A claim stops at so many bytes: captures are small, but may be a megabyte each.
_BYTES_PER_CLAIM = 16_000_000
# How often to look whether a fellow claimant has died, in seconds.
_LOOK_AROUND = 1.0


class SqliteQueue:
    """Captures in a SQLite file in WAL mode; several processes may share it.

    A claim belongs to the process that holds the lock on its claimant's file: the system takes
    the lock back when the process dies, however it dies, and the next claim takes up its claims.
    """

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        """Open the file, made with its folder when missing.

        Raises:
            QueueError: it cannot be opened or written.
        """
        self._path = path
        self._file = SqliteFile(path, files(__package__).joinpath("sqlite.sql").read_text())
        self._claimant = uuid_utils.uuid7().hex
        self._lock = _hold(self._lock_path(self._claimant))
        self._looked_around_at = float("-inf")
        self._news = asyncio.Event()

    async def put(self, captures: Sequence[tuple[Capture, bytes]]) -> int:
        """Keep captures with their JSON texts; those that wait already are kept once.

        Returns:
            How many were new. They are on the disk.

        Raises:
            QueueError: none of them was kept.
        """
        rows = [(capture.id, capture.store_id, capture.time, body) for capture, body in captures]

        def work(connection: sqlite3.Connection) -> int:
            before = connection.total_changes
            connection.executemany(
                "INSERT INTO captures (id, store_id, time, body) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (id) DO NOTHING",
                rows,
            )
            return connection.total_changes - before

        new: int = await self._file.run(work, durable=True)
        self._news.set()
        return new

    async def claim(self, limit: int, *, without_stores: Collection[int] = ()) -> list[Claim]:
        """Claim up to `limit` captures that wait, passing over those of the stores named."""
        stores = ", ".join(str(int(store)) for store in without_stores)

        def work(connection: sqlite3.Connection) -> list[Claim]:
            self._take_up_claims_of_the_dead(connection)
            rows = connection.execute(
                "SELECT seq, body, attempts FROM captures "  # noqa: S608  numbers only
                "WHERE claimant IS NULL AND available_at <= ? "
                f"AND store_id NOT IN ({stores}) ORDER BY seq LIMIT ?",
                (time.time(), limit),
            )
            claims: list[Claim] = []
            size = 0
            for seq, body, attempts in rows:
                claims.append(Claim(seq, body, attempts))
                size += len(body)
                if size >= _BYTES_PER_CLAIM:
                    break
            connection.executemany(
                "UPDATE captures SET claimant = ?, attempts = attempts + 1 WHERE seq = ?",
                [(self._claimant, claim.handle) for claim in claims],
            )
            return claims

        self._news.clear()
        found: list[Claim] = await self._file.run(work)
        return found

    async def wait(self, seconds: float) -> None:
        """Return as soon as there may be something to claim, at the latest after `seconds`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    async def ack(self, claims: Sequence[Claim]) -> None:
        """Forget captures that were delivered, or that mean nothing worth telling."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "DELETE FROM captures WHERE seq = ? AND claimant = ?", self._owned(claims)
            )

        await self._file.run(work)

    async def retry(self, claims: Sequence[Claim], delay: float = 0.0) -> None:
        """Give captures back; they come out again after `delay` seconds."""
        available_at = time.time() + delay if delay else 0.0

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE captures SET claimant = NULL, available_at = ? "
                "WHERE seq = ? AND claimant = ?",
                [(available_at, *owned) for owned in self._owned(claims)],
            )

        await self._file.run(work)
        self._news.set()

    async def bury(self, claim: Claim, reason: str) -> None:
        """Move a capture that can never be delivered to the dead letters."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO dead_letters (capture_id, store_id, time, body, reason, buried_at) "
                "SELECT id, store_id, time, body, ?, ? FROM captures "
                "WHERE seq = ? AND claimant = ?",
                (reason, time.time(), claim.handle, self._claimant),
            )
            connection.executemany(
                "DELETE FROM captures WHERE seq = ? AND claimant = ?", self._owned([claim])
            )

        await self._file.run(work, durable=True)

    async def depth(self) -> Depth:
        """Tell how much there is to do."""

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
        """What it buried."""
        return SqliteDeadLetters(self._file, self._news)

    async def close(self) -> None:
        """Give back what is still claimed, and let go of the file."""

        def work(connection: sqlite3.Connection) -> None:
            self._release(connection, self._claimant)

        with contextlib.suppress(QueueError):  # whoever opens the file next takes it up
            await self._file.run(work)
        await asyncio.to_thread(self._file.close)
        self._lock_path(self._claimant).unlink(missing_ok=True)
        os.close(self._lock)

    # Claimants: this part runs in the file's thread

    def _take_up_claims_of_the_dead(self, connection: sqlite3.Connection) -> None:
        if time.monotonic() - self._looked_around_at < _LOOK_AROUND:
            return
        fellows = connection.execute(
            "SELECT DISTINCT claimant FROM captures WHERE claimant IS NOT NULL AND claimant <> ?",
            (self._claimant,),
        ).fetchall()
        for (name,) in fellows:
            path = self._lock_path(name)
            if _is_free(path):
                self._release(connection, name)
                path.unlink(missing_ok=True)
        self._looked_around_at = time.monotonic()

    def _release(self, connection: sqlite3.Connection, claimant: str) -> None:
        connection.execute("UPDATE captures SET claimant = NULL WHERE claimant = ?", (claimant,))

    def _owned(self, claims: Sequence[Claim]) -> list[tuple[object, str]]:
        return [(claim.handle, self._claimant) for claim in claims]

    def _lock_path(self, claimant: str) -> Path:
        return self._path.with_name(f"{self._path.name}-{claimant}.lock")


class SqliteDeadLetters:
    """The dead letters of a SQLite queue."""

    def __init__(self, file: SqliteFile, news: asyncio.Event) -> None:
        self._file = file
        self._news = news

    async def count(self) -> int:
        """How many there are."""

        def work(connection: sqlite3.Connection) -> int:
            (count,) = connection.execute("SELECT count(*) FROM dead_letters").fetchone()
            return int(count)

        count: int = await self._file.run(work)
        return count

    async def page(self, limit: int, *, after: int = 0) -> list[DeadLetter]:
        """Read up to `limit`, oldest first, those with a greater id than `after`."""
        return await self._read("id > ? ORDER BY id LIMIT ?", (after, limit))

    async def find(self, letter: int) -> DeadLetter | None:
        """Read one by its id."""
        found = await self._read("id = ?", (letter,))
        return found[0] if found else None

    async def redrive(self, letters: Sequence[int] | None) -> int:
        """Put letters (None: all) back into the queue; gives how many there were."""
        which, numbers = _which(letters)

        def work(connection: sqlite3.Connection) -> int:
            connection.execute(
                "INSERT INTO captures (id, store_id, time, body) "  # noqa: S608
                f"SELECT capture_id, store_id, time, body FROM dead_letters {which} "
                "ORDER BY id ON CONFLICT (id) DO NOTHING",
                numbers,
            )
            cursor = connection.execute(f"DELETE FROM dead_letters {which}", numbers)  # noqa: S608
            return cursor.rowcount

        redriven: int = await self._file.run(work, durable=True)
        self._news.set()
        return redriven

    async def drop(self, letters: Sequence[int] | None) -> int:
        """Delete letters (None: all) for good; gives how many there were."""
        which, numbers = _which(letters)

        def work(connection: sqlite3.Connection) -> int:
            cursor = connection.execute(f"DELETE FROM dead_letters {which}", numbers)  # noqa: S608
            return cursor.rowcount

        dropped: int = await self._file.run(work, durable=True)
        return dropped

    async def _read(self, condition: str, values: tuple[int, ...]) -> list[DeadLetter]:
        def work(connection: sqlite3.Connection) -> list[DeadLetter]:
            rows = connection.execute(
                "SELECT id, capture_id, store_id, reason, buried_at, body "  # noqa: S608
                f"FROM dead_letters WHERE {condition}",
                values,
            )
            return [
                DeadLetter(number, capture_id, _event(body), store_id, reason, buried_at, body)
                for number, capture_id, store_id, reason, buried_at, body in rows
            ]

        letters: list[DeadLetter] = await self._file.run(work)
        return letters


def _event(body: bytes) -> str:
    try:
        return read_capture(body).event
    except InvalidCaptureError:
        return "?"


def _which(letters: Sequence[int] | None) -> tuple[str, tuple[int, ...]]:
    if letters is None:
        return "WHERE true", ()
    return f"WHERE id IN ({', '.join('?' * len(letters))})", tuple(letters)


def _hold(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise QueueError(f"{path}: {error.strerror}") from error
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _is_free(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
