"""A PutEvents endpoint that costs as little CPU as possible in Python; runs as its own process.

    python -m benchmarks.endpoint MILLISECONDS

It answers after so long: 0 is faster than any network, 1 is a network in the same building.
`GET /taken` returns how many entries it has and when the last came, `GET /arrivals` all times;
times are those of the monotonic clock, which all processes of a machine share.
"""

import asyncio
import json
import logging
import sys
import time

import cbor2
import uvloop
from aiohttp import web
from pydantic_core import from_json

from magento_eventbridge.sinks.custom_bus.wire import PATH

_ID = "11710aed-b79e-4468-a20b-bb3c0c3b4860"
_LATENCY = float(sys.argv[1]) / 1000  # given in milliseconds
_LOOKED_AT = 20_000  # the bodies of so many calls are kept, for checks afterwards


# A killed bridge disconnects in the middle of a request.
logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


class Taken:
    """What arrived so far."""

    def __init__(self) -> None:
        self.entries = 0
        self.last = 0.0
        self.bodies: list[tuple[float, bytes]] = []

    async def put_events(self, request: web.Request) -> web.Response:
        if _LATENCY:
            await asyncio.sleep(_LATENCY)
        body = await request.read()
        entries = len(from_json(body)["Entries"])
        self.entries += entries
        self.last = time.monotonic()
        if len(self.bodies) < _LOOKED_AT:
            self.bodies.append((self.last, body))
        results = ",".join([f'{{"EventId":"{_ID}"}}'] * entries)
        answer = f'{{"FailedEntryCount":0,"Entries":[{results}]}}'
        return web.Response(text=answer, content_type="application/x-amz-json-1.1")

    async def put_custom_events(self, request: web.Request) -> web.Response:
        """Answer as a Custom Event Bus."""
        if _LATENCY:
            await asyncio.sleep(_LATENCY)
        entries = len(cbor2.loads(await request.read())["Entries"])
        self.entries += entries
        self.last = time.monotonic()
        result = {"EventId": _ID, "SequenceNumber": "1", "SuccessCode": "PUBLISHED"}
        body = cbor2.dumps({"Entries": [result] * entries})
        headers = {"smithy-protocol": "rpc-v2-cbor"}
        return web.Response(body=body, headers=headers, content_type="application/cbor")

    async def taken(self, _: web.Request) -> web.Response:
        return web.json_response({"entries": self.entries, "last": self.last})

    async def arrivals(self, _: web.Request) -> web.Response:
        came = {
            json.loads(entry["Detail"])["metadata"]["id"]: at
            for at, body in self.bodies
            for entry in json.loads(body)["Entries"]
        }
        return web.json_response(came)


async def main() -> None:
    taken = Taken()
    app = web.Application(client_max_size=20_000_000)
    app.router.add_post("/", taken.put_events)
    app.router.add_post(PATH, taken.put_custom_events)
    app.router.add_get("/taken", taken.taken)
    app.router.add_get("/arrivals", taken.arrivals)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the parent closes it
    await runner.cleanup()


uvloop.run(main())
