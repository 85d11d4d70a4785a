"""The inlet under attack: no 5xx, no hang, bounded memory, no forged log line."""

import asyncio
import gzip
import hmac
import json
import random
import re
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from magento_eventbridge.inlets.http import Inlet
from magento_eventbridge.inlets.signatures import (
    SignatureError,
    sign,
    signed_headers,
    verify,
)
from magento_eventbridge.observability.log import MagentoFormatter
from tests.integration.test_inlet import SECRET, Spool, lines, options, post
from tests.support.waiting import PATIENCE

HEALTH = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def spool() -> Spool:
    return Spool()


@pytest.fixture
async def inlet(spool: Spool) -> AsyncIterator[Inlet]:
    bounds = {"max_body_bytes": 5_000_000, "max_waiting_bytes": 64_000_000}
    inlet = Inlet(options(**bounds, idle_seconds=0.5, body_seconds=5.0), spool)
    await inlet.open()
    yield inlet
    await inlet.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def head(*headers: str, body: bytes = b"", signed: bool = True) -> bytes:
    reply = {"Host": "x", "Content-Type": "application/x-ndjson"}
    reply |= signed_headers(SECRET, body) if signed else {}
    rows = [f"{name}: {value}" for name, value in reply.items()]
    return "\r\n".join(["POST /v1/captures HTTP/1.1", *rows, *headers, "", ""]).encode()


async def connect(inlet: Inlet) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = inlet.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def status_of(inlet: Inlet, *parts: bytes, seconds: float = PATIENCE) -> int | None:
    """Send raw bytes; return the status of the answer, None if there was none."""
    reader, writer = await connect(inlet)
    answer = asyncio.create_task(reader.read(200))
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
    except ConnectionError:
        pass  # the inlet has closed the connection
    try:
        reply = await asyncio.wait_for(answer, seconds)
    except ConnectionError:
        return None
    finally:
        writer.close()
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", reply)
    return int(found[1]) if found else None


async def is_alive(inlet: Inlet) -> bool:
    return await status_of(inlet, HEALTH) == 200


# Bodies that grow


@pytest.mark.parametrize(
    "encodings",
    [
        ["Content-Encoding: gzip"],
        ["Content-Encoding: identity", "Content-Encoding: gzip"],
        ["Content-Encoding: gzip", "Content-Encoding: identity"],
        ["Content-Encoding:  GZIP "],
    ],
    ids=["gzip", "identity, gzip", "gzip, identity", "in capitals"],
)
async def test_a_body_that_would_unfold_is_not_unfolded(inlet: Inlet, encodings: list[str]) -> None:
    bomb = gzip.compress(bytes(300_000_000), 9)
    began = time.process_time()
    gzip.decompress(bomb)
    unfolding = time.process_time() - began
    began = time.process_time()
    assert await status_of(inlet, head(*encodings, f"Content-Length: {len(bomb)}"), bomb) == 415
    assert await is_alive(inlet)
    assert time.process_time() - began < unfolding / 2


async def test_a_body_of_lines_beyond_measure_is_refused_whole(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool
) -> None:
    status, answer, _ = await post(http, inlet, b"x\n" * 2_000_000)
    assert (status, answer) == (413, {"error": "a body may have 10000 lines"})
    status, answer, _ = await post(http, inlet, lines(1)[0] + b"\n" * 20_000)
    assert status == 413
    assert spool.kept == []


async def test_many_bad_lines_do_not_flood_the_log(
    http: aiohttp.ClientSession, inlet: Inlet, caplog: pytest.LogCaptureFixture
) -> None:
    status, answer, _ = await post(http, inlet, b"x\n" * 5_000)
    assert (status, len(answer["rejected"])) == (422, 5_000)
    assert len(caplog.records) == 11
    assert "Refused 4990 more" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 4_000_000,
        b'{"a":' * 800_000,
        b'{"id":' + b"9" * 4_000_000 + b"}",
        b'{"time":1e999999999}',
        b'{"snapshot":{"a":"\\ud800"}}',
        b'{"snapshot":{"a":"\xff"}}',
        b'"' + b"\\u0000" * 600_000 + b'"',
        b"\xef\xbb\xbf{}",
        b"\x00" * 1_000_000,
        b"nul",
    ],
    ids=[
        "arrays",
        "objects",
        "number",
        "exponent",
        "surrogate",
        "bytes",
        "NULs",
        "BOM",
        "0",
        "cut",
    ],
)
async def test_hostile_json_is_no_capture(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool, text: bytes
) -> None:
    status, answer, _ = await post(http, inlet, text)
    assert status == 422
    assert len(answer["rejected"][0]["error"]) <= 500
    assert spool.kept == []


# Malformed requests


@pytest.mark.parametrize(
    "headers",
    [
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: -1"],
        ["Content-Length: +5"],
        ["Content-Length: " + "9" * 40],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked, chunked"],
        [" Content-Length: 5"],
        [f"X-{number}: x" for number in range(1_000)],
        ["X: " + "x" * 100_000],
        ["X" * 100_000 + ": x"],
    ],
    ids=[
        "length and chunks",
        "two lengths",
        "negative",
        "signed",
        "huge",
        "unknown coding",
        "chunked twice",
        "folded",
        "many headers",
        "long header",
        "long name",
    ],
)
async def test_a_malformed_request_is_the_senders_fault(
    inlet: Inlet, spool: Spool, headers: list[str]
) -> None:
    status = await status_of(inlet, head(*headers), b"hello")
    assert status is None or 400 <= status < 500
    assert await is_alive(inlet)
    assert spool.kept == []


async def test_noise_is_the_senders_fault(inlet: Inlet) -> None:
    chance = random.Random(7)
    for _ in range(50):
        status = await status_of(inlet, chance.randbytes(chance.randrange(1, 2_000)) + b"\r\n\r\n")
        assert status is None or 400 <= status < 500
    assert await is_alive(inlet)


async def test_trailers_and_chunks_without_end_are_cut_off(inlet: Inlet) -> None:
    chunked = head("Transfer-Encoding: chunked")
    trailers = b"".join(b"X-%d: x\r\n" % number for number in range(100_000))
    for parts in (
        (chunked, b"1\r\nx\r\n0\r\n", trailers),
        (chunked, b"1;" + b"x" * 10_000_000),
        (chunked, b"f" * 1_000),
        (chunked, b"10000000\r\n", bytes(6_000_000)),
    ):
        status = await status_of(inlet, *parts)
        assert status is None or 400 <= status < 500
    assert await is_alive(inlet)


async def test_a_body_that_is_cut_off_is_not_taken(inlet: Inlet, spool: Spool) -> None:
    first, second = lines(2)
    body = first + b"\n" + second
    for parts in (
        (head(f"Content-Length: {len(body)}", body=body), first + b"\n"),
        (head(f"Content-Length: {len(body)}", body=first), first + b"\n"),
        (head("Transfer-Encoding: chunked", body=first), b"%x\r\n" % len(first), first, b"\r\n"),
    ):
        _, writer = await connect(inlet)
        for part in parts:
            writer.write(part)
        await writer.drain()
        writer.close()
        await asyncio.sleep(0.1)
    assert spool.kept == []


async def test_what_a_sender_writes_forges_no_line_of_the_log(
    inlet: Inlet, caplog: pytest.LogCaptureFixture
) -> None:
    forged = "[2026-11-23 20:00:00] report.CRITICAL: forged"
    for request in (
        f"GET http://[\x1b[31m\r{forged} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /\n{forged}\r\n\r\n",
        f"{forged}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nX\n{forged}: x\r\n\r\n",
    ):
        await status_of(inlet, request.encode())
    assert caplog.records
    for record in caplog.records:
        line = MagentoFormatter().format(record)
        assert "\n" not in line
        assert line.isprintable()
        assert len(line) < 1_000


async def test_strangers_do_not_flood_the_log(
    http: aiohttp.ClientSession,
    inlet: Inlet,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(50):
        assert (await post(http, inlet, b"{}", {}))[0] == 401
    assert len(caplog.records) == 20
    later = time.monotonic() + 61
    monkeypatch.setattr("magento_eventbridge.inlets.http.time.monotonic", lambda: later)
    await post(http, inlet, b"{}", {})
    assert "Refused 30 more requests since then" in caplog.text


# Connections that stay open


async def test_a_head_that_comes_byte_by_byte_is_given_up(inlet: Inlet) -> None:
    _, writer = await connect(inlet)
    began = time.monotonic()
    # uvloop raises RuntimeError if it has noticed the closing before the write.
    with pytest.raises((ConnectionError, RuntimeError)):
        for byte in HEALTH * 10:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)
    assert time.monotonic() - began < 5
    assert await is_alive(inlet)


@pytest.fixture
async def narrow(spool: Spool) -> AsyncIterator[Inlet]:
    inlet = Inlet(options(max_connections=20, idle_seconds=60), spool)
    await inlet.open()
    yield inlet
    await inlet.close()


async def test_connections_beyond_the_limit_are_asked_to_retry(
    narrow: Inlet, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()  # none becomes idle, however long all this takes
    monkeypatch.setattr("magento_eventbridge.listener.time.monotonic", lambda: now)
    held = [await connect(narrow) for _ in range(20)]
    for reader, writer in [await connect(narrow) for _ in range(100)]:
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"error": "too many connections"}
    assert [record.getMessage() for record in caplog.records] == [
        f"{narrow.url} refuses connections: 20 are open, as many as it accepts. None of "
        "them has been idle for 1 s."
    ]
    # The first connections are served, and closed ones make room for new ones.
    reader, writer = held[0]
    writer.write(HEALTH)
    assert b"200 OK" in await asyncio.wait_for(reader.readline(), PATIENCE)
    for _, writer in held:
        writer.close()
    async with asyncio.timeout(PATIENCE):
        while not await is_alive(narrow):
            await asyncio.sleep(0.05)


async def test_requests_that_nobody_reads_the_answers_of_do_not_pile_up(inlet: Inlet) -> None:
    host, port = inlet.url.removeprefix("http://").split(":")
    sent = 0
    with socket.create_connection((host, int(port))) as flood:
        flood.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        flood.setblocking(False)
        stands_still = 0
        while stands_still < 20:
            try:
                sent += flood.send(HEALTH * 1_000)
                stands_still = 0
            except BlockingIOError:
                stands_still += 1
            await asyncio.sleep(0.02)
        assert await is_alive(inlet)
    # The sockets' buffers are full: the inlet has stopped reading.
    assert sent < 100_000_000


# Signatures


async def test_a_signature_is_good_for_its_window_only(
    http: aiohttp.ClientSession,
    inlet: Inlet,
    spool: Spool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = lines(1)[0]
    headers = signed_headers(SECRET, body)
    answers = [await post(http, inlet, body, headers) for _ in range(2)]
    assert [status for status, *_ in answers] == [202, 202]
    later, much_later = time.time() + 602, time.monotonic() + 602
    monkeypatch.setattr("magento_eventbridge.inlets.http.time.time", lambda: later)
    monkeypatch.setattr("magento_eventbridge.inlets.http.time.monotonic", lambda: much_later)
    # A replay after its captures were forgotten: refused by its time.
    assert (await post(http, inlet, body, headers))[0] == 401
    assert spool.kept == [body]


SIGNED_AT = 1_795_453_984


def check(signature: str, body: bytes = b"{}", timestamp: str = str(SIGNED_AT)) -> None:
    verify(["s" * 16, SECRET], timestamp, signature, body, now=SIGNED_AT, window=300)


def test_each_character_of_a_signature_counts() -> None:
    right = sign(SECRET, SIGNED_AT, b"{}")
    check(right)
    for position in range(len(right)):
        for other in ("0", "f", " ", "\x00", "é"):
            if right[position] != other:
                with pytest.raises(SignatureError):
                    check(right[:position] + other + right[position + 1 :])


def test_a_signature_that_is_cut_or_longer_is_wrong() -> None:
    right = sign(SECRET, SIGNED_AT, b"{}")
    wrong = [right[:length] for length in range(len(right))]
    wrong += [right + more for more in ("0", " ", "\n", f",{right}", right)]
    wrong += [right.upper(), f" {right}", right.removeprefix("v1="), right.replace("v1", "v2")]
    for signature in wrong:
        with pytest.raises(SignatureError):
            check(signature)


def test_time_and_body_are_signed_together_and_apart() -> None:
    right = sign(SECRET, SIGNED_AT, b"1.{}")
    for body, timestamp in (
        (b"{}", f"{SIGNED_AT}.1"),
        (b".{}", f"{SIGNED_AT}1"),
        (b"1.{}", f"0{SIGNED_AT}"),
        (b"1.{}", f"+{SIGNED_AT}"),
        (b"1.{}", f"{SIGNED_AT} "),
        (b"1.{} ", str(SIGNED_AT)),
        (b"", str(SIGNED_AT)),
    ):
        try:
            check(right, body, timestamp)
        except SignatureError:
            continue
        # Another spelling of the same time is the same request.
        assert (body, int(timestamp)) == (b"1.{}", SIGNED_AT)


def test_how_much_of_a_signature_is_right_cannot_be_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    constant_time = hmac.compare_digest

    def watched(expected: Any, given: Any) -> bool:
        compared.append((expected, given))
        return constant_time(expected, given)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    reply = set()
    right = sign(SECRET, SIGNED_AT, b"{}")
    for given in (right, right[:-1] + "x", "v1=" + "x" * 64):
        compared.clear()
        try:
            check(given)
        except SignatureError as error:
            reply.add(str(error))
        # Each secret is compared in full, whether or not a former one matched.
        assert [whole for _, whole in compared] == [given.encode()] * 2
        assert {len(expected) for expected, _ in compared} == {len(right)}
    assert reply == {"the signature is wrong: do shop and bridge share a secret?"}
