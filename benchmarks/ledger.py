"""What the ledger costs delivery: `python -m benchmarks.ledger [EVENTS]`, as a ratio of one run.

Captures of orders go from memory to a sink that accepts everything at once: there is no network to
hide the cost behind. The same calls are then passed to a ledger alone, until all are in its file.
The ratio of the two processor times is steadier on a busy machine than the difference of two runs.
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
from magento_eventbridge.delivery.observer import Call, Settlement
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


class Calls:
    """An observer that remembers calls."""

    def __init__(self) -> None:
        self.all: list[Call] = []

    def called(self, call: Call) -> None:
        """Remember a call."""
        self.all.append(call)

    def ended(self, end: Settlement) -> None:
        """Ignore what was settled without a call."""


async def delivered(texts: list[bytes], calls: Calls) -> float:
    """Deliver captures; return the processor time in seconds."""
    queue = MemoryQueue()
    await queue.put_json(*texts)
    route = Route(Destination("eu-west-1"), "shop.example.com")
    sink = RecordingSink()
    policy = Policy(calls_per_second=1e6)
    dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, policy, calls)
    began = time.process_time()
    await dispatcher.run(until_empty=True)
    return time.process_time() - began


def recorded(calls: Calls, file: Path) -> float:
    """Write a ledger of calls; return the processor time in seconds, its thread's included."""
    ledger = Ledger(file)
    ledger.open()
    time.sleep(1.5)  # the file is created once in the life of a bridge
    began = time.process_time()
    for call in calls.all:
        ledger.called(call)
    ledger.close()
    return time.process_time() - began


def main(events: int) -> None:
    """Print the medians of the rounds, and the ledger's share."""
    texts = bodies(events)
    plain: list[float] = []
    ledger: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            calls = Calls()
            plain.append(asyncio.run(delivered(texts, calls)))
            file = Path(folder, f"{uuid.uuid4()}.sqlite")
            ledger.append(recorded(calls, file))
            size = file.stat().st_size
    per_event = 1e6 / events
    print(f"delivery  {median(plain) * per_event:.0f} µs of processor time an event")
    print(f"ledger    {median(ledger) * per_event:.1f} µs, {size / events:.0f} bytes an event")
    share = median(part / whole for part, whole in zip(ledger, plain, strict=True))
    print(f"the ledger takes {share:.1%} of the processor time of a delivery (at most 3 %)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
