"""Live events go first: a backfill sees that they wait, in whatever queue they are."""

import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from magento_eventbridge.backfill.live_events import (
    BusRefusals,
    DatabaseQueues,
    LiveEvents,
    SpoolFile,
)
from magento_eventbridge.backfill.snapshots import body_of
from magento_eventbridge.bridge.backfilling import BrokerQueue, live_queues
from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, Fate, Verdict
from magento_eventbridge.queues.mysql.magento_db import MagentoDbQueue
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.settings.queues import (
    QUEUE,
    AmqpSettings,
    MagentoDbSettings,
    OutboxSettings,
    SpoolSettings,
)
from tests.support.magento_broker import MagentoBroker
from tests.support.magento_queue import MagentoQueue
from tests.support.mariadb import Outbox
from tests.support.sales import captures_of_the_day

CAPTURES = [(capture, body_of(capture)) for capture in captures_of_the_day()[:2]]


async def test_captures_in_the_outbox_wait_until_a_bridge_claims_them(outbox: Outbox):
    queue = DatabaseQueues(outbox.options, ["outbox"])
    assert not await queue.has_waiting()
    outbox.put(CAPTURES)
    outbox.ask("UPDATE {outbox} SET created_at = NOW() + INTERVAL 1 HOUR")
    assert not await queue.has_waiting(), "they may be on their way"
    outbox.ask("UPDATE {outbox} SET created_at = NOW() - INTERVAL 3 SECOND")
    assert await queue.has_waiting()
    outbox.ask("UPDATE {outbox} SET claimed_by = 'a-bridge'")
    assert not await queue.has_waiting()
    await queue.close()


async def test_messages_in_magentos_queue_wait_until_a_bridge_takes_them(
    magento_queue: MagentoQueue,
):
    queue = DatabaseQueues(magento_queue.options, ["outbox", "magento_db", "taken"], QUEUE)
    assert not await queue.has_waiting(), "the tables of outbox and bridge do not exist"
    magento_queue.put(CAPTURES)
    magento_queue.run("UPDATE {queue_message_status} SET updated_at = NOW() + INTERVAL 1 HOUR")
    assert not await queue.has_waiting(), "they may be on their way"
    magento_queue.run("UPDATE {queue_message_status} SET updated_at = NOW() - INTERVAL 3 SECOND")
    assert await queue.has_waiting()
    bridge = MagentoDbQueue(magento_queue.options, QUEUE)
    claims = await bridge.claim(10)
    assert len(claims) == 2
    assert not await queue.has_waiting()
    await bridge.retry(claims)
    magento_queue.run("UPDATE {eventbridge_queue_message} SET created_at = NOW() - INTERVAL 1 HOUR")
    assert await queue.has_waiting()
    await bridge.ack(await bridge.claim(10))
    assert not await queue.has_waiting()
    await bridge.close()
    await queue.close()


async def test_captures_in_the_spool_wait_until_they_are_delivered(tmp_path: Path):
    path = tmp_path / "spool.sqlite"
    spool = SpoolFile(path)
    assert not await spool.has_waiting(), "there is no file"
    queue = SqliteQueue(path)
    await queue.put(CAPTURES)
    assert await spool.has_waiting()
    await queue.ack(await queue.claim(10))
    assert not await spool.has_waiting()
    await queue.close()
    path.write_bytes(b"no database")
    live_events = LiveEvents([spool])
    assert not await live_events()
    await live_events.close()


async def test_messages_in_rabbitmq_wait_until_a_consumer_has_them(magento_broker: MagentoBroker):
    options = magento_broker.options
    settings = Settings(
        amqp=AmqpSettings(
            enabled=True,
            host=options.host,
            port=options.port,
            user=options.user,
            password=SecretStr(options.password),
            virtual_host=options.virtual_host,
            queue=options.queue,
        )
    )
    queue = BrokerQueue(settings)
    assert not await queue.has_waiting()
    await magento_broker.put(CAPTURES)
    assert await queue.has_waiting()
    await queue.close()


async def test_all_queues_that_serve_delivers_from_are_asked(tmp_path: Path):
    settings = Settings(
        outbox=OutboxSettings(enabled=True),
        spool=SpoolSettings(path=tmp_path / "spool.sqlite"),
        magento_db=MagentoDbSettings(enabled=True),
        amqp=AmqpSettings(enabled=True, host="127.0.0.1", port=1),
    )
    queues = live_queues(settings)
    assert [type(queue) for queue in queues] == [DatabaseQueues, SpoolFile, BrokerQueue]
    for queue in queues:
        await queue.close()


async def test_a_queue_that_cannot_be_asked_holds_nothing_up():
    class Unavailable:
        async def has_waiting(self) -> bool:
            raise QueueError("the broker is unavailable")

        async def close(self) -> None:
            return

    assert not await LiveEvents([Unavailable()])()


@pytest.mark.parametrize("fate", [Fate.THROTTLE, Fate.RETRY, Fate.REST])
def test_a_throttled_call_leaves_the_bus_to_live_events(fate, monkeypatch):
    refusals = BusRefusals()
    place = Destination("eu-west-1")

    def call(fate: Fate) -> Call:
        return Call(
            time.time(), 0.1, place, (), [Verdict(Fate.DELIVERED), Verdict(fate)], Answer(200)
        )

    refusals.called(call(Fate.DELIVERED))
    refusals.ended(Settlement(time.time(), Claim(1, b""), None, "", "broken"))
    assert not refusals.are_recent
    refusals.called(call(fate))
    assert refusals.are_recent
    later = time.monotonic() + 10
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert not refusals.are_recent
