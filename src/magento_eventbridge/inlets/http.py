"""The HTTP inlet: takes signed captures, and says yes only to what is on the disk."""

import asyncio
import hashlib
import logging
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from aiohttp import ClientPayloadError, web
from aiohttp.typedefs import Handler

from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture
from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.inlets.signatures import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    SignatureError,
    verify,
)

log = logging.getLogger(__name__)

# How long to stay away, in seconds, when there is no room: for memory, and for a full disk.
_RETRY_SOON = 1
_RETRY_LATER = 30

_BODIES_REMEMBERED = 20_000

_ONE = "application/json"
_MANY = "application/x-ndjson"


class Spool(Protocol):
    """Where the inlet keeps what it took."""

    async def put(self, captures: Sequence[tuple[Capture, bytes]]) -> None:
        """Keep captures with their texts on the disk, or raise QueueError and keep none."""
        ...

    async def check(self) -> None:
        """Raise QueueError if captures could not be kept now."""
        ...


@dataclass(frozen=True)
class InletOptions:
    """How the inlet listens.

    Attributes:
        secrets: shared with those who send; each is valid.
        max_body_bytes: of one request.
        max_waiting_bytes: of all requests that are being taken.
        replay_window: how old a signature may be, in seconds.
        body_seconds: how long a body may take to come.
        tls_certificate, tls_key: PEM files; HTTPS when given.
    """

    host: str
    port: int
    secrets: tuple[str, ...]
    max_body_bytes: int
    max_waiting_bytes: int
    replay_window: float
    body_seconds: float = 30.0
    tls_certificate: Path | None = None
    tls_key: Path | None = None


class InletError(Exception):
    """The inlet cannot listen; the message says why."""


class Inlet:
    """Listens for captures while it is open."""

    def __init__(self, options: InletOptions, spool: Spool) -> None:
        self._options = options
        self._spool = spool
        self._waiting_bytes = 0
        self._is_ready = True
        self._taken: dict[bytes, tuple[float, dict[str, object]]] = {}  # by body, oldest first
        app = web.Application(client_max_size=options.max_body_bytes)
        app.router.add_post("/v1/captures", self._captures)
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._ready)
        app.middlewares.append(_tell_in_json)
        server_log = logging.getLogger(f"{__name__}.server")
        server_log.addFilter(_in_words)
        self._runner = web.AppRunner(
            app, access_log=None, logger=server_log, shutdown_timeout=10, keepalive_timeout=75
        )

    async def open(self) -> None:
        """Begin to listen.

        Raises:
            InletError: the address is taken, or a certificate cannot be used.
        """
        options = self._options
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, options.host, options.port, ssl_context=_tls(options), backlog=512
        )
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            address = f"{options.host}:{options.port}"
            raise InletError(f"cannot listen on {address}: {error.strerror}") from error

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._runner.addresses[0][:2]
        scheme = "https" if self._options.tls_certificate else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def trust(self, secrets: tuple[str, ...]) -> None:
        """Take these shared secrets, no longer those of before."""
        self._options = replace(self._options, secrets=secrets)

    async def close(self) -> None:
        """Answer the requests that have begun, and listen no more."""
        self._is_ready = False
        await self._runner.cleanup()

    async def _captures(self, request: web.Request) -> web.Response:
        if request.headers.get("Content-Encoding", "identity") != "identity":
            return _refuse(415, "send the body as it is, without Content-Encoding")
        if request.content_type not in (_ONE, _MANY):
            return _refuse(415, f"Content-Type must be {_MANY} (one capture a line) or {_ONE}")
        body = bytearray()
        try:
            async with asyncio.timeout(self._options.body_seconds):
                async for chunk in request.content.iter_any():
                    # What came counts, not what was announced: many who announce much and send
                    # little take nobody's place.
                    body += chunk
                    self._waiting_bytes += len(chunk)
                    if len(body) > self._options.max_body_bytes:
                        limit = self._options.max_body_bytes
                        return _refuse(413, f"a body may have {limit} bytes")
                    if self._waiting_bytes > self._options.max_waiting_bytes:
                        told = "too much at once; nothing was taken"
                        return _refuse(429, told, retry_after=_RETRY_SOON)
            return await self._take(request, bytes(body))
        except TimeoutError:
            return _refuse(408, f"the body took longer than {self._options.body_seconds:.0f} s")
        except (ClientPayloadError, ConnectionError):
            return _refuse(400, "the body could not be read")
        finally:
            self._waiting_bytes -= len(body)

    async def _take(self, request: web.Request, body: bytes) -> web.Response:
        try:
            verify(
                self._options.secrets,
                request.headers.get(TIMESTAMP_HEADER),
                request.headers.get(SIGNATURE_HEADER),
                body,
                now=time.time(),
                window=self._options.replay_window,
            )
        except SignatureError as error:
            log.warning("Refused a request from %s: %s", request.remote, error)
            return _refuse(401, str(error))
        digest = hashlib.sha256(body).digest()
        if (told := self._told_before(digest)) is not None:
            return web.json_response(told, status=202)
        accepted, rejected = _read(body, as_lines=request.content_type == _MANY)
        if not accepted and not rejected:
            return _refuse(400, "the body holds no capture")
        for fault in rejected:
            log.warning(
                "Refused a capture from %s, line %s: %s",
                request.remote,
                fault["line"],
                fault["error"],
            )
        try:
            if accepted:
                await self._spool.put(accepted)
        except QueueError as error:
            log.error("Cannot keep captures: %s. Senders are told to come again.", error)
            return _refuse(503, f"{error}; nothing was taken", retry_after=_RETRY_LATER)
        answer: dict[str, object] = {"accepted": len(accepted), "rejected": rejected}
        if not accepted:
            return web.json_response(answer, status=422)
        self._taken[digest] = (time.monotonic(), answer)
        return web.json_response(answer, status=202)

    def _told_before(self, digest: bytes) -> dict[str, object] | None:
        """Give what a body was answered that is sent again: by a sender that missed the answer,
        or by somebody who recorded it. Its captures are kept once."""
        oldest = time.monotonic() - 2 * self._options.replay_window
        while self._taken:
            first = next(iter(self._taken))
            if len(self._taken) <= _BODIES_REMEMBERED and self._taken[first][0] >= oldest:
                break
            del self._taken[first]
        known = self._taken.get(digest)
        return known[1] if known else None

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def _ready(self, _: web.Request) -> web.Response:
        if not self._is_ready:
            return _refuse(503, "closing", retry_after=_RETRY_SOON)
        try:
            await self._spool.check()
        except QueueError as error:
            return _refuse(503, str(error), retry_after=_RETRY_LATER)
        return web.json_response({"status": "ready"})


def _read(
    body: bytes, *, as_lines: bool
) -> tuple[list[tuple[Capture, bytes]], list[dict[str, object]]]:
    accepted: list[tuple[Capture, bytes]] = []
    rejected: list[dict[str, object]] = []
    texts = body.split(b"\n") if as_lines else [body]
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        try:
            accepted.append((read_capture(text), text.strip()))
        except InvalidCaptureError as error:
            rejected.append({"line": number, "error": str(error)})
    return accepted, rejected


def _refuse(status: int, error: str, *, retry_after: int | None = None) -> web.Response:
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return web.json_response({"error": error}, status=status, headers=headers)


@web.middleware
async def _tell_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the framework's own errors (unknown path, body too long) the form of ours."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _refuse(error.status, error.reason)


def _in_words(record: logging.LogRecord) -> bool:
    """Let the server's records tell a sender's broken request without a traceback."""
    if record.exc_info:
        error = record.exc_info[1]
        record.msg, record.args = "%s: %s", (record.getMessage(), error or type(error).__name__)
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def _tls(options: InletOptions) -> ssl.SSLContext | None:
    if options.tls_certificate is None or options.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(options.tls_certificate, options.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise InletError(f"cannot use {options.tls_certificate}: {error}") from error
    return context
