"""An HTTP server with limits for connections, request heads and idle time."""

import asyncio
import errno
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

from magento_eventbridge.errors import BridgeError, cause
from magento_eventbridge.visible_text import visible

log = logging.getLogger(__name__)

_BACKLOG = 512
_LONGEST_MESSAGE = 300
_REPORTS_EVERY = 60.0  # seconds

_TOO_MANY = b'{"error": "too many connections"}'
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Content-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s"
) % (len(_TOO_MANY), _TOO_MANY)


@dataclass(frozen=True)
class ListenerOptions:
    """Where to listen, and how many connections to accept at the same time.

    Attributes:
        tls_certificate, tls_key: PEM files; HTTPS when given.
        idle_seconds: how long a connection may idle, or take to send the head of a request.
        replaceable_seconds: after how long without a request a connection may be closed for a new
            one when all are taken.
    """

    host: str
    port: int
    max_connections: int = 256
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    idle_seconds: float = 75.0
    replaceable_seconds: float = 1.0


class ListenError(BridgeError):
    """The server cannot listen; the message says why."""


def application(*, max_body_bytes: int = 1024) -> web.Application:
    """Return an application that reports all errors as JSON, `{"error": "…"}`."""
    return web.Application(client_max_size=max_body_bytes, middlewares=[_errors_as_json])


def refusal(status: int, error: str, *, retry_after: int | None = None) -> web.Response:
    """Return an answer that reports an error; `retry_after` is in seconds."""
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return web.json_response({"error": error}, status=status, headers=headers)


class Listener:
    """Serves an application while it is open."""

    def __init__(
        self, app: web.Application, options: ListenerOptions, *, stop_seconds: float = 10
    ) -> None:
        self._options = options
        self._busy: set[asyncio.BaseProtocol] = set()
        # Since when each connection without a request has been known.
        self._idle: dict[web.RequestHandler, float] = {}
        self._leaving: set[web.RequestHandler] = set()
        app.middlewares.insert(0, self._note_request)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_server_log(),
            shutdown_timeout=stop_seconds,
            keepalive_timeout=options.idle_seconds,
            # Refused bodies are read to their end, and would be decompressed for nothing.
            auto_decompress=False,
        )
        self._server: asyncio.Server | None = None
        self._address: tuple[str, int] = (options.host, options.port)
        self._reported_at: dict[str, float] = {}

    async def open(self) -> None:
        """Start to listen.

        Raises:
            ListenError: the address is taken, or a certificate cannot be used.
        """
        options = self._options
        tls = _tls(options)
        await self._runner.setup()
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _Admission(self._admit),
                options.host,
                options.port,
                ssl=tls,
                backlog=_BACKLOG,
            )
        except OSError as error:
            await self._runner.cleanup()
            raise _cannot_listen(options, error) from error
        self._address = self._server.sockets[0].getsockname()[:2]

    @property
    def url(self) -> str:
        """The URL that it listens at."""
        host, port = self._address
        scheme = "https" if self._options.tls_certificate else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    async def close(self) -> None:
        """Stop listening, and answer the requests in flight."""
        if self._server:
            self._server.close()
        await self._runner.cleanup()

    def _admit(self) -> asyncio.Protocol | None:
        """Return the protocol for a client that has just connected; None if it is one too many."""
        server = self._runner.server
        if server is None:
            return None
        now = time.monotonic()
        connections = server.connections
        self._leaving.intersection_update(connections)
        self._idle = {
            connection: self._idle.get(connection, now)
            for connection in connections
            if connection not in self._busy and connection not in self._leaving
        }
        if len(connections) - len(self._leaving) >= self._options.max_connections:
            oldest = min(self._idle, key=self._idle.__getitem__, default=None)
            if oldest is None or now - self._idle[oldest] < self._options.replaceable_seconds:
                seconds = self._options.replaceable_seconds
                self._report(
                    "refuses connections", f"None of them has been idle for {seconds:g} s."
                )
                return None
            oldest.force_close()
            self._leaving.add(oldest)
            self._report("closes idle connections", "New ones get their places.")
        return server()

    @web.middleware
    async def _note_request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Remember that the connection is not idle while its request is answered."""
        connection = request.protocol
        self._busy.add(connection)
        self._idle.pop(connection, None)
        try:
            return await handler(request)
        finally:
            self._busy.discard(connection)

    def _report(self, what: str, consequence: str) -> None:
        now = time.monotonic()
        if now - self._reported_at.get(what, float("-inf")) < _REPORTS_EVERY:
            return
        self._reported_at[what] = now
        log.warning(
            "%s %s: %d are open, as many as it accepts. %s",
            self.url,
            what,
            self._options.max_connections,
            consequence,
        )


async def check_free(options: ListenerOptions) -> None:
    """Check that an address is free, before anything else is started.

    Raises:
        ListenError: it is taken, or is not of this machine.
    """
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(
            asyncio.Protocol, options.host, options.port, start_serving=False
        )
    except OSError as error:
        raise _cannot_listen(options, error) from error
    server.close()


def _cannot_listen(options: ListenerOptions, error: OSError) -> ListenError:
    address = f"{options.host}:{options.port}"
    if error.errno == errno.EADDRINUSE:
        return ListenError(
            f"cannot listen on {address}: the port is in use, perhaps by another bridge; stop that "
            "program or choose another port"
        )
    return ListenError(f"cannot listen on {address}: {error.strerror or error}")


class _Admission(asyncio.Protocol):
    """Hands a new connection to its protocol, or answers that there are too many.

    The protocol is asked for only here, when all earlier connections have been counted.
    """

    def __init__(self, admit: Callable[[], asyncio.Protocol | None]) -> None:
        self._admit = admit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = cast("asyncio.Transport", transport)
        protocol = self._admit()
        if protocol is None:
            connection.write(_FULL)
            connection.close()
        else:
            connection.set_protocol(protocol)
            protocol.connection_made(connection)


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Report the framework's own errors (unknown path, body too long) like ours."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return refusal(error.status, error.reason)


def _server_log() -> logging.Logger:
    server_log = logging.getLogger(f"{__name__}.server")
    server_log.addFilter(_in_one_line)
    return server_log


def _in_one_line(record: logging.LogRecord) -> bool:
    """Log a client's broken request in one line, without a traceback."""
    if record.exc_info:
        error = record.exc_info[1]
        message = f"{record.getMessage()}: {error or type(error).__name__}"
        record.msg, record.args = "%s", (_one_line(message),)
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def _one_line(text: str) -> str:
    """Return a client's text without line ends and control characters, shortened."""
    return visible(" ".join(text.split())[:_LONGEST_MESSAGE])


def _tls(options: ListenerOptions) -> ssl.SSLContext | None:
    if options.tls_certificate is None or options.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(options.tls_certificate, options.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"cannot use {options.tls_certificate}: {cause(error)}") from error
    return context
