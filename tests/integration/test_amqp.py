"""Magento's queue on a real RabbitMQ: acknowledgements, restarts, quorum queues, dead letters."""

import asyncio
import contextlib
import gc
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiormq import spec
from aiormq.abc import DeliveredMessage

from magento_eventbridge.captures import Capture
from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.queues.amqp.dead_letters import AmqpDeadLetters
from magento_eventbridge.queues.amqp.queue import AmqpQueue
from magento_eventbridge.queues.amqp.returns import returns_of
from magento_eventbridge.queues.amqp.timing import AmqpTiming
from magento_eventbridge.tls import TlsOptions
from tests.support import recorded
from tests.support.delivering import delivering
from tests.support.magento_broker import MagentoBroker
from tests.support.put_events import put_events
from tests.support.waiting import PATIENCE

ORIGINALS = [
    json.loads(line)["body"]
    for line in (Path(__file__).parent.parent / "unit/original_messages.ndjson")
    .read_text()
    .splitlines()
]


@pytest.fixture
async def queue(magento_broker: MagentoBroker) -> AsyncIterator[AmqpQueue]:
    queue = AmqpQueue(magento_broker.options)
    yield queue
    await queue.close()


async def claimed(queue: AmqpQueue, count: int, seconds: float = PATIENCE) -> list[Claim]:
    """Claim until so many are claimed."""
    claims: list[Claim] = []
    async with asyncio.timeout(seconds):
        while len(claims) < count:
            try:
                claims += await queue.claim(count - len(claims))
            except QueueError:
                await asyncio.sleep(0.1)
            else:
                await queue.wait(0.1)
    return claims


async def claimed_of_others(queue: AmqpQueue, views: set[int], count: int) -> list[Claim]:
    """Claim until so many are claimed, none of them of these store views."""
    claims: list[Claim] = []
    async with asyncio.timeout(PATIENCE):
        while len(claims) < count:
            claims += await queue.claim(10, without_views=views)
            await queue.wait(0.05)
    return claims


async def until(broker: MagentoBroker, count: int, suffix: str = "") -> None:
    async with asyncio.timeout(PATIENCE):
        while await broker.count(suffix) != count:
            await asyncio.sleep(0.05)


async def until_copied(queue: AmqpQueue) -> None:
    """Wait until the queue holds no returned message without a safe copy."""
    async with asyncio.timeout(PATIENCE):
        while queue._background or any(
            not message.tags or returns_of(message.delivered) for message in queue._known.values()
        ):
            await asyncio.sleep(0.05)


async def break_channel(queue: AmqpQueue) -> None:
    """Make the broker close the channel, as after its acknowledgement timeout."""
    channel = queue._channel
    assert channel
    await channel.basic_ack(4711)
    async with asyncio.timeout(PATIENCE):
        while not channel.is_closed:
            await asyncio.sleep(0.01)


async def test_nothing_is_acknowledged_before_it_is_delivered(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    await magento_broker.put(recorded.orders(5))
    claims = await queue.claim(5)
    await queue.ack([claims[0], claims[3]])
    await queue.close()
    await until(magento_broker, 3)
    again = AmqpQueue(magento_broker.options)
    left = [claims[1], claims[2], claims[4]]
    assert [claim.body for claim in await again.claim(5)] == [claim.body for claim in left]
    await again.close()


async def test_no_more_is_fetched_than_is_asked_for(magento_broker: MagentoBroker) -> None:
    queue = AmqpQueue(replace(magento_broker.options, prefetch=5))
    await magento_broker.put(recorded.orders(8))
    assert len(await queue.claim(100)) == 5
    assert await queue.claim(100) == []
    assert await magento_broker.count() == 3
    await queue.close()


async def test_a_lost_channel_makes_no_duplicates(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    captures = recorded.orders(6)
    await magento_broker.put(captures)
    delivered, buried, held = (await claimed(queue, 4))[:3]
    await break_channel(queue)
    await queue.ack([delivered])
    await queue.bury(buried, "for a test")
    # The fourth is claimed too; unclaimed messages are delivered again.
    assert [claim.body for claim in await claimed(queue, 2)] == [body for _, body in captures[4:]]
    assert await queue.claim(10) == []
    await queue.ack([held])
    assert (await queue.depth()).captures == 3
    await queue.close()
    await until(magento_broker, 3)
    assert await magento_broker.count(".dead-letters") == 1


async def test_a_dead_letter_of_a_lost_channel_can_be_sent_again(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    ((_, body),) = captures = recorded.orders(1)
    await magento_broker.put(captures)
    (claim,) = await claimed(queue, 1)
    await break_channel(queue)
    other = AmqpQueue(magento_broker.options)
    (theirs,) = await claimed(other, 1)
    await queue.bury(claim, "for a test")
    await other.ack([theirs])
    await other.close()
    assert await queue.claim(10) == []
    assert await queue.dead_letters.redrive(None) == 1
    assert [again.body for again in await claimed(queue, 1)] == [body]


async def test_a_lost_channel_makes_no_duplicates_of_what_a_test_has_copied(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    """A test that a lost connection cuts short leaves both the message and its copy."""
    await magento_broker.put(recorded.orders(1))
    (claim,) = await claimed(queue, 1)
    (message,) = queue._claimed([claim])
    await queue._copies.rescue(message.delivered)
    await break_channel(queue)
    await queue.ack([claim])  # delivered, while no channel was open
    for _ in range(5):
        assert await queue.claim(10) == []
        await queue.wait(0.2)
    await until(magento_broker, 0)
    await until(magento_broker, 0, ".returned")


async def test_a_lost_channel_makes_no_duplicates_of_what_was_sent_again(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    captures = recorded.orders(2)
    await magento_broker.put(captures)
    for claim in await claimed(queue, 2):
        await queue.bury(claim, "for a test")
    assert await queue.dead_letters.redrive(None) == 2
    claims = await claimed(queue, 2)
    await break_channel(queue)
    await queue.ack(claims)  # delivered, while no channel was open
    for _ in range(5):
        assert await queue.claim(10) == []
        await queue.wait(0.2)
    await until(magento_broker, 0)


async def test_a_restart_of_the_broker_loses_and_repeats_nothing(
    magento_broker: MagentoBroker,
) -> None:
    captures = recorded.orders(300)
    await magento_broker.put(captures)
    queue = AmqpQueue(replace(magento_broker.options, prefetch=100))
    async with put_events() as endpoint, delivering(queue, endpoint.url):
        await endpoint.until_taken(50)
        await asyncio.to_thread(magento_broker.broker.kill)
        await asyncio.to_thread(magento_broker.broker.start)
        await endpoint.until_taken(300, seconds=40)
        await until(magento_broker, 0)
    await queue.close()
    assert Counter(endpoint.ids) == Counter(capture.id for capture, _ in captures)
    await until(magento_broker, 0)


async def test_a_crash_of_the_broker_ends_acknowledgements_that_are_being_sent(
    magento_broker: MagentoBroker,
) -> None:
    """The client's short line of frames is full when the connection ends."""
    await magento_broker.put(recorded.orders(400))
    queue = AmqpQueue(magento_broker.options)
    claims = await claimed(queue, 400)
    magento_broker.broker.kill()  # here: the event loop must not learn of it before
    try:
        async with asyncio.timeout(PATIENCE):
            await queue.ack(claims[1::2])
    finally:
        await asyncio.to_thread(magento_broker.broker.start)
    # What was not acknowledged by then is acknowledged when it is redelivered.
    await queue.ack(claims[::2])
    async with asyncio.timeout(PATIENCE):
        while (await queue.depth()).captures:
            with contextlib.suppress(QueueError):
                assert await queue.claim(10) == []
            await queue.wait(0.1)
    await queue.close()
    await until(magento_broker, 0)


async def test_a_broker_that_does_not_answer_is_unavailable(
    magento_broker: MagentoBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client cancels what waits for an answer, which must not end the bridge's tasks."""
    monkeypatch.setattr("magento_eventbridge.queues.amqp.connection._HEARTBEAT_SECONDS", 1)
    await magento_broker.put(recorded.orders(2))
    queue = AmqpQueue(magento_broker.options)
    claims = await claimed(queue, 2)
    magento_broker.broker.freeze()
    try:
        with pytest.raises(QueueError, match="was closed"):
            async with asyncio.timeout(PATIENCE):
                await queue.claim(10)
    finally:
        magento_broker.broker.thaw()
    await queue.ack(claims)
    async with asyncio.timeout(PATIENCE):
        while (await queue.depth()).captures:
            assert await queue.claim(10) == []
            await queue.wait(0.1)
    await queue.close()


async def cancelled_acknowledgement(queue: AmqpQueue, claims: list[Claim]) -> None:
    """Acknowledge, and cancel that while it waits for its turn."""
    acknowledging = asyncio.create_task(queue.ack(claims))
    await asyncio.sleep(0.1)
    acknowledging.cancel()
    await asyncio.gather(acknowledging, return_exceptions=True)


async def test_an_acknowledgement_that_fails_after_its_caller_is_gone_leaves_no_traceback(
    magento_broker: MagentoBroker, caplog: pytest.LogCaptureFixture
) -> None:
    await magento_broker.put(recorded.orders(3))
    queue = AmqpQueue(magento_broker.options)
    claims = await claimed(queue, 3)
    async with queue._acknowledgements._sending:  # as if others were being sent
        await cancelled_acknowledgement(queue, claims)  # as of consumers of a lost connection
        await queue._connection.close()
    async with asyncio.timeout(PATIENCE):
        while queue._background:
            await asyncio.sleep(0.01)
    gc.collect()
    assert "never retrieved" not in caplog.text
    await queue.close()


async def test_questions_about_queues_do_not_disturb_acknowledgements(
    magento_broker: MagentoBroker,
) -> None:
    await magento_broker.put(recorded.orders(2000))
    queue = AmqpQueue(magento_broker.options)
    first, *claims = await claimed(queue, 500)  # the first is kept: others are settled one by one
    channel = queue._channel

    has_settled = asyncio.Event()

    async def ask() -> None:
        while not has_settled.is_set():  # most of the queues asked for do not exist
            await queue.depth()

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    for _ in range(3):
        await queue.ack(claims)
        claims = await claimed(queue, 500)
    has_settled.set()
    await asyncio.gather(*asking)
    assert queue._channel is channel
    await queue.ack([first, *claims])
    await queue.close()


async def test_acknowledgements_are_sent_though_the_bridge_stops_meanwhile(
    magento_broker: MagentoBroker,
) -> None:
    await magento_broker.put(recorded.orders(5))
    queue = AmqpQueue(magento_broker.options)
    claims = await claimed(queue, 5)
    async with queue._acknowledgements._sending:  # as if others were being sent
        await cancelled_acknowledgement(queue, claims)
    await queue.close()
    assert await magento_broker.count() == 0


@pytest.mark.parametrize("kind", ["classic", "quorum"])
async def test_any_number_of_deferred_messages_lets_others_pass_and_keeps_its_order(
    magento_broker: MagentoBroker, kind: str
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": kind})
    queue = AmqpQueue(replace(magento_broker.options, prefetch=20))
    assert await queue.claim(1) == []  # an empty queue can be tested
    captures = recorded.orders(300)
    await magento_broker.put(captures)
    claims: list[Claim] = []
    async with asyncio.timeout(PATIENCE):
        while len(claims) < 295:
            deferred = [Claim(claim.handle, b"") for claim in await queue.claim(20)]
            await queue.defer(deferred)
            claims += deferred
    claims += await claimed(queue, 300 - len(claims))
    await break_channel(queue)
    bodies = [body for _, body in captures]
    assert [claim.body for claim in await queue.recall(claims)] == bodies
    await queue.defer(claims)
    new = recorded.orders(5)
    await magento_broker.put(new)
    assert [claim.body for claim in await claimed(queue, 5)] == [body for _, body in new]
    await queue.ack(claims[:10])
    await queue.close()
    queue = AmqpQueue(magento_broker.options)
    again = await claimed(queue, 295)
    assert [claim.body for claim in again] == [*bodies[10:], *(body for _, body in new)]
    await queue.close()


@pytest.mark.parametrize("kind", ["classic", "quorum"])
async def test_fewer_large_messages_are_held_at_once(
    magento_broker: MagentoBroker, kind: str
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": kind})
    queue = AmqpQueue(magento_broker.options, AmqpTiming(stuck_after=0.2))
    assert await queue.claim(1) == []  # an empty queue can be tested
    small = recorded.orders(200)
    large = [json.dumps({"id": f"{number}", "x": "x" * 4_000_000}) for number in range(12)]
    await magento_broker.publish([json.dumps(text) for text in large])
    await magento_broker.put(small)
    claims = await queue.claim(100)
    assert await magento_broker.count() >= 206
    # While all of them wait, others arrive all the same, in order; and then many at once.
    claims += await claimed(queue, 16 - len(claims))
    await queue.ack(claims)
    claims += await claimed(queue, 196)
    texts = [text.encode() for text in large] + [body for _, body in small]
    assert [claim.body for claim in claims] == texts
    left = [claim.body for claim in claims[16:]]
    more = recorded.orders(300)
    await magento_broker.put(more)
    await claimed(queue, 200)
    assert await magento_broker.count() == 0
    await queue.close()
    queue = AmqpQueue(magento_broker.options)
    again = [claim.body for claim in await claimed(queue, 496)]
    assert again == [*left, *(body for _, body in more)]
    await queue.close()


async def test_an_unavailable_broker_is_reported(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    await asyncio.to_thread(magento_broker.broker.stop)
    try:
        with pytest.raises(QueueError, match=str(magento_broker.options.port)):
            await queue.claim(10)
    finally:
        await asyncio.to_thread(magento_broker.broker.start)
    assert await queue.claim(10) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": "wrong"}, "check user and password"),
        ({"virtual_host": "nowhere"}, "virtual host"),
    ],
)
async def test_a_refused_login_is_reported(
    magento_broker: MagentoBroker, changes: dict[str, Any], message: str
) -> None:
    queue = AmqpQueue(replace(magento_broker.options, **changes))
    with pytest.raises(QueueError, match=message) as fault:
        await queue.claim(10)
    assert magento_broker.options.password not in str(fault.value)
    await queue.close()


async def test_the_connection_is_encrypted_and_the_broker_checked(
    magento_broker: MagentoBroker,
) -> None:
    broker = magento_broker.broker
    assert broker.tls_port
    encrypted = replace(magento_broker.options, port=broker.tls_port, tls=TlsOptions(enabled=True))
    await magento_broker.put(recorded.orders(1))
    for options in (
        replace(encrypted, tls=TlsOptions(ca=broker.ca)),
        replace(encrypted, tls=TlsOptions(enabled=True, verify=False)),
    ):
        queue = AmqpQueue(options)
        assert len(await queue.claim(10)) == 1
        await queue.close()
    queue = AmqpQueue(encrypted)
    with pytest.raises(QueueError, match="certificate verify failed"):
        await queue.claim(10)
    await queue.close()


async def test_a_missing_queue_is_waited_for_with_one_line(
    magento_broker: MagentoBroker, queue: AmqpQueue, caplog: pytest.LogCaptureFixture
) -> None:
    await magento_broker.delete()
    for _ in range(3):
        assert await queue.claim(10) == []
        await asyncio.sleep(1)
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert f"no queue '{magento_broker.options.queue}' yet" in warnings[0]
    assert (await queue.depth()).captures == 0
    assert await queue.dead_letters.page(10) == []
    await magento_broker.declare()
    await magento_broker.put(recorded.orders(1))
    assert len(await claimed(queue, 1)) == 1


@pytest.mark.parametrize("kind", ["classic", "quorum"])
@pytest.mark.parametrize("count", [1, 30, 200])
async def test_a_queue_that_is_deleted_and_created_again_is_found(
    magento_broker: MagentoBroker, kind: str, count: int
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": kind})
    timing = AmqpTiming(silent_for=0.5, renews_after=1.0)
    queue = AmqpQueue(magento_broker.options, timing)
    await magento_broker.put(recorded.orders(30))
    await queue.ack(await claimed(queue, 30))
    async with magento_broker.channel() as channel:
        await channel.queue_delete(magento_broker.options.queue)
    await magento_broker.declare({"x-queue-type": kind})
    await magento_broker.put(recorded.orders(count))
    assert len(await claimed(queue, count)) == count
    await queue.close()


@pytest.mark.parametrize("kind", ["classic", "quorum"])
async def test_an_idle_queue_that_is_consumed_anew_sends_each_message_once(
    magento_broker: MagentoBroker, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": kind})
    queue = AmqpQueue(magento_broker.options, AmqpTiming(renews_after=0.2))
    captures = recorded.orders(30)
    arrived: list[bytes] = []

    async def consume() -> None:
        while len(arrived) < len(captures):
            claims = await queue.claim(10)
            arrived.extend(claim.body for claim in claims)
            await queue.ack(claims)
            await queue.wait(0.1)

    consuming = asyncio.create_task(consume())
    for number, capture in enumerate(captures):
        await magento_broker.put([capture])
        await asyncio.sleep(number % 4 / 8)  # shorter and longer than it takes to be idle
    await asyncio.wait_for(consuming, PATIENCE)
    await asyncio.sleep(0.5)
    assert await queue.claim(10) == []
    assert arrived == [body for _, body in captures]
    assert await magento_broker.count() + await magento_broker.count(".returned") == 0
    assert not caplog.records
    await queue.close()


# A process that was paused


async def test_claims_are_confirmed_after_a_pause(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    await magento_broker.put(recorded.orders(3))
    claims = await claimed(queue, 2)
    assert queue.holds_claims()
    queue._running._ran_at -= 100  # as if the process had been stopped
    await asyncio.sleep(1.1)
    assert not queue.holds_claims()
    assert await queue.confirm()
    assert queue.holds_claims()
    await queue.ack(claims)
    assert len(await claimed(queue, 1)) == 1


async def test_claims_that_the_broker_gave_to_another_bridge_are_dropped(
    magento_broker: MagentoBroker, queue: AmqpQueue, caplog: pytest.LogCaptureFixture
) -> None:
    captures = recorded.orders(3)
    await magento_broker.put(captures)
    claims = await claimed(queue, 2)
    await queue.retry(claims[1:], delay=30)
    queue._running._ran_at -= 100
    await break_channel(queue)
    other = AmqpQueue(magento_broker.options)
    theirs = await claimed(other, 3)
    assert not queue.holds_claims()
    assert not await queue.confirm()
    assert queue.holds_claims()
    assert "After a pause the broker" in caplog.text
    await queue.ack(claims)  # void: changes nothing
    await other.ack(theirs[:1])
    await other.close()
    assert [claim.body for claim in await claimed(queue, 2)] == [body for _, body in captures[1:]]


# Quorum queues


async def test_a_quorum_queue_drops_nothing_that_is_returned_often(
    magento_broker: MagentoBroker,
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": "quorum", "x-delivery-limit": 8})
    captures = recorded.orders(3)
    await magento_broker.put(captures)
    for _ in range(20):
        queue = AmqpQueue(magento_broker.options)
        claims = await claimed(queue, 3)
        await queue.close()
    assert {claim.body for claim in claims} == {body for _, body in captures}
    queue = AmqpQueue(magento_broker.options)
    await queue.ack(await claimed(queue, 3))
    await queue.close()
    await asyncio.sleep(0.5)
    assert await magento_broker.count() + await magento_broker.count(".returned") == 0


async def with_limit(magento_broker: MagentoBroker, limit: int, by_policy: bool) -> None:
    """Create the queue with a delivery limit."""
    await magento_broker.delete()
    arguments: dict[str, str | int] = {"x-queue-type": "quorum"}
    if by_policy:
        set_limit(magento_broker, limit)
    else:
        arguments["x-delivery-limit"] = limit
    await magento_broker.declare(arguments)


def set_limit(magento_broker: MagentoBroker, limit: int, *, is_exact: bool = False) -> None:
    """Set the delivery limit by a policy: of all queues of that name, or of the queue alone.

    The policy stays: no other test has queues of that name, and each `rabbitmqctl` takes seconds.
    """
    name = magento_broker.options.queue
    pattern = f"^{name.replace('.', '[.]')}{'$' if is_exact else ''}"
    policy = json.dumps({"delivery-limit": limit})
    magento_broker.broker.control("set_policy", name, pattern, policy, "--apply-to", "queues")


@pytest.mark.parametrize("limit", [1, 2, 4])
@pytest.mark.parametrize("by_policy", [True, False], ids=["policy", "argument"])
async def test_no_delivery_limit_drops_what_waits_for_aws(
    magento_broker: MagentoBroker, limit: int, by_policy: bool
) -> None:
    await with_limit(magento_broker, limit, by_policy)
    captures = recorded.orders(30)
    await magento_broker.put(captures)
    # The same bridge loses its channel often, as by the broker's acknowledgement timeout.
    queue = AmqpQueue(magento_broker.options)
    held = await claimed(queue, 20)
    for _ in range(6):
        await break_channel(queue)
        assert await queue.claim(0) == []
        await until_copied(queue)
    held += await claimed(queue, 10)
    # Then others start and stop, in no particular order.
    await queue.close()
    for _ in range(6):
        queue = AmqpQueue(magento_broker.options)
        claims = await claimed(queue, 30)
        assert [claim.body for claim in claims] == [body for _, body in captures]
        await until_copied(queue)
        await queue.close()
    queue = AmqpQueue(magento_broker.options)
    await queue.ack(await claimed(queue, 30))
    assert (await queue.depth()).captures == 0
    await queue.close()
    await asyncio.sleep(0.5)
    assert await magento_broker.count() + await magento_broker.count(".returned") == 0


@pytest.mark.parametrize("by_policy", [True, False], ids=["policy", "argument"])
async def test_a_queue_that_drops_what_comes_back_is_not_consumed(
    magento_broker: MagentoBroker, by_policy: bool
) -> None:
    await with_limit(magento_broker, 0, by_policy)
    queue = AmqpQueue(magento_broker.options, AmqpTiming(checks_returns_every=0.1))
    for _ in range(3):
        with pytest.raises(QueueError, match="has a delivery limit of 0"):
            await queue.claim(10)
        await asyncio.sleep(0.2)
    assert "delivery limit of 0" in (await queue.problem() or "")
    captures = recorded.orders(3)
    await magento_broker.put(captures)
    await queue.close()
    queue = AmqpQueue(magento_broker.options)
    with pytest.raises(QueueError, match="has a delivery limit of 0"):
        await queue.claim(10)
    assert await magento_broker.count() == 3
    await queue.close()
    if by_policy:
        set_limit(magento_broker, 1)
        queue = AmqpQueue(magento_broker.options)
        assert [claim.body for claim in await claimed(queue, 3)] == [body for _, body in captures]
        await queue.close()


@pytest.mark.parametrize("may_ask", [True, False])
async def test_a_stream_is_not_consumed_until_it_is_created_again_as_a_queue(
    magento_broker: MagentoBroker, may_ask: bool
) -> None:
    options = magento_broker.options
    if not may_ask:  # the documented rights: the bridge may not declare the shop's queue
        login, own = f"login-{options.queue}", f"^{options.queue.replace('.', '[.]')}[.]"
        magento_broker.broker.control("add_user", login, login)
        magento_broker.broker.control("set_permissions", login, own, ".*", ".*")
        options = replace(options, user=login, password=login)
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": "stream"})
    await magento_broker.put(recorded.orders(3))
    queue = AmqpQueue(options, AmqpTiming(checks_returns_every=0.1))
    for _ in range(3):
        with pytest.raises(QueueError, match=f"'{options.queue}' is a stream"):
            await queue.claim(10)
        await asyncio.sleep(0.2)
    if may_ask:
        assert "is a stream" in (await queue.problem() or "")
    assert not queue._known
    await magento_broker.delete()
    await magento_broker.declare()
    captures = recorded.orders(3)
    await magento_broker.put(captures)
    assert [claim.body for claim in await claimed(queue, 3)] == [body for _, body in captures]
    await queue.close()


async def test_a_queue_that_is_not_consumed_is_not_called_silent(
    magento_broker: MagentoBroker, caplog: pytest.LogCaptureFixture
) -> None:
    await with_limit(magento_broker, 0, by_policy=False)
    await magento_broker.put(recorded.orders(3))
    queue = AmqpQueue(magento_broker.options, AmqpTiming(silent_for=0.2))
    for _ in range(4):
        with pytest.raises(QueueError, match="has a delivery limit of 0"):
            await queue.claim(10)
    assert "sends none" not in caplog.text
    await queue.close()


MORE_ARGUMENTS: list[dict[str, str | int]] = [
    {"x-max-length": 100_000, "x-dead-letter-exchange": "amq.fanout"},
    {"x-single-active-consumer": True, "x-message-ttl": 600_000_000},
    {"x-quorum-initial-group-size": 5},
    {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "it's"},
]


@pytest.mark.parametrize("more", MORE_ARGUMENTS, ids=lambda more: next(iter(more)))
async def test_a_limit_is_read_beside_other_arguments(
    magento_broker: MagentoBroker, queue: AmqpQueue, more: dict[str, str | int]
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": "quorum", "x-delivery-limit": 0, **more})
    await magento_broker.put(recorded.orders(3))
    assert "delivery limit of 0" in (await queue.problem() or "")
    with pytest.raises(QueueError, match="has a delivery limit of 0"):
        await queue.claim(10)
    assert await magento_broker.count() == 3
    assert await magento_broker.count(".returned") == 0


@pytest.mark.parametrize("argument", ["x-max-length", "x-max-priority", "x-message-ttl"])
async def test_a_classic_queue_with_arguments_is_not_tested(
    magento_broker: MagentoBroker, queue: AmqpQueue, argument: str
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({argument: 200 if argument != "x-message-ttl" else 600_000})
    captures = recorded.orders(30)
    await magento_broker.put(captures)
    assert [claim.body for claim in await claimed(queue, 30)] == [body for _, body in captures]
    assert not queue._consumes_copies()


async def test_the_size_of_a_group_is_no_delivery_limit(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": "quorum", "x-quorum-initial-group-size": 3})
    assert await queue.claim(1) == []
    assert not queue._checks.moves


async def test_a_limit_of_the_queue_alone_is_found_by_the_first_message_that_waits(
    magento_broker: MagentoBroker,
) -> None:
    await magento_broker.delete()
    set_limit(magento_broker, 0, is_exact=True)
    await magento_broker.declare({"x-queue-type": "quorum"})
    captures = recorded.orders(40)
    await magento_broker.put(captures)
    bodies = [body for _, body in captures]
    for _ in range(3):
        queue = AmqpQueue(magento_broker.options)
        assert await queue.problem() is None  # who only asks takes nothing
        claims = await queue.claim(40)
        assert 1 <= len(claims) <= 9
        with pytest.raises(QueueError, match="has a delivery limit of 0"):
            await queue.claim(40)
        await queue.close()
    assert [claim.body for claim in claims] == bodies[: len(claims)]
    assert await magento_broker.count() == len(captures) - len(claims)

    set_limit(magento_broker, 20, is_exact=True)
    queue = AmqpQueue(magento_broker.options)
    assert [claim.body for claim in await claimed(queue, 40)] == bodies
    await queue.close()


async def settled(magento_broker: MagentoBroker, queue: AmqpQueue) -> None:
    """Wait until the queue has moved what it received."""
    async with asyncio.timeout(PATIENCE):
        while queue._background or await magento_broker.count():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("limit", "is_moved"), [(1, True), (4, True), (5, False), (20, False)])
async def test_messages_wait_in_a_queue_without_limit_when_theirs_is_low(
    magento_broker: MagentoBroker, limit: int, is_moved: bool
) -> None:
    await with_limit(magento_broker, limit, by_policy=True)
    queue = AmqpQueue(magento_broker.options)
    assert await queue.claim(1) == []  # now the limit is known
    captures = recorded.orders(30)
    await magento_broker.put(captures)
    claims = await claimed(queue, 30)
    await settled(magento_broker, queue)
    await queue.close()
    await until(magento_broker, 30, ".returned" if is_moved else "")
    queue = AmqpQueue(magento_broker.options)
    assert [claim.body for claim in await claimed(queue, 30)] == [claim.body for claim in claims]
    await queue.close()


@pytest.mark.parametrize(
    ("limit", "is_moved"), [(1, True), (4, True), (5, False), (20, False), (None, False)]
)
async def test_a_backlog_is_consumed_directly_once_its_first_message_came_back_often(
    magento_broker: MagentoBroker, limit: int | None, is_moved: bool
) -> None:
    await magento_broker.delete()
    if limit is not None:
        set_limit(magento_broker, limit, is_exact=True)
    await magento_broker.declare({"x-queue-type": "quorum"})
    captures = recorded.orders(30)
    await magento_broker.put(captures)
    bodies = [body for _, body in captures]
    queue = AmqpQueue(magento_broker.options)
    assert [claim.body for claim in await claimed(queue, 30)] == bodies
    await queue.close()
    # The first one was copied before it was returned.
    await until(magento_broker, 30 if is_moved else 1, ".returned")
    await until(magento_broker, 0 if is_moved else 29)
    queue = AmqpQueue(magento_broker.options)
    claims = await claimed(queue, 30)
    assert [claim.body for claim in claims] == bodies
    await queue.ack(claims)
    await queue.close()


async def test_a_consumer_that_tested_nothing_is_not_trusted(
    magento_broker: MagentoBroker,
) -> None:
    """Another consumer on a queue with a limit of 0, by a policy that only this queue matches."""
    await magento_broker.delete()
    set_limit(magento_broker, 0, is_exact=True)
    await magento_broker.declare({"x-queue-type": "quorum"})
    captures = recorded.orders(30)
    async with magento_broker.channel() as channel:
        await channel.basic_qos(prefetch_count=1)
        await channel.basic_consume(magento_broker.options.queue, ignore)
        await magento_broker.put(captures)
        queue = AmqpQueue(magento_broker.options)
        claims = await claimed(queue, 29)
        await settled(magento_broker, queue)
        await queue.close()
        queue = AmqpQueue(magento_broker.options)
        again = await claimed(queue, 29)
        assert [claim.body for claim in again] == [claim.body for claim in claims]
        await queue.ack(again)
        await queue.close()


async def ignore(_: object) -> None:
    """Receive a message and never acknowledge it."""


async def test_bridges_that_start_together_find_out_together(
    magento_broker: MagentoBroker,
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": "quorum"})
    captures = recorded.orders(40)
    await magento_broker.put(captures)
    timing = AmqpTiming(checks_returns_every=0.3, checks_again_every=0.6)
    queues = [AmqpQueue(replace(magento_broker.options, prefetch=10), timing) for _ in range(3)]
    bodies: list[bytes] = []
    async with asyncio.timeout(60):
        while len(bodies) < len(captures) or any(queue._checks.moves for queue in queues):
            for queue, claims in zip(
                queues, await asyncio.gather(*(queue.claim(10) for queue in queues)), strict=True
            ):
                bodies += [claim.body for claim in claims]
                await queue.ack(claims)
            await asyncio.sleep(0.05)
    assert sorted(bodies) == sorted(body for _, body in captures)
    for queue in queues:
        await queue.close()
    await until(magento_broker, 0)
    await until(magento_broker, 0, ".returned")


async def test_a_limit_that_is_lowered_while_bridges_consume_is_noticed(
    magento_broker: MagentoBroker,
) -> None:
    await with_limit(magento_broker, 20, by_policy=True)
    timing = AmqpTiming(checks_returns_every=0.2, checks_again_every=0.2)
    queue = AmqpQueue(magento_broker.options, timing)
    assert await queue.claim(1) == []
    captures = recorded.orders(20)
    await magento_broker.put(captures)
    claims = await claimed(queue, 20)
    set_limit(magento_broker, 0)
    with pytest.raises(QueueError, match="has a delivery limit of 0"):
        async with asyncio.timeout(PATIENCE):
            while True:
                assert await queue.claim(10) == []
                await asyncio.sleep(0.05)
    await settled(magento_broker, queue)
    await magento_broker.put(recorded.orders(3))
    await queue.close()
    assert await magento_broker.count() == 3
    assert await magento_broker.count(".returned") == 20
    set_limit(magento_broker, 1)
    queue = AmqpQueue(magento_broker.options)
    again = await claimed(queue, 23)
    assert [claim.body for claim in again[:20]] == [claim.body for claim in claims]
    await queue.close()


async def test_messages_that_cannot_be_moved_are_tried_again_with_one_warning(
    magento_broker: MagentoBroker, caplog: pytest.LogCaptureFixture
) -> None:
    await with_limit(magento_broker, 1, by_policy=False)
    first, more = recorded.orders(5), recorded.orders(5)
    await magento_broker.put(first)
    queue = AmqpQueue(magento_broker.options, AmqpTiming(aside_retry=0.2))
    claims = await claimed(queue, 5)
    async with magento_broker.channel() as channel:
        await channel.queue_delete(f"{magento_broker.options.queue}.returned")
    await magento_broker.put(more)
    claims += await claimed(queue, 5)
    await queue.ack(claims)
    assert {claim.body for claim in claims} == {body for _, body in first + more}
    assert caplog.text.count("could not be copied") <= 1
    assert (await queue.depth()).captures == 0
    await queue.close()


def refuse_copies(magento_broker: MagentoBroker) -> str:
    """Let the queue of the copies refuse all messages; return the policy's name."""
    name = f"{magento_broker.options.queue}.returned"
    policy = json.dumps({"max-length": 0, "overflow": "reject-publish"})
    words = ("set_policy", name, f"^{name.replace('.', '[.]')}$", policy, "--priority", "1")
    magento_broker.broker.control(*words, "--apply-to", "queues")
    return name


@pytest.mark.parametrize("is_exact", [True, False])
async def test_no_limit_drops_what_cannot_be_copied(
    magento_broker: MagentoBroker, is_exact: bool, caplog: pytest.LogCaptureFixture
) -> None:
    await magento_broker.delete()
    set_limit(magento_broker, 1, is_exact=is_exact)
    await magento_broker.declare({"x-queue-type": "quorum"})
    refusal = refuse_copies(magento_broker)
    captures = recorded.orders(30)
    await magento_broker.put(captures)
    for _ in range(3):
        queue = AmqpQueue(magento_broker.options, AmqpTiming(aside_retry=0.2, closes_within=0.1))
        for _ in range(3):
            assert await queue.claim(40) == []
            await queue.wait(0.3)
        await queue.close()
        assert await magento_broker.count() == 30
    assert caplog.text.count("takes no messages") == 3
    magento_broker.broker.control("clear_policy", refusal)
    queue = AmqpQueue(magento_broker.options)
    assert [claim.body for claim in await claimed(queue, 30)] == [body for _, body in captures]
    await queue.close()


async def test_no_limit_drops_what_arrived_before_copies_were_refused(
    magento_broker: MagentoBroker,
) -> None:
    await with_limit(magento_broker, 1, by_policy=True)
    queue = AmqpQueue(magento_broker.options, AmqpTiming(closes_within=0.1))
    assert await queue.claim(1) == []  # now the limit is known
    refusal = refuse_copies(magento_broker)
    captures = recorded.orders(30)
    await magento_broker.put(captures)
    for _ in range(4):
        assert await queue.claim(40) == []
        await queue.close()
        queue = AmqpQueue(magento_broker.options, AmqpTiming(closes_within=0.1, aside_retry=0.2))
    assert await magento_broker.count() == 30
    magento_broker.broker.control("clear_policy", refusal)
    claims = await claimed(queue, 30)
    assert {claim.body for claim in claims} == {body for _, body in captures}
    await queue.close()


async def test_a_test_of_the_queue_of_copies_says_nothing_about_the_other(
    magento_broker: MagentoBroker,
) -> None:
    """The operator may have created that queue as a quorum queue, which counts."""
    await with_limit(magento_broker, 1, by_policy=False)
    async with magento_broker.channel() as channel:
        copies = f"{magento_broker.options.queue}.returned"
        await channel.queue_declare(copies, durable=True, arguments={"x-queue-type": "quorum"})
    queue = AmqpQueue(magento_broker.options)
    await magento_broker.put(recorded.orders(3))
    await claimed(queue, 3)
    await asyncio.sleep(1)
    assert queue._checks.moves
    await until(magento_broker, 0, ".returned")
    await queue.close()


async def test_returned_messages_of_a_bridge_that_ended_are_found_by_another(
    magento_broker: MagentoBroker,
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": "quorum"})
    soon = AmqpTiming(finds_returned_every=0.2)
    other = AmqpQueue(replace(magento_broker.options, prefetch=1), soon)
    assert await other.claim(1) == []  # it is proven that the queue keeps what is returned
    first = AmqpQueue(magento_broker.options)
    captures = recorded.orders(3)
    await magento_broker.put(captures)
    await claimed(other, 1)
    await claimed(first, 2)
    await break_channel(first)
    await first.claim(0)
    await until(magento_broker, 0)
    await until_copied(first)
    await first.close()
    await until(magento_broker, 2, ".returned")
    for _ in range(2):
        await other.ack(await claimed(other, 1))
    await until(magento_broker, 0, ".returned")
    await other.close()


# Dead letters


async def test_looking_at_dead_letters_leaves_them_where_they_are(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    captures = recorded.orders(5, view_id=3)
    await magento_broker.put(captures)
    for claim in await claimed(queue, 5):
        await queue.bury(claim, "naïve \U0001f600 and \ud800")
    for _ in range(3):
        letters = await queue.dead_letters.page(10)
        assert [letter.body for letter in letters] == [body for _, body in captures]
    assert {(letter.reason, letter.view_id) for letter in letters} == {
        ("naïve \U0001f600 and ?", 3)
    }
    assert await queue.dead_letters.page(2, after=letters[1].id) == letters[2:4]
    assert await queue.dead_letters.find(4711) is None
    assert await queue.dead_letters.redrive([letters[2].id, 4711]) == 1
    assert await queue.dead_letters.page(10) == letters[:2] + letters[3:]


async def test_many_are_buried_at_once_without_an_error(
    magento_broker: MagentoBroker, queue: AmqpQueue, caplog: pytest.LogCaptureFixture
) -> None:
    await magento_broker.put(recorded.orders(1000))
    claims = await claimed(queue, 1000)
    with caplog.at_level(logging.INFO):
        await asyncio.gather(*(queue.bury(claim, "for a test") for claim in claims))
    assert not caplog.messages
    await queue.close()
    await until(magento_broker, 0)
    await until(magento_broker, 1000, ".dead-letters")


async def test_no_dead_letter_is_missed_though_a_clock_stepped_back(
    magento_broker: MagentoBroker, queue: AmqpQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await magento_broker.put(recorded.orders(3))
    claims = await claimed(queue, 3)
    clocks = iter((3e9, 1e9, 2e9))
    monkeypatch.setattr(
        "magento_eventbridge.queues.amqp.dead_letters.time.time", lambda: next(clocks)
    )
    for claim in claims:
        # As several bridges would, one after the other.
        letters_of_one = AmqpDeadLetters(queue._connection, magento_broker.options.queue)
        await letters_of_one.bury(queue._known[str(claim.handle)].delivered, "for a test")
    monkeypatch.undo()
    seen: list[bytes] = []
    after = 0
    while letters := await queue.dead_letters.page(1, after=after):
        seen += [letter.body for letter in letters]
        after = letters[-1].id
    assert seen == [claims[1].body, claims[2].body, claims[0].body]


async def test_a_dead_letter_is_buried_though_its_place_was_deleted(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    await magento_broker.put(recorded.orders(3))
    first, second, third = await claimed(queue, 3)
    place = f"{magento_broker.options.queue}.dead-letters"
    await queue.bury(first, "for a test")
    async with magento_broker.channel() as channel:
        await channel.queue_delete(place)
    await queue.bury(second, "for a test")
    async with magento_broker.channel() as channel:
        await channel.exchange_delete(place)
    await queue.bury(third, "for a test")
    letters = await queue.dead_letters.page(10)
    assert [letter.body for letter in letters] == [second.body, third.body]


async def test_what_the_broker_itself_buries_is_shown_with_its_reason(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    (capture, _), (_, other) = recorded.orders(2)
    await magento_broker.put([(capture, other)])
    (claim,) = await claimed(queue, 1)
    await queue.bury(claim, "so that the exchange is there")
    await queue.dead_letters.drop(None)
    await queue.close()
    dying = f"{magento_broker.options.queue}.dying"
    async with magento_broker.channel() as channel:
        exchange = f"{magento_broker.options.queue}.dead-letters"
        arguments: dict[str, Any] = {"x-message-ttl": 1, "x-dead-letter-exchange": exchange}
        await channel.queue_declare(dying, arguments=arguments, auto_delete=True)
        await channel.basic_publish(other, routing_key=dying)
        await until(magento_broker, 1, ".dead-letters")
        await channel.basic_publish(b"what is this?", exchange=exchange)
        await until(magento_broker, 2, ".dead-letters")
        await channel.queue_delete(dying)
    again = AmqpQueue(magento_broker.options)
    letters = await again.dead_letters.page(10)
    assert [letter.reason for letter in letters] == [
        "put there by another program",  # unknown time: it counts as the oldest
        "buried by the broker: expired",
    ]
    assert await again.dead_letters.find(letters[1].id) == letters[1]
    assert await again.dead_letters.redrive([letters[1].id]) == 1
    assert [claim.body for claim in await claimed(again, 1)] == [other]
    await again.close()


async def test_what_nobody_understands_is_buried_with_the_reason(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    await magento_broker.publish(['["{}"]', "null", "null"])
    await magento_broker.put(recorded.orders(1))
    async with put_events() as endpoint, delivering(queue, endpoint.url):
        await endpoint.until_taken(1)
        await until(magento_broker, 3, ".dead-letters")
    letters = await queue.dead_letters.page(10)
    assert [letter.reason for letter in letters] == [
        "not a capture: Expected `object`, got `array`",
        "not a capture: Expected `object`, got `null`",
        "not a capture: Expected `object`, got `null`",
    ]
    await queue.close()
    await until(magento_broker, 0)


# Deliveries


async def test_what_the_original_published_is_delivered(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    await magento_broker.publish(ORIGINALS)
    async with put_events() as endpoint, delivering(queue, endpoint.url):
        await endpoint.until_taken(len(ORIGINALS))
    assert len(set(endpoint.ids)) == len(ORIGINALS)
    assert all(detail["metadata"]["async"] for detail in endpoint.details)


async def test_a_message_without_an_id_is_taken(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    async with magento_broker.channel() as channel:
        ((_, body),) = recorded.orders(1)
        await channel.basic_publish(
            body, routing_key=magento_broker.options.queue, properties=spec.Basic.Properties()
        )
    assert [claim.body for claim in await claimed(queue, 1)] == [body]


async def test_a_store_that_must_wait_makes_room_for_others(magento_broker: MagentoBroker) -> None:
    options = replace(magento_broker.options, prefetch=5, sets_aside=True)
    queue = AmqpQueue(options)
    queue.let_pass({1})
    one, two = recorded.orders(12, view_id=1), recorded.orders(2, view_id=2)
    await magento_broker.put(one + two)
    claims = await claimed_of_others(queue, {1}, 2)
    assert [claim.body for claim in claims] == [body for _, body in two]
    assert (await queue.depth()).captures == 14
    await queue.close()
    await asyncio.sleep(0.5)
    assert await magento_broker.count() + await magento_broker.count(".set-aside") == 14


async def test_messages_that_cannot_be_moved_aside_stay_in_hand(
    magento_broker: MagentoBroker, caplog: pytest.LogCaptureFixture
) -> None:
    options = replace(magento_broker.options, prefetch=10, sets_aside=True)
    name, policy = options.queue, json.dumps({"max-length": 3, "overflow": "reject-publish"})
    pattern = f"{name.replace('.', '[.]')}[.]set-aside"
    magento_broker.broker.control("set_policy", name, pattern, policy, "--apply-to", "queues")
    queue = AmqpQueue(options, AmqpTiming(aside_retry=0.2))
    queue.let_pass({1})
    one, two = recorded.orders(20, view_id=1), recorded.orders(2, view_id=2)
    await magento_broker.put(one + two)
    async with asyncio.timeout(PATIENCE):
        while "could not all be moved" not in caplog.text:
            assert await queue.claim(10, without_views={1}) == []
            await queue.wait(0.05)
    assert (await queue.depth()).captures == 22
    magento_broker.broker.control("clear_policy", name)
    claims = await claimed_of_others(queue, {1}, 2)
    assert [claim.body for claim in claims] == [body for _, body in two]
    await queue.ack(claims)
    assert caplog.text.count("could not all be moved") == 1
    assert (await queue.depth()).captures == 20
    await queue.close()


async def setting_aside(
    broker: MagentoBroker, timing: AmqpTiming, captures: Sequence[tuple[Capture, bytes]]
) -> AmqpQueue:
    """Return a queue that has moved some of the captures, all of store view 1, out of the way."""
    await broker.put(captures)
    queue = AmqpQueue(replace(broker.options, prefetch=5, sets_aside=True), timing)
    queue.let_pass({1})
    async with asyncio.timeout(PATIENCE):
        while not await broker.count(".set-aside"):
            await queue.claim(10, without_views={1})
            await queue.wait(0.05)
    return queue


@pytest.mark.parametrize("change", ["full", "deleted"])
async def test_messages_out_of_the_way_outlive_a_queue_that_takes_none(
    magento_broker: MagentoBroker, change: str
) -> None:
    captures = recorded.orders(12, view_id=1)
    queue = await setting_aside(magento_broker, AmqpTiming(aside_for=5), captures)
    await queue.close()
    name = magento_broker.options.queue
    if change == "full":
        moved = await magento_broker.count(".set-aside")
        await until(magento_broker, 12 - moved)
        policy = json.dumps({"max-length": 12 - moved, "overflow": "reject-publish"})
        pattern = f"^{name.replace('.', '[.]')}$"
        magento_broker.broker.control("set_policy", name, pattern, policy, "--apply-to", "queues")
        await asyncio.sleep(6)
        magento_broker.broker.control("clear_policy", name)
        count = 12
    else:
        count = await magento_broker.count(".set-aside")
        async with magento_broker.channel() as channel:
            await channel.queue_delete(name)
        await asyncio.sleep(6)
        await magento_broker.declare()
    queue = AmqpQueue(magento_broker.options)
    assert len(await claimed(queue, count, 15)) == count
    await queue.close()


@pytest.mark.parametrize("change", ["full", "broker killed"])
async def test_messages_out_of_the_way_stay_there_until_they_can_be_returned(
    magento_broker: MagentoBroker, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    captures = recorded.orders(12, view_id=1)
    timing = AmqpTiming(aside_for=1, aside_retry=0.2, finds_returned_every=0.2)
    queue = await setting_aside(magento_broker, timing, captures)
    broker, name = magento_broker.broker, magento_broker.options.queue
    policy = json.dumps({"max-length": 0, "overflow": "reject-publish"})
    pattern = f"^{name.replace('.', '[.]')}[.]returned$"
    if change == "full":
        broker.control("set_policy", name, pattern, policy, "--apply-to", "queues")
        async with asyncio.timeout(PATIENCE):
            while "cannot be moved" not in caplog.text:
                await queue.claim(10, without_views={1})
                await queue.wait(0.05)
        await asyncio.sleep(1.5)
        broker.control("clear_policy", name)
    else:
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
    queue.let_pass(())
    found: Counter[bytes] = Counter()
    while found.total() < 12:
        claims = await claimed(queue, 1)
        found.update(claim.body for claim in claims)
        await queue.ack(claims)
    assert found == Counter(body for _, body in captures)
    assert (await queue.depth()).captures == 0
    assert caplog.text.count("cannot be moved") == (change == "full")
    await queue.close()


async def put_aside(broker: MagentoBroker, bodies: list[bytes]) -> None:
    """Publish messages out of the way, without a time: they can be returned at once."""
    name = f"{broker.options.queue}.set-aside"
    async with broker.channel() as channel:
        await channel.queue_declare(name, durable=True, arguments={"x-queue-type": "classic"})
        for body in bodies:
            await channel.basic_publish(
                json.dumps(body.decode()).encode(),
                routing_key=name,
                properties=spec.Basic.Properties(delivery_mode=2),
            )


async def test_a_crash_of_the_broker_while_messages_return_holds_up_none(
    magento_broker: MagentoBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's short line of frames is full when the connection ends."""
    bodies = [body for _, body in recorded.orders(50)]
    await put_aside(magento_broker, bodies)
    queue = AmqpQueue(magento_broker.options, AmqpTiming(aside_retry=0.2, finds_returned_every=0.2))
    renew, are_copied, copied = queue._publisher.renew, asyncio.Event(), 0

    async def renew_and_crash(name: str, delivered: DeliveredMessage) -> None:
        nonlocal copied
        await renew(name, delivered)
        copied += 1
        if copied == len(bodies):
            magento_broker.broker.kill()  # here: the event loop must not learn of it before
            are_copied.set()
        await are_copied.wait()

    monkeypatch.setattr(queue._publisher, "renew", renew_and_crash)
    async with asyncio.timeout(PATIENCE):
        while not are_copied.is_set():
            with contextlib.suppress(QueueError):
                await queue.claim(0)
            await queue.wait(0.05)
    await asyncio.to_thread(magento_broker.broker.start)
    claims = await claimed(queue, len(bodies))
    await queue.ack(claims)
    assert Counter(claim.body for claim in claims) == Counter(bodies)
    async with asyncio.timeout(PATIENCE):
        while (await queue.depth()).captures:
            assert await queue.claim(10) == []
            await queue.wait(0.1)
    await queue.close()


async def test_a_queue_that_closes_returns_no_more_messages(magento_broker: MagentoBroker) -> None:
    """Many take longer than a stop may: it would end between a copy and its acknowledgement."""
    await put_aside(magento_broker, [body for _, body in recorded.orders(1000)])
    queue = AmqpQueue(magento_broker.options, AmqpTiming(arrives_within=0.1))
    await queue.claim(0)
    await queue.close()
    left = await magento_broker.count(".set-aside")
    assert left > 0
    await until(magento_broker, 1000 - left, ".returned")


async def test_older_messages_that_must_wait_hold_up_the_queue_for_a_while_only(
    magento_broker: MagentoBroker,
) -> None:
    returned = f"{magento_broker.options.queue}.returned"
    older, newer = recorded.orders(12, view_id=1), recorded.orders(2, view_id=2)
    async with magento_broker.channel() as channel:
        await channel.queue_declare(returned, durable=True, arguments={"x-queue-type": "classic"})
        for _, body in older:
            await channel.basic_publish(json.dumps(body.decode()).encode(), routing_key=returned)
    await magento_broker.put(newer)
    options = replace(magento_broker.options, prefetch=5)
    queue = AmqpQueue(options, AmqpTiming(older_within=1.0))
    claims = await claimed_of_others(queue, {1}, 2)
    assert [claim.body for claim in claims] == [body for _, body in newer]
    await queue.close()


async def test_a_broker_short_of_memory_still_receives_acknowledgements(
    magento_broker: MagentoBroker,
) -> None:
    options = replace(magento_broker.options, prefetch=4, sets_aside=True)
    queue = AmqpQueue(options, AmqpTiming(aside_retry=0.2, closes_within=0.1))
    await magento_broker.put(recorded.orders(4, view_id=1) + recorded.orders(4, view_id=2))
    claims = await claimed(queue, 4)
    magento_broker.broker.control("set_vm_memory_high_watermark", "0.000001")
    try:
        burying = asyncio.create_task(queue.bury(claims[0], "for a test"))
        await asyncio.sleep(0.5)
        assert not burying.done()
        await queue.ack(claims[1:])
        assert len(await claimed(queue, 3)) == 3
        async with asyncio.timeout(PATIENCE):
            assert (await queue.depth()).captures == 5
    finally:
        magento_broker.broker.control("set_vm_memory_high_watermark", "0.4")
    await burying
    assert await queue.dead_letters.count() == 1
    await queue.close()


async def test_a_bridge_stops_while_a_broker_short_of_disk_answers_no_test(
    magento_broker: MagentoBroker,
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": "quorum"})
    await magento_broker.put(recorded.orders(2))
    queue = AmqpQueue(magento_broker.options)
    magento_broker.broker.control("set_disk_free_limit", "1000GB")
    try:
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(queue.claim(2), 1)
            await queue.close()
    finally:
        magento_broker.broker.control("set_disk_free_limit", "1MB")
    queue = AmqpQueue(magento_broker.options)
    assert len(await claimed(queue, 2)) == 2
    await queue.close()


async def test_two_messages_with_one_id_are_two_captures(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    ((first, _),) = recorded.orders(1)
    bodies = [
        json.dumps({"id": first.id, "event": "some_event", "time": 1.0, "subject": subject})
        for subject in ("one", "two")
    ]
    bodies += ['{"id": "1", "hello": "first"}', '{"id": "1", "hello": "second"}']
    for body in bodies:  # one after the other, so that each is settled before the next
        await magento_broker.publish([json.dumps(body)])
        (claim,) = await claimed(queue, 1)
        assert claim.body == body.encode()
        await queue.ack([claim])
    await queue.close()
    again = AmqpQueue(magento_broker.options)
    await magento_broker.publish([json.dumps(body) for body in bodies])
    assert [claim.body.decode() for claim in await claimed(again, 4)] == bodies
    await again.close()


async def test_copies_with_one_id_that_no_queue_takes_are_all_reported(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    properties = spec.Basic.Properties(message_id="one for all", delivery_mode=2)
    async with magento_broker.channel() as channel:
        for body in (b"{}", b"[]", b"null"):
            await channel.basic_publish(
                body, routing_key=magento_broker.options.queue, properties=properties
            )
    claims = await claimed(queue, 3)
    results = await asyncio.gather(
        *(
            queue._publisher.copy("missing", message.delivered, {})
            for message in queue._claimed(claims)
        ),
        return_exceptions=True,
    )
    assert ["NO_ROUTE" in str(result) for result in results] == [True] * 3


POISON: list[tuple[bytes, dict[str, Any]]] = [
    (b"", {}),
    (b"\xff\xfe\x00", {}),
    (b"\x00" * 10, {}),
    (b'"\\ud83d"', {}),
    (b'"\\ud83d\\ude00"', {}),
    (b"[" * 100_000, {}),
    (b'"' + b"[" * 100_000 + b'"', {}),
    (b'{"id": 1, "store_id": "one"}', {}),
    (b'{"id": "a", "store_id": 99999999999999999999}', {}),
    (b'["' + b"{" * 1000 + b'"]', {}),
    (b"1e999", {}),
    (b"null", {}),
    (b"{}", {"message_id": "x" * 255}),
    (b"{}", {"message_id": "\x00\n"}),
    (b"{}", {"headers": {"x-delivery-count": "many", "eventbridge-copy": "no", "x": None}}),
    (b"{}", {"headers": {"x-delivery-count": -1, "nested": {"a": [1, {"b": bytearray(b"\xff")}]}}}),
    (b"x" * 2_000_000, {}),
]


class RawProperties(spec.Basic.Properties):
    """Properties that the client cannot encode, as bytes: flags, then values."""

    def __init__(self, flags: int, values: bytes) -> None:
        super().__init__(message_id="raw")  # else the client sets one
        self._raw = flags.to_bytes(2) + values

    def marshal(self) -> bytes:
        return self._raw


def headers(*values: tuple[bytes, bytes]) -> tuple[int, bytes]:
    """Encode headers from names and encoded values."""
    table = b"".join(bytes([len(name)]) + name + value for name, value in values)
    return 1 << 13, len(table).to_bytes(4) + table


def nested(kind: bytes, depth: int, before: bytes = b"") -> bytes:
    value = b"V"
    for _ in range(depth):
        value = kind + (len(before) + len(value)).to_bytes(4) + before + value
    return value


RAW_PROPERTIES: dict[bytes, tuple[int, bytes]] = {
    b"a time beyond all years": (1 << 6, b"\x7f" + b"\xff" * 7),
    b"a time of 64 bits": (1 << 6, b"\xff" * 8),
    b"flags that announce others": (1 << 7 | 1, b"\3odd"),
    b"an ID that is no UTF-8": (1 << 7, b"\xff" + b"\xff" * 255),
    b"a content type that is no UTF-8": (1 << 15, b"\1\xff"),
    b"an application that is no UTF-8": (1 << 3, b"\1\xff"),
    b"a header's name that is no UTF-8": headers((b"\xff", b"V")),
    b"a header's text that is no UTF-8": headers((b"a", b"S\0\0\0\1\xff")),
    b"a header with a time": headers((b"a", b"T" + b"\xff" * 8), (b"b", b"V")),
    b"a header with a number": headers((b"a", b"d\x7f\xe1" + b"\xcc" * 6)),
    b"deep lists": headers((b"a", nested(b"A", 700))),
    b"lists as deep as can be read": headers((b"a", nested(b"A", 400))),
    b"deep tables": headers((b"a", nested(b"F", 2000, b"\1a")), (b"b", b"t\1")),
    b"large headers": headers((b"a", b"t\1"), (b"b", b"S\0\1\xfe\x00" + b"b" * 0x1FE00)),
    b"our own headers": headers((b"eventbridge-test", b"V"), (b"eventbridge-buried-at", b"V")),
}


async def test_odd_properties_hold_up_nothing(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    async with magento_broker.channel() as channel:
        for name, raw in RAW_PROPERTIES.items():
            await channel.basic_publish(
                name, routing_key=magento_broker.options.queue, properties=RawProperties(*raw)
            )
    ((_, good),) = captures = recorded.orders(1)
    await magento_broker.put(captures)
    claims = await claimed(queue, len(RAW_PROPERTIES) + 1)
    assert [claim.body for claim in claims] == [*RAW_PROPERTIES, good]
    await queue.ack(claims[-1:])
    for claim in claims[:-1]:
        await queue.bury(claim, "odd " * 1000)
    letters = await queue.dead_letters.page(100)
    assert [letter.body for letter in letters] == list(RAW_PROPERTIES)
    assert await queue.dead_letters.redrive(None) == len(RAW_PROPERTIES)
    assert [claim.body for claim in await claimed(queue, len(letters))] == list(RAW_PROPERTIES)


async def test_a_letter_with_odd_properties_can_be_read(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    assert await queue.dead_letters.count() == 0
    await magento_broker.put(recorded.orders(1))
    for claim in await claimed(queue, 1):
        await queue.bury(claim, "creates the queue")
    async with magento_broker.channel() as channel:
        for name, raw in RAW_PROPERTIES.items():
            await channel.basic_publish(
                name, routing_key=queue.dead_letters.name, properties=RawProperties(*raw)
            )
    letters = await queue.dead_letters.page(100)
    assert {letter.body for letter in letters} >= set(RAW_PROPERTIES)


async def test_odd_messages_hold_up_nothing_and_are_buried_with_their_bytes(
    magento_broker: MagentoBroker, queue: AmqpQueue
) -> None:
    async with magento_broker.channel() as channel:
        for body, properties in POISON:
            await channel.basic_publish(
                body,
                routing_key=magento_broker.options.queue,
                properties=spec.Basic.Properties(**properties),
            )
    ((_, good),) = captures = recorded.orders(1)
    await magento_broker.put(captures)
    claims = await claimed(queue, len(POISON) + 1)
    assert claims[-1].body == good
    await queue.ack(claims[-1:])
    for claim in claims[:-1]:
        await queue.bury(claim, "odd \ud800 reason")
    letters = await queue.dead_letters.page(100)
    assert [letter.body for letter in letters] == [claim.body for claim in claims[:-1]]
    assert [letter.body for letter in letters if len(letter.body) > 1_000_000]
    await until(magento_broker, 0)


async def test_several_bridges_share_the_queue(magento_broker: MagentoBroker) -> None:
    captures = recorded.orders(3000)
    await magento_broker.put(captures)
    queues = [AmqpQueue(replace(magento_broker.options, prefetch=100)) for _ in range(3)]
    bodies: Counter[bytes] = Counter()

    async def drain(queue: AmqpQueue) -> int:
        count = 0
        while claims := await queue.claim(100):
            bodies.update(claim.body for claim in claims)
            await queue.ack(claims)
            count += len(claims)
        return count

    counts = await asyncio.gather(*map(drain, queues))
    assert await queues[0].consumers() == 3
    assert bodies == Counter(body for _, body in captures)
    assert sum(counts) == 3000
    for queue in queues:
        await queue.close()
    await until(magento_broker, 0)
