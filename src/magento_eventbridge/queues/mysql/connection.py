"""A queue's connection to the store's database, whose failures are those of a queue."""

from collections.abc import Callable
from typing import TypeVar

from pymysql.cursors import Cursor

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.magento.database import DatabaseConnection, DatabaseError

Result = TypeVar("Result")


class QueueConnection(DatabaseConnection):
    """Runs a queue's work on one connection."""

    async def run(self, work: Callable[[Cursor], Result]) -> Result:
        """Run work and return its result.

        Raises:
            QueueError: the database is unavailable, or cannot do this now.
        """
        try:
            return await super().run(work)
        except DatabaseError as error:
            raise QueueError(str(error)) from error
