"""The dead letters of a queue in Magento's database."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pymysql.cursors import Cursor

from magento_eventbridge.delivery.ports import BYTES_PER_PAGE, DeadLetter
from magento_eventbridge.magento.database import transaction
from magento_eventbridge.queues.mysql.connection import QueueConnection
from magento_eventbridge.queues.mysql.statements import Statements

TextOf = Callable[..., bytes]
"""Returns the capture's text for a row's body, and the columns that follow it."""


class MysqlDeadLetters:
    """The captures that a queue buried.

    They are read in transactions, so that no replica is asked, which may lack the last ones.
    """

    def __init__(
        self, connection: QueueConnection, statements: Statements, text_of: TextOf
    ) -> None:
        self._connection = connection
        self._statements = statements
        self._text_of = text_of

    async def count(self) -> int:
        """Return how many there are."""

        def work(cursor: Cursor) -> int:
            with transaction(cursor):
                ((count,),) = self._statements.rows(cursor, "dead_count")
            return int(count)

        return await self._connection.run(work)

    async def page(
        self, limit: int, *, after: int = 0, with_bodies: bool = True
    ) -> list[DeadLetter]:
        """Read up to `limit`, oldest first, those with a greater id than `after`."""

        def work(cursor: Cursor) -> list[DeadLetter]:
            values = {"after": after, "limit": limit}
            with transaction(cursor):
                sizes = self._statements.rows(cursor, "dead_sizes", values)
                before = itertools.accumulate((size for (size,) in sizes), initial=0)
                count = sum(size < BYTES_PER_PAGE for size in itertools.islice(before, len(sizes)))
                return self._read(cursor, "dead_page", {"after": after, "limit": count})

        return await self._connection.run(work)

    async def find(self, letter: int) -> DeadLetter | None:
        """Read one by its id."""

        def work(cursor: Cursor) -> DeadLetter | None:
            with transaction(cursor):
                letters = self._read(cursor, "dead_one", {"id": letter})
            return letters[0] if letters else None

        return await self._connection.run(work)

    async def redrive(self, letters: Sequence[int] | None) -> int:
        """Put letters (None: all) back into the queue; return how many there were."""
        return await self._take("dead_redrive", letters)

    async def drop(self, letters: Sequence[int] | None) -> int:
        """Delete letters (None: all) for good; return how many there were."""
        return await self._take(None, letters)

    async def _take(self, query: str | None, letters: Sequence[int] | None) -> int:
        """Delete letters, after a query has copied them elsewhere."""

        def work(cursor: Cursor) -> int:
            with transaction(cursor):
                if letters is None:
                    held = self._statements.rows(cursor, "dead_lock_all")
                else:
                    held = self._statements.rows(cursor, "dead_lock", {"ids": json.dumps(letters)})
                ids = [number for (number,) in held]
                if query:
                    self._statements.run(cursor, query, ids=ids)
                self._statements.run(cursor, "dead_delete", ids=ids)
            return len(ids)

        return await self._connection.run(work)

    def _read(self, cursor: Cursor, query: str, values: Mapping[str, Any]) -> list[DeadLetter]:
        return [
            DeadLetter.of(number, view_id, reason, buried_at, self._text_of(*body))
            for number, view_id, reason, buried_at, *body in self._statements.rows(
                cursor, query, values
            )
        ]
