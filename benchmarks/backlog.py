"""A backlog in the spool: filled by one process, drained by another, whose memory is its own.

python -m benchmarks.backlog fill|drain SPOOL ENDPOINT COUNT
"""

import itertools
import json
import resource
import sys
import time
from pathlib import Path

import uvloop

from benchmarks import load
from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.bridge import run_loop
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.queues.sqlite import SqliteQueue
from magento_eventbridge.sinks.eventbridge import EventBridgeSink


async def fill(spool: Path, count: int) -> None:
    """Put so many captures into a spool."""
    queue = SqliteQueue(spool)
    captures = load.captures(count)
    while batch := list(itertools.islice(captures, 5_000)):
        await queue.put(batch)
    await queue.close()


async def drain(spool: Path, url: str, count: int) -> dict[str, float]:
    """Deliver them all; gives the rate, and the most memory that it took, in MB."""
    queue = SqliteQueue(spool)
    sink = EventBridgeSink(CredentialsFinder())
    route = load.route(url)
    policy = Policy(calls_per_second=1_000_000)
    dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, policy)
    began = time.perf_counter()
    await dispatcher.run(until_empty=True)
    seconds = time.perf_counter() - began
    if dispatcher.tally.delivered != count:
        raise RuntimeError(f"{dispatcher.tally.delivered} of {count} were delivered")
    await sink.close()
    await queue.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"events_per_second": count / seconds, "peak_mb": peak}


def main() -> None:
    what, spool, url, number = sys.argv[1:]
    if what == "fill":
        uvloop.run(fill(Path(spool), int(number)))
        print("null")
    else:
        print(json.dumps(run_loop(drain(Path(spool), url, int(number)))))


if __name__ == "__main__":
    main()
