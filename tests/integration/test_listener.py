"""The HTTP server under inlet, console and metrics, when all its connections are taken."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from magento_eventbridge.listener import Listener, ListenerOptions, application
from tests.support.waiting import PATIENCE

PROBE = b"GET /probe HTTP/1.1\r\nHost: x\r\n\r\n"
MOST = 20

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[..., Awaitable[Connection]]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async def probe(_: web.Request) -> web.Response:
        return web.Response(text="alive")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = application()
    app.router.add_get("/probe", probe)
    app.router.add_post("/echo", echo)
    options = ListenerOptions(
        "127.0.0.1", 0, max_connections=MOST, idle_seconds=60, replaceable_seconds=3.0
    )
    listener = Listener(app, options)
    await listener.open()
    yield listener
    await listener.close()


@pytest.fixture
async def connect(listener: Listener) -> AsyncIterator[Connect]:
    host, port = listener.url.removeprefix("http://").split(":")
    writers = []

    async def connect(first: bytes = b"") -> Connection:
        reader, writer = await asyncio.open_connection(host, int(port))
        writers.append(writer)
        writer.write(first)
        return reader, writer

    yield connect
    for writer in writers:
        writer.close()


async def answer(connection: Connection) -> bytes:
    """Return the line with the status; empty if the connection is closed."""
    return await asyncio.wait_for(connection[0].readline(), PATIENCE)


async def test_idle_connections_make_room_for_new_ones(
    listener: Listener, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    body = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel"
    busy = await connect(body)
    slow_head = await connect(PROBE[:9])
    idle = [await connect() for _ in range(MOST - 3)]
    used = await connect(PROBE)
    assert b"200 OK" in await answer(used)
    # Each has just connected, and may be about to send its request.
    assert b"503" in await answer(await connect(PROBE))
    await asyncio.sleep(3.1)
    probes = [await connect(PROBE) for _ in range(MOST - 2)]
    assert [await answer(probe) for probe in probes] == [b"HTTP/1.1 200 OK\r\n"] * len(probes)
    # The one that was idle for longest was closed first, the one with a request not at all.
    assert [await answer(connection) for connection in (slow_head, *idle)] == [b""] * (MOST - 2)
    busy[1].write(b"lo")
    assert b"200 OK" in await answer(busy)
    refused, closed = [record.getMessage() for record in caplog.records]
    assert refused.startswith(f"{listener.url} refuses connections: {MOST} are open")
    assert closed.startswith(f"{listener.url} closes idle connections: {MOST} are open")


async def test_a_burst_of_connections_does_not_exceed_the_limit(connect: Connect) -> None:
    burst = await asyncio.gather(*(connect() for _ in range(5 * MOST)))
    refusals = [asyncio.create_task(reader.read()) for reader, _ in burst]
    async with asyncio.timeout(PATIENCE):
        while sum(refusal.done() for refusal in refusals) < 4 * MOST:
            await asyncio.sleep(0.05)
    answers = [refusal.result() for refusal in refusals if refusal.done()]
    assert [b"too many connections" in answer for answer in answers] == [True] * (4 * MOST)
