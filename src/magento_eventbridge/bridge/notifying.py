"""Watch a running bridge for problems, and notify people through the channels of the settings."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from magento_eventbridge.aws.arns import region_of
from magento_eventbridge.aws.clients import Clients
from magento_eventbridge.bridge.background import background_task
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.ports import Depth, Queue
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.notifications.channels import (
    Apprise,
    Channel,
    Email,
    Slack,
    Sns,
    Webhook,
)
from magento_eventbridge.notifications.digest import Digest, DigestTimes
from magento_eventbridge.notifications.message import Message, Problem
from magento_eventbridge.notifications.sending import ChannelSender
from magento_eventbridge.observability.health import CachedCheck
from magento_eventbridge.observability.metrics import AuditFigures
from magento_eventbridge.settings.fields import reveal
from magento_eventbridge.settings.model import Settings

log = logging.getLogger(__name__)

_CHECKS_EVERY = 5.0
# Counting a long queue loads its database.
_COUNTS_EVERY = 60.0
_COUNTING_TAKES = 5.0

Deliveries = Callable[[], Sequence[tuple[Queue, Dispatcher]]]


def channels_of(settings: Settings) -> list[Channel]:
    """Create the channels that the settings name.

    Raises:
        NotificationError: one of them cannot be used.
    """
    given = settings.notifications
    channels: list[Channel] = []
    if given.email_to:
        channels.append(
            Email(
                host=given.smtp_host,
                port=given.smtp_port,
                tls=given.smtp_tls,
                user=given.smtp_user,
                password=reveal(given.smtp_password),
                sender=given.email_from or f"magento-eventbridge@{socket.gethostname()}",
                receivers=given.email_to,
            )
        )
    if url := reveal(given.slack_url):
        channels.append(Slack(url))
    if url := reveal(given.webhook_url):
        token = reveal(given.webhook_token)
        channels.append(Webhook(url, {"Authorization": f"Bearer {token}"} if token else None))
    if given.sns_topic:
        credentials = settings.route().destination.credentials
        clients = Clients(Destination(region_of(given.sns_topic), credentials=credentials))
        channels.append(Sns(given.sns_topic, partial(clients.call, "sns", "publish")))
    if given.apprise_urls:
        channels.append(Apprise([url.get_secret_value() for url in given.apprise_urls]))
    return channels


def bridge_name(settings: Settings) -> str:
    """Return which bridge this is: the machine, and the source of its events."""
    return f"{settings.options.source} on {socket.gethostname()}"


def message_of_test(settings: Settings) -> Message:
    """Return the message of a test."""
    return Message(bridge_name(settings), is_test=True)


class Notifier:
    """Notifies of what happens in a bridge.

    Attributes:
        senders: one for each channel.
    """

    def __init__(self, settings: Settings, deliveries: Deliveries) -> None:
        """Create the channels.

        Raises:
            NotificationError: one of them cannot be used.
        """
        self.senders = [ChannelSender(channel) for channel in channels_of(settings)]
        given = settings.notifications
        times = DigestTimes(
            group=given.group_seconds,
            pause=given.pause_minutes * 60,
            settle=min(60.0, given.pause_minutes * 60),
            repeat=given.repeat_hours * 3600,
        )
        self._digest = Digest(bridge_name(settings), times)
        self._patience = given.nothing_delivered_minutes * 60
        self._deliveries = deliveries
        self._started_at = time.time()
        self._depths: dict[str, CachedCheck[Depth]] = {}
        self._buried: dict[str, int] = {}  # dead letters that were reported
        self._failed_audits = 0

    @asynccontextmanager
    async def running(self, audit: AuditFigures) -> AsyncIterator[None]:
        """Watch and send while the context lasts."""
        async with AsyncExitStack() as stack:
            if self.senders:
                await stack.enter_async_context(background_task(self._watch(audit), "notifier"))
            for sender in self.senders:
                name = f"notifications by {sender.channel.name}"
                await stack.enter_async_context(background_task(sender.run(), name))
            yield

    async def _watch(self, audit: AuditFigures) -> None:
        while True:
            await asyncio.sleep(_CHECKS_EVERY)
            try:
                await self.check(audit)
            except Exception:
                log.exception("Problems could not be looked for; trying again")

    async def check(self, audit: AuditFigures) -> None:
        """Look for problems once, and hand what is due to the channels."""
        problems = [*self._audit(audit)]
        for queue, dispatcher in list(self._deliveries()):
            problems += self._parked(dispatcher)
            problems += self._dead_letters(queue, dispatcher)
            problems += await self._stopped(queue, dispatcher)
        message = self._digest.next_message(problems, time.monotonic())
        if message is None:
            return
        keys = {problem.key for problem in message.new}
        for queue, dispatcher in self._deliveries():
            if f"dead letters {queue.name}" in keys:
                self._buried[queue.name] = dispatcher.totals.buried
        if "audit failed" in keys:
            self._failed_audits = audit.failures
        for sender in self.senders:
            sender.add(message)

    def _audit(self, audit: AuditFigures) -> Iterator[Problem]:
        if audit.missing:
            yield Problem(
                "audit",
                "audit missing",
                f"The audit found {audit.missing} events missing",
                "'magento-eventbridge audit' lists them, '--repair' sends them.",
            )
        if audit.failures > self._failed_audits:
            yield Problem(
                "audit",
                "audit failed",
                "The audit could not be done",
                "The log says why.",
                is_lasting=False,
            )

    def _parked(self, dispatcher: Dispatcher) -> Iterator[Problem]:
        remedy = "'magento-eventbridge doctor' checks it; delivery resumes by itself when fixed."
        for status in dispatcher.destinations:
            name = status.destination
            if status.is_parked:
                text = f"{name} refuses all events: {status.problem}"
                yield Problem("parked", f"parked {name}", text, remedy)
            for refused in status.refused:
                text = f"{name} refuses {refused.group}: {refused.reason}"
                yield Problem("parked", f"parked {name} {refused.group}", text, remedy)

    def _dead_letters(self, queue: Queue, dispatcher: Dispatcher) -> Iterator[Problem]:
        new = dispatcher.totals.buried - self._buried.setdefault(queue.name, 0)
        if new > 0:
            yield Problem(
                "dead letters",
                f"dead letters {queue.name}",
                f"{new} new dead letter{'s' if new > 1 else ''} in {queue.name}",
                "'magento-eventbridge dead-letters list' shows the reasons; fix the cause, then "
                "redrive.",
                is_lasting=False,
            )

    async def _stopped(self, queue: Queue, dispatcher: Dispatcher) -> list[Problem]:
        """Return where nothing was delivered for too long, although something waits."""
        now = time.monotonic()
        minutes = f"{self._patience / 60:g} minutes"
        stopped = [
            status
            for status in dispatcher.destinations
            if status.problem
            and not status.is_parked
            and status.since is not None
            # What waits for one call is no outage.
            and now - status.since >= self._patience
        ]
        if stopped:
            return [
                Problem(
                    "nothing delivered",
                    f"nothing delivered {status.destination}",
                    f"Nothing was delivered to {status.destination} for {minutes}: "
                    f"{status.problem}",
                    "Events wait; nothing is lost.",
                )
                for status in stopped
            ]
        last = max(self._started_at, dispatcher.totals.last_delivery_at or 0)
        if time.time() - last < self._patience or any(
            status.problem or status.refused for status in dispatcher.destinations
        ):
            return []
        check = self._depths.setdefault(
            queue.name, CachedCheck(queue.depth, seconds=_COUNTING_TAKES, lasts=_COUNTS_EVERY)
        )
        await check.refresh()
        key = f"nothing delivered from {queue.name}"
        if check.result is None:
            text = f"The queue {queue.name} cannot be read, and nothing was delivered for {minutes}"
            return [Problem("nothing delivered", key, f"{text}: {check.fault}")]
        oldest = check.result.oldest
        if not check.result.captures or oldest is None or time.time() - oldest < self._patience:
            return []
        text = (
            f"Nothing was delivered from {queue.name} for {minutes}, although "
            f"{check.result.captures} events wait"
        )
        return [Problem("nothing delivered", key, text, "'magento-eventbridge doctor' checks it.")]
