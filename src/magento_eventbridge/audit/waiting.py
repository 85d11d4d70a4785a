"""The captures that wait in the store's database and in the spool, and the bridges that ran."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pymysql.cursors import Cursor

from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture
from magento_eventbridge.catalog.messages import capture_text
from magento_eventbridge.magento.database import (
    DatabaseConnection,
    DatabaseError,
    DatabaseOptions,
    lacks_table,
    named_queries,
)

_QUERIES = named_queries(__package__, "waiting.sql")
_AT_ONCE = 500


class WaitingCaptures:
    """Reads what waits, without claiming it."""

    def __init__(self, options: DatabaseOptions, queue: str, spool: Path) -> None:
        """Prepare; nothing is opened yet.

        Args:
            options: how to reach the store's database.
            queue: the name of Magento's queue.
            spool: the file of the embedded queue, which need not exist.
        """
        self._connection = DatabaseConnection(options)
        self._queue = queue
        self._spool = spool
        names = {
            "outbox": "eventbridge_outbox",
            "taken": "eventbridge_queue_message",
            "queues": "queue",
            "messages": "queue_message",
            "statuses": "queue_message_status",
            "bridges": "eventbridge_bridge",
        }
        self._names = {name: f"`{options.table_prefix}{of}`" for name, of in names.items()}

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()

    async def all(self) -> AsyncIterator[Capture]:
        """Yield every capture that waits; what is no capture is left out.

        Raises:
            DatabaseError: the database is unavailable.
        """
        for query in ("outbox", "messages", "taken"):
            async for key, text in self._texts(query):
                if capture := _capture(key, text):
                    yield capture
        for key, body in await asyncio.to_thread(self._of_spool):
            if capture := _capture(key, body):
                yield capture

    async def ledgers(self, since: float) -> dict[int, str]:
        """Return the numbers of the ledgers of all bridges that ran since a time, with their hosts.

        0 stands for a bridge that writes none. Bridges that do not say it are left out.

        Raises:
            DatabaseError: the database is unavailable.
        """
        found: dict[int, str] = {}
        for bridge, text in await self._rows("bridges", {"since": since}):
            status = json.loads(text)
            if (number := status.get("ledger")) is not None:
                found[int(number)] = str(status.get("hostname") or bridge)
        return found

    async def _texts(self, query: str) -> AsyncIterator[tuple[int, bytes | str]]:
        after = 0
        while rows := await self._page(query, after):
            for row in rows:
                yield row
            after = rows[-1][0]

    async def _page(self, query: str, after: int) -> Sequence[tuple[int, bytes | str]]:
        values = {"after": after, "limit": _AT_ONCE, "queue": self._queue}
        return [(int(key), body) for key, body in await self._rows(query, values)]

    async def _rows(self, query: str, values: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
        statement = _QUERIES[query].format(**self._names)

        def work(cursor: Cursor) -> Sequence[tuple[Any, ...]]:
            cursor.execute(statement, values)
            return cursor.fetchall()

        try:
            return await self._connection.run(work)
        except DatabaseError as error:
            if lacks_table(error):
                return []  # the store has no such queue
            raise

    def _of_spool(self) -> list[tuple[int, bytes]]:
        if not self._spool.exists():
            return []
        uri = f"{self._spool.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as connection:
            return connection.execute("SELECT seq, body FROM captures").fetchall()


def _capture(key: int, text: bytes | str) -> Capture | None:
    body = text.encode() if isinstance(text, str) else text
    try:
        return read_capture(capture_text(body, str(key)))
    except InvalidCaptureError:
        return None
