"""Claims while a backup's snapshot is open, which keeps deleted rows in the index.

    python -m benchmarks.snapshot COUNT

Delivers COUNT captures from an outbox under one open snapshot; then measures claims of single
captures, and how long it takes until a capture is found that was committed late, with a lower id.
"""

import asyncio
import json
import statistics
import sys
import time

from tests.support import mariadb
from tests.support.mariadb import Outbox

from benchmarks import load
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.queues.mysql.outbox import OutboxQueue

BATCH = 2_000
SAMPLES = 100


async def drained(queue: OutboxQueue, count: int) -> None:
    """Claim and acknowledge so many captures."""
    while count > 0:
        claims = await queue.claim(1000)
        await queue.ack(claims)
        count -= len(claims)


async def claimed(queue: OutboxQueue, pause: float) -> list[Claim]:
    """Claim until something is found."""
    while True:
        if claims := await queue.claim(10):
            return claims
        await asyncio.sleep(pause)


async def run(outbox: Outbox, count: int) -> dict[str, float]:
    """Deliver `count` captures under a snapshot; return times of claims after that."""
    queue = OutboxQueue(outbox.options)
    captures = list(load.captures(BATCH))
    with outbox.server.connect() as reader, reader.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute(f"SELECT COUNT(*) FROM {outbox.table}")
        for _ in range(count // BATCH):
            await asyncio.to_thread(outbox.put, captures)
            await drained(queue, BATCH)
        seconds = []
        for capture in captures[:SAMPLES]:
            outbox.put([capture])
            began = time.perf_counter()
            claims = await claimed(queue, 0)
            seconds.append(time.perf_counter() - began)
            await queue.ack(claims)
        with outbox.server.connect() as slow:
            outbox.put(captures[:1], slow)
            await asyncio.to_thread(outbox.put, captures)
            await drained(queue, BATCH)
            slow.commit()
        began = time.perf_counter()
        await claimed(queue, 0.1)
        late = time.perf_counter() - began
        reader.rollback()
    await queue.close()
    return {
        "claim_p50_ms": statistics.median(seconds) * 1000,
        "claim_max_ms": max(seconds) * 1000,
        "late_commit_found_s": late,
    }


def main() -> None:
    with mariadb.running() as server, mariadb.outbox_tables(server) as outbox:
        print(json.dumps(asyncio.run(run(outbox, int(sys.argv[1])))))


if __name__ == "__main__":
    main()
