"""The whole bridge as a process: from a signed request at the inlet to the endpoint.

python -m benchmarks.whole single|batched|taken|steady BRIDGE ENDPOINT COUNT
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Iterable
from typing import Any

import aiohttp
import uvloop

from benchmarks import load
from benchmarks.processes import SECRET, until_taken
from magento_eventbridge.inlets.signatures import signed_headers

_SENDERS = 32  # web workers of a busy shop that send at the same time
_EVENTS_PER_SECOND = 200


async def _post(session: aiohttp.ClientSession, url: str, body: bytes) -> None:
    while True:
        headers = {"Content-Type": "application/x-ndjson", **signed_headers(SECRET, body)}
        async with session.post(f"{url}/v1/captures", data=body, headers=headers) as response:
            await response.read()
            if response.status == 202:
                return
            if response.status not in (429, 503):
                raise RuntimeError(f"the inlet answered {response.status}")
            await asyncio.sleep(0.05)


async def flood(
    bridge: str, endpoint: str | None, bodies: list[bytes], count: int
) -> dict[str, float]:
    """Hand bodies over as fast as they are accepted; return captures in and events out per second.

    Without an endpoint nothing is delivered.
    """
    waiting = iter(bodies)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def sender() -> None:
            for body in waiting:
                await _post(session, bridge, body)

        began = time.monotonic()
        await asyncio.gather(*[sender() for _ in range(_SENDERS)])
        taken = time.monotonic() - began
    if endpoint is None:
        return {"captures_per_second": count / taken}
    delivered = await asyncio.to_thread(until_taken, endpoint, count) - began
    return {"captures_per_second": count / taken, "events_per_second": count / delivered}


async def steady(bridge: str, endpoint: str, bodies: Iterable[bytes]) -> dict[str, float]:
    """Hand over single captures at a steady rate; return latencies in milliseconds."""
    sent: dict[str, float] = {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        posts = []
        began = time.monotonic()
        for number, body in enumerate(bodies):
            await asyncio.sleep(began + number / _EVENTS_PER_SECOND - time.monotonic())
            sent[json.loads(body)["id"]] = time.monotonic()
            posts.append(asyncio.create_task(_post(session, bridge, body)))
        await asyncio.gather(*posts)
        await asyncio.to_thread(until_taken, endpoint, len(sent))
        async with session.get(f"{endpoint}/arrivals") as response:
            came = await response.json()
    latencies = sorted((came[identifier] - at) * 1000 for identifier, at in sent.items())
    return {
        "p50_ms": statistics.median(latencies),
        "p99_ms": latencies[int(len(latencies) * 0.99)],
        "longest_ms": latencies[-1],
    }


def main() -> None:
    what, bridge, endpoint, number = sys.argv[1:]
    count = int(number)
    texts = [text for _, text in load.captures(count)]
    result: Any
    match what:
        case "single":
            result = uvloop.run(flood(bridge, endpoint, texts, count))
        case "batched" | "taken":
            bodies = [b"\n".join(texts[start : start + 100]) for start in range(0, count, 100)]
            out = endpoint if what == "batched" else None
            result = uvloop.run(flood(bridge, out, bodies, count))
        case "steady":
            result = uvloop.run(steady(bridge, endpoint, texts))
        case _:
            raise SystemExit(__doc__)
    print(json.dumps(result))


main()
