"""Claims while a backup's snapshot is open, which keeps former versions of rows in the index.

    python -m benchmarks.snapshot QUEUE COUNT

Delivers COUNT captures from `outbox` or `magento-db` under one open snapshot; then measures claims
of single captures, and how long it takes until a capture is found that was committed late, with a
lower id.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from tests.support import mariadb
from tests.support.magento_queue import MagentoQueue, queue_tables
from tests.support.mariadb import Outbox, Server

from benchmarks import load
from magento_eventbridge.captures import Capture
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.queues.mysql.magento_db import MagentoDbQueue
from magento_eventbridge.queues.mysql.outbox import OutboxQueue
from magento_eventbridge.queues.mysql.queue import MysqlQueue
from magento_eventbridge.settings.queues import QUEUE

BATCH = 2_000
SAMPLES = 100


async def drained(queue: MysqlQueue, count: int) -> None:
    """Claim and acknowledge so many captures."""
    while count > 0:
        claims = await queue.claim(1000)
        await queue.ack(claims)
        count -= len(claims)


async def claimed(queue: MysqlQueue, pause: float) -> list[Claim]:
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
    queue: MysqlQueue, tables: Outbox | MagentoQueue, captures: Sequence[tuple[Capture, bytes]]
) -> Samples:
    """Claim single captures that have just been written."""
    seconds, pages = [], []
    for capture in captures[:SAMPLES]:
        tables.put([capture])
        read, began = _pages(tables.server), time.perf_counter()
        claims = await claimed(queue, 0)
        seconds.append(time.perf_counter() - began)
        pages.append(_pages(tables.server) - read)
        await queue.ack(claims)
    return Samples(seconds, statistics.median(pages))


def _pages(server: Server) -> int:
    query = "SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_read_requests'"
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query)
        ((_, count),) = cursor.fetchall()
        return int(count)


async def run(
    queue: MysqlQueue,
    tables: Outbox | MagentoQueue,
    fill: Callable[[Sequence[tuple[Capture, bytes]]], None],
    count: int,
) -> dict[str, float]:
    """Deliver `count` captures under a snapshot; return times of claims after that."""
    captures = list(load.captures(BATCH))
    with tables.server.connect() as reader, reader.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        before = await sampled(queue, tables, captures)
        for _ in range(count // BATCH):
            await asyncio.to_thread(fill, captures)
            await drained(queue, BATCH)
        after = await sampled(queue, tables, captures)
        with tables.server.connect() as slow:
            tables.put(captures[:1], slow)
            await asyncio.to_thread(tables.put, captures)
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
    kind, count = sys.argv[1:]
    with mariadb.running() as server, ExitStack() as stack:
        if kind == "outbox":
            outbox = stack.enter_context(mariadb.outbox_tables(server))
            work = run(OutboxQueue(outbox.options), outbox, outbox.put, int(count))
        else:
            messages = stack.enter_context(queue_tables(server))
            queue = MagentoDbQueue(messages.options, QUEUE)
            work = run(queue, messages, messages.fill, int(count))
        print(json.dumps(asyncio.run(work)))


if __name__ == "__main__":
    main()
