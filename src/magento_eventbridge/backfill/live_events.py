"""Whether live events wait: backfill lets them go first, in whatever queue they are."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from pymysql.cursors import Cursor

from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.verdicts import Fate
from magento_eventbridge.errors import BridgeError
from magento_eventbridge.magento.database import (
    DatabaseConnection,
    DatabaseError,
    DatabaseOptions,
    named_queries,
)

log = logging.getLogger(__name__)

_QUERIES = named_queries(__package__, "live_events.sql")
_CHECKED_EVERY = 0.25
# In seconds: what is younger may be on its way.
_WAITS_AFTER = 1.0
_OLDEST_OF_SPOOL = "SELECT time FROM captures ORDER BY seq LIMIT 1"
# In seconds: how long calls of live events have what the bus accepts for themselves.
_YIELDS_FOR = 5.0
_ASKS_FOR_LESS = (Fate.THROTTLE, Fate.RETRY, Fate.REST)


class LiveQueue(Protocol):
    """A queue of live events, which a backfill asks about and never claims from."""

    async def has_waiting(self) -> bool:
        """Return whether captures wait that a bridge could have claimed a second ago."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


QueueName = Literal["outbox", "magento_db", "taken"]


class DatabaseQueues:
    """The queues in the store's database; one whose table does not exist has nothing."""

    def __init__(
        self, options: DatabaseOptions, names: Sequence[QueueName], queue: str = ""
    ) -> None:
        """Prepare to connect.

        Args:
            options: how to reach the store's database.
            names: of the queries: the outbox, Magento's queue, what was taken from it.
            queue: the name of Magento's queue.
        """
        self._connection = DatabaseConnection(options)
        tables = {
            "outbox": "eventbridge_outbox",
            "taken": "eventbridge_queue_message",
            "queues": "queue",
            "statuses": "queue_message_status",
        }
        prefix = options.table_prefix
        quoted = {of: f"`{prefix}{table}`" for of, table in tables.items()}
        self._queries = [_QUERIES[name].format(**quoted) for name in names]
        self._queue = queue

    async def has_waiting(self) -> bool:
        """Return whether captures wait that a bridge could have claimed a second ago."""
        for query in self._queries:
            try:
                if await self._connection.run(partial(self._ask, query)):
                    return True
            except DatabaseError as error:
                log.debug("A queue of live events cannot be read: %s", error)
        return False

    def _ask(self, query: str, cursor: Cursor) -> bool:
        cursor.execute(query, {"queue": self._queue})
        ((waits,),) = cursor.fetchall()
        return bool(waits)

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()


class SpoolFile:
    """The spool of the inlet, which another process writes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def has_waiting(self) -> bool:
        """Return whether the oldest capture is older than a second."""
        oldest = await asyncio.to_thread(self._oldest)
        return oldest is not None and oldest < time.time() - _WAITS_AFTER

    def _oldest(self) -> float | None:
        if not self._path.exists():
            return None
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as connection:
                row = connection.execute(_OLDEST_OF_SPOOL).fetchone()
        except sqlite3.Error as error:
            raise DatabaseError(f"{self._path}: {error}") from None
        return float(row[0]) if row else None

    async def close(self) -> None:
        """Nothing stays open."""


class LiveEvents:
    """Asks the queues, at most four times a second; one that cannot be asked has nothing."""

    def __init__(self, queues: Sequence[LiveQueue]) -> None:
        self._queues = queues
        self._checked_at = float("-inf")
        self._waits = False

    async def __call__(self) -> bool:
        """Return whether live events wait for their delivery."""
        if time.monotonic() - self._checked_at >= _CHECKED_EVERY:
            found = await asyncio.gather(*(_has_waiting(queue) for queue in self._queues))
            self._waits = any(found)
            self._checked_at = time.monotonic()
        return self._waits

    async def close(self) -> None:
        """Disconnect."""
        for queue in self._queues:
            await queue.close()


async def _has_waiting(queue: LiveQueue) -> bool:
    try:
        return await queue.has_waiting()
    except BridgeError as error:
        log.debug("A queue of live events cannot be read: %s", error)
        return False


class BusRefusals:
    """Observes whether the bus has just throttled calls, or failed."""

    def __init__(self) -> None:
        self._until = float("-inf")

    @property
    def are_recent(self) -> bool:
        """Whether to leave what the bus accepts to live events."""
        return time.monotonic() < self._until

    def called(self, call: Call) -> None:
        """Note a call."""
        if any(verdict.fate in _ASKS_FOR_LESS for verdict in call.verdicts):
            self._until = time.monotonic() + _YIELDS_FOR

    def ended(self, end: Settlement) -> None:
        """Ignore what was settled without a call."""
