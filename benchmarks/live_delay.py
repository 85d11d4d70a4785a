"""How long a backfill delays live events: `python -m benchmarks.live_delay [QUEUE…]`.

For each queue one `serve` delivers a steady stream of live captures, in turns without and with a
`backfill` beside it on the same machine and database. A delay is the time from the end of the
hand-over to the arrival at the endpoint. Prints the percentiles; fails when a backfill adds more
than 50 ms to the 95th. RATE in the environment is the backfill's `--rate`, 50 by default.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table
from tests.support.magento_queue import queue_tables
from tests.support.mariadb import Outbox

from benchmarks import load
from benchmarks.backfill import PREFIX, environment_of, large_store
from benchmarks.backlog import place
from benchmarks.broker import publish
from benchmarks.processes import SECRET, ask, endpoint
from magento_eventbridge.captures import Capture
from magento_eventbridge.inlets.signatures import signed_headers

QUEUES = ("outbox", "magento-db", "sqlite", "amqp")
ORDERS = 20_000
ROUNDS = 4
SECONDS = 8.0
EVENTS_PER_SECOND = 20
MOST_MILLISECONDS = 50.0

Put = Callable[[Capture, bytes], Coroutine[Any, Any, None]]


@contextmanager
def live_queue(
    name: str, store: Outbox, folder: Path, log: Path
) -> Iterator[tuple[dict[str, str], Put]]:
    """Yield the settings of a queue, and what hands a capture over to it."""
    settings: dict[str, str] = {}
    with ExitStack() as stack:
        match name:
            case "outbox":

                async def put(capture: Capture, body: bytes) -> None:
                    await asyncio.to_thread(store.put, [(capture, body)])
            case "magento-db":
                queue = stack.enter_context(queue_tables(store.server, PREFIX))
                settings = {"MAGENTO_DB__ENABLED": "1"}

                async def put(capture: Capture, body: bytes) -> None:
                    await asyncio.to_thread(queue.put, [(capture, body)])
            case "sqlite":
                settings = {"INLET__ENABLED": "1", "INLET__PORT": "0", "INLET__SECRETS": SECRET}

                async def put(capture: Capture, body: bytes) -> None:
                    text = await asyncio.to_thread(log.read_text)
                    url = text.partition("Listening for captures at ")[2].split()[0]
                    headers = {
                        "Content-Type": "application/x-ndjson",
                        **signed_headers(SECRET, body),
                    }
                    async with (
                        aiohttp.ClientSession() as session,
                        session.post(f"{url}/v1/captures", data=body, headers=headers) as answer,
                    ):
                        answer.raise_for_status()
            case "amqp":
                where, _ = stack.enter_context(place("amqp", folder))
                words = {key: str(value) for key, value in where.items()}
                settings = {f"AMQP__{key.upper()}": value for key, value in words.items()}
                settings["AMQP__ENABLED"] = "1"
                url = "amqp://{user}:{password}@{host}:{port}/{virtual_host}".format(**words)

                async def put(capture: Capture, body: bytes) -> None:
                    await publish(url, words["queue"], [body])
            case _:
                raise SystemExit(f"{name}: there are {', '.join(QUEUES)}")
        yield settings, put


@contextmanager
def running(surroundings: dict[str, str], *words: str) -> Iterator[None]:
    """Run a command of the bridge while the context lasts."""
    command = [sys.executable, "-m", "magento_eventbridge", *words]
    process = subprocess.Popen(
        command, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"{words[0]} ended too early: exit status {process.returncode}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


async def streamed(put: Put, captures: Iterator[tuple[Capture, bytes]]) -> dict[str, float]:
    """Hand captures over at a steady rate; return when each was handed over."""
    handed_over: dict[str, float] = {}
    began = time.monotonic()
    for number in range(int(SECONDS * EVENTS_PER_SECOND)):
        await asyncio.sleep(began + number / EVENTS_PER_SECOND - time.monotonic())
        capture, body = next(captures)
        await put(capture, body)
        handed_over[capture.id] = time.monotonic()
    return handed_over


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + 120
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not in two minutes: {what}")
        time.sleep(0.1)


def until_more(url: str) -> int:
    """Wait until the endpoint has more entries; return how many."""
    before = ask(url, "/taken")["entries"]
    until(lambda: ask(url, "/taken")["entries"] > before, "the backfill begins")
    return int(ask(url, "/taken")["entries"])


def delays(handed_over: dict[str, float], url: str) -> list[float]:
    """Return the delays in milliseconds, once all have arrived."""
    came: dict[str, float] = {}

    def all_came() -> bool:
        came.update(ask(url, "/arrivals"))
        return handed_over.keys() <= came.keys()

    until(all_came, "the live events arrive")
    return sorted((came[one] - at) * 1000 for one, at in handed_over.items())


def measured(name: str, store: Outbox, rate: str) -> tuple[list[float], list[float], int]:
    """Return the delays without and with a backfill, and how many events that sent meanwhile."""
    alone: list[float] = []
    beside: list[float] = []
    sent = 0
    captures = load.captures(int(2 * ROUNDS * SECONDS * EVENTS_PER_SECOND) + 1)
    with (
        tempfile.TemporaryDirectory() as given,
        endpoint(20) as url,
        live_queue(name, store, Path(given), Path(given, "bridge.log")) as (settings, put),
    ):
        more = {f"MAGENTO_EVENTBRIDGE_{key}": value for key, value in settings.items()}
        surroundings = {**environment_of(store, url, Path(given)), **more}
        with running(surroundings, "serve"):
            first = next(captures)
            log = Path(given, "bridge.log")
            until(log.exists, "serve starts")
            time.sleep(3)
            asyncio.run(put(*first))
            until(lambda: ask(url, "/taken")["entries"] > 0, "the first event arrives")
            for _ in range(ROUNDS):
                alone += delays(asyncio.run(streamed(put, captures)), url)
                words = ("backfill", "orders", "--restart", "--rate", rate)
                with running({**surroundings, "MAGENTO_EVENTBRIDGE_LOG__FILE": ""}, *words):
                    started = until_more(url)
                    beside += delays(asyncio.run(streamed(put, captures)), url)
                    sent += ask(url, "/taken")["entries"] - started
                sent -= int(SECONDS * EVENTS_PER_SECOND)
    return sorted(alone), sorted(beside), sent


def percentile(values: list[float], share: float) -> float:
    """Return a percentile of sorted values."""
    return values[min(int(len(values) * share), len(values) - 1)]


def main() -> None:
    """Measure each queue, print a table; fail beyond the limit."""
    rate = os.environ.get("RATE", "50")
    table = Table(title=f"live events beside a backfill at --rate {rate}: delays in ms")
    for column in ("queue", "p50 alone", "p50 beside", "p95 alone", "p95 beside", "backfilled/s"):
        table.add_column(column, justify="right")
    failed = []
    with large_store(ORDERS) as store:
        for name in sys.argv[1:] or QUEUES:
            alone, beside, sent = measured(name, store, rate)
            p95 = percentile(alone, 0.95), percentile(beside, 0.95)
            figures = (median(alone), median(beside), *p95, sent / ROUNDS / SECONDS)
            print(name, *(f"{figure:.1f}" for figure in figures), file=sys.stderr)
            table.add_row(name, *(f"{figure:.1f}" for figure in figures))
            if p95[1] - p95[0] > MOST_MILLISECONDS:
                failed.append(name)
    Console(width=100).print(table)
    if failed:
        raise SystemExit(f"more than {MOST_MILLISECONDS:.0f} ms: {', '.join(failed)}")


if __name__ == "__main__":
    main()
