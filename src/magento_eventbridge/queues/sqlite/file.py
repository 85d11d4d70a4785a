"""A SQLite file with one writing thread, which commits the work of many callers together."""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.errors import cause
from magento_eventbridge.queues.sqlite.log_end import LogEnd
from magento_eventbridge.queues.sqlite.reserve import Reserve
from magento_eventbridge.queues.sqlite.watch import FileWatch
from magento_eventbridge.sqlite_files import (
    COMPANIONS,
    DiskFullError,
    NewerSchemaError,
    is_disk_full,
    make_private,
    migrate,
)

log = logging.getLogger(__name__)

Work = Callable[[sqlite3.Connection], Any]
Problem = Callable[[], str | None]
"""Return what is wrong; None: nothing."""

# A page holds several captures of usual length, so that it is not written for each.
_PAGE = 16_384
# Where SQLite writes the file's length in pages, and `application_id`, which this counts up (its
# "Database File Format", 1.3).
_PAGE_COUNT_AT, _APPLICATION_ID_AT = 28, 68


@dataclass(frozen=True)
class SqliteFileOptions:
    """Limits of a file.

    Attributes:
        jobs_at_once: committed together at most; each caller waits for all of them.
        busy_milliseconds: how long to wait for another process's transaction.
        check_seconds: how often an idle file is checked for being removed or replaced.
    """

    jobs_at_once: int = 256
    busy_milliseconds: int = 10_000
    check_seconds: float = 1.0


@dataclass(slots=True)
class _QueuedWork:
    work: Work
    durable: bool
    needs_room: bool
    future: asyncio.Future[Any]


class SqliteFile:
    """Runs work on a SQLite file in a thread of its own, with the work of several callers in one
    transaction.

    All callers are on one event loop. Durable work is on disk when its call returns; other work
    may be undone by a power failure, but not by a crash of the process. Work that needs room is
    refused on a full disk, and while the file is removed, replaced, truncated or unreadable; other
    work continues, because the open file may still hold captures to deliver. Only a truncated
    index, which is mapped into memory, and a file or log that was truncated or overwritten end all
    work.
    """

    def __init__(
        self,
        path: Path,
        schema: Sequence[str],
        *,
        also: Problem = lambda: None,
        options: SqliteFileOptions | None = None,
    ) -> None:
        """Open the file; create or migrate it where necessary.

        Args:
            path: of the file.
            schema: the steps to the newest schema.
            also: another reason to refuse work that needs room.
            options: its limits.

        Raises:
            QueueError: it cannot be opened or written, or was written by a newer version.
        """
        self._path = path
        self._also = also
        self._options = options or SqliteFileOptions()
        self._jobs: queue.SimpleQueue[_QueuedWork | None] = queue.SimpleQueue()
        self._problem: str | None = None
        self._is_closed = False
        self._counted_at = 0
        self._connection = self._open(path, schema)
        self._thread = threading.Thread(target=self._work, name=f"sqlite {path.name}", daemon=True)
        self._thread.start()

    @property
    def rows_in_reserve(self) -> int:
        """How many rows may be changed at once on a full disk, each in a page of its own."""
        return max(1, self._reserve.size // 4 // _PAGE) if self._reserve.size else sys.maxsize

    @property
    def is_in_place(self) -> bool:
        """Whether another process that opens the path gets this file."""
        return self._main.is_in_place

    def _open(self, path: Path, schema: Sequence[str]) -> sqlite3.Connection:
        try:
            make_private(path)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                connection.execute(f"PRAGMA busy_timeout = {self._options.busy_milliseconds}")
                connection.execute(f"PRAGMA page_size = {_PAGE}")
                connection.execute("PRAGMA journal_mode = WAL")
                self._reserve = Reserve(path.with_name(f"{path.name}.reserve"))
                # A checkpoint must not take more room than the reserve has.
                pages = max(1, min(1000, self._reserve.size // 2 // _PAGE))
                connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")
                migrate(connection, schema)
                self._watches = self._watch(path)
            except BaseException:
                connection.close()
                raise
        except (sqlite3.Error, OSError, NewerSchemaError) as error:
            raise self._explained(error) from error
        return connection

    def _watch(self, path: Path) -> list[FileWatch]:
        log_file, index = (Path(f"{path}{suffix}") for suffix in COMPANIONS)
        self._index = FileWatch(index)
        self._main = FileWatch(path, self._holds_all_pages, counter_at=_APPLICATION_ID_AT)
        self._log_end = LogEnd(log_file, index)
        self._log = FileWatch(log_file, lambda _: not self._log_end.is_wrong())
        return [self._index, self._main, self._log]  # the index first: the others read it

    def _holds_all_pages(self, length: int) -> bool:
        """Whether a shorter file was made so by SQLite itself, as by a person's VACUUM.

        SQLite's own number would include pages that are only in the log.
        """
        pages = self._main.number_at(_PAGE_COUNT_AT)
        with contextlib.suppress(sqlite3.Error):
            return pages is not None and 0 < pages * self._pragma("page_size") <= length
        return False

    def _pragma(self, name: str) -> int:
        (value,) = self._connection.execute(f"PRAGMA {name}").fetchone()
        return int(value)

    async def run(self, work: Work, *, durable: bool = False, needs_room: bool = False) -> Any:
        """Do work in a transaction and return its result.

        Args:
            work: may be done again, if its transaction failed.
            durable: whether it must be on disk when this returns.
            needs_room: whether it adds to what is in the file.

        Raises:
            QueueError: the disk is full, the file is locked, damaged or removed. Work that was
                done nevertheless, in the moment in which that happened, is not confirmed. Or this
                is closed.
        """
        if self._is_closed:
            raise QueueError(f"{self._path}: the file was closed")
        job = _QueuedWork(work, durable, needs_room, asyncio.get_running_loop().create_future())
        self._jobs.put(job)
        return await job.future

    async def close(self) -> None:
        """Finish the jobs in hand, then close the file."""
        if not self._is_closed:
            self._is_closed = True
            self._jobs.put(None)
            await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._thread.join()
        if self._index.is_shorter:
            self._index.restore_length()  # of zeros SQLite creates the index again
        elif self._log_end.is_wrong():
            self._log_end.forget()
        self._connection.close()
        for watch in self._watches:
            watch.close()
        self._log_end.close()
        self._reserve.close()

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._options.check_seconds)
            except queue.Empty:
                self._check()
                continue
            if job is None:
                return
            jobs = [job]
            is_last = False
            with contextlib.suppress(queue.Empty):
                while len(jobs) < self._options.jobs_at_once:
                    more = self._jobs.get_nowait()
                    if more is None:
                        is_last = True
                        break
                    jobs.append(more)
            self._commit(jobs)
            if is_last:
                return

    def _check(self) -> str | None:
        """Return why nothing may be added to the file now; log when that changes."""
        problem = next((found for watch in self._watches if (found := watch.problem())), None)
        if not problem and self._log_end.is_wrong():
            problem = (
                f"{self._log.path} was overwritten while in use: what was accepted last is not in "
                "it. Put the same file back, or stop the bridge and restore a backup"
            )
        problem = problem or self._also()
        if problem and problem != self._problem:
            log.error("%s. Nothing is accepted until that is corrected.", problem)
        elif self._problem and not problem:
            log.warning("%s can be used again.", self._path)
        self._problem = problem
        return problem

    def _commit(self, jobs: list[_QueuedWork], *, has_made_room: bool = False) -> None:
        try:
            needs_room = any(job.needs_room for job in jobs)
            self._ensure_index()
            if needs_room:
                self._ensure_usable()
                self._ensure_room()
            else:
                self._ensure_readable()
            # FULL waits for the disk at each commit, NORMAL only at a checkpoint.
            level = "FULL" if any(job.durable for job in jobs) else "NORMAL"
            self._connection.execute(f"PRAGMA synchronous = {level}")
            self._connection.execute("BEGIN IMMEDIATE")
            modified = self._count_up()
            results = [job.work(self._connection) for job in jobs]
            self._connection.execute("COMMIT")
            self._counted_at = modified
            self._main.has_older_content()  # remembers the number, if that was a checkpoint
        except Exception as error:
            self._roll_back()
            if len(jobs) > 1:
                # The one that failed is not known: each alone, so that none fails with another.
                for job in jobs:
                    self._commit([job])
                return
            if is_disk_full(error) and not (jobs[0].needs_room or has_made_room):
                self._make_room()
                self._commit(jobs, has_made_room=True)
                return
            self._finish(jobs, [self._explained(error)])
            return
        if needs_room and (problem := self._check()):
            # It may be in a file that was removed during the commit: that is not confirmed.
            results = [
                QueueError(problem) if job.needs_room else result
                for job, result in zip(jobs, results, strict=True)
            ]
        self._finish(jobs, results)

    def _count_up(self) -> int:
        """Give the file a new number after each time that SQLite wrote it; return when that was.

        So the next time that SQLite copies pages of its log into the file, a new number is among
        them, and a copy made in between is known by its older one.
        """
        modified = self._main.modified
        if modified != self._counted_at:
            number = self._pragma("application_id") + 1
            self._connection.execute(f"PRAGMA application_id = {number}")
        return modified

    def _ensure_index(self) -> None:
        """Refuse all work if the index is truncated: to read it would end the process."""
        if self._index.is_shorter:
            problem = self._check()
            raise QueueError(f"{problem}: restart the bridge")

    def _ensure_readable(self) -> None:
        """Refuse all work if what SQLite would read is not what it wrote.

        From an overwritten or truncated file it would read a mixture of old and new pages; to write
        there would fill the gap with zeros.
        """
        if self._main.has_older_content() or self._main.is_truncated() or self._log_end.is_wrong():
            self._ensure_usable()

    def _ensure_usable(self) -> None:
        if problem := self._check():
            raise QueueError(problem)

    def _ensure_room(self) -> None:
        """Refuse what would use up the reserve."""
        if self._reserve.hold():
            return
        if self._pragma("freelist_count") * _PAGE < self._reserve.size:
            raise DiskFullError("only the reserve is left")

    def _make_room(self) -> None:
        """Use the reserve for a checkpoint: the log's space is then used again."""
        self._reserve.release()
        with contextlib.suppress(sqlite3.Error):  # another process is reading
            self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _finish(self, jobs: list[_QueuedWork], results: list[Any]) -> None:
        def finish() -> None:
            for job, result in zip(jobs, results, strict=True):
                if job.future.done():
                    continue  # its caller was cancelled
                if isinstance(result, Exception):
                    job.future.set_exception(result)
                else:
                    job.future.set_result(result)

        with contextlib.suppress(RuntimeError):  # the loop has ended, and its callers with it
            jobs[0].future.get_loop().call_soon_threadsafe(finish)

    def _explained(self, error: Exception) -> Exception:
        if is_disk_full(error):
            return QueueError(f"the disk that holds {self._path} is full; make room there")
        if isinstance(error, (sqlite3.Error, OSError, NewerSchemaError)):
            return QueueError(f"{self._path}: {cause(error)}")
        return error
