"""What the ledger costs delivery: `python -m benchmarks.ledger [EVENTS]`, as a ratio of one run.

Captures of orders go from memory to a sink that accepts everything at once, with and without the
ledger in turn: there is no network to hide the cost behind.
"""

import asyncio
import sys
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median

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


async def seconds(texts: list[bytes], ledger: Ledger | None) -> float:
    """Return the processor time of a delivery, the ledger's thread included."""
    queue = MemoryQueue()
    await queue.put_json(*texts)
    route = Route(Destination("eu-west-1"), "shop.example.com")
    sink = RecordingSink()
    policy = Policy(calls_per_second=1e6)
    dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, policy, ledger)
    if ledger:
        ledger.open()
    began = time.process_time()
    await dispatcher.run(until_empty=True)
    if ledger:
        await asyncio.to_thread(ledger.close)
    return time.process_time() - began


async def main(events: int) -> None:
    """Print the medians with and without the ledger."""
    texts = bodies(events)
    plain: list[float] = []
    kept: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            plain.append(await seconds(texts, None))
            file = Path(folder, f"{uuid.uuid4()}.sqlite")
            kept.append(await seconds(texts, Ledger(file)))
    for name, runs in (("without ledger", plain), ("with ledger", kept)):
        print(f"{name:15} {median(runs) / events * 1e6:.0f} µs of processor time an event")
    share = median(b / a for a, b in zip(plain, kept, strict=True)) - 1
    print(f"the ledger takes {share:.1%} more processor time, which limits the rate")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3_000))
