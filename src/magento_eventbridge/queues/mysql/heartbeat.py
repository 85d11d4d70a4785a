"""Tells the store every few seconds that its bridge is alive, and how it fares."""

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

# Seconds. Looking for credentials may ask the network.
_BEATS_EVERY = 5.0
_LOOKS_FOR_CREDENTIALS_EVERY = 60.0

CredentialsCheck = Callable[[], Awaitable[str]]
"""Says in words which credentials there are."""


class Heartbeat:
    """Writes the row of a bridge in the store's database; admin pages show it."""

    def __init__(
        self, queue: OutboxQueue, dispatcher: Dispatcher, credentials: CredentialsCheck
    ) -> None:
        self._queue = queue
        self._dispatcher = dispatcher
        self._look = credentials
        self._credentials = ""
        self._looks_at = 0.0
        self._started_at = time.time()

    async def beat(self) -> None:
        """Beat until cancelled; what goes wrong is for the dispatcher to tell."""
        while True:
            try:
                await self._queue.beat(await self._status())
            except QueueError as error:
                log.debug("No heartbeat: %s", error)
            except Exception:
                log.exception("The heartbeat failed")
            await asyncio.sleep(_BEATS_EVERY)

    def look_again(self) -> None:
        """Look for credentials at the next beat: they may have become others."""
        self._looks_at = 0.0

    async def _status(self) -> dict[str, Any]:
        if time.monotonic() >= self._looks_at:
            self._credentials = await self._look()
            self._looks_at = time.monotonic() + _LOOKS_FOR_CREDENTIALS_EVERY
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
        }
