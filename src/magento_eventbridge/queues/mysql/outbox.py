"""The `outbox` queue: a table in Magento's database, written in the transaction of the event."""

import json
from collections.abc import Mapping
from typing import Any

from pymysql.cursors import Cursor

from magento_eventbridge.magento.database import DatabaseOptions
from magento_eventbridge.queues.mysql.lease import LeaseTiming
from magento_eventbridge.queues.mysql.queue import MysqlQueue
from magento_eventbridge.queues.mysql.statements import Statements


class OutboxQueue(MysqlQueue):
    """The captures that the agent writes, and the table by which the store knows its bridges."""

    name = "outbox"

    def __init__(self, options: DatabaseOptions, timing: LeaseTiming | None = None) -> None:
        """Create it; it connects when it is used for the first time."""
        prefix = options.table_prefix
        names = {
            "captures": f"{prefix}eventbridge_outbox",
            "dead_letters": f"{prefix}eventbridge_dead_letter",
            "bridges": f"{prefix}eventbridge_bridge",
        }
        words = {name: f"`{table}`" for name, table in names.items()}
        words["columns"] = "o.id, o.body"
        statements = Statements(
            ["queue.sql", "outbox.sql"],
            words,
            captures_name=names["captures"],
            table_names=tuple(names.values()),
        )
        super().__init__(options, statements, timing=timing)

    async def figures(self) -> tuple[int, int]:
        """Return how many captures and dead letters there are, up to 100,000 each.

        For frequent queries: an exact count of a long table takes the database its time.
        """

        def work(cursor: Cursor) -> tuple[int, int]:
            ((captures, dead),) = self._statements.rows(cursor, "figures")
            return int(captures), int(dead)

        return await self._connection.run(work)

    async def beat(self, status: Mapping[str, Any]) -> None:
        """Report this bridge's status, for the store's admin pages."""
        text = json.dumps(status)

        def work(cursor: Cursor) -> None:
            if not self._has_lease:
                self._take_lease(cursor)
            self._statements.run(cursor, "report", bridge=self.bridge, status=text)
            if old := [name for (name,) in self._statements.rows(cursor, "old_bridges")]:
                self._statements.run(cursor, "forget_bridges", names=old)

        await self._connection.run(work)
