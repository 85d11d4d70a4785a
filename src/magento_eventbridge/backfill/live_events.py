"""Whether live events wait in the outbox: backfill lets them go first."""

import logging
import time

from pymysql.cursors import Cursor

from magento_eventbridge.magento.database import (
    DatabaseConnection,
    DatabaseError,
    DatabaseOptions,
    named_queries,
)

log = logging.getLogger(__name__)

_QUERIES = named_queries(__package__, "live_events.sql")
_CHECKED_EVERY = 0.25


class LiveEvents:
    """Asks the outbox, at most four times a second; without an outbox nothing waits."""

    def __init__(self, options: DatabaseOptions) -> None:
        """Prepare to connect."""
        self._connection = DatabaseConnection(options)
        outbox = f"`{options.table_prefix}eventbridge_outbox`"
        self._query = _QUERIES["waits"].format(outbox=outbox)
        self._checked_at = float("-inf")
        self._waits = False

    async def __call__(self) -> bool:
        """Return whether live events wait for their delivery."""
        now = time.monotonic()
        if now - self._checked_at >= _CHECKED_EVERY:
            self._checked_at = now
            try:
                self._waits = await self._connection.run(self._ask)
            except DatabaseError as error:
                log.debug("The outbox cannot be read: %s", error)
                self._waits = False
        return self._waits

    def _ask(self, cursor: Cursor) -> bool:
        cursor.execute(self._query)
        ((waits,),) = cursor.fetchall()
        return bool(waits)

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()
