"""POST over HTTP/1.1, as cheap as it can be in Python.

A general client spends on a call as much as everything else on the way of its ten events. This one
does what calls to one AWS endpoint need and no more: POST, bodies in memory, connections that stay
open, TLS, a proxy. httptools parses the answers.
"""

import asyncio
import base64
import ssl
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple, cast
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httptools

from magento_eventbridge import __version__

_PORTS = {"http": 80, "https": 443}
# AWS closes a connection that rested a minute; one that is about to be closed is not used.
_LONGEST_REST = 30.0  # seconds
_LONGEST_ANSWER = 16_000_000  # bytes
_USED_HEADERS = frozenset({b"content-type", b"retry-after", b"server", b"x-amzn-errortype"})


class CallError(Exception):
    """The endpoint gave no answer; says why."""


class Reply(NamedTuple):
    """What the endpoint answered; of its headers, by their names in small letters, what is used."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def pause(self) -> float | None:
        """The pause that the endpoint asks for in seconds; a date is passed over."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdecimal() else None

    @property
    def error_type(self) -> str:
        """AWS's error code as its header has it; empty without one."""
        return self.headers.get("x-amzn-errortype", "")


class Endpoint:
    """Calls one URL, each call on a connection of its own that is kept for the next."""

    def __init__(self, url: str, *, connect_seconds: float, answer_seconds: float) -> None:
        """Prepare; nothing is opened before the first call."""
        self._url = urlsplit(url)
        self._proxy = _proxy_for(self._url)
        target = self._url.path or "/"
        if self._proxy and self._url.scheme == "http":
            target = url
        # Not among the signed headers: a proxy may write its own.
        self._head = f"POST {target} HTTP/1.1\r\nuser-agent: magento-eventbridge/{__version__}\r\n"
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._resting: list[_Connection] = []

    async def post(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a body and wait for the answer, whatever its status.

        Args:
            headers: with `host`, without `content-length`.

        Raises:
            CallError: there is none. The endpoint may have taken the call all the same.
        """
        connection = self._rested() or await self._connect()
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"{self._head}{lines}content-length: {len(body)}\r\n\r\n"
        try:
            async with asyncio.timeout(self._answer_seconds):
                reply = await connection.ask(head.encode() + body)
        except TimeoutError:
            connection.close()
            raise CallError(f"no answer in {self._answer_seconds:g} s") from None
        except BaseException:
            connection.close()
            raise
        if connection.is_open:
            self._resting.append(connection)
        return reply

    def close(self) -> None:
        """Let go of connections."""
        for connection in self._resting:
            connection.close()
        self._resting.clear()

    def _rested(self) -> "_Connection | None":
        now = asyncio.get_running_loop().time()
        while self._resting:
            connection = self._resting.pop()
            if connection.is_open and now - connection.used_at < _LONGEST_REST:
                return connection
            connection.close()
        return None

    async def _connect(self) -> "_Connection":
        try:
            async with asyncio.timeout(self._connect_seconds):
                return await self._open()
        except TimeoutError:
            raise CallError(f"no connection in {self._connect_seconds:g} s") from None
        except OSError as error:  # of TLS too
            raise CallError(error.strerror or str(error) or type(error).__name__) from None

    async def _open(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        via = self._proxy or self._url
        is_tunnel = self._proxy is not None and self._url.scheme == "https"
        tls = _tls() if via.scheme == "https" else None
        transport, connection = await loop.create_connection(
            _Connection, via.hostname or "", via.port or _PORTS[via.scheme], ssl=tls
        )
        if is_tunnel:
            try:
                await self._tunnel(connection, via)
                secured = await loop.start_tls(
                    transport, connection, _tls(), server_hostname=self._url.hostname
                )
            except BaseException:
                connection.close()
                raise
            if secured is None:
                raise CallError("the proxy closed the connection")
            connection.goes_over(secured)
        return connection

    async def _tunnel(self, connection: "_Connection", proxy: SplitResult) -> None:
        origin = f"{self._url.hostname}:{self._url.port or _PORTS['https']}"
        head = f"CONNECT {origin} HTTP/1.1\r\nhost: {origin}\r\n"
        if proxy.username:
            user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            head += f"proxy-authorization: Basic {base64.b64encode(user.encode()).decode()}\r\n"
        reply = await connection.ask(f"{head}\r\n".encode(), has_body=False)
        if reply.status != 200:
            raise CallError(f"the proxy {proxy.hostname} answered {reply.status}")


class _Connection(asyncio.Protocol):
    """One connection: asks one thing at a time. Its `on_…` methods are called by the parser."""

    is_open = False
    used_at = 0.0

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[Reply] | None = None

    def ask(self, request: bytes, *, has_body: bool = True) -> asyncio.Future[Reply]:
        """Send a request; `has_body` tells whether an answer of it may have one."""
        self._waiter = self._loop.create_future()
        self._has_body = has_body
        self._expect()
        self._transport.write(request)
        return self._waiter

    def close(self) -> None:
        """Break off, whatever is under way."""
        self.is_open = False
        self._transport.abort()

    def goes_over(self, transport: asyncio.Transport) -> None:
        """Use this transport from now on."""
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self.is_open = True

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.goes_over(cast(asyncio.Transport, transport))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._fail(str(error) if error else "the connection was closed without an answer")

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.close()  # nobody asked: it is about to be closed, or confused
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("the answer is not HTTP")
            self.close()

    # What the parser says

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in _USED_HEADERS:
            self._headers[name.lower().decode()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if not self._has_body:
            self._complete()

    def on_body(self, body: bytes) -> None:
        self._length += len(body)
        if self._length > _LONGEST_ANSWER:
            self._fail("the answer has no end")
            self.close()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._expect()  # "100 Continue" and its like: the answer proper is still to come
            return
        self.is_open = self._parser.should_keep_alive()
        self._complete()
        if not self.is_open:
            self.close()

    def _expect(self) -> None:
        self._body: list[bytes] = []
        self._length = 0
        self._headers: dict[str, str] = {}

    def _complete(self) -> None:
        waiter, self._waiter = self._waiter, None
        self.used_at = self._loop.time()
        if waiter and not waiter.done():
            status = self._parser.get_status_code()
            waiter.set_result(Reply(status, b"".join(self._body), self._headers))

    def _fail(self, reason: str) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter and not waiter.done():
            waiter.set_exception(CallError(reason))


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _proxy_for(url: SplitResult) -> SplitResult | None:
    """Find the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for a URL."""
    proxy = getproxies().get(url.scheme)
    if not proxy or proxy_bypass(url.hostname or ""):
        return None
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")
