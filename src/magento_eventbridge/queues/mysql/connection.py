"""A queue's connection to the store's database, whose failures are those of a queue."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pymysql.cursors import Cursor

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.magento.database import (
    CREATED_BY_AGENT,
    DatabaseConnection,
    DatabaseError,
    DatabaseOptions,
    LoginRefusedError,
)

Result = TypeVar("Result")


class QueueConnection(DatabaseConnection):
    """Runs a queue's work on one connection."""

    def __init__(
        self,
        options: DatabaseOptions,
        *,
        if_absent: str = CREATED_BY_AGENT,
        prepare: Callable[[Cursor], None] | None = None,
    ) -> None:
        """Create it.

        Args:
            options: how to reach the database.
            if_absent: what to do about a missing table, for the error message.
            prepare: is run on each new connection.
        """
        super().__init__(options, if_absent=if_absent, prepare=prepare)
        self.on_refused_login: Callable[[], None] = lambda: None

    async def run(self, work: Callable[[Cursor], Result]) -> Result:
        """Run work and return its result.

        Raises:
            QueueError: the database is unavailable, or cannot do this now.
        """
        with self._errors_of_a_queue():
            return await super().run(work)

    async def look(
        self, work: Callable[[Cursor], bool], seconds: float, pause: Callable[[], float]
    ) -> bool:
        """Run work after each pause until it returns True; return whether it did.

        Raises:
            QueueError: as `run`.
        """
        with self._errors_of_a_queue():
            return await super().look(work, seconds, pause)

    @contextmanager
    def _errors_of_a_queue(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            if isinstance(error, LoginRefusedError):
                self.on_refused_login()
            raise QueueError(str(error)) from error
