"""Deliver from several queues at once, from each until it ends or all do."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.bridge.dispatching import delivery_policy, dispatching
from magento_eventbridge.bridge.queues import renew_login, when_login_refused
from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.observer import Observer, Observers
from magento_eventbridge.delivery.ports import Queue
from magento_eventbridge.observability.monitoring_server import MonitoringServer
from magento_eventbridge.queues.amqp.queue import AmqpQueue
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.sinks.eventbridge.buses import EventBuses

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """What delivers from one queue.

    Attributes:
        task: runs the dispatcher.
        stack: closes the queue, and what the dispatcher uses.
    """

    queue: Queue
    dispatcher: Dispatcher
    task: asyncio.Future[None]
    stack: AsyncExitStack


class Deliveries:
    """The deliveries of a bridge.

    Attributes:
        present: those that have begun and were not ended.
    """

    def __init__(
        self,
        routes: Routes,
        buses: EventBuses,
        credentials: CredentialsFinder,
        observers: Sequence[Observer],
        monitoring: MonitoringServer | None,
        *,
        when_refused: Callable[[], None],
        when_one_ends: Callable[[], None],
    ) -> None:
        """Begin with none.

        Args:
            routes: of the store views.
            buses: what is known of the event buses.
            credentials: those that calls are signed with.
            observers: of all deliveries.
            monitoring: shows them; None: nobody asks.
            when_refused: is called when a queue's server refuses the login.
            when_one_ends: is called when a delivery ends, as asked or by a bug.
        """
        self.present: list[Delivery] = []
        self._routes = routes
        self._buses = buses
        self._credentials = credentials
        self._observers = observers
        self._monitoring = monitoring
        self._when_refused = when_refused
        self._when_one_ends = when_one_ends
        self._former: list[Dispatcher] = []

    @property
    def queues(self) -> list[Queue]:
        """The queues, in the order in which their deliveries began."""
        return [delivery.queue for delivery in self.present]

    @property
    def dispatchers(self) -> list[Dispatcher]:
        """The dispatchers, in the order of the queues."""
        return [delivery.dispatcher for delivery in self.present]

    def __contains__(self, queue_name: str) -> bool:
        """Return whether this queue is delivered from."""
        return any(queue.name == queue_name for queue in self.queues)

    async def begin(self, stack: AsyncExitStack, queue: Queue, settings: Settings) -> Delivery:
        """Deliver from a queue until asked to stop; the queue is closed with the stack."""
        own = await stack.enter_async_context(AsyncExitStack())
        own.push_async_callback(queue.close)
        when_login_refused(queue, self._when_refused)
        parts = (self._routes, self._observer_of(queue), self._buses, self._credentials)
        dispatcher = await own.enter_async_context(dispatching(settings, queue, *parts))
        if self._monitoring:
            self._monitoring.watch_delivery(queue, dispatcher)
        task = asyncio.create_task(dispatcher.run(), name=f"delivery from {queue.name}")
        task.add_done_callback(self._one_ended)
        delivery = Delivery(queue, dispatcher, task, own)
        self.present.append(delivery)
        return delivery

    def use(self, settings: Settings) -> None:
        """Deliver as new settings say."""
        for delivery in self.present:
            policy = delivery_policy(settings, delivery.queue, self._routes)
            delivery.dispatcher.use(policy)

    def reroute(self, views: set[int]) -> None:
        """Let waiting captures take the new routes of these store views."""
        for dispatcher in self.dispatchers:
            dispatcher.reroute(views)

    async def renew_logins(self, settings: Settings) -> None:
        """Let the queues use the present logins, and end those that are elsewhere now."""
        for delivery in list(self.present):
            queue = delivery.queue
            if isinstance(queue, AmqpQueue) and settings.amqp.host is None:
                log.warning(
                    "The settings no longer name a broker: delivery from RabbitMQ ends. Messages "
                    "that are still there stay there."
                )
                await self._end(delivery)
            elif not renew_login(queue, settings):
                what = "broker" if isinstance(queue, AmqpQueue) else "database"
                log.warning(
                    "The settings name another %s: delivery from the former ends (queue '%s')",
                    what,
                    queue.name,
                )
                await self._end(delivery)

    def stop(self) -> None:
        """Ask all to end."""
        for dispatcher in self.dispatchers:
            dispatcher.stop()

    async def until_ended(self) -> None:
        """Wait for all to end, and log what they did."""
        await asyncio.gather(*(delivery.task for delivery in self.present))
        totals = [dispatcher.totals for dispatcher in (*self._former, *self.dispatchers)]
        log.info(
            "Stopped: %d delivered, %d buried",
            sum(totals.delivered for totals in totals),
            sum(totals.buried for totals in totals),
        )

    async def _end(self, delivery: Delivery) -> None:
        """End one: calls in flight finish, the rest stays in the queue."""
        delivery.task.remove_done_callback(self._one_ended)
        delivery.dispatcher.stop()
        await delivery.task
        self.present.remove(delivery)
        self._former.append(delivery.dispatcher)
        if self._monitoring:
            self._monitoring.forget_delivery(delivery.queue)
        await delivery.stack.aclose()

    def _observer_of(self, queue: Queue) -> Observer | None:
        counts = [self._monitoring.counts(queue)] if self._monitoring else []
        observers = [*self._observers, *counts]
        return Observers(observers) if len(observers) > 1 else next(iter(observers), None)

    def _one_ended(self, _: "asyncio.Future[None]") -> None:
        self._when_one_ends()
