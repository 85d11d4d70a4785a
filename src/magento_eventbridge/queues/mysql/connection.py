"""A queue's connection to the store's database, whose failures are those of a queue."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pymysql.cursors import Cursor

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.magento.database import (
    DatabaseConnection,
    DatabaseError,
    LoginRefusedError,
)

Result = TypeVar("Result")


class QueueConnection(DatabaseConnection):
    """Runs a queue's work on one connection.

    Attributes:
        on_refused_login: is called when the database has refused the login.
    """

    on_refused_login: Callable[[], None] = staticmethod(lambda: None)

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
