"""A local PutEvents endpoint that fails on command, as moto cannot."""

import asyncio
import json
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.waiting import PATIENCE

Json = dict[str, Any]


@dataclass(frozen=True)
class Take:
    """Accept the entries, except those that fail with a code, by index."""

    failing: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refuse:
    """Refuse the whole call."""

    code: str
    status: int = 400


@dataclass(frozen=True)
class Answer:
    """Answer with any status and body."""

    status: int
    body: bytes = b""


@dataclass(frozen=True)
class HangUp:
    """Close the connection before or after accepting the entries."""

    after_taking: bool = False


@dataclass(frozen=True)
class Stall:
    """Do not answer for so many seconds, then accept the call as `Take` does."""

    seconds: float
    failing: dict[int, str] = field(default_factory=dict)


Behaviour = Take | Refuse | Answer | HangUp | Stall
Script = Callable[[int, list[Json]], Behaviour]
"""Returns the behaviour for a call by its number (from 0) and its entries."""
Witness = Callable[[list[Json], bool], None]
"""Called with accepted entries, and whether the caller was still connected."""
Unheard = Callable[[list[Json]], None]
"""Called with accepted entries whose caller hung up just after it was answered."""

HEARD_WITHIN = 0.2
"""In seconds: a caller that hangs up so soon after the answer may have given up before it came."""


def takes_all(_: int, __: list[Json]) -> Behaviour:
    return Take()


def tells_nobody(_: list[Json], __: bool) -> None:
    """Ignore the accepted entries."""


def all_are_heard(_: list[Json]) -> None:
    """Ignore the callers that hang up."""


class PutEvents:
    """The requests of the endpoint and its behaviour; `script` may be changed while it runs."""

    def __init__(
        self,
        script: Script = takes_all,
        witness: Witness = tells_nobody,
        unheard: Unheard = all_are_heard,
    ) -> None:
        self.script = script
        self.witness = witness
        self.unheard = unheard
        self.url = ""
        self.calls = 0
        self.taken: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.sizes: list[int] = []
        self.missing: set[str] = set()  # buses that do not exist: PutEvents answers as for others
        self.describes: Behaviour = Take()
        self.described: list[str] = []

    @property
    def details(self) -> list[Json]:
        return [json.loads(entry["Detail"]) for entry in self.taken]

    @property
    def ids(self) -> list[str]:
        return [detail["metadata"]["id"] for detail in self.details]

    async def until_taken(self, count: int, seconds: float = PATIENCE) -> None:
        async with asyncio.timeout(seconds):
            while len(self.taken) < count:
                await asyncio.sleep(0.01)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("x-amz-target") == "AWSEvents.DescribeEventBus":
            return self._describe(json.loads(await request.read())["Name"])
        body = await request.read()
        entries = json.loads(body)["Entries"]
        number, self.calls = self.calls, self.calls + 1
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.bodies.append(body)
        self.sizes.append(len(entries))
        behaviour = self.script(number, entries)
        match behaviour:
            case Refuse(code, status):
                return _refusal(code, status)
            case Answer(status, body):
                return web.Response(status=status, body=body)
            case HangUp(after_taking):
                if after_taking:
                    self.taken += entries
                    self.witness(entries, False)
                if request.transport is not None:
                    request.transport.close()
                return web.Response()
            case Stall(seconds, failing):
                await asyncio.sleep(seconds)
                behaviour = Take(failing)
        results = []
        taken = []
        for position, entry in enumerate(entries):
            fault = behaviour.failing.get(position)
            if fault:
                results.append({"ErrorCode": fault, "ErrorMessage": f"{fault} on command"})
            else:
                taken.append(entry)
                results.append({"EventId": str(uuid.uuid4())})
        self.taken += taken
        is_answered = _is_connected(request.transport)
        self.witness(taken, is_answered)
        if is_answered:
            loop = asyncio.get_running_loop()
            loop.call_later(HEARD_WITHIN, self._check_heard, request.transport, taken)
        failed = len(behaviour.failing)
        return web.json_response({"FailedEntryCount": failed, "Entries": results})

    def _check_heard(self, transport: asyncio.BaseTransport | None, taken: list[Json]) -> None:
        if not _is_connected(transport):
            self.unheard(taken)

    def _describe(self, bus: str) -> web.Response:
        self.described.append(bus)
        match self.describes:
            case Refuse(code, status):
                return _refusal(code, status)
            case Answer(status, body):
                return web.Response(status=status, body=body)
        if bus in self.missing:
            return _refusal("ResourceNotFoundException", 400)
        name = bus.rpartition("/")[2]
        return web.json_response(
            {"Name": name, "Arn": f"arn:aws:events:eu-west-1:1:event-bus/{name}"}
        )


def _is_connected(transport: asyncio.BaseTransport | None) -> bool:
    """Return whether the caller waits for an answer: asked of the socket, as a busy machine reads
    the end of a connection late."""
    if transport is None or transport.is_closing():
        return False
    number = os.dup(transport.get_extra_info("socket").fileno())
    with socket.socket(fileno=number) as connection:
        try:
            return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


def _refusal(code: str, status: int) -> web.Response:
    content = {"__type": f"com.amazonaws.events#{code}", "message": f"{code} on command"}
    return web.json_response(content, status=status)


@asynccontextmanager
async def put_events(
    script: Script = takes_all,
    port: int = 0,
    witness: Witness = tells_nobody,
    unheard: Unheard = all_are_heard,
) -> AsyncIterator[PutEvents]:
    """Run the endpoint on the loopback while the context lasts."""
    endpoint = PutEvents(script, witness, unheard)
    app = web.Application(client_max_size=20_000_000)
    app.router.add_post("/", endpoint.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield endpoint
    finally:
        await runner.cleanup()
