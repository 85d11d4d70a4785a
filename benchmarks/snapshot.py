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
from collections.abc import Sequence
from typing import NamedTuple

from tests.support import mariadb
from tests.support.mariadb import Outbox

from benchmarks import load
from magento_eventbridge.captures import Capture
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


class Samples(NamedTuple):
    """Claims of single captures: the time of each, and the pages that the server read for one."""

    seconds: list[float]
    pages: float


async def sampled(
    queue: OutboxQueue, outbox: Outbox, captures: Sequence[tuple[Capture, bytes]]
) -> Samples:
    """Claim single captures that have just been written."""
    seconds, pages = [], []
    for capture in captures[:SAMPLES]:
        outbox.put([capture])
        read, began = _pages(outbox), time.perf_counter()
        claims = await claimed(queue, 0)
        seconds.append(time.perf_counter() - began)
        pages.append(_pages(outbox) - read)
        await queue.ack(claims)
    return Samples(seconds, statistics.median(pages))


def _pages(outbox: Outbox) -> int:
    query = "SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_read_requests'"
    with outbox.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query)
        ((_, count),) = cursor.fetchall()
        return int(count)


async def run(outbox: Outbox, count: int) -> dict[str, float]:
    """Deliver `count` captures under a snapshot; return times of claims after that."""
    queue = OutboxQueue(outbox.options)
    captures = list(load.captures(BATCH))
    with outbox.server.connect() as reader, reader.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute(f"SELECT COUNT(*) FROM {outbox.table}")
        before = await sampled(queue, outbox, captures)
        for _ in range(count // BATCH):
            await asyncio.to_thread(outbox.put, captures)
            await drained(queue, BATCH)
        after = await sampled(queue, outbox, captures)
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
        "claim_p50_ms": statistics.median(after.seconds) * 1000,
        "claim_max_ms": max(after.seconds) * 1000,
        "claim_pages": after.pages,
        "first_claim_p50_ms": statistics.median(before.seconds) * 1000,
        "first_claim_pages": before.pages,
        "late_commit_found_s": late,
    }


def main() -> None:
    with mariadb.running() as server, mariadb.outbox_tables(server) as outbox:
        print(json.dumps(asyncio.run(run(outbox, int(sys.argv[1])))))


if __name__ == "__main__":
    main()
