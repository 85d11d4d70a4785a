"""Report the bridge's status to the store's database every few seconds."""

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

from magento_eventbridge import __version__
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.mysql.outbox import OutboxQueue

log = logging.getLogger(__name__)

# In seconds. The check of credentials may use the network.
_BEATS_EVERY = 5.0
_CHECKS_CREDENTIALS_EVERY = 60.0

LedgerNumber = Callable[[], int | None]
"""Returns the number of the bridge's ledger; 0: none is written now, None: it is not open yet."""

CredentialsCheck = Callable[[], Awaitable[str]]
"""Returns which credentials were found, in words."""


class Heartbeat:
    """Writes the status of a bridge to its row in the store's database; admin pages show it."""

    def __init__(
        self,
        queue: OutboxQueue,
        dispatcher: Dispatcher,
        credentials: CredentialsCheck,
        ledger: LedgerNumber,
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._check_credentials = credentials
        self._credentials = ""
        self._checks_at = 0.0
        self._started_at = time.time()

    async def beat(self) -> None:
        """Report until cancelled; the dispatcher logs what is wrong with the database."""
        while True:
            try:
                await self._queue.beat(await self._status())
            except QueueError as error:
                log.debug("No heartbeat: %s", error)
            except Exception:
                log.exception("The heartbeat failed")
            await asyncio.sleep(_BEATS_EVERY)

    def check_credentials_again(self) -> None:
        """Check the credentials at the next beat: they may have changed."""
        self._checks_at = 0.0

    async def _status(self) -> dict[str, Any]:
        if time.monotonic() >= self._checks_at:
            self._credentials = await self._check_credentials()
            self._checks_at = time.monotonic() + _CHECKS_CREDENTIALS_EVERY
        backlog, dead = await self._queue.figures()
        return {
            "version": __version__,
            "hostname": socket.gethostname(),
            "started_at": self._started_at,
            "last_delivery_at": self._dispatcher.totals.last_delivery_at,
            "backlog": backlog,
            "parked": self._dispatcher.parked,
            "dead": dead,
            "credentials": self._credentials,
            "ledger": self._ledger(),
        }
