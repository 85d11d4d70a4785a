"""The installed command under attack: memory stays bounded, and valid requests are accepted."""

import asyncio
import contextlib
import gzip
import re
import resource
from pathlib import Path

import aiohttp

from magento_eventbridge.inlets.client import hand_over
from magento_eventbridge.inlets.signatures import signed_headers
from tests.support import recorded
from tests.support.process import SECRET, Serving, serving
from tests.support.programs import free_ports
from tests.support.put_events import put_events
from tests.support.waiting import PATIENCE

ATTACKERS = 10


def request(body: bytes, *headers: str, length: int | None = None) -> bytes:
    signed = {"Host": "x", "Content-Type": "application/x-ndjson", **signed_headers(SECRET, body)}
    rows = [f"{name}: {value}" for name, value in signed.items()]
    size = f"Content-Length: {len(body) if length is None else length}"
    return (
        "\r\n".join(["POST /v1/captures HTTP/1.1", *rows, *headers, size, "", ""]).encode() + body
    )


def megabytes(bridge: Serving) -> float:
    status = Path(f"/proc/{bridge.process.pid}/status").read_text()
    (most,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(most) / 1000


def descriptors(bridge: Serving) -> int:
    return len(list(Path(f"/proc/{bridge.process.pid}/fd").iterdir()))


async def attack(url: str, sent: bytes) -> None:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    with contextlib.suppress(ConnectionError, TimeoutError):
        writer.write(sent)
        await asyncio.wait_for(writer.drain(), 3)
        await asyncio.wait_for(reader.read(1000), 3)
    writer.transport.abort()


async def test_no_sender_makes_it_large_or_deaf(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)
    attacks = {
        "unfolds": request(bomb, "Content-Encoding: gzip"),
        "nested": request(b"[" * 4_000_000),
        "digits": request(b'{"id":' + b"9" * 4_000_000),
        "bad lines": request(b"x\n" * 2_000_000),
        "lines just few enough": request(b"x\n" * 9_000),
        "never ends": request(b"x" * 4_000_000, length=4_900_000),
        "headers": b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 1_000_000,
        "a long line": b"GET /" + b"x" * 5_000_000,
        "requests at once": b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 50_000,
    }
    async with put_events() as endpoint, serving(tmp_path, endpoint.url) as bridge:
        await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(100)])
        before = megabytes(bridge)
        async with aiohttp.ClientSession() as http:
            for sent in attacks.values():
                attackers = [
                    asyncio.create_task(attack(bridge.url, sent)) for _ in range(ATTACKERS)
                ]
                async with asyncio.timeout(PATIENCE):
                    async with http.get(f"{bridge.url}/health/live") as answer:
                        assert answer.status == 200
                await asyncio.gather(*attackers)
        # Read into lines, bodies take a few times their size. One decompressed bomb would take as
        # much, and the test sends many.
        assert megabytes(bridge) - before < 350
        await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(100)])
        await endpoint.until_taken(200)
        assert await bridge.stop() == 0
        assert "Traceback" not in bridge.log
        assert len(bridge.log) < 100_000


async def test_a_lack_of_file_descriptors_is_reported(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    metrics = {"METRICS__ENABLED": "1", "METRICS__PORT": str(port)}
    async with (
        put_events() as endpoint,
        serving(tmp_path, endpoint.url, **metrics) as bridge,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        process = bridge.process.pid
        allowed, most = resource.prlimit(process, resource.RLIMIT_NOFILE)
        assert allowed == min(most, 65_536)

        async def until(words: str, status: int) -> None:
            async with asyncio.timeout(PATIENCE):
                while words not in bridge.log:
                    await asyncio.sleep(0.05)
            async with http.get("/health/ready") as answer:  # by a connection that is open
                assert answer.status == status
                assert ("file descriptors" in await answer.text()) is (status == 503)

        await until("Listening", 200)
        used = descriptors(bridge)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (used, most))
        await until(f"closed without an answer: all {used} file descriptors", 503)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (allowed, most))
        await until("free again", 200)
        await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(1)])
        await endpoint.until_taken(1)
