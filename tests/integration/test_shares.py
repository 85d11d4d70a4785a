"""The share of RabbitMQ's prefetch that each destination gets, also when one is added later."""

import asyncio
from typing import Any

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.bridge.dispatching import delivery_policy
from magento_eventbridge.bridge.queues import renew_login
from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.queues.amqp.queue import AmqpQueue
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.support import recorded
from tests.support.magento_broker import MagentoBroker
from tests.support.put_events import PutEvents, Refuse, put_events
from tests.support.waiting import PATIENCE


def view_settings(url: str) -> dict[str, dict[str, str]]:
    return {
        "options": {"source": "shop.example.com", "region": "eu-west-1", "endpoint_url": url},
        "credentials": {
            "type": "keys",
            "access_key": "AKIATEST",
            "secret_access_key": "a-test-secret",
        },
    }


def settings_of(broker: MagentoBroker, refusing: PutEvents, **stores: Any) -> Settings:
    options = broker.options
    amqp = {
        "host": options.host,
        "port": options.port,
        "user": options.user,
        "password": options.password,
        "virtual_host": options.virtual_host,
        "queue": options.queue,
        "prefetch": 60,
    }
    return Settings.model_validate({**view_settings(refusing.url), "amqp": amqp, "stores": stores})


async def test_a_destination_added_while_another_holds_the_prefetch_gets_its_share(
    magento_broker: MagentoBroker,
) -> None:
    sink = EventBridgeSink(CredentialsFinder(), answer_seconds=2)
    async with (
        put_events(lambda *_: Refuse("AccessDeniedException")) as refusing,
        put_events() as bus,
    ):
        settings = settings_of(magento_broker, refusing)
        routes = Routes(settings)
        queue = AmqpQueue(magento_broker.options)
        assert renew_login(queue, settings)
        policy = delivery_policy(settings, queue, routes)
        dispatcher = Dispatcher(queue, routes, lambda _: sink, policy)
        running = asyncio.create_task(dispatcher.run())
        try:
            await magento_broker.put(recorded.orders(150, view_id=1))
            # More than its share later; not all, as a consumer is not replaced for the last
            # messages that there is room for.
            async with asyncio.timeout(PATIENCE):
                while not (dispatcher.parked and dispatcher.destinations[0].waiting > 30):
                    await asyncio.sleep(0.02)
            await magento_broker.put(recorded.orders(30, view_id=2))

            settings = settings_of(magento_broker, refusing, **{"2": view_settings(bus.url)})
            changed = routes.renew(settings)
            assert renew_login(queue, settings)
            dispatcher.use(delivery_policy(settings, queue, routes))
            dispatcher.reroute(changed)
            await bus.until_taken(30)
            assert dispatcher.destinations[0].waiting <= 20
        finally:
            dispatcher.stop()
            await running
        depth = await queue.depth()
        await queue.close()
        await sink.close()
    assert (depth.captures, depth.dead) == (150, 0)
