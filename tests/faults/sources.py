"""Where the shop writes to: each of the queues, with its service, which may crash too."""

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import aiohttp
import aiormq
import pymysql
import pytest
from aiormq.exceptions import AMQPError, ChannelInvalidStateError
from pymysql.cursors import Cursor

from magento_eventbridge.captures import Capture
from magento_eventbridge.inlets.signatures import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from tests.end_to_end.test_queue_mode import of_broker, of_database
from tests.end_to_end.test_serve_outbox import settings as outbox_settings
from tests.faults.ledger import Ledger
from tests.support.magento_broker import MagentoBroker
from tests.support.magento_queue import MagentoQueue
from tests.support.mariadb import Outbox, Server
from tests.support.process import SECRET
from tests.support.programs import free_ports

Captures = Sequence[tuple[Capture, bytes]]

QUEUES = ("sqlite", "outbox", "magento-db", "amqp")

_PATIENCE = aiohttp.ClientTimeout(total=30)


class NotTakenError(Exception):
    """Nothing was accepted, for certain: the shop tries again."""


class UnansweredError(Exception):
    """It is unknown whether the captures were accepted."""


class Service(Protocol):
    """The service of a queue; it is killed as by a crash of its machine."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


class Source(Protocol):
    """A queue, as the shop uses it."""

    @property
    def name(self) -> str:
        """The bridge's name of the queue."""
        ...

    @property
    def service(self) -> Service | None:
        """Its service, if that may be crashed."""
        ...

    @property
    def forgets_claims(self) -> bool:
        """Whether claims end with the service instead of with the bridge that holds them."""
        ...

    @property
    def settings(self) -> dict[str, str]:
        """The settings that a bridge needs."""
        ...

    async def put(self, captures: Captures) -> None:
        """Hand captures over; once this returns they are accepted."""
        ...

    async def left(self) -> int:
        """Count the captures in the queue, without the bridge's code."""
        ...


class Inlet:
    """The `sqlite` queue, over HTTP."""

    name = "sqlite"
    forgets_claims = False
    service = None

    def __init__(self, spool: Path, now: Callable[[], float] = time.time) -> None:
        self._spool = spool
        self._now = now  # by the shop's clock
        self.port = free_port()

    @property
    def settings(self) -> dict[str, str]:
        return {"INLET__PORT": str(self.port), "SPOOL__PATH": str(self._spool)}

    async def put(self, captures: Captures) -> None:
        body = b"\n".join(text for _, text in captures)
        timestamp = int(self._now())
        headers = {
            "Content-Type": "application/x-ndjson",
            TIMESTAMP_HEADER: str(timestamp),
            SIGNATURE_HEADER: sign(SECRET, timestamp, body),
        }
        url = f"http://127.0.0.1:{self.port}/v1/captures"
        try:
            async with (
                aiohttp.ClientSession(timeout=_PATIENCE) as session,
                session.post(url, data=body, headers=headers) as answer,
            ):
                reply = await answer.json()
        except aiohttp.ClientConnectorError as error:
            raise NotTakenError from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnansweredError from error
        if answer.status in (429, 503):
            assert int(answer.headers["Retry-After"]) > 0
            raise NotTakenError
        assert (answer.status, reply) == (202, {"accepted": len(captures), "rejected": []})

    async def left(self) -> int:
        return await asyncio.to_thread(self._count)

    def _count(self) -> int:
        if not self._spool.exists():
            return 0
        connection = sqlite3.connect(f"{self._spool.as_uri()}?mode=rw", uri=True)
        try:
            if not connection.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'captures'"
            ).fetchone():
                return 0  # a bridge was killed while it created the file
            (count,) = connection.execute("SELECT count(*) FROM captures").fetchone()
            return int(count)
        finally:
            connection.close()


class Table:
    """The `outbox` queue."""

    name = "outbox"
    forgets_claims = True  # a bridge's lease ends with the server

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.service = outbox.server if outbox.server.folder else None

    @property
    def settings(self) -> dict[str, str]:
        return {"INLET__ENABLED": "0", **outbox_settings(self._outbox)}

    async def put(self, captures: Captures) -> None:
        write = partial(self._outbox.put, captures)
        await asyncio.to_thread(_in_a_transaction, self._outbox.server, write)

    async def left(self) -> int:
        query = "SELECT COUNT(*) FROM {outbox}"
        ((count,),) = await asyncio.to_thread(self._outbox.ask, query)
        return int(str(count))


class MagentoTables:
    """The `magento-db` queue."""

    name = "magento-db"
    forgets_claims = True

    def __init__(self, queue: MagentoQueue) -> None:
        self._queue = queue
        self.service = queue.server if queue.server.folder else None

    @property
    def settings(self) -> dict[str, str]:
        there = of_database(self._queue.options)
        return {"INLET__ENABLED": "0", "MAGENTO_DB__ENABLED": "1", **there}

    async def put(self, captures: Captures) -> None:
        write = partial(self._queue.publish, as_published(captures))
        await asyncio.to_thread(_in_a_transaction, self._queue.server, write)

    async def left(self) -> int:
        """Count the messages that Magento counts neither as complete nor as failed."""
        query = "SELECT COUNT(*) FROM {queue_message_status} WHERE status NOT IN (4, 6)"
        ((count,),) = await asyncio.to_thread(self._queue.ask, query)
        return int(count)


class Exchange:
    """The `amqp` queue."""

    name = "amqp"
    forgets_claims = True

    def __init__(self, broker: MagentoBroker) -> None:
        self._broker = broker
        self.service = broker.broker if broker.broker.node else None

    @property
    def settings(self) -> dict[str, str]:
        return {"INLET__ENABLED": "0", **of_broker(self._broker.options, AMQP__ENABLED="1")}

    async def put(self, captures: Captures) -> None:
        """Publish captures; the broker confirms each message singly."""
        try:
            connection = await aiormq.connect(self._broker.broker.url)
        except (AMQPError, OSError) as error:
            raise NotTakenError from error
        try:
            async with asyncio.timeout(30):
                channel = await connection.channel(on_return_raises=True)
                await self._broker.publish(as_published(captures), channel)
        except (AMQPError, OSError, ChannelInvalidStateError, TimeoutError) as error:
            raise UnansweredError from error
        finally:
            await connection.close()

    async def left(self) -> int:
        """Count ready and unacknowledged messages."""
        waiting = await self._broker.count() + await self._broker.count(".set-aside")
        if waiting or self.service is None:
            return waiting
        words = ("list_queues", "--no-table-headers", "name", "messages")
        reply = await asyncio.to_thread(self._broker.broker.control, *words)
        counts = dict(line.rsplit(maxsplit=1) for line in reply.splitlines() if line)
        return int(counts[self._broker.options.queue])


def source_of(request: pytest.FixtureRequest, folder: Path) -> Source:
    """Return the queue of this name."""
    match request.param:
        case "sqlite":
            return Inlet(folder / "spool.sqlite")
        case "outbox":
            return Table(request.getfixturevalue("outbox"))
        case "magento-db":
            return MagentoTables(request.getfixturevalue("magento_queue"))
        case "amqp":
            return Exchange(request.getfixturevalue("magento_broker"))
    raise AssertionError(request.param)


def as_published(captures: Captures) -> list[str]:
    """Return the bodies of messages, as the agent publishes them."""
    return [json.dumps(body.decode()) for _, body in captures]


def _in_a_transaction(
    server: Server, write: Callable[["pymysql.Connection[Cursor]"], None]
) -> None:
    """Write rows; whether they were committed is unknown if the server dies meanwhile."""
    try:
        connection = server.connect()
    except (pymysql.MySQLError, OSError) as error:
        raise NotTakenError from error
    try:
        write(connection)
        connection.commit()
    except (pymysql.MySQLError, OSError) as error:
        raise UnansweredError from error
    finally:
        with contextlib.suppress(pymysql.MySQLError, OSError):
            connection.close()


async def hand_over(source: Source, ledger: Ledger, captures: Captures) -> None:
    """Hand captures over to a queue that accepts them."""
    ledger.hand_over(captures)
    await source.put(captures)
    ledger.promise(captures)


async def until_there(source: Source, ledger: Ledger, seconds: float = 60) -> None:
    """Wait until every accepted capture has arrived and the queue is empty."""
    try:
        async with asyncio.timeout(seconds):
            while ledger.waiting or await source.left():
                await asyncio.sleep(0.05)
    except TimeoutError:
        left = await source.left()
        raise AssertionError(f"{ledger.waiting} have not come, {left} are in the queue") from None


def free_port() -> int:
    """Return a port on which nothing listens."""
    (port,) = free_ports(1)
    return port
