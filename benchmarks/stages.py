"""The CPU microseconds per event of each stage of delivery, measured separately.

python -m benchmarks.stages ENDPOINT WAITING

WAITING captures stay in the spool meanwhile.
"""

import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from botocore.credentials import ReadOnlyCredentials

from benchmarks import load
from benchmarks.backlog import fill_spool
from magento_eventbridge.bridge.startup import run_loop
from magento_eventbridge.captures import Capture, read_capture
from magento_eventbridge.catalog import event_of
from magento_eventbridge.delivery.envelope import Entry, build_entry
from magento_eventbridge.delivery.lane import Lane, Pending
from magento_eventbridge.delivery.ports import Claim, Limits
from magento_eventbridge.inlets.signatures import signed_headers, verify
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.sinks.eventbridge.http_client import Endpoint, Reply
from magento_eventbridge.sinks.eventbridge.signer import Signer
from magento_eventbridge.sinks.eventbridge.sink import encode, read_answer

_COUNT = 10_000
_ROUNDS = 3
_SECRET = "a-secret-for-the-benchmarks"


def _tens(entries: list[Entry]) -> list[list[Entry]]:
    return [entries[start : start + 10] for start in range(0, len(entries), 10)]


def translate(captures: list[Capture], url: str) -> list[Entry]:
    """Build the entries of all captures."""
    route = load.route(url)
    return [
        build_entry(capture, event, route) for capture in captures if (event := event_of(capture))
    ]


def line_up(captures: list[Capture], entries: list[Entry]) -> None:
    """Pass all entries through a lane, ten at a time."""
    lane = Lane(Limits(max_entries=10, max_bytes=1_000_000))
    for number, (capture, entry) in enumerate(zip(captures, entries, strict=True)):
        lane.add(Pending(Claim(number, b""), entry, capture.order_key, capture.id, ""))
    while batch := lane.take(0.0):
        for pending in batch:
            lane.settle(pending)


async def stages(url: str, folder: Path, waiting: int) -> dict[str, float]:
    """Return the cost of each stage, the minimum of some rounds."""
    captures, texts = map(list, zip(*load.captures(_COUNT), strict=True))
    entries = translate(captures, url)
    bodies = [encode(ten) for ten in _tens(entries)]
    requests = [b"\n".join(texts[start : start + 10]) for start in range(0, _COUNT, 10)]
    signer = Signer(url, "events", "eu-west-1", {"X-Amz-Target": "AWSEvents.PutEvents"})
    keys = ReadOnlyCredentials("AKIABENCHMARK", "benchmark", None)
    endpoint = Endpoint(url)
    answers: list[bytes] = []
    await fill_spool(folder / "spool.sqlite", waiting)
    queue = SqliteQueue(folder / "spool.sqlite")
    claims: list[Claim] = []

    async def check_signatures() -> None:
        for body in requests:
            timestamp, signature = signed_headers(_SECRET, body).values()
            verify([_SECRET], timestamp, signature, body, now=time.time(), window=300)

    async def put() -> None:
        for start in range(0, _COUNT, 1000):
            await queue.put(list(zip(captures, texts, strict=True))[start : start + 1000])

    async def claim() -> None:
        while len(claims) < _COUNT:
            claims.extend(await queue.claim(1000))

    async def ack() -> None:
        for start in range(0, len(claims), 1000):
            await queue.ack(claims[start : start + 1000])
        claims.clear()

    async def post() -> None:
        for body in bodies:
            answers.append((await endpoint.post({"host": "x"}, body)).body)

    def at_once(work: Callable[[], object]) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            work()

        return run

    ways: dict[str, Callable[[], Awaitable[None]]] = {
        "check the signature": check_signatures,
        "read the capture": at_once(lambda: [read_capture(text) for text in texts]),
        "keep it in the spool": put,
        "claim it": claim,
        "translate and seal": at_once(lambda: translate(captures, url)),
        "order and batch": at_once(lambda: line_up(captures, entries)),
        "encode the call": at_once(lambda: [encode(ten) for ten in _tens(entries)]),
        "sign the call": at_once(lambda: [signer.sign(body, keys) for body in bodies]),
        "post the call": post,
        "read the answer": at_once(
            lambda: [read_answer(Reply(200, answer, {})) for answer in answers]
        ),
        "acknowledge it": ack,
    }
    costs = {name: float("inf") for name in ways}
    for _ in range(_ROUNDS):
        answers.clear()
        for name, work in ways.items():
            began = time.process_time()
            await work()
            costs[name] = min(costs[name], (time.process_time() - began) / _COUNT * 1e6)
    endpoint.close()
    await queue.close()
    return costs


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run_loop(stages(sys.argv[1], Path(folder), int(sys.argv[2])))))


main()
