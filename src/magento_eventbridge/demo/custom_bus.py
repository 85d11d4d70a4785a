"""A local stand-in for AWS's Custom Event Bus: the wire format and the rules only.

It checks calls as AWS documents it, drops duplicates within their window, and keeps what it took
in the order in which it took it. Sources: API reference of Amazon EventBridge Custom Event Bus,
PutEvents; user guide, "Ordering and deduplicating events on a Custom Event Bus"; Smithy RPC v2
CBOR.
"""

import asyncio
import json
import queue
import re
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import cbor2
from aiohttp import web

Json = dict[str, Any]

OPERATION = "/service/AWSEventsV2/operation/PutEvents"
MAX_ENTRIES = 100
MAX_BYTES = 1_048_576
WINDOW_SECONDS = 300.0

_BUS_ARN = re.compile(
    r"arn:aws(-[a-z0-9]+)*:events:(?P<region>[a-z][a-z0-9]*(-[a-z0-9]+)*):(?P<account>[0-9]{12}):"
    r"event-busv2/[A-Za-z0-9][.\-_A-Za-z0-9]{0,255}/[a-z0-9]{25}"
)
# Hosts that name the account: the owner of the bus.
_HOST = re.compile(
    r"(?P<account>[0-9]{12})\.eventsv2(-fips)?\.(?P<region>[a-z0-9-]+)\."
    r"(amazonaws\.com(\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn)"
)
_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/events/aws4_request, "
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), Signature=[0-9a-f]{64}"
)


@dataclass(frozen=True)
class Refusal:
    """An error of the whole call."""

    status: int
    code: str
    message: str


@dataclass(frozen=True)
class ScriptedReply:
    """The answer to a call: entries that fail, by position; late; or none at all.

    Attributes:
        failing: error codes of single entries, by their position.
        seconds: how long the answer takes; the entries are taken before that.
        hang_up: close the connection instead of answering.
        refusal: refuse the whole call.
    """

    failing: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    hang_up: bool = False
    refusal: Refusal | None = None


Script = Callable[[int, list[Json]], ScriptedReply]
"""Returns how to answer a call, by its number (from 0) and its entries."""


def accept(_: int, __: list[Json]) -> ScriptedReply:
    """Answer every call at once."""
    return ScriptedReply()


class CustomBus:
    """The stand-in's events and how it answers; `script` may be changed while it runs."""

    def __init__(self, script: Script = accept) -> None:
        self.script = script
        self.url = ""
        self.calls = 0
        self.duplicates = 0
        self.taken: list[Json] = []  # the entries, without duplicates, as they came
        self.headers: list[dict[str, str]] = []
        self.sizes: list[int] = []
        self._seen: dict[tuple[str, str], float] = {}  # group and deduplication id, and until when

    @property
    def is_in_order(self) -> bool:
        """Whether each group's events came in the order of their times."""
        last: dict[str, float] = {}
        for entry in self.taken:
            group, at = entry["SystemMetadata"]["EventGroupId"], entry["Time"].timestamp()
            if at < last.get(group, 0.0):
                return False
            last[group] = at
        return True

    @property
    def events(self) -> list[Json]:
        """What it took, as subscribers get it: in the envelope of EventBridge."""
        return [_event(entry) for entry in self.taken]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        number, self.calls = self.calls, self.calls + 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.headers.append(headers)
        body = await request.read()
        refusal = _refuse_headers(headers)
        if refusal:
            return _refused(refusal)
        try:
            call = cbor2.loads(body)
        except (cbor2.CBORDecodeError, UnicodeError) as error:
            return _refused(Refusal(400, "SerializationException", str(error)))
        refusal = _refuse_call(call, headers)
        if refusal:
            return _refused(refusal)
        entries = call["Entries"]
        self.sizes.append(len(entries))
        reply = self.script(number, entries)
        if reply.refusal:
            return _refused(reply.refusal)
        results = [
            {"ErrorCode": code, "ErrorMessage": f"{code} on command"}
            if (code := reply.failing.get(position))
            else self._take(entry)
            for position, entry in enumerate(entries)
        ]
        if reply.seconds:
            await asyncio.sleep(reply.seconds)
        if reply.hang_up:
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        answer: Json = {"Entries": results}
        if reply.failing:
            answer["FailedEntryCount"] = len(reply.failing)
        return _cbor(200, answer)

    def _take(self, entry: Json) -> Json:
        system = entry.get("SystemMetadata", {})
        duplicate_of = system.get("DeduplicationId")
        now = time.monotonic()
        if duplicate_of is not None:
            key = (system.get("EventGroupId", ""), duplicate_of)
            if self._seen.get(key, 0.0) > now:
                self.duplicates += 1
                return {"SuccessCode": "DEDUPLICATED"}
            self._seen[key] = now + WINDOW_SECONDS
        self.taken.append(entry)
        return {
            "EventId": str(uuid.uuid4()),
            "SequenceNumber": str(len(self.taken)),
            "SuccessCode": "PUBLISHED",
        }


def _refuse_headers(headers: dict[str, str]) -> Refusal | None:
    if headers.get("smithy-protocol") != "rpc-v2-cbor":
        return Refusal(404, "UnknownOperationException", "smithy-protocol must be rpc-v2-cbor")
    if headers.get("content-type") != "application/cbor":
        return Refusal(415, "SerializationException", "Content-Type must be application/cbor")
    signed = _SIGNATURE.fullmatch(headers.get("authorization", ""))
    if not signed or not {"host", "x-amz-date"} <= set(signed["headers"].split(";")):
        return Refusal(403, "IncompleteSignatureException", "the signature is not one of events")
    return None


def _refuse_call(call: Any, headers: dict[str, str]) -> Refusal | None:
    if not isinstance(call, dict) or not isinstance(call.get("Entries"), list):
        return _invalid("Entries must be a list")
    arn = _BUS_ARN.fullmatch(str(call.get("EventBusArn")))
    if not arn:
        return _invalid("EventBusArn must be the ARN of a Custom Event Bus")
    host = _HOST.fullmatch(headers["host"].partition(":")[0])
    if host and (host["account"], host["region"]) != (arn["account"], arn["region"]):
        return Refusal(404, "ResourceNotFoundException", "the bus is of another account or region")
    signed = _SIGNATURE.fullmatch(headers["authorization"])
    if signed and signed["region"] != arn["region"]:
        return Refusal(403, "InvalidSignatureException", "Credential should be scoped to a region")
    entries = call["Entries"]
    if not 1 <= len(entries) <= MAX_ENTRIES:
        return _invalid(f"a call has 1 to {MAX_ENTRIES} entries")
    for position, entry in enumerate(entries):
        fault = _fault_of(entry)
        if fault:
            return _invalid(f"Entries[{position}]: {fault}")
    if sum(map(_size, entries)) > MAX_BYTES:
        return _invalid(f"the entries have more than {MAX_BYTES} bytes")
    return None


def _fault_of(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return "must be a map"
    for name, longest in (("Source", 256), ("DetailType", 128)):
        if not isinstance(text := entry.get(name), str) or not 1 <= len(text) <= longest:
            return f"{name} must have 1 to {longest} characters"
    if entry["Source"].startswith("aws."):
        return "Source must not begin with aws."
    try:
        is_object = isinstance(json.loads(entry.get("Detail", "")), dict)
    except (TypeError, ValueError):
        is_object = False
    if not is_object:
        return "Detail must be a JSON object"
    if not isinstance(entry.get("Time", datetime.now(UTC)), datetime):
        return "Time must be a time"
    resources = entry.get("Resources", [])
    if len(resources) > 100 or any(len(resource) > 2048 for resource in resources):
        return "Resources must be at most 100 texts of at most 2048 characters"
    for name, text in entry.get("SystemMetadata", {}).items():
        if name not in ("EventGroupId", "DeduplicationId"):
            return f"SystemMetadata has no {name}"
        if not 1 <= len(text) <= 128 or not text.strip():
            return f"{name} must have 1 to 128 characters"
    return None


def _size(entry: Json) -> int:
    texts = [entry["Source"], entry["DetailType"], entry["Detail"], *entry.get("Resources", [])]
    return 14 + sum(len(text.encode()) for text in texts)


def _event(entry: Json) -> Json:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": "123456789012",
        "time": entry["Time"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "eu-west-1",
        "resources": list(entry.get("Resources", [])),
        "detail": json.loads(entry["Detail"]),
    }


def _invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidInputException", message)


def _refused(refusal: Refusal) -> web.Response:
    content = {
        "__type": f"com.amazonaws.eventbridgev2#{refusal.code}",
        "Message": refusal.message,
    }
    return _cbor(refusal.status, content)


def _cbor(status: int, content: Json) -> web.Response:
    return web.Response(
        status=status,
        body=cbor2.dumps(content),
        headers={"smithy-protocol": "rpc-v2-cbor"},
        content_type="application/cbor",
    )


@contextmanager
def custom_bus_in_thread(script: Script = accept) -> Iterator[CustomBus]:
    """Run the stand-in in its own thread while the context lasts."""
    started: queue.SimpleQueue[tuple[CustomBus, asyncio.Event]] = queue.SimpleQueue()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with custom_bus(script) as bus:
            ended = asyncio.Event()
            started.put((bus, ended))
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    bus, ended = started.get()
    try:
        yield bus
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@asynccontextmanager
async def custom_bus(script: Script = accept, port: int = 0) -> AsyncIterator[CustomBus]:
    """Run the stand-in on the loopback while the context lasts."""
    bus = CustomBus(script)
    app = web.Application(client_max_size=20_000_000)
    app.router.add_post(OPERATION, bus.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    bus.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield bus
    finally:
        await runner.cleanup()
