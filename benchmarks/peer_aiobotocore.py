"""aiobotocore, ten entries a call, as many calls at once as the bridge: a peer.

    python peer_aiobotocore.py ENDPOINT ENTRIES

Runs with its own Python, as aiobotocore needs another botocore than boto3; so it
imports nothing of the project, and reads its entries from a file.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop
from aiobotocore.session import get_session

_CALLS_AT_ONCE = 8


async def main(url: str, entries: list[dict[str, object]]) -> float:
    """Return the seconds that it takes to put all entries."""
    calls = iter([entries[start : start + 10] for start in range(0, len(entries), 10)])
    session = get_session()
    async with session.create_client(
        "events",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="AKIABENCHMARK",
        aws_secret_access_key="benchmark",
    ) as client:
        await client.put_events(Entries=entries[:1])

        async def worker() -> None:
            for call in calls:
                await client.put_events(Entries=call)

        began = time.perf_counter()
        await asyncio.gather(*[worker() for _ in range(_CALLS_AT_ONCE)])
        return time.perf_counter() - began


print(uvloop.run(main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()))))
