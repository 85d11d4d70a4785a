"""The share of RabbitMQ's prefetch that each destination gets, also when one is added later."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.bridge.dispatching import delivery_policy
from magento_eventbridge.bridge.queues import open_queue, renew_login
from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.ports import Queue
from magento_eventbridge.queues.amqp.queue import AmqpQueue
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.support import recorded
from tests.support.delivering import running
from tests.support.magento_broker import MagentoBroker
from tests.support.put_events import PutEvents, Refuse, Stall, put_events
from tests.support.waiting import PATIENCE


def view_settings(url: str, region: str = "eu-west-1") -> dict[str, dict[str, str]]:
    return {
        "options": {"source": "shop.example.com", "region": region, "endpoint_url": url},
        "credentials": {
            "type": "keys",
            "access_key": "AKIATEST",
            "secret_access_key": "a-test-secret",
        },
    }


def settings_of(
    broker: MagentoBroker,
    refusing: PutEvents,
    stores: dict[str, Any] | None = None,
    *,
    prefetch: int = 60,
) -> Settings:
    options = broker.options
    amqp = {
        "host": options.host,
        "port": options.port,
        "user": options.user,
        "password": options.password,
        "virtual_host": options.virtual_host,
        "queue": options.queue,
        "prefetch": prefetch,
    }
    return Settings.model_validate(
        {**view_settings(refusing.url), "amqp": amqp, "stores": stores or {}}
    )


@asynccontextmanager
async def delivering(
    queue: Queue, settings: Settings, routes: Routes | None = None
) -> AsyncIterator[Dispatcher]:
    sink = EventBridgeSink(CredentialsFinder(), answer_seconds=2)
    routes = routes or Routes(settings)
    policy = delivery_policy(settings, queue, routes)
    try:
        async with running(Dispatcher(queue, routes, lambda _: sink, policy)) as dispatcher:
            yield dispatcher
    finally:
        await sink.close()


async def test_a_destination_added_while_another_holds_the_prefetch_gets_its_share(
    magento_broker: MagentoBroker,
) -> None:
    async with (
        put_events(lambda *_: Refuse("AccessDeniedException")) as refusing,
        put_events() as bus,
    ):
        settings = settings_of(magento_broker, refusing)
        routes = Routes(settings)
        queue = AmqpQueue(magento_broker.options)
        assert renew_login(queue, settings)
        async with delivering(queue, settings, routes) as dispatcher:
            await magento_broker.put(recorded.orders(150, view_id=1))
            # More than its share later; not all, as a consumer is not replaced for the last
            # messages that there is room for.
            async with asyncio.timeout(PATIENCE):
                while not (dispatcher.parked and dispatcher.destinations[0].waiting > 30):
                    await asyncio.sleep(0.02)
            await magento_broker.put(recorded.orders(30, view_id=2))

            settings = settings_of(magento_broker, refusing, {"2": view_settings(bus.url)})
            changed = routes.renew(settings)
            assert renew_login(queue, settings)
            dispatcher.use(delivery_policy(settings, queue, routes))
            dispatcher.reroute(changed)
            await bus.until_taken(30)
            assert dispatcher.destinations[0].waiting <= 20
        depth = await queue.depth()
        await queue.close()
    assert (depth.captures, depth.dead) == (150, 0)


@pytest.mark.parametrize("refused", [1, 3, 10])
async def test_refusing_buses_do_not_use_up_a_small_prefetch(
    magento_broker: MagentoBroker, refused: int
) -> None:
    """Each store view but the last has a bus of its own, which refuses everything."""
    async with (
        put_events(lambda *_: Refuse("AccessDeniedException")) as refusing,
        put_events() as bus,
    ):
        views = range(1, refused + 1)
        stores = {str(view): view_settings(refusing.url, f"us-east-{view}") for view in views}
        stores[str(refused + 1)] = view_settings(bus.url)
        settings = settings_of(magento_broker, refusing, stores, prefetch=10)
        for view in views:
            await magento_broker.put(recorded.orders(100 // refused, view_id=view))
        await magento_broker.put(recorded.orders(30, view_id=refused + 1))
        queue = open_queue(settings, "amqp")
        async with delivering(queue, settings) as dispatcher:
            await bus.until_taken(30)
            assert dispatcher.parked
        depth = await queue.depth()
        await queue.close()
    assert (depth.captures, depth.dead) == (100 // refused * refused, 0)


@pytest.mark.parametrize("prefetch", [10, 1000])
async def test_messages_of_a_busy_bus_are_not_moved_out_of_the_way(
    magento_broker: MagentoBroker, prefetch: int
) -> None:
    """It has more messages than its share, and accepts them slowly."""
    count = 4 * prefetch
    async with put_events(lambda *_: Stall(0.05)) as bus, put_events() as other:
        stores = {"1": view_settings(bus.url), "2": view_settings(other.url)}
        settings = settings_of(magento_broker, other, stores, prefetch=prefetch)
        captures = recorded.orders(count, view_id=1)
        await magento_broker.put(captures)
        queue = open_queue(settings, "amqp")
        async with delivering(queue, settings):
            await bus.until_taken(count)
        await queue.close()
        assert await magento_broker.count(".set-aside") == 0
    assert len(bus.ids) == count


@pytest.mark.parametrize("destinations", [1, 3])
@pytest.mark.parametrize("prefetch", [10, 50, 120])
async def test_a_subject_with_many_messages_does_not_use_up_a_small_prefetch(
    magento_broker: MagentoBroker, prefetch: int, destinations: int
) -> None:
    placed = recorded.of("order-guest", "sales_order_place_after")
    same = [
        recorded.stored(recorded.again(placed, subject="order/hot")) for _ in range(3 * prefetch)
    ]
    others = recorded.orders(20)
    async with put_events(lambda *_: Stall(0.3)) as bus:
        stores = {
            str(view): view_settings(bus.url, f"us-east-{view}")
            for view in range(2, destinations + 1)
        }
        settings = settings_of(magento_broker, bus, stores, prefetch=prefetch)
        await magento_broker.put(same + others)
        queue = open_queue(settings, "amqp")
        async with delivering(queue, settings):
            async with asyncio.timeout(PATIENCE):
                while not {capture.id for capture, _ in others} <= set(bus.ids):
                    await asyncio.sleep(0.02)
            arrived = [name for name in bus.ids if name in {capture.id for capture, _ in same}]
            assert arrived == [capture.id for capture, _ in same][: len(arrived)]
            assert len(arrived) < prefetch
        await queue.close()
