"""Send messages through a channel, and try again with growing pauses when that fails."""

import asyncio
import logging
import random
import time
from collections import deque

from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.notifications.channels import Channel, NotificationError
from magento_eventbridge.notifications.message import Message

log = logging.getLogger(__name__)

_BACKOFF = Backoff(first=10.0, longest=900.0)
_MOST_WAITING = 20


class ChannelSender:
    """Sends through one channel, in order, in a task of its own.

    Attributes:
        sent: messages that were accepted, since the start.
        failures: tries that failed, since the start.
        problem: why the last try failed; None when it did not.
        sent_at: when a message was accepted last, in seconds since the epoch.
    """

    def __init__(self, channel: Channel, backoff: Backoff = _BACKOFF) -> None:
        self.channel = channel
        self.sent = 0
        self.failures = 0
        self.problem: str | None = None
        self.sent_at: float | None = None
        self._backoff = backoff
        self._waiting: deque[Message] = deque()
        self._has_work = asyncio.Event()

    def add(self, message: Message) -> None:
        """Send a message as soon as possible; beyond a limit the oldest are given up."""
        self._waiting.append(message)
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft()
            log.warning("Notifications by %s: too many wait, one is given up", self.channel.name)
        self._has_work.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            failures = 0
            while self._waiting:
                message = self._waiting[0]
                if await self._try(message):
                    failures = 0
                    if self._waiting and self._waiting[0] is message:
                        self._waiting.popleft()
                    continue
                failures += 1
                await asyncio.sleep(self._backoff.delay(failures, random.random()))  # noqa: S311

    async def test(self, message: Message) -> str | None:
        """Send a test message once; return why it was not accepted, or None."""
        try:
            await self.channel.send(message)
        except NotificationError as error:
            return str(error)
        self._succeeded()
        return None

    async def _try(self, message: Message) -> bool:
        """Send a message once; return whether it was accepted."""
        try:
            await self.channel.send(message)
        except NotificationError as error:
            self._failed(str(error))
            return False
        except Exception as error:
            # A bug of a library must not end the task.
            log.debug("A channel failed", exc_info=True)
            self._failed(f"internal error: {type(error).__name__}")
            return False
        if self.problem:
            log.info("Notifications by %s are sent again", self.channel.name)
        self._succeeded()
        return True

    def _succeeded(self) -> None:
        self.problem, self.sent_at = None, time.time()
        self.sent += 1

    def _failed(self, problem: str) -> None:
        self.failures += 1
        if problem != self.problem:
            log.warning(
                "Cannot send notifications by %s: %s. Trying again.", self.channel.name, problem
            )
        self.problem = problem
