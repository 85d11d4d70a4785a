"""`make bench-queues`: several bridges on one RabbitMQ; prints a table, writes build/queues.json.

    python -m benchmarks.queues [MESSAGES]

First the same backlog with one, two and three bridges, and a plain consumer. Then 100,000 (or
MESSAGES) with three bridges, one of which is killed in the middle. The endpoint answers after
50 ms, as AWS does from another country.
"""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.support.rabbitmq import Broker, running

from benchmarks import load
from benchmarks.broker import publish
from benchmarks.processes import (
    ask,
    endpoint,
    environment,
    measure,
    running_bridge,
    until_taken,
)

LATENCY = 50
MESSAGES = 20_000
PLAIN_MESSAGES = 300
PREFETCH = 1000
# Messages per second of the original module's PHP consumer on such a machine, at this latency.
PHP_CONSUMER = 17


def fill(broker: Broker, queue: str, count: int) -> None:
    """Publish so many captures."""
    captures = (text for _, text in load.captures(count))
    asyncio.run(publish(broker.url, queue, captures))


@contextmanager
def bridge(broker: Broker, queue: str, url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `magento-eventbridge serve` on a queue."""
    given = {
        "INLET__ENABLED": "0",
        "AMQP__ENABLED": "1",
        "AMQP__HOST": broker.host,
        "AMQP__PORT": str(broker.port),
        "AMQP__USER": broker.user,
        "AMQP__PASSWORD": broker.password,
        "AMQP__VIRTUAL_HOST": broker.virtual_host,
        "AMQP__QUEUE": queue,
        "AMQP__PREFETCH": str(PREFETCH),
    }
    with running_bridge(environment(url, folder, given)) as process:
        yield process


def first_taken(url: str) -> float:
    """Wait for the first entry; return when it arrived."""
    while not (taken := ask(url, "/taken"))["entries"]:
        time.sleep(0.01)
    return float(taken["last"])


def throughput(broker: Broker, bridges: int, count: int) -> float:
    """Return the events per second that so many bridges deliver, from the first to the last."""
    queue = f"benchmark.{secrets.token_hex(4)}"
    fill(broker, queue, count)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(endpoint(LATENCY))
        for number in range(bridges):
            own = folder / str(number)
            own.mkdir()
            stack.enter_context(bridge(broker, queue, url, own))
        began = first_taken(url)
        return count / (until_taken(url, count) - began)


def plain(broker: Broker, count: int) -> float:
    """Return the events a second of the plain consumer."""
    queue = f"benchmark.{secrets.token_hex(4)}"
    fill(broker, queue, count)
    with endpoint(LATENCY) as url:
        began = time.monotonic()
        measure("benchmarks.plain_consumer", broker.url, queue, url, str(count))
        return count / (time.monotonic() - began)


def killed(broker: Broker, count: int) -> dict[str, int]:
    """Kill one of three bridges when half is delivered; count arrivals and duplicates."""
    queue = f"benchmark.{secrets.token_hex(4)}"
    fill(broker, queue, count)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(endpoint(LATENCY))
        processes = []
        for number in range(3):
            own = folder / str(number)
            own.mkdir()
            processes.append(stack.enter_context(bridge(broker, queue, url, own)))
        until_taken(url, count // 2)
        processes[0].kill()
        until_taken(url, count)
        until = time.monotonic() + 60
        while (came := len(ask(url, "/arrivals"))) < count and time.monotonic() < until:
            time.sleep(0.5)
        time.sleep(2)
        taken = int(ask(url, "/taken")["entries"])
    return {"published": count, "delivered": came, "lost": count - came, "twice": taken - came}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with running() as broker:
        rates = {"plain consumer": plain(broker, PLAIN_MESSAGES)}
        for bridges in (1, 2, 3):
            name = "1 bridge" if bridges == 1 else f"{bridges} bridges"
            rates[name] = throughput(broker, bridges, MESSAGES)
        end = killed(broker, count)
    table = Table(title=f"RabbitMQ to an endpoint that answers after {LATENCY} ms")
    for column in (
        "",
        "events/s",
        "times the original (PHP)",
        "times the plain consumer",
        "times 1 bridge",
    ):
        table.add_column(column, justify="right" if column else "left")
    for name, rate in rates.items():
        of_plain, of_one = rate / rates["plain consumer"], rate / rates["1 bridge"]
        of_php = f"{rate / PHP_CONSUMER:.1f}"
        table.add_row(name, f"{rate:,.0f}", of_php, f"{of_plain:.1f}", f"{of_one:.2f}")
    console = Console(width=100)
    console.print(table)
    console.print(
        f"Three bridges, one killed in the middle of {count:,} messages: {end['lost']} lost, "
        f"{end['twice']} delivered twice (at most {PREFETCH} were in flight)."
    )
    Path("build").mkdir(exist_ok=True)
    result = {
        "events_per_second": rates,
        "php": PHP_CONSUMER,
        "killed": end,
        "cpus": os.cpu_count(),
    }
    Path("build/queues.json").write_text(json.dumps(result, indent=2) + "\n")
    if end["lost"]:
        raise SystemExit(1)


main()
