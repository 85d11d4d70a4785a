"""Our POST over HTTP/1.1, against servers that say exactly what a test wants said."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from magento_eventbridge.sinks.eventbridge import http_client as http
from magento_eventbridge.sinks.eventbridge.http_client import CallError, Endpoint, Reply

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve connections on the loopback with `talk`; gives the port."""
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
async def endpoint(url: str, answer_seconds: float = 5.0) -> AsyncIterator[Endpoint]:
    made = Endpoint(url, connect_seconds=2.0, answer_seconds=answer_seconds)
    try:
        yield made
    finally:
        made.close()


async def ask(url: str, body: bytes = b"{}", answer_seconds: float = 5.0) -> Reply:
    async with endpoint(url, answer_seconds) as called:
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
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", Reply(302, b"", {})),
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
            await asyncio.sleep(0.05)


async def test_a_connection_that_is_to_be_closed_is_not_used_again() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    async with server(says(closing, OK)) as port, endpoint(f"http://127.0.0.1:{port}") as called:
        for _ in range(3):
            assert (await called.post({"host": "aws"}, b"{}")).status == 200


async def test_a_connection_that_rested_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await says(OK, OK)(reader, writer)

    monkeypatch.setattr(http, "_LONGEST_REST", 0.01)
    async with server(talk) as port, endpoint(f"http://127.0.0.1:{port}") as called:
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
async def test_no_answer_says_why(
    answer: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_LONGEST_ANSWER", 4000)
    async with server(says(answer)) as port:
        with pytest.raises(CallError, match=reason):
            await ask(f"http://127.0.0.1:{port}")


async def test_what_nobody_asked_for_is_no_answer_to_the_next_call() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK)
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(1)

    async with server(talk) as port, endpoint(f"http://127.0.0.1:{port}") as called:
        for _ in range(2):
            assert (await called.post({"host": "aws"}, b"{}")).status == 200
            await asyncio.sleep(0.05)


async def test_silence_is_waited_for_so_long_and_the_connection_dropped() -> None:
    closed = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        await reader.read()
        closed.set()

    async with server(talk) as port:
        with pytest.raises(CallError, match="no answer in 0.1 s"):
            await ask(f"http://127.0.0.1:{port}", answer_seconds=0.1)
        async with asyncio.timeout(2):
            await closed.wait()


async def test_a_port_that_is_closed_is_told() -> None:
    async with server(says()) as port:
        pass
    with pytest.raises(CallError, match="(?i)connect"):
        await ask(f"http://127.0.0.1:{port}")


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """Give an authority that the client trusts."""
    made = trustme.CA()
    pem = tmp_path / "ca.pem"
    made.cert_pem.write_to_path(str(pem))
    trusting = ssl.create_default_context(cafile=str(pem))
    monkeypatch.setattr(http, "_tls", lambda: trusting)
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
    """An HTTP proxy: tunnels or forwards, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.refuses = False

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
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
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
    told = base64.b64decode(headers["proxy-authorization"].removeprefix("Basic "))
    assert told == b"shop:p@ss"


async def test_http_goes_through_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = Proxy()
    async with server(proxy.talk) as proxy_port:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy_port}")
        assert (await ask("http://events.example/bus")).body == b"ok"
    assert proxy.asked[0][0] == "POST http://events.example/bus HTTP/1.1"


async def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with server(says(OK)) as port:
        assert (await ask(f"http://127.0.0.1:{port}")).body == b"ok"


async def test_a_proxy_that_refuses_is_told_of(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy()
    proxy.refuses = True
    async with server(proxy.talk) as proxy_port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy_port}")
        with pytest.raises(CallError, match=r"the proxy 127\.0\.0\.1 answered 407"):
            await ask("https://events.example/")
