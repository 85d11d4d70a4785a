"""What every queue promises."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from _pytest.mark import ParameterSet

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.captures import Capture
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import Claim, Queue, QueueError
from magento_eventbridge.delivery.privacy import Privacy
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.delivery.verdicts import Answer, EntryResult
from magento_eventbridge.queues.amqp.queue import AmqpQueue
from magento_eventbridge.queues.mysql.magento_db import MagentoDbQueue
from magento_eventbridge.queues.mysql.outbox import OutboxQueue
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.settings.queues import QUEUE
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from magento_eventbridge.testing import MemoryQueue, RecordingSink, deliver
from tests.support import recorded
from tests.support.magento_broker import MagentoBroker
from tests.support.magento_queue import MagentoQueue
from tests.support.mariadb import Outbox
from tests.support.put_events import Stall, put_events
from tests.support.waiting import PATIENCE

KEYS = CredentialsSource(type="keys", access_key="AKIATEST", secret_access_key="a-test-secret")


@dataclass
class Subject:
    """A queue under test: how to fill it, how to open it again, and where its captures are."""

    queue: Queue
    put: Callable[[Sequence[tuple[Capture, bytes]]], Awaitable[None]]
    put_bytes: Callable[[bytes], Awaitable[None]]
    takes_any_bytes: bool
    reopen: Callable[[], Awaitable[Queue]]
    place: Path | MagentoQueue | MagentoBroker | Outbox | None


def external(name: str) -> ParameterSet:
    """Mark a queue that needs a server."""
    return pytest.param(name, marks=pytest.mark.external)


@pytest.fixture(params=["memory", "sqlite", *map(external, ["outbox", "magento-db", "amqp"])])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    opened: list[Queue] = []
    place: Path | MagentoQueue | MagentoBroker | Outbox | None = None
    if request.param == "memory":
        memory = MemoryQueue()

        def open_one() -> Queue:
            return memory

        put = memory.put

    elif request.param == "sqlite":
        place = tmp_path / "spool.sqlite"

        def open_one() -> Queue:
            return SqliteQueue(tmp_path / "spool.sqlite")

        async def put(captures: Sequence[tuple[Capture, bytes]]) -> None:
            await cast("SqliteQueue", opened[-1]).put(captures)

    elif request.param == "magento-db":
        messages: MagentoQueue = request.getfixturevalue("magento_queue")
        place = messages

        def open_one() -> Queue:
            return MagentoDbQueue(messages.options, QUEUE)

        async def put(captures: Sequence[tuple[Capture, bytes]]) -> None:
            await asyncio.to_thread(messages.put, captures)

    elif request.param == "amqp":
        broker: MagentoBroker = request.getfixturevalue("magento_broker")
        place = broker

        def open_one() -> Queue:
            return AmqpQueue(broker.options)

        put = broker.put

    else:
        tables: Outbox = request.getfixturevalue("outbox")
        place = tables

        def open_one() -> Queue:
            return OutboxQueue(tables.options)

        async def put(captures: Sequence[tuple[Capture, bytes]]) -> None:
            await asyncio.to_thread(tables.put, captures)

    async def put_bytes(body: bytes) -> None:
        if request.param == "magento-db":
            await asyncio.to_thread(messages.publish, [body.decode()])
        elif request.param == "amqp":
            await broker.publish([body])
        else:
            ((capture, _),) = recorded.orders(1)
            await put([(capture, body)])

    async def reopen() -> Queue:
        if opened:
            await opened[-1].close()
        opened.append(open_one())
        return opened[-1]

    takes_any_bytes = request.param != "magento-db"
    yield Subject(await reopen(), put, put_bytes, takes_any_bytes, reopen, place)
    await opened[-1].close()


def ids(pairs: Sequence[tuple[Capture, bytes]]) -> list[bytes]:
    return [body for _, body in pairs]


async def test_captures_come_out_in_order_and_as_they_came(subject: Subject) -> None:
    captures = recorded.orders(30)
    await subject.put(captures)
    claims = await subject.queue.claim(10) + await subject.queue.claim(100)
    assert [claim.body for claim in claims] == ids(captures)


async def test_what_is_claimed_is_not_handed_out_again(subject: Subject) -> None:
    await subject.put(recorded.orders(3))
    assert len(await subject.queue.claim(10)) == 3
    assert await subject.queue.claim(10) == []


async def test_what_was_acknowledged_is_gone_for_good(subject: Subject) -> None:
    await subject.put(recorded.orders(3))
    await subject.queue.ack(await subject.queue.claim(2))
    queue = await subject.reopen()
    assert len(await queue.claim(10)) == 1


async def test_a_claim_that_was_never_settled_comes_out_again(subject: Subject) -> None:
    captures = recorded.orders(3)
    await subject.put(captures)
    await subject.queue.claim(3)
    queue = await subject.reopen()
    assert [claim.body for claim in await queue.claim(10)] == ids(captures)


async def test_what_is_given_back_comes_out_again_in_its_place(subject: Subject) -> None:
    captures = recorded.orders(4)
    await subject.put(captures)
    first = await subject.queue.claim(2)
    await subject.queue.retry(first)
    assert [claim.body for claim in await subject.queue.claim(10)] == ids(captures)


async def test_deferred_claims_stay_claimed_and_are_recalled_with_their_bodies(
    subject: Subject,
) -> None:
    captures = recorded.orders(30)
    await subject.put(captures)
    claims = [claim.deferred() for claim in await subject.queue.claim(30)]
    await subject.queue.defer(claims)
    assert await subject.queue.claim(30) == []
    recalled = await subject.queue.recall(claims[5:15])
    assert [claim.body for claim in recalled] == ids(captures)[5:15]
    assert [claim.handle for claim in recalled] == [claim.handle for claim in claims[5:15]]
    await subject.queue.ack(recalled)
    await subject.queue.retry(claims[:5])
    assert [claim.body for claim in await subject.queue.claim(30)] == ids(captures)[:5]


async def test_what_is_gone_is_not_recalled(subject: Subject) -> None:
    await subject.put(recorded.orders(2))
    claims = await subject.queue.claim(2)
    await subject.queue.ack(claims[:1])
    assert await subject.queue.recall(claims) == claims[1:]


async def test_a_subject_with_very_many_events_holds_up_no_other(subject: Subject) -> None:
    """One subject with more messages than RabbitMQ's prefetch, which are sent one by one."""
    placed = recorded.of("order-guest", "sales_order_place_after")
    hot = [recorded.stored(recorded.again(placed, subject="order/hot")) for _ in range(1100)]
    async with put_events(lambda _, __: Stall(0.004)) as endpoint:
        await subject.put(hot)
        destination = Destination("eu-west-1", endpoint_url=endpoint.url, credentials=KEYS)
        route = Route(destination, "shop.example.com")
        sink = EventBridgeSink(CredentialsFinder())
        dispatcher = Dispatcher(subject.queue, lambda _: route, lambda _: sink, Policy())
        running = asyncio.create_task(dispatcher.run())
        try:
            await endpoint.until_taken(5)
            others = recorded.orders(50)
            await subject.put(others)
            expected = {capture.id for capture, _ in others}
            async with asyncio.timeout(PATIENCE):
                while not expected <= set(endpoint.ids):
                    await asyncio.sleep(0.02)
            assert len(endpoint.taken) < 1100  # the hot one is still being delivered
            await endpoint.until_taken(1150, seconds=90)
        finally:
            dispatcher.stop()
            await running
            await sink.close()
    arrived = [event_id for event_id in endpoint.ids if event_id not in expected]
    assert arrived == [capture.id for capture, _ in hot]
    assert (await subject.queue.depth()).captures == 0


async def test_what_is_given_back_for_later_ends_the_wait_later(subject: Subject) -> None:
    await subject.put(recorded.orders(2))
    first, second = await subject.queue.claim(2)
    await subject.queue.retry([first], delay=0.3)
    assert await subject.queue.claim(10) == []
    async with asyncio.timeout(5):
        while not (claims := await subject.queue.claim(10)):
            await subject.queue.wait(30)
    assert [claim.body for claim in claims] == [first.body]
    await subject.queue.ack([second])


async def test_a_clock_of_the_database_that_was_wrong_by_far_holds_nothing_up(
    subject: Subject,
) -> None:
    captures = recorded.orders(2)
    await subject.put(captures)
    await subject.queue.retry(await subject.queue.claim(10), delay=60)
    assert await subject.queue.claim(10) == []
    change = "SET available_at = available_at + 5000 WHERE available_at > 0"
    match subject.place:
        case Outbox() as outbox:
            outbox.ask(f"UPDATE {{outbox}} {change}")
        case MagentoQueue() as messages:
            messages.run(f"UPDATE {{eventbridge_queue_message}} {change}")
        case _:
            pytest.skip("this queue has no times of a database")
    assert [claim.body for claim in await subject.queue.claim(10)] == ids(captures)


async def test_stores_can_be_passed_over_and_come_out_afterwards(subject: Subject) -> None:
    one, two = recorded.orders(3, view_id=1), recorded.orders(3, view_id=2)
    await subject.put([capture for pair in zip(one, two, strict=True) for capture in pair])
    claims = await subject.queue.claim(10, without_views={1})
    assert [claim.body for claim in claims] == ids(two)
    assert await subject.queue.claim(10, without_views={1}) == []
    assert await subject.queue.claim(10, without_views={1, 2}) == []
    claims = await subject.queue.claim(2)
    assert [claim.body for claim in claims] == ids(one[:2])
    more = recorded.orders(1, view_id=2)
    await subject.put(more)
    assert [claim.body for claim in await subject.queue.claim(10)] == ids(one[2:] + more)


async def test_a_buried_capture_is_a_dead_letter_with_its_reason(subject: Subject) -> None:
    ((capture, body),) = captures = recorded.orders(1)
    await subject.put(captures)
    (claim,) = await subject.queue.claim(1)
    await subject.queue.bury(claim, "too large")
    (letter,) = await subject.queue.dead_letters.page(10)
    assert (letter.capture_id, letter.reason, letter.body) == (capture.id, "too large", body)
    assert await subject.queue.dead_letters.find(letter.id) == letter
    assert await subject.queue.claim(10) == []


async def test_a_dead_letter_of_megabytes_can_have_another_body(subject: Subject) -> None:
    """A database refuses statements of 16 MB, and each quote and backslash counts twice.

    Pages of such letters are short: their bodies must fit in memory.
    """
    await subject.put(recorded.orders(4))
    bodies = []
    for claim in await subject.queue.claim(4):
        bodies.append(json.dumps({**json.loads(claim.body), "filler": 'n"' * 2_400_000}).encode())
        await subject.queue.bury(claim, "too large", bodies[-1])
    page = await subject.queue.dead_letters.page(10)
    assert [letter.body for letter in page] == bodies[:3]
    (last,) = await subject.queue.dead_letters.page(10, after=page[-1].id)
    assert last.body == bodies[3]


async def test_a_dead_letter_has_no_private_value_and_is_sent_as_before_when_redriven(
    subject: Subject,
) -> None:
    ((capture, _),) = captures = recorded.orders(1)
    await subject.put(captures)
    city, key = capture.snapshot["billing_address"]["city"], "a-secret-of-enough-length"
    privacy = Privacy(("billingAddress.street", "shippingAddress"), ("billingAddress.city",), key)
    route = Route(Destination(region="eu-west-1"), "shop", privacy=privacy)
    sink = RecordingSink()
    refused = EntryResult(error_code="InvalidArgument", error_message="no")
    sink.answer_next(Answer(status=200, results=(refused,)))
    await deliver(subject.queue, sink, routes=lambda _: route)
    (letter,) = await subject.queue.dead_letters.page(10)
    for private in (city, *capture.snapshot["billing_address"]["street"]):
        assert private.encode() not in letter.body
    assert letter.capture_id == capture.id
    queue = await subject.reopen()
    assert await queue.dead_letters.redrive(None) == 1
    await deliver(queue, sink, routes=lambda _: route)
    first, second = (call.entries[0] for call in sink.calls)
    assert second == first
    assert json.loads(second.detail)["billingAddress"]["city"] == privacy.digest(city)
    assert await queue.dead_letters.count() == 0


async def test_what_is_buried_at_once_keeps_its_order(subject: Subject) -> None:
    captures = recorded.orders(30)
    await subject.put(captures)
    claims = await subject.queue.claim(30)
    await asyncio.gather(*(subject.queue.bury(claim, "for a test") for claim in claims))
    letters = await subject.queue.dead_letters.page(100)
    assert [letter.body for letter in letters] == [claim.body for claim in claims]
    assert [letter.id for letter in letters] == sorted({letter.id for letter in letters})


async def test_a_redriven_dead_letter_comes_out_again(subject: Subject) -> None:
    captures = recorded.orders(3)
    await subject.put(captures)
    for claim in await subject.queue.claim(3):
        await subject.queue.bury(claim, "for a test")
    first, *_ = await subject.queue.dead_letters.page(10)
    assert await subject.queue.dead_letters.redrive([first.id]) == 1
    assert [claim.body for claim in await subject.queue.claim(10)] == [first.body]
    assert await subject.queue.dead_letters.redrive(None) == 2
    assert len(await subject.queue.claim(10)) == 2
    assert await subject.queue.dead_letters.count() == 0


async def test_a_dropped_dead_letter_is_gone(subject: Subject) -> None:
    await subject.put(recorded.orders(2))
    for claim in await subject.queue.claim(2):
        await subject.queue.bury(claim, "for a test")
    first, second = await subject.queue.dead_letters.page(10)
    assert await subject.queue.dead_letters.drop([first.id]) == 1
    assert await subject.queue.dead_letters.page(10) == [second]
    assert await subject.queue.dead_letters.page(10, after=second.id) == []


async def test_depth_counts_waiting_captures(subject: Subject) -> None:
    captures = recorded.orders(4)
    await subject.put(captures)
    for claim in await subject.queue.claim(1):
        await subject.queue.bury(claim, "for a test")
    depth = await subject.queue.depth()
    assert (depth.captures, depth.oldest, depth.dead) == (3, captures[1][0].time, 1)


async def test_waiting_ends_when_something_comes(subject: Subject) -> None:
    await subject.queue.claim(1)
    waiting = asyncio.create_task(subject.queue.wait(30))
    await asyncio.sleep(0)
    await subject.put(recorded.orders(1))
    await asyncio.wait_for(waiting, 5)


async def test_waiting_ends_when_nothing_comes(subject: Subject) -> None:
    await subject.queue.wait(0.01)


async def test_a_closed_queue_refuses_at_once_and_opens_nothing_again(subject: Subject) -> None:
    if isinstance(subject.queue, MemoryQueue):
        pytest.skip("it holds nothing open")
    await subject.put(recorded.orders(1))
    assert len(await subject.queue.claim(1)) == 1
    await subject.queue.close()
    letters = subject.queue.dead_letters
    for late in (subject.queue.depth, partial(subject.queue.claim, 1), letters.count):
        with pytest.raises(QueueError, match="closed"):
            await asyncio.wait_for(late(), PATIENCE)
    await subject.queue.close()


# Bodies that no store should send, and that must not block other messages

POISON = {
    "nothing": b"",
    "spaces": b" \n\t ",
    "no JSON": b"no JSON",
    "half a text": b'"half',
    "half an object": b'{"id": "1',
    "null": b"null",
    "a number": b"1e400",
    "a list": b'["{}"]',
    "nested too deep": b"[" * 100_000,
    "objects nested too deep": b'{"a":' * 50_000,
    "nested as deep as JSON may be": b'{"id": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a number with very many digits": b'{"id": ' + b"9" * 100_000 + b"}",
    "half a surrogate pair in what was redacted": b'{"id": "1", "redacted": "\\ud800"}',
    "an escaped emoji in a text": b'"{\\"id\\": \\"\\ud83d\\ude00\\"}"',
    "half a surrogate pair": b'"{\\"id\\": \\"\\ud83d\\"}"',
    "an escaped NUL": b'{"id": "\\u0000"}',
    "a NUL": b'{"id": "\x00"}',
    "a store view that is a text": b'{"store_id": "abc"}',
    "a store view that is too large": b'{"store_id": 1e30}',
    "a store view below zero": b'{"store_id": -1}',
    "duplicate keys": b'{"store_id": 1, "store_id": {}}',
    "a byte order mark": "\ufeff{}".encode(),
    "a NaN": b'{"store_id": NaN}',
    "a large text": b"x" * 1_000_000,
    "a large quoted text": b'"' + b"x" * 1_000_000 + b'"',
    "a quoted text": b'"no capture"',
    "a quoted list": b'"[1]"',
}
# Magento's queues hold captures as JSON strings, whose contents they return.
QUOTED_CAPTURES = {"an escaped emoji in a text"}
NO_TEXT = {"no UTF-8": b'{"id": "\xff\xfe"}', "half a character": b'{"id": "\xe2\x82"}'}


@pytest.mark.parametrize("kind", [*POISON, *NO_TEXT])
async def test_an_odd_message_blocks_no_other(subject: Subject, kind: str) -> None:
    body = {**POISON, **NO_TEXT}[kind]
    if kind in NO_TEXT and not subject.takes_any_bytes:
        pytest.skip("this queue's columns take text only")
    first, last = recorded.orders(1), recorded.orders(1)
    await subject.put(first)
    await subject.put_bytes(body)
    await subject.put(last)
    claims = [await subject.queue.claim(1) for _ in range(3)]
    bodies = [claim.body for some in claims for claim in some]
    assert (bodies[0], bodies[2]) == (first[0][1], last[0][1])
    (odd,) = claims[1]
    if kind in QUOTED_CAPTURES:
        assert odd.body in (body, json.loads(body).encode())
    else:  # a line feed is white space in JSON: the spool keeps each capture in one line
        assert odd.body.replace(b"\n", b" ") == body.replace(b"\n", b" ")
    await subject.queue.bury(odd, "for a test \U0001f600 \x00")
    await subject.queue.ack([*claims[0], *claims[2]])
    depth = await subject.queue.depth()
    assert (depth.captures, depth.dead) == (0, 1)
    (letter,) = await subject.queue.dead_letters.page(10)
    assert letter.body == odd.body
    assert await subject.queue.dead_letters.redrive(None) == 1
    assert [claim.body for claim in await subject.queue.claim(10)] == [odd.body]


@pytest.mark.parametrize("remove", [(), ("id", "redacted")])
async def test_odd_messages_hold_up_no_delivery(subject: Subject, remove: tuple[str, ...]) -> None:
    good = recorded.orders(len(POISON) + 1)
    await subject.put(good[:1])
    for capture, odd in zip(good[1:], POISON.values(), strict=True):
        await subject.put_bytes(odd)
        await subject.put([capture])
    sink = RecordingSink()
    route = Route(Destination(region="eu-west-1"), "shop", privacy=Privacy(remove))
    async with asyncio.timeout(PATIENCE):
        await deliver(subject.queue, sink, routes=lambda _: route)
    assert [entry.id for call in sink.calls for entry in call.entries] == [
        capture.id for capture, _ in good
    ]
    depth = await subject.queue.depth()
    assert (depth.captures, depth.dead) == (0, len(POISON))


# A paused bridge, and claims that others took from it


async def test_claims_that_are_confirmed_can_be_settled(subject: Subject) -> None:
    captures = recorded.orders(3)
    await subject.put(captures)
    claims = await subject.queue.claim(2)
    assert subject.queue.holds_claims()
    assert await subject.queue.confirm()
    await subject.queue.ack(claims)
    queue = await subject.reopen()
    assert [claim.body for claim in await queue.claim(10)] == ids(captures)[2:]


async def test_claims_that_others_took_are_void(subject: Subject) -> None:
    captures = recorded.orders(4)
    await subject.put(captures)
    claims = await subject.queue.claim(3)
    await lose_claims(subject)
    assert not await subject.queue.confirm()
    assert subject.queue.holds_claims()
    await subject.queue.ack(claims[:1])
    await subject.queue.bury(claims[1], "for a test")
    await subject.queue.retry(claims[2:], delay=60)
    assert await subject.queue.recall(claims) == []
    assert [claim.body for claim in await subject.queue.claim(10)] == ids(captures)
    assert (await subject.queue.depth()).dead == 0


async def lose_claims(subject: Subject) -> None:
    """Take a bridge's claims away, as another one or the server does after a long pause."""
    match subject.place:
        case Outbox() as outbox:
            outbox.ask("UPDATE {outbox} SET claimed_by = NULL")
            outbox.ask("DELETE FROM {bridges}")
        case MagentoQueue() as messages:
            messages.run("UPDATE {eventbridge_queue_message} SET claimed_by = NULL")
            messages.run("DELETE FROM {eventbridge_queue_bridge}")
        case MagentoBroker() as broker:
            await asyncio.to_thread(broker.broker.control, "close_all_connections", "for a test")
            await asyncio.sleep(0.5)
        case _:
            pytest.skip("claims in this process's memory last as long as the process")


# Other sessions


async def test_a_lock_of_another_session_loses_and_repeats_nothing(subject: Subject) -> None:
    captures = recorded.orders(4)
    await subject.put(captures)
    assert len(await subject.queue.claim(1)) == 1  # our own tables exist from now on
    with locking_the_second(subject):
        claiming = asyncio.create_task(subject.queue.claim(10))
        await asyncio.sleep(0.5)
    bodies = [claim.body for claim in await claiming]
    async with asyncio.timeout(PATIENCE):
        while len(bodies) < 3:
            bodies += [claim.body for claim in await subject.queue.claim(10)]
            await asyncio.sleep(0.05)
    assert sorted(bodies) == sorted(ids(captures)[1:])


@contextmanager
def locking_the_second(subject: Subject) -> Iterator[None]:
    """Hold the row of the second capture, or the whole file, in another session's transaction."""
    match subject.place:
        case Outbox() as outbox:
            server, table = outbox.server, outbox.table
        case MagentoQueue() as messages:
            server, table = messages.server, messages.named("{queue_message_status}")
        case Path() as file:
            with closing(sqlite3.connect(file, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                yield
                other.execute("ROLLBACK")
            return
        case _:
            pytest.skip("this queue has no locks")
    with server.connect() as session, session.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {table} ORDER BY id LIMIT 1, 1 FOR UPDATE")
        yield
        session.rollback()


async def test_a_long_transaction_keeps_the_order_of_its_subject(subject: Subject) -> None:
    """Its first capture has a lower id than hundreds that others wrote and a bridge delivered."""
    if not isinstance(subject.place, (Outbox, MagentoQueue)):
        pytest.skip("this queue has no transactions of a shop")
    first = recorded.orders(1)
    last = [
        recorded.stored(recorded.again(json.loads(first[0][1]), event="sales_order_save_after"))
    ]
    with subject.place.server.connect() as shop:
        subject.place.put(first, shop)
        for _ in range(4):
            await subject.put(recorded.orders(300))
            await subject.queue.ack(await subject.queue.claim(1000))
        subject.place.put(last, shop)
        shop.commit()
    claims: list[Claim] = []
    async with asyncio.timeout(PATIENCE):
        while len(claims) < 2:
            claims += await subject.queue.claim(10)
    assert [claim.body for claim in claims] == ids(first + last)


async def test_a_changed_password_is_reported_and_followed(subject: Subject) -> None:
    captures = recorded.orders(3)
    await subject.put(captures)
    match subject.place:
        case MagentoBroker() as broker:
            await followed_on_the_broker(broker, captures)
        case Outbox() | MagentoQueue():
            await followed_in_the_database(subject.place, captures)
        case _:
            pytest.skip("this queue has no login")


async def followed_on_the_broker(
    broker: MagentoBroker, captures: Sequence[tuple[Capture, bytes]]
) -> None:
    control, user = broker.broker.control, "conformance"
    await asyncio.to_thread(control, "add_user", user, "old")
    await asyncio.to_thread(control, "set_permissions", user, ".*", ".*", ".*")
    queue = AmqpQueue(replace(broker.options, user=user, password="old"))
    try:
        assert len(await queue.claim(1)) == 1
        await asyncio.to_thread(control, "change_password", user, "new")
        await asyncio.to_thread(control, "close_all_connections", "for a test")
        await asyncio.sleep(0.5)
        with pytest.raises(QueueError, match="refuses the login"):
            await queue.claim(10)
        queue.use(replace(broker.options, user=user, password="new"))
        # The first is still claimed.
        assert [claim.body for claim in await queue.claim(10)] == ids(captures)[1:]
    finally:
        await queue.close()
        await asyncio.to_thread(control, "delete_user", user)


async def followed_in_the_database(
    place: Outbox | MagentoQueue, captures: Sequence[tuple[Capture, bytes]]
) -> None:
    user, server = "conformance", place.server
    ask = server.as_root

    ask(
        f"CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED BY 'old'",
        f"GRANT ALL ON `{place.options.database}`.* TO '{user}'@'%'",
    )
    old = replace(place.options, user=user, password="old")
    queue = OutboxQueue(old) if isinstance(place, Outbox) else MagentoDbQueue(old, QUEUE)
    try:
        assert len(await queue.claim(1)) == 1
        ask(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'new'", f"KILL USER '{user}'")
        with pytest.raises(QueueError, match="Access denied"):
            await queue.claim(10)
        queue.use(replace(old, password="new"))
        assert [claim.body for claim in await queue.claim(10)] == ids(captures)[1:]
    finally:
        await queue.close()
        ask(f"DROP USER '{user}'@'%'")
