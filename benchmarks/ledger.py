"""What the ledger costs delivery: `python -m benchmarks.ledger [EVENTS]`, as a ratio of one run.

Captures of orders go from memory to a sink that accepts everything at once, with and without the
ledger in turn: there is no network to hide the cost behind. The ledger's cost is the processor time
of its thread, which is steadier than the difference of two runs on a busy machine; the difference
is printed too.
"""

import asyncio
import os
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from statistics import median
from typing import NamedTuple

from magento_eventbridge.backfill.kinds import KINDS
from magento_eventbridge.backfill.snapshots import Rows, body_of, capture_of
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.ledger.recorder import Ledger
from magento_eventbridge.testing import MemoryQueue, RecordingSink

ROUNDS = 5


def bodies(events: int) -> list[bytes]:
    """Return captures of so many orders with three items each."""
    items = [
        {
            "item_id": str(n),
            "sku": f"sku-{n}",
            "name": "A bag",
            "price": "34.0000",
            "qty_ordered": "1",
        }
        for n in range(3)
    ]
    made = []
    for number in range(events):
        order = {
            "entity_id": str(number + 1),
            "increment_id": f"{number + 1:09}",
            "store_id": "1",
            "status": "pending",
            "grand_total": "107.0000",
            "created_at": "2026-11-27 10:00:00",
        }
        rows = Rows(order, items=items)
        made.append(body_of(capture_of(KINDS["orders"], rows, "OrderCreated", "backfill")))
    return made


class Cost(NamedTuple):
    """Processor time of a delivery, in seconds."""

    total: float
    ledger: float


def _thread_seconds() -> float:
    """Return the processor time of the ledger's thread."""
    (thread,) = [one for one in threading.enumerate() if one.name == "ledger"]
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0))


async def delivered(texts: list[bytes], ledger: Ledger | None) -> Cost:
    """Deliver captures, with or without a ledger."""
    queue = MemoryQueue()
    await queue.put_json(*texts)
    route = Route(Destination("eu-west-1"), "shop.example.com")
    sink = RecordingSink()
    policy = Policy(calls_per_second=1e6)
    dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, policy, ledger)
    if ledger:
        ledger.open()
        await asyncio.sleep(1.5)  # the file is created once in the life of a bridge
    before = _thread_seconds() if ledger else 0.0
    began = time.process_time()
    await dispatcher.run(until_empty=True)
    spent = _thread_seconds() - before if ledger else 0.0
    if ledger:
        closing = time.process_time()
        await asyncio.to_thread(ledger.close)
        spent += time.process_time() - closing
    return Cost(time.process_time() - began, spent)


async def main(events: int) -> None:
    """Print the medians with and without the ledger."""
    texts = bodies(events)
    plain: list[float] = []
    kept: list[Cost] = []
    size = 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            plain.append((await delivered(texts, None)).total)
            file = Path(folder, f"{uuid.uuid4()}.sqlite")
            kept.append(await delivered(texts, Ledger(file)))
            size = await asyncio.to_thread(os.path.getsize, file)
    per_event = 1e6 / events
    print(f"without ledger  {median(plain) * per_event:.0f} µs of processor time an event")
    print(f"with ledger     {median(cost.total for cost in kept) * per_event:.0f} µs")
    print(f"its thread      {median(cost.ledger for cost in kept) * per_event:.1f} µs")
    pairs = list(zip(plain, kept, strict=True))
    share = median(cost.ledger / total for total, cost in pairs)
    print(f"the ledger takes {share:.1%} of the processor time without it, which limits the rate")
    difference = median(cost.total / total for total, cost in pairs) - 1
    print(f"({difference:.1%} by the difference of the runs)")
    print(f"{size / events:.0f} bytes an event")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
