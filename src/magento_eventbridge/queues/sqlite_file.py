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

Work = Callable[[sqlite3.Connection], Any]

# How much is committed in one go, at most: what is waited for by one caller delays all.
_JOBS_AT_ONCE = 256
# How long to wait for another process's transaction, in milliseconds.
_BUSY_TIMEOUT = 10_000


@dataclass(slots=True)
class _Job:
    work: Work
    durable: bool
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class SqliteFile:
    """Runs work on a SQLite file in a thread of its own, several callers' work a transaction.

    What is asked for as durable has reached the disk when its call returns; the rest may be
    undone by a power failure, though not by a crash of the process.
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
            # A page holds several captures of usual length, so that it is not written for each.
            connection.execute("PRAGMA page_size = 16384")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN IMMEDIATE; {schema}; COMMIT;")
        except (sqlite3.Error, OSError) as error:
            raise self._explained(error) from error
        return connection

    async def run(self, work: Work, *, durable: bool = False) -> Any:
        """Do work in a transaction and give what it gives.

        Raises:
            QueueError: the disk is full, the file is locked or damaged; nothing was done.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, durable, loop, loop.create_future())
        self._jobs.put(job)
        return await job.future

    def close(self) -> None:
        """Finish the work that was asked for, then close the file."""
        self._jobs.put(None)
        self._thread.join()
        self._connection.close()

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

    def _commit(self, jobs: list[_Job]) -> None:
        try:
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
            self._tell(jobs[0].loop, jobs, [self._explained(error)])
            return
        for loop in {job.loop for job in jobs}:
            self._tell(loop, [job for job in jobs if job.loop is loop], results)

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _tell(self, loop: asyncio.AbstractEventLoop, jobs: list[_Job], results: list[Any]) -> None:
        def tell() -> None:
            for job, result in zip(jobs, results, strict=True):
                if job.future.done():
                    continue  # its caller has gone
                if isinstance(result, Exception):
                    job.future.set_exception(result)
                else:
                    job.future.set_result(result)

        with contextlib.suppress(RuntimeError):  # the loop has ended, and its callers with it
            loop.call_soon_threadsafe(tell)

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
            return QueueError(f"the disk that holds {self._path} is full; make room there")
        if isinstance(error, (sqlite3.Error, OSError)):
            return QueueError(f"{self._path}: {error}")
        return error
