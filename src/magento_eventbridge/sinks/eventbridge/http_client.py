"""POST over HTTP/1.1, as cheap as it can be in Python.

A general client spends on a call as much as everything else on the way of its ten events. This one
does what calls to one AWS endpoint need and no more: POST, bodies in memory, connections that stay
open, TLS, a proxy. httptools parses the answers.
"""

import asyncio
import base64
import socket
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httptools
from aiohappyeyeballs import start_connection

from magento_eventbridge import __version__
from magento_eventbridge.unreachable import why_unreachable

_PORTS = {"http": 80, "https": 443}
_USED_HEADERS = frozenset(
    {
        b"content-encoding",
        b"content-type",
        b"location",
        b"retry-after",
        b"server",
        b"x-amzn-errortype",
    }
)
_FRAMING_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
# In seconds: an address that does not answer must not use up the time to connect (RFC 8305).
_NEXT_ADDRESS_SECONDS = 0.25
# In seconds: what has come is read at once, but after the timers.
_READS_WITHIN = 0.02


@dataclass(frozen=True)
class HttpOptions:
    """How calls are made.

    Attributes:
        connect_seconds: the longest wait for a connection, with proxy and TLS.
        answer_seconds: the longest wait for an answer.
        idle_seconds: a connection that was idle for longer is not used: AWS closes it after a
            minute.
        use_seconds: a connection that was opened longer ago is not used: the host's name may have
            other addresses by now.
        answer_bytes: the longest answer.
        ca_bundle: a file or folder with the certificates to trust; None: the system's.
    """

    connect_seconds: float = 5.0
    answer_seconds: float = 15.0
    idle_seconds: float = 30.0
    use_seconds: float = float("inf")
    answer_bytes: int = 16_000_000
    ca_bundle: str | None = None


class CallError(Exception):
    """There was no answer; the message says why."""


class _ClosedError(CallError):
    """The connection was closed before the first byte of an answer."""


class _ProxyError(CallError):
    """The settings of the environment name no usable proxy."""


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
    """Calls one URL; each call has its own connection, which is reused for later calls."""

    def __init__(self, url: str, options: HttpOptions | None = None) -> None:
        """Prepare; nothing is opened before the first call."""
        self._options = options or HttpOptions()
        self._url = urlsplit(url)
        self._proxy: SplitResult | None = None
        self._problem: str | None = None
        try:
            self._proxy = _proxy_for(self._url)
        except _ProxyError as error:
            self._problem = str(error)
        # Not among the signed headers: a proxy may write its own.
        self._head = (
            f"POST {_target(self._url, self._proxy)} HTTP/1.1\r\n"
            f"user-agent: magento-eventbridge/{__version__}\r\naccept-encoding: identity\r\n"
        )
        if self._proxy and self._url.scheme == "http":
            self._head += _authorization(self._proxy)
        self._idle: list[_Connection] = []

    @property
    def host(self) -> str:
        """The host's name, without the port."""
        return self._url.hostname or self._url.geturl()

    async def post(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a body and wait for the answer, whatever its status.

        Args:
            headers: with `host`, without `content-length`.

        Raises:
            CallError: there is none. The endpoint may have accepted the call all the same.
        """
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
            raise CallError("a header contains a line end")
        head = f"{self._head}{lines}content-length: {len(body)}\r\n\r\n"
        request = head.encode() + body
        connection = self._take_idle()
        if connection is not None:
            try:
                return await self._ask(connection, request)
            except _ClosedError:
                pass  # the peer closed it because it was idle
        return await self._ask(await self._connect(), request)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _ask(self, connection: "_Connection", request: bytes) -> Reply:
        try:
            reply = await connection.ask(request, self._options.answer_seconds)
        except BaseException as error:
            connection.close()
            if isinstance(error, CallError) and not isinstance(error, _ClosedError):
                self.close()  # the others lead to this server, which the name may no longer do
            raise
        if reply.status >= 500:
            connection.close()  # this server fails; the name may lead to others
        elif connection.is_open:
            self._idle.append(connection)
        return _decoded(reply, self._options.answer_bytes)

    def _take_idle(self) -> "_Connection | None":
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            is_fresh = (
                now - connection.used_at < self._options.idle_seconds
                and now - connection.opened_at < self._options.use_seconds
            )
            if connection.is_open and is_fresh:
                return connection
            connection.close()
        return None

    async def _connect(self) -> "_Connection":
        if self._problem:
            raise CallError(self._problem)
        via = f"proxy {self._proxy.hostname}: " if self._proxy else ""
        try:
            async with asyncio.timeout(self._options.connect_seconds):
                return await self._open()
        except TimeoutError:
            seconds = self._options.connect_seconds
            raise CallError(f"{via}no connection in {seconds:g} s") from None
        except ssl.SSLCertVerificationError as error:
            # The certificate may be the proxy's, or that of the endpoint behind it.
            raise CallError(why_unreachable(error)) from None
        except (OSError, ValueError) as error:  # of TLS too; a name that no DNS takes
            raise CallError(f"{via}{why_unreachable(error)}") from None

    async def _open(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        via = self._proxy or self._url
        is_tunnel = self._proxy is not None and self._url.scheme == "https"
        tls = self._tls() if "https" in (via.scheme, self._url.scheme) else None
        host = via.hostname or ""
        addresses = await loop.getaddrinfo(
            host, via.port or _PORTS[via.scheme], type=socket.SOCK_STREAM
        )
        is_secured = via.scheme == "https"
        transport, connection = await loop.create_connection(
            partial(_Connection, self._options.answer_bytes),
            sock=await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS),
            ssl=tls if is_secured else None,
            server_hostname=host if is_secured else None,
        )
        if is_tunnel:
            try:
                await self._tunnel(connection, via)
                secured = await loop.start_tls(
                    transport,
                    connection,
                    cast(ssl.SSLContext, tls),
                    server_hostname=self._url.hostname,
                )
            except BaseException:
                connection.close()
                raise
            if secured is None:
                raise CallError("the proxy closed the connection")
            connection.use(secured)
        return connection

    async def _tunnel(self, connection: "_Connection", proxy: SplitResult) -> None:
        origin = _authority(self._url)
        head = f"CONNECT {origin} HTTP/1.1\r\nhost: {origin}\r\n{_authorization(proxy)}\r\n"
        # The time to connect includes this answer.
        try:
            reply = await connection.ask(
                head.encode(), self._options.connect_seconds, has_body=False
            )
        except CallError as error:
            raise CallError(f"proxy {proxy.hostname}: {error}") from None
        if reply.status == _PROXY_AUTHENTICATION:
            variable = f"{self._url.scheme.upper()}_PROXY"
            raise CallError(
                f"the proxy {proxy.hostname} answered {reply.status}: it does not accept the user "
                f"and password in {variable}, or there are none"
            )
        if not 200 <= reply.status < 300:
            raise CallError(f"the proxy {proxy.hostname} answered {reply.status}")

    def _tls(self) -> ssl.SSLContext:
        bundle = self._options.ca_bundle
        try:
            return _tls_context(bundle)
        except (OSError, ssl.SSLError) as error:
            raise CallError(
                f"the CA bundle {bundle} (AWS_CA_BUNDLE, ca_bundle or REQUESTS_CA_BUNDLE) cannot "
                f"be used: {error.strerror or error}"
            ) from None


class _Connection(asyncio.Protocol):
    """One connection: one call at a time. Its `on_…` methods are called by the parser."""

    is_open = False
    used_at = 0.0

    def __init__(self, longest_answer: int) -> None:
        self._loop = asyncio.get_running_loop()
        self.opened_at = self._loop.time()
        self._longest_answer = longest_answer
        self._waiter: asyncio.Future[Reply] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def ask(
        self, request: bytes, seconds: float, *, has_body: bool = True
    ) -> asyncio.Future[Reply]:
        """Send a request, and wait so long; `has_body` says whether its answer may have one."""
        self._waiter = self._loop.create_future()
        self._deadline = self._loop.call_later(seconds, self._on_deadline, seconds)
        self._has_body = has_body
        self._is_answering = False
        self._expect()
        if self._transport.is_closing():
            self._fail(_ClosedError(_CLOSED))
        else:
            self._transport.write(request)
        return self._waiter

    def close(self) -> None:
        """Close, whatever is in progress."""
        self.is_open = False
        self._transport.abort()

    def use(self, transport: asyncio.Transport) -> None:
        """Use this transport from now on."""
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self.is_open = True

    def _on_deadline(self, seconds: float) -> None:
        """Give up when what has come is read: after a pause, the loop runs its timers first."""
        self._deadline = self._loop.call_later(_READS_WITHIN, self._give_up, seconds)

    def _give_up(self, seconds: float) -> None:
        self._fail(CallError(f"no answer in {seconds:g} s"))

    # Called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.use(cast(asyncio.Transport, transport))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if error is None and self._waiter and self._ends_with_connection:
            self._complete()
            return
        reason = str(error) if error else _CLOSED
        self._fail(CallError(reason) if self._is_answering else _ClosedError(reason))

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.close()  # not an answer: the peer is about to close it, or confused
            return
        self._is_answering = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(CallError("the peer changes to another protocol"))
            self.close()
        except httptools.HttpParserError:
            self._fail(CallError("the answer is not HTTP"))
            self.close()

    # Called by the parser

    def on_message_begin(self) -> None:
        if self._waiter is None:
            self.close()  # more than the answer came: what follows belongs to no call

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _USED_HEADERS:
            self._headers[name.decode()] = value.decode("latin-1")
        elif name in _FRAMING_HEADERS:
            self._is_framed = True

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            return
        if not self._has_body:
            self._complete()
        else:
            self._ends_with_connection = not self._is_framed

    def on_body(self, body: bytes) -> None:
        self._length += len(body)
        if self._length > self._longest_answer:
            self._fail(CallError("the answer has no end"))
            self.close()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._expect()  # "100 Continue" or alike: the final answer follows
            return
        if self._waiter is None:
            return
        # What was not written yet would be read as the beginning of the next call.
        is_written = not self._transport.get_write_buffer_size()
        self.is_open = self.is_open and is_written and self._parser.should_keep_alive()
        self._complete()
        if not self.is_open:
            self.close()

    def _expect(self) -> None:
        self._body: list[bytes] = []
        self._length = 0
        self._headers: dict[str, str] = {}
        self._is_framed = False
        self._ends_with_connection = False

    def _complete(self) -> None:
        waiter = self._take_waiter()
        self.used_at = self._loop.time()
        if waiter and not waiter.done():
            status = self._parser.get_status_code()
            waiter.set_result(Reply(status, b"".join(self._body), self._headers))

    def _fail(self, error: CallError) -> None:
        waiter = self._take_waiter()
        if waiter and not waiter.done():
            waiter.set_exception(error)

    def _take_waiter(self) -> "asyncio.Future[Reply] | None":
        waiter, self._waiter = self._waiter, None
        if self._deadline:
            self._deadline.cancel()
        return waiter


_CLOSED = "the connection was closed without an answer"
_PROXY_AUTHENTICATION = 407


def _decoded(reply: Reply, longest: int) -> Reply:
    """Return a reply with its body decompressed: proxies compress unasked."""
    encoding = reply.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", "") or not reply.body:
        return reply
    if encoding not in _COMPRESSED:
        raise CallError(f"the answer's Content-Encoding '{encoding[:20]}' is not supported")
    decompressor = zlib.decompressobj(_GZIP_OR_ZLIB)
    problem = f"the answer is not in its Content-Encoding, {encoding}, or is cut off"
    try:
        body = decompressor.decompress(reply.body, longest)
    except zlib.error:
        raise CallError(problem) from None
    if decompressor.unconsumed_tail:
        raise CallError("the answer has no end")
    if not decompressor.eof:
        raise CallError(problem)
    return reply._replace(body=body)


@cache
def _tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    if ca_bundle is None:
        context = ssl.create_default_context()
    elif Path(ca_bundle).is_dir():
        context = ssl.create_default_context(capath=ca_bundle)
    else:
        context = ssl.create_default_context(cafile=ca_bundle)
    # As AWS's tools: authorities of companies' proxies often lack what strict checks want.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _proxy_for(url: SplitResult) -> SplitResult | None:
    """Return the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for a URL.

    Raises:
        _ProxyError: it cannot be used. The message has no part of its URL but scheme and host: it
            may hold a password.
    """
    proxy = getproxies().get(url.scheme)
    if not proxy or proxy_bypass(url.netloc.rpartition("@")[2]):
        return None
    variable = f"{url.scheme.upper()}_PROXY"
    try:
        parts = urlsplit(proxy.strip() if "://" in proxy else f"http://{proxy.strip()}")
        is_complete = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_complete = False
    if not is_complete:
        raise _ProxyError(
            f"{variable} is no URL as http://user:password@host:port; special characters in user "
            "and password must be percent-encoded"
        )
    if parts.scheme not in _PORTS:
        raise _ProxyError(
            f"{variable} names a proxy of the kind {parts.scheme}://, which is not supported: name "
            "an http:// or https:// proxy, or exempt this host by NO_PROXY"
        )
    return parts


def _authorization(proxy: SplitResult) -> str:
    """Return the header with a proxy's user and password; empty without a user."""
    if not proxy.username:
        return ""
    user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"proxy-authorization: Basic {base64.b64encode(user.encode()).decode()}\r\n"


def _target(url: SplitResult, proxy: SplitResult | None) -> str:
    """Return the target in a request's first line: the whole URL for a proxy that forwards."""
    path = quote(url.path or "/", safe="/%!$&'()*+,;=:@~")
    if proxy is not None and url.scheme == "http":
        return f"http://{url.netloc.rpartition('@')[2]}{path}"
    return path


def _authority(url: SplitResult) -> str:
    host = url.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{url.port or _PORTS[url.scheme]}"
