"""Serve metrics and health of all queues and inlets of a running bridge."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.ports import Queue
from magento_eventbridge.listener import ListenerOptions
from magento_eventbridge.observability.counts import DeliveryCounts
from magento_eventbridge.observability.endpoint import MetricsEndpoint
from magento_eventbridge.observability.health import Health
from magento_eventbridge.observability.metrics import (
    AuditFigures,
    InletFigures,
    JournalWriter,
    Metrics,
    NotificationFigures,
)


@runtime_checkable
class Checked(Protocol):
    """A queue that can check whether it is usable now, including writes."""

    async def check(self) -> None:
        """Raise QueueError if it is not usable."""
        ...


class MonitoringServer:
    """Serves metrics and health of what it is given to watch."""

    def __init__(self, options: ListenerOptions, journal: JournalWriter | None = None) -> None:
        self._metrics = Metrics()
        self._health = Health()
        self._endpoint = MetricsEndpoint(options, self._metrics, self._health)
        self._counts: dict[str, DeliveryCounts] = {}
        if journal:
            self._metrics.watch_journal(journal)

    async def open(self) -> None:
        """Start to answer, with "not ready" until `is_serving`.

        Raises:
            ListenError: the address cannot be used.
        """
        await self._endpoint.open()

    @property
    def url(self) -> str:
        """The address at which it listens."""
        return self._endpoint.url

    def counts(self, queue: Queue) -> DeliveryCounts:
        """Return the observer that counts the results of a queue's captures."""
        return self._counts.setdefault(queue.name, DeliveryCounts())

    def watch_delivery(self, queue: Queue, dispatcher: Dispatcher) -> None:
        """Include a queue and its dispatcher."""
        self._metrics.watch_delivery(queue, dispatcher, self.counts(queue))
        check: Callable[[], Awaitable[object]]
        check = queue.check if isinstance(queue, Checked) else queue.depth
        self._health.watch(queue.name, check, dispatcher)

    def forget_delivery(self, queue: Queue) -> None:
        """Stop reporting a queue, whose delivery has ended."""
        self._metrics.forget_delivery(queue)
        self._health.forget(queue.name)

    def watch_inlet(self, name: str, counters: InletFigures) -> None:
        """Include an inlet."""
        self._metrics.watch_inlet(name, counters)

    def watch_file(self, name: str, path: Path) -> None:
        """Include the size of a file and the free space of its disk."""
        self._metrics.watch_file(name, path)

    def watch_notifications(self, senders: Sequence[NotificationFigures]) -> None:
        """Include the channels of notifications."""
        self._metrics.watch_notifications(senders)

    @property
    def audit(self) -> AuditFigures:
        """The figures of the last audit."""
        return self._metrics.audit

    def is_serving(self) -> None:
        """Report the bridge as ready from now on."""
        self._health.phase = None

    async def close(self) -> None:
        """Stop answering."""
        self._health.phase = "closing"
        await self._endpoint.close()
