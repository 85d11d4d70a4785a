"""The whole bridge, `serve` with console and journal, before an endpoint 50 ms away.

    python -m benchmarks.far spool|outbox CALLS COUNT

It drains a backlog of COUNT events with a limit of CALLS a second, and prints the events per
second, and the CPU microseconds that the bridge takes for an event. The rate is that between the
first and the last event; connecting, and learning how many calls may be in flight, are part of it.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.backlog import Place, place
from benchmarks.processes import ask, cpu_seconds, endpoint, environment, measure

LATENCY = 50
_LONGEST = 600.0


def drained(queue: str, calls_per_second: int, count: int) -> dict[str, float]:
    """Drain a backlog; return the figures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        endpoint(LATENCY) as url,
        place(queue, Path(folder)) as (where, _),
    ):
        measure("benchmarks.backlog", "fill", queue, json.dumps(where), url, str(count))
        given = {"DELIVERY__CALLS_PER_SECOND": str(calls_per_second), **_settings(queue, where)}
        with _serving(url, Path(folder), given) as bridge:
            began, before = _until(url, 1)
            ended, _ = _until(url, count)
            worked = cpu_seconds(bridge.pid)
    return {
        "events_per_second": (count - before) / (ended - began),
        "cpu_us_per_event": worked / count * 1e6,
    }


def _settings(queue: str, where: Place) -> dict[str, str]:
    if queue == "sqlite":
        return {"INLET__SECRETS": "a-secret-for-the-benchmarks", "INLET__PORT": "0"}
    return {
        "INLET__ENABLED": "0",
        "OUTBOX__ENABLED": "1",
        **{f"OUTBOX__{name.upper()}": str(value) for name, value in where.items()},
    }


@contextmanager
def _serving(
    url: str, folder: Path, given: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    settings = environment(url, folder, {"CONSOLE__PORT": "0", **given})
    command = [sys.executable, "-m", "magento_eventbridge", "serve"]
    process = subprocess.Popen(command, env=settings)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _until(url: str, count: int) -> tuple[float, int]:
    """Wait for so many events; return when they had come, and how many there were then."""
    until = time.monotonic() + _LONGEST
    while (taken := ask(url, "/taken"))["entries"] < count:
        if time.monotonic() > until:
            raise RuntimeError(f"{taken['entries']} of {count} events came in {_LONGEST:.0f} s")
        time.sleep(0.1)
    return float(taken["last"]), int(taken["entries"])


if __name__ == "__main__":
    _, queue, calls, number = sys.argv
    print(json.dumps(drained({"spool": "sqlite"}.get(queue, queue), int(calls), int(number))))
