"""A backlog in a queue: filled by one process, drained by another, whose memory is measured.

    python -m benchmarks.backlog fill|drain QUEUE PLACE ENDPOINT COUNT

PLACE is the queue's connection, as JSON.
"""

import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop
from tests.support import mariadb, rabbitmq
from tests.support.magento_queue import MagentoQueue, queue_tables

from benchmarks import load
from benchmarks.broker import publish
from benchmarks.processes import cpu_seconds, endpoint, measure
from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.bridge.startup import run_loop
from magento_eventbridge.captures import Capture
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import Queue
from magento_eventbridge.magento.database import DatabaseOptions
from magento_eventbridge.queues.amqp.connection import AmqpOptions
from magento_eventbridge.queues.amqp.queue import AmqpQueue
from magento_eventbridge.queues.mysql.magento_db import MagentoDbQueue
from magento_eventbridge.queues.mysql.outbox import OutboxQueue
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.settings.queues import QUEUE
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink

Place = dict[str, Any]

# A store's database keeps the tables of its queue in memory; tests are content with 64 MB.
_MEMORY = "--innodb-buffer-pool-size=2G"


def drained(queue: str, count: int) -> dict[str, float]:
    """Fill a queue, deliver everything, and return the figures of that.

    They are those of `drain`, and the CPU microseconds per event of the queue's server.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        endpoint() as url,
        place(queue, Path(folder)) as (where, server),
    ):
        words = (queue, json.dumps(where), url, str(count))
        measure("benchmarks.backlog", "fill", *words)
        worked = cpu_seconds(server)
        figures: dict[str, float] = measure("benchmarks.backlog", "drain", *words)
        figures["server_us_per_event"] = (cpu_seconds(server) - worked) / count * 1e6
    return figures


def cost(figures: dict[str, float]) -> float:
    """Return the CPU microseconds per event of bridge and server together."""
    return figures["cpu_us_per_event"] + figures["server_us_per_event"]


@contextmanager
def place(queue: str, folder: Path) -> Iterator[tuple[Place, int | None]]:
    """Start the server that a queue needs; yield its PLACE and the server's process, if any."""
    match queue:
        case SqliteQueue.name:
            yield {"path": str(folder / "spool.sqlite")}, None
        case OutboxQueue.name:
            with mariadb.running(_MEMORY) as server, mariadb.outbox_tables(server) as outbox:
                yield _place_of(outbox.options), server.process.pid if server.process else None
        case MagentoDbQueue.name:
            with mariadb.running(_MEMORY) as server, queue_tables(server, "bench_") as made:
                yield _place_of(made.options), server.process.pid if server.process else None
        case AmqpQueue.name:
            with rabbitmq.running() as broker:
                where: Place = {
                    "host": broker.host,
                    "port": broker.port,
                    "user": broker.user,
                    "password": broker.password,
                    "virtual_host": broker.virtual_host,
                    "queue": QUEUE,
                }
                yield where, broker.node.process if broker.node else None
        case _:
            raise ValueError(queue)


def _place_of(options: DatabaseOptions) -> Place:
    names = ("host", "port", "database", "user", "password", "table_prefix")
    return {name: getattr(options, name) for name in names}


def fill(queue: str, where: Place, count: int) -> None:
    """Put so many captures into a queue."""
    match queue:
        case SqliteQueue.name:
            uvloop.run(fill_spool(Path(where["path"]), count))
        case OutboxQueue.name:
            options = DatabaseOptions(**where)
            outbox = mariadb.Outbox(mariadb.Server(options), options)
            for batch in _batches(count):
                outbox.put(batch)
        case MagentoDbQueue.name:
            options = DatabaseOptions(**where)
            magento = MagentoQueue(mariadb.Server(options), options)
            for batch in _batches(count):
                magento.fill(batch)
        case AmqpQueue.name:
            url = "amqp://{user}:{password}@{host}:{port}/{virtual_host}".format(**where)
            asyncio.run(publish(url, where["queue"], (text for _, text in load.captures(count))))


async def fill_spool(path: Path, count: int) -> None:
    """Put so many captures into a spool."""
    queue = SqliteQueue(path)
    for batch in _batches(count):
        await queue.put(batch)
    await queue.close()


def _batches(count: int) -> Iterator[list[tuple[Capture, bytes]]]:
    captures = load.captures(count)
    return iter(lambda: list(itertools.islice(captures, 5_000)), [])


def _open(queue: str, where: Place) -> Queue:
    match queue:
        case SqliteQueue.name:
            return SqliteQueue(Path(where["path"]))
        case OutboxQueue.name:
            return OutboxQueue(DatabaseOptions(**where))
        case MagentoDbQueue.name:
            return MagentoDbQueue(DatabaseOptions(**where), QUEUE)
    return AmqpQueue(AmqpOptions(**where))


async def drain(name: str, where: Place, url: str, count: int) -> dict[str, float]:
    """Deliver them all; return the rate, the CPU microseconds per event, and the peak
    memory in MB."""
    queue = _open(name, where)
    sink = EventBridgeSink(CredentialsFinder())
    route = load.route(url)
    policy = Policy(calls_per_second=1_000_000)
    dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, policy)
    began, worked = time.perf_counter(), time.process_time()
    await dispatcher.run(until_empty=True)
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    if dispatcher.totals.delivered != count:
        raise RuntimeError(f"{dispatcher.totals.delivered} of {count} were delivered")
    await sink.close()
    await queue.close()
    return {
        "events_per_second": count / seconds,
        "cpu_us_per_event": worked / count * 1e6,
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    """Return the peak memory of this process; `ru_maxrss` would begin with its parent's."""
    status = Path("/proc/self/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def main() -> None:
    what, queue, where, url, number = sys.argv[1:]
    if what == "fill":
        fill(queue, json.loads(where), int(number))
        print("null")
    else:
        print(json.dumps(run_loop(drain(queue, json.loads(where), url, int(number)))))


if __name__ == "__main__":
    main()
