"""What the shop writes to: each of the queues, with the service behind it that may crash too."""

import asyncio
import socket
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import aiohttp
import pymysql

from magento_eventbridge.captures import Capture
from magento_eventbridge.inlets.signatures import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from tests.end_to_end.test_serve_outbox import settings as outbox_settings
from tests.support.mariadb import Outbox
from tests.support.process import SECRET

Captures = Sequence[tuple[Capture, bytes]]

_PATIENCE = aiohttp.ClientTimeout(total=30)


class NotTakenError(Exception):
    """Nothing was taken, for certain: the shop comes again."""


class UnansweredError(Exception):
    """Nobody knows whether it was taken."""


class Service(Protocol):
    """What a queue lives in; its end is as that of a machine."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


class Source(Protocol):
    """A queue as the shop sees it."""

    name: str
    service: Service | None

    @property
    def settings(self) -> dict[str, str]:
        """What a bridge must be told."""
        ...

    async def put(self, captures: Captures) -> None:
        """Hand captures over; once this returns they are promised."""
        ...

    async def left(self) -> int:
        """Count what is in the queue, asked without the bridge's code."""
        ...


class Inlet:
    """The `sqlite` queue, by HTTP."""

    name = "sqlite"
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
                told = await answer.json()
        except aiohttp.ClientConnectorError as error:
            raise NotTakenError from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UnansweredError from error
        if answer.status in (429, 503):
            assert int(answer.headers["Retry-After"]) > 0
            raise NotTakenError
        assert (answer.status, told) == (202, {"accepted": len(captures), "rejected": []})

    async def left(self) -> int:
        return await asyncio.to_thread(self._count)

    def _count(self) -> int:
        connection = sqlite3.connect(self._spool)
        try:
            (count,) = connection.execute("SELECT count(*) FROM captures").fetchone()
            return int(count)
        finally:
            connection.close()


class Table:
    """The `outbox` queue."""

    name = "outbox"

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.service = outbox.server if outbox.server.folder else None

    @property
    def settings(self) -> dict[str, str]:
        return {"INLET__ENABLED": "0", **outbox_settings(self._outbox)}

    async def put(self, captures: Captures) -> None:
        await asyncio.to_thread(in_a_transaction, self._outbox, captures)

    async def left(self) -> int:
        ((count,),) = await asyncio.to_thread(
            self._outbox.ask, "SELECT COUNT(*) FROM {outbox}"
        )
        return int(str(count))


def in_a_transaction(outbox: Outbox, captures: Captures) -> None:
    """Write rows; whether they were committed is not known when the server dies meanwhile."""
    try:
        connection = outbox.server.connect()
    except (pymysql.MySQLError, OSError) as error:
        raise NotTakenError from error
    try:
        outbox.put(captures, connection)
        connection.commit()
    except (pymysql.MySQLError, OSError) as error:
        raise UnansweredError from error
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
