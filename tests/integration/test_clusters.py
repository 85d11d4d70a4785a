"""The queues in databases behind clusters, proxies and splitters, through outages and snapshots."""

import asyncio
import logging
import re
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from magento_eventbridge.magento.agent.module import AgentError
from magento_eventbridge.magento.agent.tables import drop_tables
from magento_eventbridge.magento.database import DatabaseOptions
from magento_eventbridge.queues.mysql.lease import LeaseTiming
from magento_eventbridge.queues.mysql.magento_db import MagentoDbQueue
from magento_eventbridge.queues.mysql.outbox import OutboxQueue
from magento_eventbridge.queues.mysql.queue import MysqlQueue
from magento_eventbridge.settings.queues import QUEUE
from tests.support import mariadb, recorded
from tests.support.delivering import delivering
from tests.support.magento_queue import MagentoQueue, queue_tables
from tests.support.mariadb import Outbox
from tests.support.programs import free_ports, library
from tests.support.put_events import Stall, put_events
from tests.support.waiting import PATIENCE

GALERA = Path("/usr/lib/galera/libgalera_smm.so")
NAMED_LOCKS = re.compile(r"(GET|RELEASE|IS_USED|IS_FREE)_LOCK", re.IGNORECASE)
_CLIENT_SSL = 0x0800
_QUERY = b"\x03"


@dataclass
class Proxy:
    """A proxy in front of a database, which may refuse statements, and records them."""

    port: int = 0
    statements: list[tuple[str, bool]] = field(default_factory=list)
    """Each statement, and whether it was in a transaction."""


@asynccontextmanager
async def proxy(
    port: int, refuses: Callable[[str], bool] = lambda _: False
) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a database while the context lasts; it hides that TLS is offered."""
    result = Proxy()

    async def packet(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
        head = await reader.readexactly(4)
        return head, await reader.readexactly(int.from_bytes(head[:3], "little"))

    async def from_database(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, greeting = await packet(reader)
        flags = greeting.index(0, 1) + 1 + 4 + 8 + 1
        (capabilities,) = struct.unpack_from("<H", greeting, flags)
        without_tls = struct.pack("<H", capabilities & ~_CLIENT_SSL)
        writer.write(head + greeting[:flags] + without_tls + greeting[flags + 2 :])
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    connections: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            connections.add(task)
        database, to_database = await asyncio.open_connection("127.0.0.1", port)
        answers = asyncio.create_task(from_database(database, writer))
        is_open = False
        try:
            while True:
                head, body = await packet(reader)
                if head[3] == 0 and body[:1] == _QUERY:
                    statement = body[1:].decode(errors="replace")
                    is_open = (is_open or statement == "BEGIN") and statement != "COMMIT"
                    result.statements.append((statement, is_open))
                    if refuses(statement):
                        error = b"\xff" + struct.pack("<H", 1105) + b"#HY000not allowed here"
                        writer.write(len(error).to_bytes(3, "little") + b"\x01" + error)
                        continue
                to_database.write(head + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            to_database.close()
        await asyncio.gather(answers, return_exceptions=True)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    result.port = server.sockets[0].getsockname()[1]
    try:
        yield result
    finally:
        server.close()
        # A connection that is still ending when the test's loop ends is an error of its own.
        await asyncio.gather(*connections, return_exceptions=True)


def both_queues(outbox: Outbox, magento_queue: MagentoQueue, between: Proxy) -> list[MysqlQueue]:
    """Return the queues in a store's database, as a bridge behind the proxy has them."""
    return [
        OutboxQueue(replace(outbox.options, port=between.port)),
        MagentoDbQueue(replace(magento_queue.options, port=between.port), QUEUE),
    ]


async def test_no_queue_uses_named_locks(outbox: Outbox, magento_queue: MagentoQueue) -> None:
    """Percona XtraDB Cluster refuses them; ProxySQL and RDS Proxy share connections."""
    captures, messages = recorded.orders(50), recorded.orders(50)
    outbox.put(captures)
    magento_queue.put(messages)

    def refuses(statement: str) -> bool:
        return bool(NAMED_LOCKS.search(statement))

    async with proxy(outbox.options.port, refuses) as between, put_events() as endpoint:
        queues = both_queues(outbox, magento_queue, between)
        async with delivering(queues[0], endpoint.url), delivering(queues[1], endpoint.url):
            await endpoint.until_taken(100)
            for queue in queues:
                while (await queue.depth()).captures:
                    await asyncio.sleep(0.02)
        for queue in queues:
            await queue.close()
        assert len(between.statements) > 10
    assert sorted(endpoint.ids) == sorted(capture.id for capture, _ in captures + messages)


async def test_what_is_claimed_is_read_in_the_same_transaction(
    outbox: Outbox, magento_queue: MagentoQueue
) -> None:
    """A read/write splitter would send other reads to a replica, which may lag behind."""
    outbox.put(recorded.orders(3))
    magento_queue.put(recorded.orders(3))
    async with proxy(outbox.options.port) as between:
        for queue in both_queues(outbox, magento_queue, between):
            between.statements.clear()
            try:
                claims = await queue.claim(10)
                assert len(claims) == 3
                assert await queue.recall(claims) == claims
            finally:
                await queue.close()
            # A look whether there is anything reads sizes at most.
            reads = [
                is_in_transaction
                for statement, is_in_transaction in between.statements
                if statement.lstrip().startswith("SELECT")
                and re.search(r"(?<!LENGTH\()\b\w\.body", statement)
            ]
            assert len(reads) >= 2
            assert all(reads)
            # Some splitters send the reads of a transaction to a replica, too, unless they lock.
            own = [
                statement
                for statement, _ in between.statements
                if statement.lstrip().startswith("SELECT")
                and re.search(f"claimed_by (=|LIKE) '{queue.bridge}", statement)
            ]
            assert sum("FOR UPDATE" in statement for statement in own) >= 2


async def test_dead_letters_are_read_in_a_transaction(
    outbox: Outbox, magento_queue: MagentoQueue
) -> None:
    """A replica may not have a letter yet that the bridge wants to recover."""
    outbox.put(recorded.orders(1))
    magento_queue.put(recorded.orders(1))
    async with proxy(outbox.options.port) as between:
        for queue in both_queues(outbox, magento_queue, between):
            between.statements.clear()
            letters = queue.dead_letters
            try:
                (claim,) = await queue.claim(1)
                await queue.bury(claim, "a reason")
                (letter,) = await letters.page(10)
                assert await letters.find(letter.id) == letter
                assert await letters.count() == 1
            finally:
                await queue.close()
            reads = [
                is_in_transaction
                for statement, is_in_transaction in between.statements
                if re.match(r"SELECT .*dead_letter`", statement.lstrip(), re.DOTALL)
            ]
            assert len(reads) == 4
            assert all(reads)


async def test_tables_are_dropped_by_the_word_of_no_replica(outbox: Outbox) -> None:
    """A replica that lags behind has not the captures of the last minute."""
    outbox.put(recorded.orders(1))
    async with proxy(outbox.options.port) as between:
        options = replace(outbox.options, port=between.port)
        with pytest.raises(AgentError, match="1 captures wait"):
            await drop_tables(options)
        reads = [
            statement
            for statement, _ in between.statements
            if re.search(r"SELECT .* FROM `\w*eventbridge", statement)
        ]
        assert len(reads) >= 2
        assert all("FOR UPDATE" in statement for statement in reads)
        outbox.ask("DELETE FROM {outbox}")
        assert len(await drop_tables(options)) == 3


async def test_two_bridges_share_an_outbox_on_a_galera_node() -> None:
    provider = library(GALERA, "galera-4")
    [port] = free_ports(1)
    cluster = (
        "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2",
        "--wsrep-on=ON",
        f"--wsrep-provider={provider}",
        "--wsrep-cluster-address=gcomm://",
        "--wsrep-new-cluster",
        "--wsrep-node-address=127.0.0.1",
        f"--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:{port};gcache.size=32M",
    )
    captures = recorded.orders(400)
    with mariadb.private(*cluster) as server:
        until = time.monotonic() + 60
        with server.connect() as connection, connection.cursor() as cursor:
            while (
                cursor.execute("SHOW STATUS WHERE Variable_name = 'wsrep_ready' AND Value = 'ON'")
                < 1
            ):
                assert time.monotonic() < until
                await asyncio.sleep(0.2)
        with mariadb.outbox_tables(server) as outbox:
            queues = [OutboxQueue(outbox.options) for _ in range(2)]
            async with (
                put_events() as endpoint,
                delivering(queues[0], endpoint.url),
                delivering(queues[1], endpoint.url),
            ):
                for start in range(0, 400, 50):
                    await asyncio.to_thread(outbox.put, captures[start : start + 50])
                await endpoint.until_taken(400, seconds=60)
                async with asyncio.timeout(PATIENCE):
                    while (await queues[0].depth()).captures:
                        await asyncio.sleep(0.05)
            for queue in queues:
                await queue.close()
    assert sorted(endpoint.ids) == sorted(capture.id for capture, _ in captures)


@pytest.mark.parametrize("kind", ["outbox", "magento-db"])
async def test_an_outage_of_the_database_steals_no_claims_and_repeats_nothing(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Two bridges, and an outage three times as long as what counts as a dead bridge."""
    caplog.set_level(logging.INFO)
    timing = LeaseTiming(
        renew_seconds=0.3,
        hold_seconds=1.5,
        dead_seconds=2.0,
        watch_seconds=0.2,
        orphans_seconds=1.0,
    )
    captures = recorded.orders(400)

    def new_queue(options: DatabaseOptions) -> OutboxQueue | MagentoDbQueue:
        if kind == "outbox":
            return OutboxQueue(options, timing)
        return MagentoDbQueue(options, QUEUE, timing)

    with mariadb.private() as server:
        tables = mariadb.outbox_tables(server) if kind == "outbox" else queue_tables(server, "t_")
        with tables as made:
            made.put(captures[:200])
            queues = [new_queue(replace(made.options, connect_seconds=1)) for _ in range(2)]
            async with (
                put_events(lambda _, __: Stall(0.2)) as endpoint,
                delivering(queues[0], endpoint.url),
                delivering(queues[1], endpoint.url),
            ):
                await endpoint.until_taken(20)
                server.kill()
                await asyncio.sleep(3 * timing.dead_seconds)
                await asyncio.to_thread(server.start)
                await asyncio.to_thread(made.put, captures[200:])
                await endpoint.until_taken(400, seconds=60)
                async with asyncio.timeout(PATIENCE):
                    while (await queues[0].depth()).captures:
                        await asyncio.sleep(0.05)
            for queue in queues:
                await queue.close()
    counts = Counter(endpoint.ids)
    assert counts.keys() == {capture.id for capture, _ in captures}
    assert set(counts.values()) == {1}
    assert "is dead" not in caplog.text


async def test_a_late_commit_is_found_while_a_snapshot_is_open(outbox: Outbox) -> None:
    """The full size, 200,000 deliveries with the time of a claim, is one of the benchmarks."""
    queue = OutboxQueue(outbox.options)
    captures = recorded.orders(1000)
    with outbox.server.connect() as reader, reader.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute(f"SELECT COUNT(*) FROM {outbox.table}")
        for _ in range(3):
            await asyncio.to_thread(outbox.put, captures)
            while claims := await queue.claim(1000):
                await queue.ack(claims)
        with outbox.server.connect() as slow:
            late = recorded.orders(1)
            outbox.put(late, slow)
            await asyncio.to_thread(outbox.put, captures)
            taken = 0
            while taken < 1000:
                claims = await queue.claim(1000)
                taken += len(claims)
                await queue.ack(claims)
            slow.commit()
        async with asyncio.timeout(PATIENCE):
            while not (claims := await queue.claim(10)):
                await asyncio.sleep(0.1)
        assert [claim.body for claim in claims] == [late[0][1]]
        reader.rollback()
    await queue.close()
