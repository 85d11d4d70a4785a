"""A PutEvents endpoint that costs as little as one in Python can; run as a process of its own.

    python -m benchmarks.endpoint MILLISECONDS

It answers after so long: 0 is what no network reaches, 1 what one in the same building does.
"""

import asyncio
import sys

import uvloop
from aiohttp import web
from pydantic_core import from_json

_ID = "11710aed-b79e-4468-a20b-bb3c0c3b4860"


_LATENCY = float(sys.argv[1]) / 1000  # given in milliseconds


async def _put_events(request: web.Request) -> web.Response:
    if _LATENCY:
        await asyncio.sleep(_LATENCY)
    entries = len(from_json(await request.read())["Entries"])
    results = ",".join([f'{{"EventId":"{_ID}"}}'] * entries)
    body = f'{{"FailedEntryCount":0,"Entries":[{results}]}}'
    return web.Response(text=body, content_type="application/x-amz-json-1.1")


async def main() -> None:
    app = web.Application(client_max_size=20_000_000)
    app.router.add_post("/", _put_events)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the parent closes it
    await runner.cleanup()


uvloop.run(main())
