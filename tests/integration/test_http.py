"""Our POST over HTTP/1.1, against servers that answer exactly what a test wants."""

import asyncio
import base64
import os
import socket
import ssl
import subprocess
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from socket import IPPROTO_TCP, AddressFamily, SocketKind
from typing import Any

import pytest
import trustme

from magento_eventbridge.sinks.eventbridge import http_client as http
from magento_eventbridge.sinks.eventbridge.http_client import (
    CallError,
    Endpoint,
    HttpOptions,
    Reply,
)
from tests.support.waiting import PATIENCE, until

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve connections on the loopback with `talk`; yields the port."""
    tasks = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in tasks:
            if task:
                task.cancel()
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)


async def request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """Read one request: its first line, headers and body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return first, headers, await reader.readexactly(int(headers.get("content-length", "0")))


def says(*answers: bytes) -> Talk:
    """Answer each request of a connection with the next of these, then close it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await request(reader)
            writer.write(answer)
            await writer.drain()

    return talk


@asynccontextmanager
async def endpoint(url: str, **options: Any) -> AsyncIterator[Endpoint]:
    defaults = {"connect_seconds": 2.0, "answer_seconds": 5.0}
    made = Endpoint(url, HttpOptions(**defaults | options))
    try:
        yield made
    finally:
        made.close()


async def ask(url: str, body: bytes = b"{}", **options: Any) -> Reply:
    async with endpoint(url, **options) as called:
        return await called.post({"host": "aws"}, body)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_a_call_is_a_post_with_the_headers_and_the_body_given() -> None:
    seen = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await request(reader))
        writer.write(OK)

    async with server(talk) as port:
        assert await ask(f"http://127.0.0.1:{port}/bus", b"entries") == Reply(200, b"ok", {})
    first, headers, body = seen[0]
    assert first == "POST /bus HTTP/1.1"
    assert headers["host"] == "aws"
    assert headers["user-agent"].startswith("magento-eventbridge/")
    assert body == b"entries"


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (OK, Reply(200, b"ok", {})),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
            Reply(200, b"ok", {}),
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, Reply(200, b"ok", {})),
        (
            b"HTTP/1.1 503 Slow Down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
            Reply(503, b"", {"retry-after": "7"}),
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
            Reply(302, b"", {"location": "/"}),
        ),
    ],
)
async def test_answers_are_understood(answer: bytes, reply: Reply) -> None:
    async with server(says(answer)) as port:
        assert await ask(f"http://127.0.0.1:{port}") == reply


async def test_a_connection_serves_call_after_call() -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await says(OK, OK, OK)(reader, writer)

    async with server(talk) as port, endpoint(f"http://127.0.0.1:{port}") as called:
        for _ in range(3):
            assert (await called.post({"host": "aws"}, b"{}")).status == 200
    assert connections == 1


async def test_a_connection_that_was_closed_meanwhile_is_not_used_again() -> None:
    async with server(says(OK)) as port, endpoint(f"http://127.0.0.1:{port}") as called:
        for _ in range(3):
            assert (await called.post({"host": "aws"}, b"{}")).status == 200
            await until(lambda: not any(connection.is_open for connection in called._idle))


async def test_a_connection_that_is_to_be_closed_is_not_used_again() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    async with server(says(closing, OK)) as port, endpoint(f"http://127.0.0.1:{port}") as called:
        for _ in range(3):
            assert (await called.post({"host": "aws"}, b"{}")).status == 200


async def test_a_connection_that_was_idle_for_long_is_not_used_again() -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await says(OK, OK)(reader, writer)

    async with (
        server(talk) as port,
        endpoint(f"http://127.0.0.1:{port}", idle_seconds=0.01) as called,
    ):
        for _ in range(2):
            await called.post({"host": "aws"}, b"{}")
            await asyncio.sleep(0.05)
    assert connections == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf", "closed without an answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, "no end"),
    ],
)
async def test_no_answer_says_why(answer: bytes, reason: str) -> None:
    async with server(says(answer)) as port:
        with pytest.raises(CallError, match=reason):
            await ask(f"http://127.0.0.1:{port}", answer_bytes=4000)


async def test_what_no_call_asked_for_is_not_the_answer_to_the_next() -> None:
    gives_up = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK)
        await gives_up.wait()
        writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with server(talk) as port, endpoint(f"http://127.0.0.1:{port}") as called:
        assert (await called.post({"host": "aws"}, b"{}")).status == 200
        gives_up.set()
        await until(lambda: not any(connection.is_open for connection in called._idle))
        assert (await called.post({"host": "aws"}, b"{}")).status == 200


async def test_silence_is_waited_for_so_long_and_the_connection_dropped() -> None:
    closed = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        await reader.read()
        closed.set()

    async with server(talk) as port:
        with pytest.raises(CallError, match="no answer in 0.1 s"):
            await ask(f"http://127.0.0.1:{port}", answer_seconds=0.1)
        async with asyncio.timeout(PATIENCE):
            await closed.wait()


async def test_an_answer_that_came_while_the_process_was_paused_counts() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        os.write(writer.get_extra_info("socket").fileno(), OK)
        time.sleep(0.3)  # noqa: ASYNC251  the whole process, beyond the time for the answer

    async with server(talk) as port:
        assert (await ask(f"http://127.0.0.1:{port}", answer_seconds=0.1)).status == 200


async def test_a_closed_port_is_reported() -> None:
    async with server(says()) as port:
        pass
    with pytest.raises(CallError, match="(?i)connect"):
        await ask(f"http://127.0.0.1:{port}")


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """Return an authority that this machine trusts."""
    made = trustme.CA()
    pem = tmp_path / "ca.pem"
    made.cert_pem.write_to_path(str(pem))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    http._tls_context.cache_clear()
    return made


def serving(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_https(authority: trustme.CA) -> None:
    async with server(says(OK), serving(authority)) as port:
        assert (await ask(f"https://127.0.0.1:{port}")).body == b"ok"


async def test_a_certificate_of_another_host_or_authority_is_refused(
    authority: trustme.CA,
) -> None:
    for tls in (serving(authority, "elsewhere.example"), serving(trustme.CA())):
        async with server(says(OK), tls) as port:
            with pytest.raises(CallError, match="certificate"):
                await ask(f"https://127.0.0.1:{port}")


class Proxy:
    """An HTTP proxy: tunnels or forwards, and records what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.refuses = False
        self.success = b"HTTP/1.1 200 Connection established\r\n\r\n"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, headers, _ = await request(reader)
        self.asked.append((first, headers))
        method, target, _ = first.split(" ")
        if self.refuses:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return
        if method != "CONNECT":
            writer.write(OK)
            return
        host, _, port = target.rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(self.success)
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            far_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof() if writer.can_write_eof() else None


async def test_https_goes_through_the_proxy_of_the_environment(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy()
    async with server(says(OK), serving(authority)) as port, server(proxy.talk) as proxy_port:
        monkeypatch.setenv("https_proxy", f"http://shop:p%40ss@127.0.0.1:{proxy_port}")
        assert (await ask(f"https://127.0.0.1:{port}")).body == b"ok"
    first, headers = proxy.asked[0]
    assert first == f"CONNECT 127.0.0.1:{port} HTTP/1.1"
    user = base64.b64decode(headers["proxy-authorization"].removeprefix("Basic "))
    assert user == b"shop:p@ss"


async def test_http_goes_through_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = Proxy()
    async with server(proxy.talk) as proxy_port:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy_port}")
        assert (await ask("http://events.example/bus")).body == b"ok"
    assert proxy.asked[0][0] == "POST http://events.example/bus HTTP/1.1"


async def test_no_proxy_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with server(says(OK)) as port:
        assert (await ask(f"http://127.0.0.1:{port}")).body == b"ok"


async def test_a_proxy_that_refuses_is_named(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy()
    proxy.refuses = True
    async with server(proxy.talk) as proxy_port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy_port}")
        with pytest.raises(CallError, match=r"the proxy 127\.0\.0\.1 answered 407"):
            await ask("https://events.example/")


# Answers as other servers and proxies send them (RFC 9110, RFC 9112)


JSON = b"Content-Type: application/x-amz-json-1.1\r\n"


def compressed(body: bytes, window: int) -> bytes:
    compressor = zlib.compressobj(wbits=window)
    return compressor.compress(body) + compressor.flush()


def with_length(head: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


ANSWERS = {
    "1.0, ends with the connection": b"HTTP/1.0 200 OK\r\n\r\nok",
    "1.1, ends with the connection": b"HTTP/1.1 200 OK\r\n\r\nok",
    "1.1, says that it will close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
    "1.0, keeps the connection": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
    ),
    "no reason phrase": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "names in any case, no space, spaces": (
        b"HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh:2\r\nserver:   x   \r\n\r\nok"
    ),
    "several interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
        b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\nContent-Length: 5\r\n\r\n" + OK
    ),
    "an interim answer, then one that ends with the connection": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nok"
    ),
    "chunks with an extension and a trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1;a=b\r\no\r\n01\r\nk\r\n0\r\nX-Trailer: 1\r\n\r\n"
    ),
    "chunks, upper case": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    ),
    "gzip that was not asked for": with_length(
        b"Content-Encoding: gzip\r\n", compressed(b"ok", 31)
    ),
    "deflate": with_length(b"Content-Encoding: deflate\r\n", compressed(b"ok", 15)),
    "identity": with_length(b"Content-Encoding: identity\r\n", b"ok"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("piece", [1, 7, 10_000])
async def test_every_framing_is_understood_in_pieces_of_any_size(answer: bytes, piece: int) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        for start in range(0, len(answer), piece):
            writer.write(answer[start : start + piece])
            await writer.drain()
            await asyncio.sleep(0)

    async with server(talk) as port, endpoint(f"http://127.0.0.1:{port}") as called:
        for _ in range(2):
            reply = await called.post({"host": "aws"}, b"{}")
            assert (reply.status, reply.body) == (200, b"ok")


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_that_have_no_body(status: int) -> None:
    answer = b"HTTP/1.1 %d X\r\n\r\n" % status
    async with server(says(answer, answer)) as port:
        async with endpoint(f"http://127.0.0.1:{port}") as called:
            for _ in range(2):
                assert (await called.post({"host": "aws"}, b"{}")).status == status


BROKEN = {
    "a length that is not reached": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok",
        "closed",
    ),
    "chunks without an end": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        "closed",
    ),
    "a head without an end": (b"HTTP/1.1 200 OK\r\nContent-Le", "closed"),
    "interim answers only": (b"HTTP/1.1 100 Continue\r\n\r\n", "closed"),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "not HTTP",
    ),
    "a length and chunks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nok\r\n0\r\n\r\n",
        "not HTTP",
    ),
    "another protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        "another protocol",
    ),
    "an encoding without a decoder": (
        with_length(b"Content-Encoding: br\r\n", b"ok"),
        "Content-Encoding 'br' is not supported",
    ),
    "gzip that is none": (
        with_length(b"Content-Encoding: gzip\r\n", b"ok"),
        "not in its Content-Encoding",
    ),
    "gzip that is cut off": (
        with_length(b"Content-Encoding: gzip\r\n", compressed(b"ok", 31)[:-9]),
        "not in its Content-Encoding",
    ),
    "a bomb": (
        with_length(b"Content-Encoding: gzip\r\n", compressed(b"x" * 1_000_000, 31)),
        "no end",
    ),
}


@pytest.mark.parametrize(("answer", "reason"), BROKEN.values(), ids=BROKEN.keys())
async def test_broken_answers_are_no_answers(answer: bytes, reason: str) -> None:
    async with server(says(answer)) as port:
        with pytest.raises(CallError, match=reason):
            await ask(f"http://127.0.0.1:{port}", answer_bytes=100_000)


async def test_a_second_answer_to_one_call_is_not_the_answer_to_the_next() -> None:
    numbers = iter(range(10))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            body = b"%d" % next(numbers)
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + body
            writer.write(answer + OK)

    async with server(talk) as port, endpoint(f"http://127.0.0.1:{port}") as called:
        for number in range(3):
            assert (await called.post({"host": "aws"}, b"{}")).body == b"%d" % number


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_closed_just_as_it_is_used_costs_no_call(reset: bool) -> None:
    calls = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        await request(reader)
        calls += 1
        writer.write(OK)
        await reader.read(1)  # the next call arrives after this side timed out
        if reset:
            writer.transport.abort()

    async with server(talk) as port, endpoint(f"http://127.0.0.1:{port}") as called:
        for _ in range(3):
            assert (await called.post({"host": "aws"}, b"{}")).body == b"ok"
    assert calls == 3


async def test_a_new_connection_that_is_closed_is_not_tried_without_end() -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await request(reader)

    async with server(talk) as port:
        with pytest.raises(CallError, match="closed"):
            await ask(f"http://127.0.0.1:{port}")
    assert connections == 1


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\n", "a\r"])
async def test_a_header_with_a_line_end_is_not_sent(value: str) -> None:
    async with server(says(OK)) as port, endpoint(f"http://127.0.0.1:{port}") as called:
        with pytest.raises(CallError, match="line end"):
            await called.post({"host": "aws", "x-amz-security-token": value}, b"{}")


# Certificates


@pytest.mark.parametrize("is_folder", [False, True])
async def test_the_ca_bundle_of_the_options_is_trusted(tmp_path: Path, is_folder: bool) -> None:
    authority = trustme.CA()
    pem = tmp_path / "company.pem"
    authority.cert_pem.write_to_path(str(pem))
    bundle = str(pem)
    if is_folder:
        hashed = subprocess.run(
            ["openssl", "x509", "-hash", "-noout", "-in", pem],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        pem.rename(tmp_path / f"{hashed}.0")
        bundle = str(tmp_path)
    async with server(says(OK, OK), serving(authority)) as port:
        with pytest.raises(CallError, match="certificate not accepted"):
            await ask(f"https://127.0.0.1:{port}")
        reply = await ask(f"https://127.0.0.1:{port}", ca_bundle=bundle)
    assert reply.body == b"ok"


@pytest.mark.parametrize("content", [None, "", "no certificate"])
async def test_a_ca_bundle_that_cannot_be_used_is_named(
    tmp_path: Path, content: str | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(CallError, match=r"CA bundle .*bundle\.pem \(AWS_CA_BUNDLE"):
        await ask("https://127.0.0.1:9", ca_bundle=str(bundle))


# Proxies


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_speaks_tls_itself(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy = Proxy()
    tls = serving(authority)
    async with (
        server(says(OK), tls if scheme == "https" else None) as port,
        server(proxy.talk, tls) as proxy_port,
    ):
        monkeypatch.setenv(f"{scheme}_proxy", f"https://127.0.0.1:{proxy_port}")
        assert (await ask(f"{scheme}://127.0.0.1:{port}/")).body == b"ok"
    assert len(proxy.asked) == 1


async def test_a_forwarding_proxy_gets_user_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy()
    async with server(proxy.talk) as proxy_port:
        monkeypatch.setenv("http_proxy", f"http://shop:p%40ss%3A@127.0.0.1:{proxy_port}")
        assert (await ask("http://events.example:8080/bus")).body == b"ok"
    first, headers = proxy.asked[0]
    assert first == "POST http://events.example:8080/bus HTTP/1.1"
    user = base64.b64decode(headers["proxy-authorization"].removeprefix("Basic "))
    assert user == b"shop:p@ss:"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 201 Created\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nProxy-Agent: x\r\n\r\n",
    ],
    ids=["1.0", "with a length", "201", "after an interim answer"],
)
async def test_a_tunnel_is_open_after_any_success(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    proxy = Proxy()
    proxy.success = answer
    async with server(says(OK), serving(authority)) as port, server(proxy.talk) as proxy_port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy_port}")
        assert (await ask(f"https://127.0.0.1:{port}")).body == b"ok"


UNUSABLE_PROXIES = {
    "socks5://shop:hunter2@127.0.0.1:1080": "kind socks5://, which is not supported",
    "socks5h://127.0.0.1:1080": "kind socks5h://, which is not supported",
    "ftp://127.0.0.1": "kind ftp://, which is not supported",
    "http://shop:hunter2/x@127.0.0.1:3128": "percent-encoded",
    "http://shop:hunter2#x@127.0.0.1:3128": "percent-encoded",
    "http://127.0.0.1:port": "percent-encoded",
    "http://[::1": "percent-encoded",
    "http://": "percent-encoded",
}


@pytest.mark.parametrize(
    ("proxy", "reason"), UNUSABLE_PROXIES.items(), ids=range(len(UNUSABLE_PROXIES))
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, scheme: str, proxy: str, reason: str
) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", proxy)
    with pytest.raises(CallError) as refusal:
        await ask(f"{scheme}://events.example/")
    assert reason in str(refusal.value)
    assert f"{scheme.upper()}_PROXY" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    "no_proxy", ["127.0.0.1", "*", "example.com, 127.0.0.1", "127.0.0.1:{port}"]
)
async def test_no_proxy_names_hosts_and_ports(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    async with server(says(OK)) as port:
        monkeypatch.setenv("no_proxy", no_proxy.format(port=port))
        assert (await ask(f"http://127.0.0.1:{port}")).body == b"ok"


async def test_a_proxy_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(CallError, match=r"^proxy 127\.0\.0\.1: Connection refused$"):
        await ask("https://events.example/")
    async with server(says()) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        with pytest.raises(CallError, match=r"^proxy 127\.0\.0\.1: the connection was closed"):
            await ask("https://events.example/")


def resolved(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let events.example have these addresses, in this order."""
    resolve = asyncio.get_running_loop().getaddrinfo

    async def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
        if host != "events.example":
            return await resolve(host, port, **options)
        return [
            (AddressFamily.AF_INET, SocketKind.SOCK_STREAM, IPPROTO_TCP, "", address)
            for address in addresses
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


async def test_an_address_that_does_not_answer_does_not_use_up_the_time_to_connect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as silent, socket.socket() as waits:
        # Linux drops what does not fit into the backlog: nobody answers.
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        waits.connect(silent.getsockname())
        async with server(says(OK)) as port:
            resolved(monkeypatch, silent.getsockname(), ("127.0.0.1", port))
            assert (await ask("http://events.example/", connect_seconds=3.0)).body == b"ok"


async def test_one_call_that_is_not_answered_ends_all_connections_to_that_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both_wait = asyncio.Barrier(2)

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        await both_wait.wait()
        writer.write(OK)
        await asyncio.Event().wait()

    async with server(once) as former, server(says(OK)) as present:
        resolved(monkeypatch, ("127.0.0.1", former))
        async with endpoint("http://events.example/", answer_seconds=2.0) as called:
            calls = (called.post({"host": "aws"}, b"{}") for _ in range(2))
            await asyncio.gather(*calls)
            resolved(monkeypatch, ("127.0.0.1", present))
            with pytest.raises(CallError, match="no answer"):
                await called.post({"host": "aws"}, b"{}")
            assert (await called.post({"host": "aws"}, b"{}")).body == b"ok"


async def test_the_reasons_of_several_addresses_are_one_reason_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved(monkeypatch, ("127.0.0.1", 9), ("127.0.0.2", 9))
    with pytest.raises(CallError, match=r"^Connection refused$"):
        await ask("http://events.example/")


async def counted(answers: list[bytes], *, calls: int, **options: Any) -> int:
    """Call a server that answers each call with the next of these; return its connections."""
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while answers:
            await request(reader)
            writer.write(answers.pop(0))
            await writer.drain()

    async with (
        server(talk) as port,
        endpoint(f"http://127.0.0.1:{port}", **options) as called,
    ):
        for _ in range(calls):
            await called.post({"host": "aws"}, b"{}")
            await asyncio.sleep(0.02)
    return connections


async def test_after_a_servers_error_the_name_is_resolved_again() -> None:
    """The failover of a global endpoint is one of DNS: the connection would stay where it is."""
    error = b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n"
    assert await counted([OK, error, OK, OK], calls=4) == 2
    assert await counted([OK, OK], calls=2) == 1


async def test_a_connection_that_is_old_is_not_used_again_though_it_is_busy() -> None:
    assert await counted([OK] * 4, calls=4, use_seconds=0.01) == 4
