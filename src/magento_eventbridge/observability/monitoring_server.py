"""What operators are told of a running bridge: figures and health, of all its queues and inlets."""

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.ports import Queue
from magento_eventbridge.listener import ListenerOptions
from magento_eventbridge.observability.counts import DeliveryCounts
from magento_eventbridge.observability.endpoint import MetricsEndpoint
from magento_eventbridge.observability.health import Health
from magento_eventbridge.observability.metrics import InletFigures, JournalWriter, Metrics


@runtime_checkable
class Checked(Protocol):
    """A queue that can find out whether it could be used now, writing included."""

    async def check(self) -> None:
        """Raise QueueError if it could not."""
        ...


class MonitoringServer:
    """Gathers what a bridge tells of itself, and answers who asks."""

    def __init__(self, options: ListenerOptions, journal: JournalWriter | None = None) -> None:
        self._metrics = Metrics()
        self._health = Health()
        self._endpoint = MetricsEndpoint(options, self._metrics, self._health)
        self._counts: dict[str, DeliveryCounts] = {}
        if journal:
            self._metrics.watch_journal(journal)

    async def open(self) -> None:
        """Begin to answer: that the bridge is not ready yet.

        Raises:
            ListenError: the address is taken.
        """
        await self._endpoint.open()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._endpoint.url

    def counts(self, queue: Queue) -> DeliveryCounts:
        """Give the journal that counts what becomes of a queue's captures."""
        return self._counts.setdefault(queue.name, DeliveryCounts())

    def watch_delivery(self, queue: Queue, dispatcher: Dispatcher) -> None:
        """Tell of a queue and of what is delivered from it."""
        self._metrics.watch_delivery(queue, dispatcher, self.counts(queue))
        check: Callable[[], Awaitable[object]]
        check = queue.check if isinstance(queue, Checked) else queue.depth
        self._health.watch(queue.name, check, dispatcher)

    def watch_inlet(self, name: str, counters: InletFigures) -> None:
        """Tell of an inlet."""
        self._metrics.watch_inlet(name, counters)

    def is_serving(self) -> None:
        """Take note that the start is over."""
        self._health.phase = None

    async def close(self) -> None:
        """Answer no more."""
        self._health.phase = "closing"
        await self._endpoint.close()
