"""An HTTP server that clients cannot hold up: connections, heads and idling have their limits."""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

from magento_eventbridge.errors import BridgeError
from magento_eventbridge.visible_text import visible

log = logging.getLogger(__name__)

_BACKLOG = 512
_LONGEST_TOLD = 300

_TOO_MANY = b'{"error": "too many connections"}'
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Content-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s"
) % (len(_TOO_MANY), _TOO_MANY)


@dataclass(frozen=True)
class ListenerOptions:
    """Where to listen, and how many connections to hold at once.

    Attributes:
        tls_certificate, tls_key: PEM files; HTTPS when given.
        idle_seconds: how long a connection may idle, or take to send the head of a request.
    """

    host: str
    port: int
    max_connections: int = 256
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    idle_seconds: float = 75.0


class ListenError(BridgeError):
    """It cannot listen; the message says why."""


def application(*, max_body_bytes: int = 1024) -> web.Application:
    """Make an application all of whose errors are told as JSON, `{"error": "…"}`."""
    return web.Application(client_max_size=max_body_bytes, middlewares=[_tell_in_json])


def refusal(status: int, error: str, *, retry_after: int | None = None) -> web.Response:
    """Give an answer that tells an error; `retry_after` is in seconds."""
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return web.json_response({"error": error}, status=status, headers=headers)


class Listener:
    """Serves an application while it is open."""

    def __init__(self, app: web.Application, options: ListenerOptions) -> None:
        self._options = options
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_server_log(),
            shutdown_timeout=10,
            keepalive_timeout=options.idle_seconds,
            # What is refused is read to its end, and would be unfolded for nothing.
            auto_decompress=False,
        )
        self._server: asyncio.Server | None = None
        self._address: tuple[str, int] = (options.host, options.port)

    async def open(self) -> None:
        """Begin to listen.

        Raises:
            ListenError: the address is taken, or a certificate cannot be used.
        """
        options = self._options
        tls = _tls(options)
        await self._runner.setup()
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._protocol, options.host, options.port, ssl=tls, backlog=_BACKLOG
            )
        except OSError as error:
            await self._runner.cleanup()
            address = f"{options.host}:{options.port}"
            raise ListenError(f"cannot listen on {address}: {error.strerror}") from error
        self._address = self._server.sockets[0].getsockname()[:2]

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._address
        scheme = "https" if self._options.tls_certificate else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    async def close(self) -> None:
        """Answer the requests that have begun, and listen no more."""
        if self._server:
            self._server.close()
        await self._runner.cleanup()

    def _protocol(self) -> asyncio.Protocol:
        """Give who speaks with a client that has just connected."""
        server = self._runner.server
        if server is None or len(server.connections) >= self._options.max_connections:
            return _Full()
        return server()


class _Full(asyncio.Protocol):
    """Tells a client that there are too many, and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(_FULL)
        transport.close()


@web.middleware
async def _tell_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the framework's own errors (unknown path, body too long) the form of ours."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return refusal(error.status, error.reason)


def _server_log() -> logging.Logger:
    server_log = logging.getLogger(f"{__name__}.server")
    server_log.addFilter(_in_words)
    return server_log


def _in_words(record: logging.LogRecord) -> bool:
    """Let the server's records tell a sender's broken request without a traceback, in one line."""
    if record.exc_info:
        error = record.exc_info[1]
        told = f"{record.getMessage()}: {error or type(error).__name__}"
        record.msg, record.args = "%s", (_one_line(told),)
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def _one_line(text: str) -> str:
    """Give a text that a stranger had a hand in as one that forges no line and colours none."""
    return visible(" ".join(text.split())[:_LONGEST_TOLD])


def _tls(options: ListenerOptions) -> ssl.SSLContext | None:
    if options.tls_certificate is None or options.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(options.tls_certificate, options.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"cannot use {options.tls_certificate}: {error}") from error
    return context
