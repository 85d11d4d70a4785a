"""The `outbox` queue: a table in Magento's own database, written with the order it tells of."""

import json
from collections.abc import Mapping
from typing import Any

from pymysql.cursors import Cursor

from magento_eventbridge.magento.database import DatabaseOptions
from magento_eventbridge.queues.mysql.queue import MysqlQueue
from magento_eventbridge.queues.mysql.statements import Statements


class OutboxQueue(MysqlQueue):
    """The captures that the agent writes, and the table by which the store knows its bridges."""

    name = "outbox"

    def __init__(self, options: DatabaseOptions) -> None:
        """Get ready; the database is asked for the first time when something is wanted of it."""
        prefix = options.table_prefix
        tables = {
            "captures": f"`{prefix}eventbridge_outbox`",
            "dead_letters": f"`{prefix}eventbridge_dead_letter`",
            "bridges": f"`{prefix}eventbridge_bridge`",
        }
        super().__init__(options, Statements(["queue.sql", "outbox.sql"], tables))

    async def figures(self) -> tuple[int, int]:
        """Tell how many captures and dead letters there are, up to 100,000 each.

        For those who ask often: an exact count of a long table takes the database its time.
        """

        def work(cursor: Cursor) -> tuple[int, int]:
            ((captures, dead),) = self._statements.rows(cursor, "figures")
            return int(captures), int(dead)

        return await self._connection.run(work)

    async def beat(self, status: Mapping[str, Any]) -> None:
        """Let the store's admin pages know that this bridge is alive, and how it fares."""
        text = json.dumps(status)

        def work(cursor: Cursor) -> None:
            self._statements.run(cursor, "beat", bridge=self.bridge, status=text)
            self._statements.run(cursor, "forget_bridges")

        await self._connection.run(work)
