"""The HTTP inlet: accept signed captures, and confirm only those that are on disk."""

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

from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture, without_content
from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.inlets.signatures import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    SignatureError,
    verify,
)
from magento_eventbridge.listener import Listener, ListenerOptions, application, refusal

log = logging.getLogger(__name__)

# `Retry-After` in seconds: when memory is full, and when the spool cannot be used.
_RETRY_SOON = 1
_RETRY_LATER = 30

_BODIES_REMEMBERED = 20_000

# Limits of what a hostile sender can make the inlet answer and log.
_LINES_AT_ONCE = 10_000
_ERRORS_LOGGED = 10
_REFUSALS_LOGGED_A_MINUTE = 20
_LONGEST_ERROR = 500

_ONE = "application/json"
_MANY = "application/x-ndjson"


class Spool(Protocol):
    """Where the inlet saves captures."""

    async def put(self, captures: Sequence[tuple[Capture, bytes]]) -> None:
        """Save captures with their texts on disk, or raise QueueError and save none."""
        ...

    async def check(self) -> None:
        """Raise QueueError if captures could not be saved now."""
        ...


@dataclass(frozen=True)
class InletOptions:
    """How the inlet listens.

    Attributes:
        secrets: shared with the senders; each is valid.
        max_body_bytes: of one request.
        max_waiting_bytes: of all requests in flight.
        max_connections: open at the same time.
        replay_window: how old a signature may be, in seconds.
        body_seconds: how long a body may take to arrive.
        save_seconds: how long the spool may take to save captures.
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
    save_seconds: float = 30.0
    idle_seconds: float = 75.0
    tls_certificate: Path | None = None
    tls_key: Path | None = None


@dataclass
class InletCounters:
    """Counts since the start; `answers` to requests with captures, by HTTP status."""

    accepted: int = 0
    rejected: int = 0
    answers: Counter[int] = field(default_factory=Counter)


class Inlet:
    """Listens for captures while it is open."""

    def __init__(self, options: InletOptions, spool: Spool) -> None:
        self.counters = InletCounters()
        self.problem = ""  # why the last captures were not kept; empty: they were
        self._reported = ""  # the problem that the log named last, until captures are kept again
        self._options = options
        self._spool = spool
        self._waiting_bytes = 0
        self._is_ready = True
        self._refusals = _RefusalLog()
        self._saved: dict[bytes, float] = {}  # when, by the body's digest, oldest first
        self._saving: dict[bytes, asyncio.Task[None]] = {}  # by the body's digest
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
        """Start to listen.

        Raises:
            ListenError: the address is taken, or a certificate cannot be used.
        """
        await self._listener.open()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._listener.url

    def trust(self, secrets: tuple[str, ...]) -> None:
        """Accept these shared secrets instead of the former ones."""
        self._options = replace(self._options, secrets=secrets)

    async def close(self) -> None:
        """Stop listening, answer the requests in flight and finish what is being saved."""
        self._is_ready = False
        await self._listener.close()
        await asyncio.gather(*self._saving.values(), return_exceptions=True)

    async def _captures(self, request: web.Request) -> web.Response:
        answer = await self._receive(request)
        self.counters.answers[answer.status] += 1
        return answer

    async def _receive(self, request: web.Request) -> web.Response:
        if set(request.headers.getall("Content-Encoding", [])) - {"identity"}:
            return refusal(415, "send the body as it is, without Content-Encoding")
        if request.content_type not in (_ONE, _MANY):
            return refusal(415, f"Content-Type must be {_MANY} (one capture a line) or {_ONE}")
        received = bytearray()
        length = 0
        try:
            async with asyncio.timeout(self._options.body_seconds):
                async for chunk in request.content.iter_any():
                    # Received bytes count, not announced ones: a request that announces much and
                    # sends little takes no room from others.
                    received += chunk
                    length += len(chunk)
                    self._waiting_bytes += len(chunk)
                    if length > self._options.max_body_bytes:
                        limit = self._options.max_body_bytes
                        return refusal(413, f"a body may have {limit} bytes")
                    if self._waiting_bytes > self._options.max_waiting_bytes:
                        reason = "too much at once; nothing was taken"
                        return refusal(429, reason, retry_after=_RETRY_SOON)
            return await self._accept(request, received)
        except TimeoutError:
            return refusal(408, f"the body took longer than {self._options.body_seconds:.0f} s")
        except (ClientPayloadError, ConnectionError):
            return refusal(400, "the body could not be read")
        finally:
            self._waiting_bytes -= length

    async def _accept(self, request: web.Request, received: bytearray) -> web.Response:
        body = bytes(received)
        received.clear()  # it would take the same memory again until the answer
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
            self._refusals.add(request.remote, error)
            return refusal(401, str(error))
        if body.count(b"\n") > _LINES_AT_ONCE:
            return refusal(413, f"a body may have {_LINES_AT_ONCE} lines")
        accepted, rejected = read_body(body, as_lines=request.content_type == _MANY)
        if not accepted and not rejected:
            return refusal(400, "the body holds no capture")
        answer = {"accepted": len(accepted), "rejected": rejected}
        digest = hashlib.sha256(body).digest()
        del body  # the captures have their own texts
        if self._was_saved(digest):
            return web.json_response(answer, status=202)
        if digest not in self._saving:
            self._log_rejected(rejected, request.remote)
        if not accepted:
            return web.json_response(answer, status=422)
        try:
            await self._save_once(digest, accepted)
        except QueueError as error:
            return refusal(503, f"{error}; nothing was taken", retry_after=_RETRY_LATER)
        except TimeoutError:
            reason = f"the spool did not answer within {self._options.save_seconds:.0f} s"
            return refusal(503, reason, retry_after=_RETRY_LATER)
        return web.json_response(answer, status=202)

    async def check_problem(self) -> None:
        """Check whether captures can be kept again; do nothing while there is no problem."""
        if self.problem:
            try:
                await self._spool.check()
                self.problem = ""
            except QueueError as error:
                self.problem = str(error)

    async def _save_once(self, digest: bytes, captures: Sequence[tuple[Capture, bytes]]) -> None:
        """Save the captures of a body; requests with the same body wait for the same save."""
        if (saving := self._saving.get(digest)) is None:
            saving = asyncio.create_task(self._save(digest, captures))
            self._saving[digest] = saving
            saving.add_done_callback(lambda _: self._saving.pop(digest))
        # A sender that stops waiting does not end it: it would not be known what was saved.
        await asyncio.wait_for(asyncio.shield(saving), self._options.save_seconds)

    async def _save(self, digest: bytes, captures: Sequence[tuple[Capture, bytes]]) -> None:
        try:
            await self._spool.put(captures)
        except QueueError as error:
            self.problem = str(error)
            if self.problem != self._reported:  # not for each request: the log may fill the disk
                log.error("Cannot keep captures: %s. Senders are asked to retry.", error)
                self._reported = self.problem
            raise
        self.problem = ""
        if self._reported:
            log.warning("Captures are kept again.")
            self._reported = ""
        self._saved[digest] = time.monotonic()
        self.counters.accepted += len(captures)

    def _log_rejected(self, rejected: Sequence[dict[str, object]], sender: str | None) -> None:
        self.counters.rejected += len(rejected)
        for line in rejected[:_ERRORS_LOGGED]:
            log.warning(
                "Refused a capture from %s, line %s: %s", sender, line["line"], line["error"]
            )
        if len(rejected) > _ERRORS_LOGGED:
            log.warning("Refused %d more of the same request", len(rejected) - _ERRORS_LOGGED)

    def _was_saved(self, digest: bytes) -> bool:
        """Whether a body is sent again, by a sender that missed the answer or by somebody who
        recorded the request. It gets the same answer, and its captures are saved once."""
        oldest = time.monotonic() - 2 * self._options.replay_window
        while self._saved:
            first = next(iter(self._saved))
            if len(self._saved) <= _BODIES_REMEMBERED and self._saved[first] >= oldest:
                break
            del self._saved[first]
        return digest in self._saved

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


class _RefusalLog:
    """Logs requests with a wrong signature, a limited number each minute."""

    def __init__(self) -> None:
        self._since = float("-inf")
        self._count = 0

    def add(self, sender: str | None, error: SignatureError) -> None:
        """Log one; beyond the limit of a minute, only count it."""
        now = time.monotonic()
        if now - self._since >= 60:
            if self._count > _REFUSALS_LOGGED_A_MINUTE:
                more = self._count - _REFUSALS_LOGGED_A_MINUTE
                log.warning("Refused %d more requests since then", more)
            self._since, self._count = now, 0
        self._count += 1
        if self._count <= _REFUSALS_LOGGED_A_MINUTE:
            log.warning("Refused a request from %s: %s", sender, error)


def read_body(
    body: bytes, *, as_lines: bool
) -> tuple[list[tuple[Capture, bytes]], list[dict[str, object]]]:
    """Read the captures of a body, each without content and with its text; the errors of the rest.

    Args:
        as_lines: one capture a line, blank lines ignored; otherwise the whole body is one.
    """
    accepted: list[tuple[Capture, bytes]] = []
    rejected: list[dict[str, object]] = []
    texts = body.split(b"\n") if as_lines else [body]
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        try:
            accepted.append((without_content(read_capture(text)), text.strip()))
        except InvalidCaptureError as error:
            rejected.append({"line": number, "error": str(error)[:_LONGEST_ERROR]})
    return accepted, rejected
