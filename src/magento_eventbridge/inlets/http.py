"""The HTTP inlet: takes signed captures, and says yes only to what is on the disk."""

import asyncio
import hashlib
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from aiohttp import ClientPayloadError, web

from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture
from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.inlets.signatures import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    SignatureError,
    verify,
)
from magento_eventbridge.listener import Listener, ListenerOptions, application, refusal

log = logging.getLogger(__name__)

# How long to stay away, in seconds, when there is no room: for memory, and for a full disk.
_RETRY_SOON = 1
_RETRY_LATER = 30

_BODIES_REMEMBERED = 20_000

# What is told of each line that is no capture shall not grow beyond measure.
_LINES_AT_ONCE = 10_000
_FAULTS_LOGGED = 10
_LONGEST_FAULT = 500

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
        max_connections: at once.
        replay_window: how old a signature may be, in seconds.
        body_seconds: how long a body may take to come.
        idle_seconds: how long a connection may idle, or take to send the head of a request.
        tls_certificate, tls_key: PEM files; HTTPS when given.
    """

    host: str
    port: int
    secrets: tuple[str, ...]
    max_body_bytes: int
    max_waiting_bytes: int
    replay_window: float
    max_connections: int = 512
    body_seconds: float = 30.0
    idle_seconds: float = 75.0
    tls_certificate: Path | None = None
    tls_key: Path | None = None


@dataclass
class Intake:
    """What was taken since the start; `answers` to hand-overs, by HTTP status."""

    accepted: int = 0
    rejected: int = 0
    answers: Counter[int] = field(default_factory=Counter)


class Inlet:
    """Listens for captures while it is open."""

    def __init__(self, options: InletOptions, spool: Spool) -> None:
        self.intake = Intake()
        self._options = options
        self._spool = spool
        self._waiting_bytes = 0
        self._is_ready = True
        self._taken: dict[bytes, float] = {}  # when, by the body's digest, oldest first
        app = application(max_body_bytes=options.max_body_bytes)
        app.router.add_post("/v1/captures", self._captures)
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._ready)
        self._listener = Listener(
            app,
            ListenerOptions(
                options.host,
                options.port,
                max_connections=options.max_connections,
                tls_certificate=options.tls_certificate,
                tls_key=options.tls_key,
                idle_seconds=options.idle_seconds,
            ),
        )

    async def open(self) -> None:
        """Begin to listen.

        Raises:
            ListenError: the address is taken, or a certificate cannot be used.
        """
        await self._listener.open()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._listener.url

    def trust(self, secrets: tuple[str, ...]) -> None:
        """Take these shared secrets, no longer those of before."""
        self._options = replace(self._options, secrets=secrets)

    async def close(self) -> None:
        """Answer the requests that have begun, and listen no more."""
        self._is_ready = False
        await self._listener.close()

    async def _captures(self, request: web.Request) -> web.Response:
        answer = await self._receive(request)
        self.intake.answers[answer.status] += 1
        return answer

    async def _receive(self, request: web.Request) -> web.Response:
        if set(request.headers.getall("Content-Encoding", [])) - {"identity"}:
            return refusal(415, "send the body as it is, without Content-Encoding")
        if request.content_type not in (_ONE, _MANY):
            return refusal(415, f"Content-Type must be {_MANY} (one capture a line) or {_ONE}")
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
                        return refusal(413, f"a body may have {limit} bytes")
                    if self._waiting_bytes > self._options.max_waiting_bytes:
                        told = "too much at once; nothing was taken"
                        return refusal(429, told, retry_after=_RETRY_SOON)
            return await self._take(request, bytes(body))
        except TimeoutError:
            return refusal(408, f"the body took longer than {self._options.body_seconds:.0f} s")
        except (ClientPayloadError, ConnectionError):
            return refusal(400, "the body could not be read")
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
            return refusal(401, str(error))
        if body.count(b"\n") > _LINES_AT_ONCE:
            return refusal(413, f"a body may have {_LINES_AT_ONCE} lines")
        accepted, rejected = _read(body, as_lines=request.content_type == _MANY)
        if not accepted and not rejected:
            return refusal(400, "the body holds no capture")
        answer = {"accepted": len(accepted), "rejected": rejected}
        digest = hashlib.sha256(body).digest()
        if self._was_taken(digest):
            return web.json_response(answer, status=202)
        self._note(rejected, request.remote)
        try:
            if accepted:
                await self._spool.put(accepted)
        except QueueError as error:
            log.error("Cannot keep captures: %s. Senders are told to come again.", error)
            return refusal(503, f"{error}; nothing was taken", retry_after=_RETRY_LATER)
        if not accepted:
            return web.json_response(answer, status=422)
        self._taken[digest] = time.monotonic()
        self.intake.accepted += len(accepted)
        return web.json_response(answer, status=202)

    def _note(self, faults: Sequence[dict[str, object]], sender: str | None) -> None:
        self.intake.rejected += len(faults)
        for fault in faults[:_FAULTS_LOGGED]:
            log.warning(
                "Refused a capture from %s, line %s: %s", sender, fault["line"], fault["error"]
            )
        if len(faults) > _FAULTS_LOGGED:
            log.warning("Refused %d more of the same request", len(faults) - _FAULTS_LOGGED)

    def _was_taken(self, digest: bytes) -> bool:
        """Whether a body is sent again: by a sender that missed the answer, or by somebody who
        recorded it. It is answered alike, and its captures are kept once."""
        oldest = time.monotonic() - 2 * self._options.replay_window
        while self._taken:
            first = next(iter(self._taken))
            if len(self._taken) <= _BODIES_REMEMBERED and self._taken[first] >= oldest:
                break
            del self._taken[first]
        return digest in self._taken

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def _ready(self, _: web.Request) -> web.Response:
        if not self._is_ready:
            return refusal(503, "closing", retry_after=_RETRY_SOON)
        try:
            await self._spool.check()
        except QueueError as error:
            return refusal(503, str(error), retry_after=_RETRY_LATER)
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
            rejected.append({"line": number, "error": str(error)[:_LONGEST_FAULT]})
    return accepted, rejected
