"""A SQLite file with one writing thread that commits what many callers want in one go."""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.sqlite.reserve import Reserve

# SQLite's own words.
_FULL = "database or disk is full"

Work = Callable[[sqlite3.Connection], Any]

# How much is committed in one go, at most: what is waited for by one caller delays all.
_JOBS_AT_ONCE = 256
# How long to wait for another process's transaction, in milliseconds.
_BUSY_TIMEOUT = 10_000
# A page holds several captures of usual length, so that it is not written for each.
_PAGE = 16_384


@dataclass(slots=True)
class _Job:
    work: Work
    durable: bool
    needs_room: bool
    future: asyncio.Future[Any]


class SqliteFile:
    """Runs work on a SQLite file in a thread of its own, several callers' work a transaction.

    All callers are on one event loop.
    What is asked for as durable has reached the disk when its call returns; the rest may be
    undone by a power failure, though not by a crash of the process. What needs room is refused
    on a full disk while the rest still has some in reserve.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._connection = self._open(path, schema)
        self._thread = threading.Thread(target=self._work, name=f"sqlite {path.name}", daemon=True)
        self._thread.start()

    def _open(self, path: Path, schema: str) -> sqlite3.Connection:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
            connection.execute(f"PRAGMA page_size = {_PAGE}")
            connection.execute("PRAGMA journal_mode = WAL")
            self._reserve = Reserve(path.with_name(f"{path.name}.reserve"))
            # Folding the log in must not take more room than there is in reserve.
            pages = max(1, min(1000, self._reserve.size // 2 // _PAGE))
            connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")
            connection.executescript(f"BEGIN IMMEDIATE; {schema}; COMMIT;")
        except (sqlite3.Error, OSError) as error:
            raise self._explained(error) from error
        return connection

    async def run(self, work: Work, *, durable: bool = False, needs_room: bool = False) -> Any:
        """Do work in a transaction and give what it gives.

        Args:
            work: may be done again, if its transaction failed.
            durable: whether it is to be on the disk once this returns.
            needs_room: whether it adds to what is in the file.

        Raises:
            QueueError: the disk is full, the file is locked or damaged; nothing was done.
        """
        job = _Job(work, durable, needs_room, asyncio.get_running_loop().create_future())
        self._jobs.put(job)
        return await job.future

    def close(self) -> None:
        """Finish the work that was asked for, then close the file."""
        self._jobs.put(None)
        self._thread.join()
        self._connection.close()
        self._reserve.close()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            jobs = [job]
            is_last = False
            with contextlib.suppress(queue.Empty):
                while len(jobs) < _JOBS_AT_ONCE:
                    more = self._jobs.get_nowait()
                    if more is None:
                        is_last = True
                        break
                    jobs.append(more)
            self._commit(jobs)
            if is_last:
                return

    def _commit(self, jobs: list[_Job], *, has_made_room: bool = False) -> None:
        try:
            if any(job.needs_room for job in jobs):
                self._ensure_room()
            # FULL waits for the disk at each commit, NORMAL only when the log is folded in.
            level = "FULL" if any(job.durable for job in jobs) else "NORMAL"
            self._connection.execute(f"PRAGMA synchronous = {level}")
            self._connection.execute("BEGIN IMMEDIATE")
            results = [job.work(self._connection) for job in jobs]
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            if len(jobs) > 1:
                # Whose fault it was is not known: each by itself, so that none pays for another.
                for job in jobs:
                    self._commit([job])
                return
            if _is_full(error) and not (jobs[0].needs_room or has_made_room):
                self._make_room()
                self._commit(jobs, has_made_room=True)
                return
            self._tell(jobs, [self._explained(error)])
            return
        self._tell(jobs, results)

    def _ensure_room(self) -> None:
        """Refuse what would use up the reserve, which is not for it."""
        if self._reserve.hold():
            return
        (free_pages,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        if free_pages * _PAGE < self._reserve.size:
            raise sqlite3.OperationalError(_FULL)

    def _make_room(self) -> None:
        """Use the reserve to fold the log in: its room is then used again."""
        self._reserve.release()
        with contextlib.suppress(sqlite3.Error):  # another process is reading
            self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _tell(self, jobs: list[_Job], results: list[Any]) -> None:
        def tell() -> None:
            for job, result in zip(jobs, results, strict=True):
                if job.future.done():
                    continue  # its caller has gone
                if isinstance(result, Exception):
                    job.future.set_exception(result)
                else:
                    job.future.set_result(result)

        with contextlib.suppress(RuntimeError):  # the loop has ended, and its callers with it
            jobs[0].future.get_loop().call_soon_threadsafe(tell)

    def _explained(self, error: Exception) -> Exception:
        if _is_full(error):
            return QueueError(f"the disk that holds {self._path} is full; make room there")
        if isinstance(error, (sqlite3.Error, OSError)):
            return QueueError(f"{self._path}: {error}")
        return error


def _is_full(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and _FULL in str(error)
