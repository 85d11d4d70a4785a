"""The outbox on a real database: transactions, several bridges, crashes, latency."""

import asyncio
import gc
import json
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymysql.cursors import Cursor

from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.magento.database import DatabaseOptions
from magento_eventbridge.queues.mysql import search_window
from magento_eventbridge.queues.mysql.lease import LeaseTiming
from magento_eventbridge.queues.mysql.outbox import OutboxQueue
from magento_eventbridge.queues.mysql.queue import Handle
from magento_eventbridge.tls import TlsOptions
from tests.support import recorded
from tests.support.delivering import delivering
from tests.support.mariadb import Outbox, Server
from tests.support.put_events import PutEvents, put_events
from tests.support.waiting import PATIENCE


@pytest.fixture
async def queue(outbox: Outbox) -> AsyncIterator[OutboxQueue]:
    queue = OutboxQueue(outbox.options)
    yield queue
    await queue.close()


@pytest.fixture
async def endpoint() -> AsyncIterator[PutEvents]:
    async with put_events() as endpoint:
        yield endpoint


async def test_a_rolled_back_transaction_emits_nothing(outbox: Outbox, queue: OutboxQueue) -> None:
    with outbox.server.connect() as shop:
        outbox.put(recorded.orders(2), shop)
        assert await queue.claim(10) == []
        shop.rollback()
        assert await queue.claim(10) == []
        committed = recorded.orders(2)
        outbox.put(committed, shop)
        assert await queue.claim(10) == []
        shop.commit()
    assert [claim.body for claim in await queue.claim(10)] == [body for _, body in committed]


async def test_an_open_transaction_of_the_shop_holds_nothing_up(
    outbox: Outbox, queue: OutboxQueue
) -> None:
    outbox.put(recorded.orders(4))
    with outbox.server.connect() as shop:
        outbox.put(recorded.orders(1), shop)
        async with asyncio.timeout(PATIENCE):
            first, second, third, fourth = await queue.claim(10)
            await queue.ack([first, second])
            await queue.bury(third, "for a test")
            await queue.retry([fourth])
            await queue.depth()
            assert [claim.body for claim in await queue.claim(10)] == [fourth.body]
        shop.rollback()


async def test_the_shop_never_waits_for_the_bridge(outbox: Outbox, queue: OutboxQueue) -> None:
    outbox.put(recorded.orders(200))
    with outbox.server.connect() as shop:
        shop.cursor().execute("SET SESSION innodb_lock_wait_timeout = 1")
        claims = await queue.claim(100)
        outbox.put(recorded.orders(1), shop)
        await queue.ack(claims[:50])
        await queue.retry(claims[50:])
        shop.commit()
    assert (await queue.depth()).captures == 151


async def test_acknowledged_rows_are_deleted(outbox: Outbox, queue: OutboxQueue) -> None:
    outbox.put(recorded.orders(2500))
    claims = await queue.claim(2000)
    assert len(claims) == 2000
    await queue.ack(claims)
    assert outbox.ask("SELECT COUNT(*), MAX(claimed_by) FROM {outbox}") == ((500, None),)
    await queue.ack(claims)
    assert (await queue.depth()).captures == 500


async def test_captures_of_a_long_transaction_are_claimed_in_order_while_searches_are_slow(
    outbox: Outbox, queue: OutboxQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_window, "_SHARE", 1e9)  # as if each search took very long
    monkeypatch.setattr(search_window, "_QUICK", -1.0)
    with outbox.server.connect() as shop:
        outbox.put(recorded.orders(1400), shop)
        assert await queue.claim(1) == []  # a search of everything; the next is due in a while
        outbox.put(recorded.orders(1))
        (other,) = await queue.claim(2000)
        shop.commit()
    claims = await queue.claim(2000)
    ids = [claim.handle.id for claim in (*claims, other) if isinstance(claim.handle, Handle)]
    assert ids == list(range(ids[0], ids[0] + 1401))


async def test_a_transaction_that_was_open_while_a_backlog_was_claimed_keeps_its_order(
    outbox: Outbox, queue: OutboxQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_window, "_SHARE", 1e9)  # no search of everything because of the time
    monkeypatch.setattr(search_window, "_QUICK", 60.0)
    captures = recorded.orders(2)
    with outbox.server.connect() as shop:
        outbox.put(captures[:1], shop)
        outbox.put(recorded.orders(700))
        for _ in range(2):
            assert len(await queue.claim(300)) == 300
        outbox.put(captures[1:], shop)
        shop.commit()
    claims = await queue.claim(300)
    assert len(claims) == 102
    assert [claim.body for claim in (claims[0], claims[-1])] == [body for _, body in captures]


async def test_a_dead_letter_that_the_database_does_not_take_is_explained_and_waits(
    outbox: Outbox, queue: OutboxQueue
) -> None:
    """A capture without its private values is sent to the database, whose limit was lowered."""
    megabyte = 1024 * 1024
    outbox.put(recorded.orders(2))
    outbox.server.as_root(f"SET GLOBAL max_allowed_packet = {megabyte}")
    try:
        odd, other = await queue.claim(10)
        # Each quote counts twice.
        with pytest.raises(QueueError, match=r"max_allowed_packet is 1048576\): raise the limit"):
            await queue.bury(odd, "for a test", b'"' * (megabyte // 2))
        await queue.ack([other])
    finally:
        outbox.server.as_root(f"SET GLOBAL max_allowed_packet = {16 * megabyte}")
    outbox.server.as_root("KILL USER shop")  # new connections have the new limit
    await queue.bury(odd, "for a test", b'"' * (megabyte // 2))
    (letter,) = await queue.dead_letters.page(10)
    assert len(letter.body) == megabyte // 2


async def test_any_reason_fits_in_the_tables_of_older_stores(
    outbox: Outbox, queue: OutboxQueue
) -> None:
    outbox.put(recorded.orders(1))
    outbox.ask("ALTER TABLE {dead_letters} CONVERT TO CHARACTER SET utf8mb3")
    (claim,) = await queue.claim(1)
    await queue.bury(claim, "naïve \U0001f600 and \ud800")
    (letter,) = await queue.dead_letters.page(1)
    assert letter.reason == "naïve \ufffd and \ufffd"


async def test_two_bridges_at_once_deliver_each_row_once(
    outbox: Outbox, queue: OutboxQueue, endpoint: PutEvents
) -> None:
    captures = recorded.orders(3000)
    other = OutboxQueue(outbox.options)
    async with delivering(queue, endpoint.url) as one, delivering(other, endpoint.url) as two:
        for start in range(0, 3000, 300):
            await asyncio.to_thread(outbox.put, captures[start : start + 300])
        await endpoint.until_taken(3000)
        while (await queue.depth()).captures:
            await asyncio.sleep(0.02)
        assert one.totals.delivered + two.totals.delivered == 3000
    await other.close()
    assert Counter(endpoint.ids) == Counter(capture.id for capture, _ in captures)


_CLAIM_AND_HANG = """
import asyncio, sys
from magento_eventbridge.magento.database import DatabaseOptions
from magento_eventbridge.queues.mysql.outbox import OutboxQueue
from magento_eventbridge.tls import TlsOptions

async def run():
    host, port, user, password, database, prefix = sys.argv[1:]
    queue = OutboxQueue(DatabaseOptions(host, int(port), None, database, user, password, prefix))
    print(len(await queue.claim(2)), flush=True)
    await asyncio.sleep(60)

asyncio.run(run())
"""


async def test_claims_of_a_bridge_that_was_killed_come_out_again_in_their_place(
    outbox: Outbox, queue: OutboxQueue
) -> None:
    captures = recorded.orders(3)
    outbox.put(captures)
    to = outbox.options
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _CLAIM_AND_HANG,
        *(to.host, str(to.port), to.user, to.password, to.database, to.table_prefix),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert await process.stdout.readline() == b"2\n"
    third = await queue.claim(10)
    assert [claim.body for claim in third] == [captures[2][1]]
    await queue.retry(third)
    process.kill()
    await process.wait()
    again = OutboxQueue(to)
    assert [claim.body for claim in await again.claim(10)] == [body for _, body in captures]
    await again.close()


async def test_a_bridge_that_lost_its_connection_keeps_its_claims(
    outbox: Outbox, queue: OutboxQueue
) -> None:
    outbox.put(recorded.orders(2))
    claims = await queue.claim(2)
    other = OutboxQueue(outbox.options)

    def number_of(cursor: Cursor) -> Any:
        cursor.execute("SELECT CONNECTION_ID()")
        return cursor.fetchone()

    (number,) = await queue._connection.run(number_of)
    outbox.ask(f"KILL {number}")
    assert await other.claim(10) == []
    await queue.ack(claims[:1])
    assert await other.claim(10) == []
    await queue.ack(claims[1:])
    assert (await queue.depth()).captures == 0
    await other.close()


async def test_other_work_does_not_wait_for_a_look_and_does_not_put_it_off(
    outbox: Outbox, queue: OutboxQueue
) -> None:
    looks: list[Cursor] = []

    def look(cursor: Cursor) -> bool:
        looks.append(cursor)
        return True

    async with asyncio.timeout(PATIENCE):
        looking = asyncio.create_task(queue._connection.look(look, 600.0, lambda: 600.0))
        await asyncio.sleep(0.05)
        assert (await queue.depth()).captures == 0
        assert not await looking
    assert not looks
    # Deliveries are recorded more often than an idle bridge looks.
    queue._pause = 0.1
    waiting = asyncio.create_task(queue.wait(600.0))
    await asyncio.sleep(0.02)
    outbox.put(recorded.orders(1))
    async with asyncio.timeout(PATIENCE):
        while not waiting.done():
            await queue.ack([])
            await asyncio.sleep(0.02)


async def test_a_claim_that_was_cut_off_leaves_nothing_behind(
    outbox: Outbox, queue: OutboxQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    captures = recorded.orders(3)
    outbox.put(captures)
    statements = queue._statements._statements
    monkeypatch.setitem(statements, "mark_claimed", ["SELECT no_such_function(%(ids)s)"])
    with pytest.raises(QueueError, match="no_such_function"):
        await queue.claim(3)
    monkeypatch.undo()
    assert outbox.ask("SELECT COUNT(claimed_by) FROM {outbox}") == ((0,),)
    # As if the connection had been lost during the commit of the claim.
    (name,) = queue._unfinished
    outbox.ask(f"UPDATE {{outbox}} SET claimed_by = '{name}' WHERE id < 3")
    assert [claim.body for claim in await queue.claim(10)] == [body for _, body in captures]


async def test_a_claim_that_not_all_servers_agree_on_takes_nothing(
    outbox: Outbox, queue: OutboxQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if one server had locked the captures, and another one were to mark them."""
    outbox.put(recorded.orders(3))
    statements = queue._statements._statements
    (mark,) = statements["mark_claimed"]
    monkeypatch.setitem(statements, "mark_claimed", [f"{mark} ORDER BY id LIMIT 2"])
    with pytest.raises(QueueError, match="only 2 of 3 captures"):
        await queue.claim(3)
    monkeypatch.undo()
    assert outbox.ask("SELECT COUNT(claimed_by) FROM {outbox}") == ((0,),)
    assert len(await queue.claim(3)) == 3


async def test_a_claim_stops_at_many_bytes(outbox: Outbox, queue: OutboxQueue) -> None:
    ((capture, _),) = recorded.orders(1)
    outbox.put([(capture, b"x" * 6_000_000)] * 5)
    assert len(await queue.claim(100)) == 3
    assert len(await queue.claim(100)) == 2


async def test_a_crash_of_the_database_loses_nothing(
    outbox: Outbox, queue: OutboxQueue, endpoint: PutEvents
) -> None:
    if outbox.server.process is None:
        pytest.skip("a server that is not ours is not restarted")
    captures = recorded.orders(1200)
    outbox.put(captures[:600])
    async with delivering(queue, endpoint.url):
        await endpoint.until_taken(50)
        await asyncio.to_thread(outbox.server.kill)
        await asyncio.to_thread(outbox.server.start)
        await asyncio.to_thread(outbox.put, captures[600:])
        wanted = {capture.id for capture, _ in captures}
        async with asyncio.timeout(PATIENCE):
            while set(endpoint.ids) != wanted or (await queue.depth()).captures:
                await asyncio.sleep(0.05)


async def test_a_table_prefix_keeps_stores_apart(outbox: Outbox, queue: OutboxQueue) -> None:
    outbox.put(recorded.orders(1))
    other = OutboxQueue(replace(outbox.options, table_prefix="elsewhere_"))
    with pytest.raises(QueueError, match="elsewhere_eventbridge_.*bin/magento setup:upgrade"):
        await other.claim(1)
    await other.close()
    assert len(await queue.claim(10)) == 1


# The driver leaves a socket that it cannot connect to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_what_is_wrong_with_the_connection_is_reported_without_the_password(
    mariadb: Server,
) -> None:
    options = replace(mariadb.options, password="not-this-one")
    for wrong, message in (
        (options, "Access denied.*check user, password"),
        (replace(mariadb.options, database="nowhere"), "nowhere"),
        (replace(mariadb.options, port=1), "127.0.0.1:1/magento: cannot connect: Connection ref"),
        (replace(mariadb.options, host="localhost", port=1), "localhost is a socket .*unix_socket"),
        (replace(mariadb.options, unix_socket=Path("/none")), "/none/magento: .*its socket"),
        (replace(mariadb.options, tls=TlsOptions(enabled=True)), "certificate verify failed|SSL"),
    ):
        queue = OutboxQueue(wrong)
        with pytest.raises(QueueError, match=message) as raised:
            await queue.check()
        assert wrong.password not in str(raised.value)
        await queue.close()
        del raised
    gc.collect()


@pytest.mark.parametrize(
    ("login", "message"),
    [
        ("IDENTIFIED VIA unix_socket", "takes no password from the user 'odd'.*unix_socket"),
        ("IDENTIFIED BY 'x' ACCOUNT LOCK", "account is locked; check user"),
        ("IDENTIFIED BY 'x' PASSWORD EXPIRE", "SET PASSWORD.*; check user"),
        ("IDENTIFIED BY 'x' REQUIRE X509", "Access denied.*; check user"),
    ],
)
async def test_a_login_that_became_useless_is_explained_and_the_settings_are_read_again(
    outbox: Outbox, login: str, message: str
) -> None:
    """As when the password is rotated by another user, and the former one is locked."""
    outbox.server.as_root(
        f"CREATE OR REPLACE USER 'odd'@'%' {login}",
        f"GRANT ALL ON `{outbox.options.database}`.* TO 'odd'@'%'",
    )
    queue = OutboxQueue(replace(outbox.options, user="odd", password="x"))
    refused: list[bool] = []
    queue.when_login_refused(lambda: refused.append(True))
    with pytest.raises(QueueError, match=message):
        await queue.check()
    assert refused
    queue.use(outbox.options)
    await queue.check()
    await queue.close()
    outbox.server.as_root("DROP USER 'odd'@'%'")


def test_a_password_is_never_shown() -> None:
    assert "hush" not in repr(DatabaseOptions(password="hush"))


async def test_the_unix_socket_goes_before_the_port(outbox: Outbox) -> None:
    if outbox.server.folder is None:
        pytest.skip("the socket of a server that is not ours is not known")
    folder = outbox.server.folder
    queue = OutboxQueue(replace(outbox.options, unix_socket=folder / "socket", port=1))
    await queue.check()
    await queue.close()


async def test_a_connection_is_encrypted_when_asked_for(outbox: Outbox) -> None:
    if outbox.server.folder is None:
        pytest.skip("the certificate of a server that is not ours is not known")
    queue = OutboxQueue(replace(outbox.options, tls=TlsOptions(ca=outbox.server.folder / "ca.pem")))

    def cipher(cursor: Cursor) -> Any:
        cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        return cursor.fetchone()

    assert "TLS" in (await queue._connection.run(cipher))[1]
    await queue.close()


async def test_a_heartbeat_reports_the_state_of_the_bridge_to_the_store(
    outbox: Outbox, queue: OutboxQueue
) -> None:
    await queue.beat({"version": "1.0.0", "parked": ["bus 'shop': denied"]})
    await queue.beat({"version": "1.0.0", "parked": []})
    query = "SELECT id, ABS(heartbeat_at - UNIX_TIMESTAMP(NOW(6))) < 5, status FROM {bridges}"
    ((bridge, is_now, status),) = outbox.ask(query)
    assert (bridge, is_now) == (queue.bridge, 1)
    assert json.loads(str(status)) == {"version": "1.0.0", "parked": []}


async def test_what_is_asked_every_few_seconds_is_reported_without_a_full_count(
    outbox: Outbox, queue: OutboxQueue
) -> None:
    outbox.put(recorded.orders(4))
    claim, *_ = await queue.claim(1)
    await queue.bury(claim, "for a test")
    assert await queue.figures() == (3, 1)


async def test_a_commit_at_rest_is_relayed_within_100_ms(
    outbox: Outbox, queue: OutboxQueue, endpoint: PutEvents
) -> None:
    seconds = []
    async with delivering(queue, endpoint.url):
        for number, capture in enumerate(recorded.orders(12)):
            # Idle: the pause between two polls has its maximum.
            await asyncio.sleep(0.7 + 0.037 * (number % 3))
            await asyncio.to_thread(outbox.put, [capture])
            began = time.monotonic()
            while len(endpoint.taken) <= number:
                await asyncio.sleep(0.001)
            seconds.append(time.monotonic() - began)
        before = _questions(outbox)
        await asyncio.sleep(2)
        rate = (_questions(outbox) - before - 2) / 2
    median = statistics.median(seconds)
    print(f"relayed in {median * 1000:.0f} ms (median), {max(seconds) * 1000:.0f} ms at most")
    print(f"{rate:.1f} queries a second at rest")
    assert median < 0.25
    assert rate < 40


def _questions(outbox: Outbox) -> int:
    ((_, count),) = outbox.ask("SHOW GLOBAL STATUS LIKE 'Questions'")
    return int(str(count))


# Leases

HASTY = LeaseTiming(
    renew_seconds=0.1, hold_seconds=1.0, dead_seconds=1.6, watch_seconds=0.1, orphans_seconds=0.5
)


async def pause(queue: OutboxQueue) -> None:
    """Stop the renewal of a queue's lease, as if its process were paused."""
    assert queue._renewing
    queue._renewing.cancel()
    await asyncio.gather(queue._renewing, return_exceptions=True)


async def test_a_bridge_that_slept_for_too_long_has_no_claims_any_more(outbox: Outbox) -> None:
    captures = recorded.orders(4)
    outbox.put(captures)
    slept, other = OutboxQueue(outbox.options, HASTY), OutboxQueue(outbox.options, HASTY)
    claims = await slept.claim(2)
    assert slept.holds_claims()
    assert len(await other.claim(1)) == 1
    await pause(slept)
    taken = await other.claim(10)
    async with asyncio.timeout(PATIENCE):
        while len(taken) < 3:
            await asyncio.sleep(0.05)
            taken += await other.claim(10)
    assert not slept.holds_claims()
    await slept.ack(claims[:1])
    await slept.bury(claims[1], "for a test")
    await slept.retry(claims)
    depth = await other.depth()
    assert (depth.captures, depth.dead) == (4, 0)
    assert not await slept.confirm()
    assert slept.holds_claims()
    await other.ack(taken)
    outbox.put(recorded.orders(1))
    assert len(await slept.claim(10)) == 1
    await slept.close()
    await other.close()


async def test_a_lease_counts_from_when_it_was_read(
    outbox: Outbox, queue: OutboxQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database may take seconds to answer: the lease may have been renewed meanwhile."""
    read_at: list[float] = []
    watched_at: list[float] = []
    rows, watch = queue._statements.rows, queue._peers.watch

    def slow(cursor: Cursor, name: str, values: Any = None) -> Any:
        if name == "leases":
            time.sleep(0.05)
            read_at.append(time.monotonic())
        return rows(cursor, name, values)

    def noted(leases: Any, claimants: Any, now: float) -> None:
        watched_at.append(now)
        watch(leases, claimants, now)

    monkeypatch.setattr(queue._statements, "rows", slow)
    monkeypatch.setattr(queue._peers, "watch", noted)
    assert await queue.claim(1) == []
    assert watched_at[0] >= read_at[0]


@pytest.mark.parametrize("row", ["{bridges} WHERE id = '{bridge}'", "{outbox} WHERE id = 1"])
async def test_a_bridge_that_was_frozen_in_a_transaction_holds_up_no_other(
    outbox: Outbox, row: str
) -> None:
    """Each beat, and each release of its claims, waited for its locks, and delivery for them."""
    captures = recorded.orders(9)
    outbox.put(captures)
    frozen, other = OutboxQueue(outbox.options, HASTY), OutboxQueue(outbox.options, HASTY)
    assert len(await frozen.claim(2)) == 2
    await pause(frozen)
    names = {"bridges": f"`{outbox.options.table_prefix}eventbridge_bridge`"}
    with outbox.server.connect() as session, session.cursor() as cursor:
        locked = row.format(**names, outbox=outbox.table, bridge=frozen.bridge)
        cursor.execute(f"SELECT 1 FROM {locked} FOR UPDATE")
        async with asyncio.timeout(6):
            for _ in range(7):  # longer than until it counts as dead
                assert len(await other.claim(1)) == 1
                await other.beat({"version": "1"})
                await asyncio.sleep(0.3)
        session.rollback()
    taken: list[Claim] = []
    async with asyncio.timeout(PATIENCE):
        while len(taken) < 2:
            taken += await other.claim(10)
            await asyncio.sleep(0.05)
    assert [claim.body for claim in taken] == [body for _, body in captures[:2]]
    await frozen.close()
    await other.close()


async def test_the_database_ends_the_transaction_of_a_frozen_bridge(outbox: Outbox) -> None:
    outbox.put(recorded.orders(1))
    frozen, other = OutboxQueue(outbox.options, HASTY), OutboxQueue(outbox.options, HASTY)
    is_locked, is_over = threading.Event(), threading.Event()

    def freeze(cursor: Cursor) -> None:
        cursor.execute("BEGIN")
        cursor.execute(f"SELECT id FROM {outbox.table} FOR UPDATE")
        is_locked.set()
        is_over.wait(PATIENCE)

    freezing = asyncio.create_task(frozen._connection.run(freeze))
    await asyncio.to_thread(is_locked.wait)
    assert await other.claim(1) == []
    async with asyncio.timeout(PATIENCE):
        while not await other.claim(1):
            await asyncio.sleep(0.1)
    is_over.set()
    await freezing
    await frozen.close()
    await other.close()


async def test_a_bridge_that_slept_alone_goes_on_with_its_claims(outbox: Outbox) -> None:
    outbox.put(recorded.orders(2))
    queue = OutboxQueue(outbox.options, HASTY)
    claims = await queue.claim(2)
    await pause(queue)
    await asyncio.sleep(HASTY.hold_seconds + 0.1)
    assert not queue.holds_claims()
    assert await queue.confirm()
    assert queue.holds_claims()
    await queue.ack(claims)
    assert (await queue.depth()).captures == 0
    await queue.close()


async def test_rows_with_the_ids_of_former_claims_are_not_touched(
    outbox: Outbox, queue: OutboxQueue
) -> None:
    outbox.put(recorded.orders(5))
    former = await queue.claim(5)
    outbox.ask("TRUNCATE TABLE {outbox}")
    captures = recorded.orders(5)
    outbox.put(captures)
    await queue.ack(former[:2])
    await queue.bury(former[2], "for a test")
    await queue.retry(former[3:])
    assert await queue.recall(former) == []
    assert (await queue.depth()).captures == 5
    claims: list[Claim] = []
    async with asyncio.timeout(PATIENCE):
        while len(claims) < 5:
            claims += await queue.claim(10)
    await queue.ack(former)
    assert [claim.body for claim in claims] == [body for _, body in captures]
    assert (await queue.depth()).captures == 5


async def test_rows_that_come_back_with_claims_that_were_settled_are_handed_out_again(
    outbox: Outbox,
) -> None:
    """A restored backup has them, and a server that had not yet received the last statements."""
    outbox.put(recorded.orders(3))
    queue = OutboxQueue(outbox.options, HASTY)
    claims = await queue.claim(3)
    backup = outbox.ask("SELECT id, store_id, body, claimed_by FROM {outbox} ORDER BY id")
    await queue.ack(claims[:2])
    with outbox.server.connect() as connection:
        connection.cursor().executemany(
            f"INSERT INTO {outbox.table} (id, store_id, body, claimed_by) VALUES (%s, %s, %s, %s)",
            backup[:2],
        )
        connection.commit()
    async with asyncio.timeout(PATIENCE):
        while not (again := await queue.claim(10)):
            await asyncio.sleep(0.05)
    assert [claim.body for claim in again] == [claim.body for claim in claims[:2]]
    await queue.ack(claims[2:])
    await queue.ack(again)
    assert (await queue.depth()).captures == 0
    await queue.close()


@pytest.mark.parametrize("odd", ["", "%", "v"])
async def test_an_odd_name_of_a_claim_releases_no_other_claims(outbox: Outbox, odd: str) -> None:
    """As if a person had written it there."""
    outbox.put(recorded.orders(3))
    queue, other = OutboxQueue(outbox.options, HASTY), OutboxQueue(outbox.options, HASTY)
    claims = await queue.claim(2)
    outbox.ask(f"UPDATE {{outbox}} SET claimed_by = '{odd}' WHERE claimed_by IS NULL")
    async with asyncio.timeout(PATIENCE):
        while not (found := await other.claim(10)):
            await asyncio.sleep(0.05)
    assert len(found) == 1
    assert await other.claim(10) == []
    await queue.ack(claims)
    await other.ack(found)
    assert (await queue.depth()).captures == 0
    await queue.close()
    await other.close()


async def test_claims_of_a_former_version_are_released(outbox: Outbox) -> None:
    outbox.put(recorded.orders(2))
    outbox.ask("UPDATE {outbox} SET claimed_by = 'shop-12-0a1b2c3d' WHERE id = 1")
    queue = OutboxQueue(outbox.options, HASTY)
    began = time.monotonic()
    assert len(await queue.claim(10)) == 2
    assert time.monotonic() - began > HASTY.dead_seconds
    await queue.close()


async def test_a_clean_stop_leaves_no_claims_and_no_wait(outbox: Outbox) -> None:
    outbox.put(recorded.orders(2))
    first = OutboxQueue(outbox.options)
    await first.claim(1)
    await first.beat({"version": "1"})
    await first.close()
    second = OutboxQueue(outbox.options)
    assert len(await second.claim(10)) == 2
    await second.close()
    assert outbox.ask("SELECT COUNT(*), MIN(status) FROM {bridges}") == ((1, '{"version": "1"}'),)


# Locks of other sessions


async def test_a_locked_capture_is_not_overtaken_by_a_newer_one_of_its_subject(
    outbox: Outbox, queue: OutboxQueue
) -> None:
    order, other = recorded.orders(2)
    later = recorded.stored(recorded.again(json.loads(order[1]), event="sales_order_save_after"))
    outbox.put([order, other, later])
    with outbox.server.connect() as session, session.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {outbox.table} WHERE id = 1 FOR UPDATE")
        async with asyncio.timeout(PATIENCE):
            claims = await queue.claim(10)
        assert [claim.body for claim in claims] == [other[1]]
        assert await queue.claim(10) == []
        session.rollback()
    assert [claim.body for claim in await queue.claim(10)] == [order[1], later[1]]


async def test_a_locked_table_is_reported_soon_and_no_statement_keeps_waiting(
    outbox: Outbox,
) -> None:
    """A backup may lock tables for hours: each statement that was given up would wait as long."""
    outbox.put(recorded.orders(1))
    queue = OutboxQueue(replace(outbox.options, lock_wait_seconds=1))
    with outbox.server.connect() as backup, backup.cursor() as cursor:
        cursor.execute(f"LOCK TABLES {outbox.table} READ")
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(QueueError, match="Lock wait timeout"):
                await queue.claim(10)
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE '%lock%'"
        )
        assert cursor.fetchall() == ((0,),)
    assert len(await queue.claim(10)) == 1
    await queue.close()


async def test_captures_come_in_the_order_of_the_commits(
    outbox: Outbox, queue: OutboxQueue
) -> None:
    first, second, third = recorded.orders(3)
    with outbox.server.connect() as slow:
        outbox.put([second], slow)
        outbox.put([first])
        assert [claim.body for claim in await queue.claim(10)] == [first[1]]
        slow.commit()
    outbox.put([third])
    assert [claim.body for claim in await queue.claim(10)] == [second[1], third[1]]
