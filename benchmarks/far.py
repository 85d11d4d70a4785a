"""The whole bridge, `serve` with console and journal, before an endpoint 50 ms away.

    python -m benchmarks.far spool|outbox CALLS COUNT

It drains a backlog of COUNT events with a limit of CALLS a second, and prints the events per
second, and the CPU microseconds that the bridge takes for an event. The rate is that between the
first and the last event; connecting, and learning how many calls may be in flight, are part of it.
"""

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.backlog import Place, place
from benchmarks.processes import (
    SECRET,
    ask,
    cpu_seconds,
    endpoint,
    environment,
    measure,
    running_bridge,
    until_taken,
)

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
        given = {
            "CONSOLE__PORT": "0",
            "DELIVERY__CALLS_PER_SECOND": str(calls_per_second),
            **_settings(queue, where),
        }
        with running_bridge(environment(url, Path(folder), given)) as process:
            until_taken(url, 1)
            first = ask(url, "/taken")
            ended = until_taken(url, count, _LONGEST)
            worked = cpu_seconds(process.pid)
    return {
        "events_per_second": (count - first["entries"]) / (ended - first["last"]),
        "cpu_us_per_event": worked / count * 1e6,
    }


def _settings(queue: str, where: Place) -> dict[str, str]:
    if queue == "sqlite":
        return {"INLET__SECRETS": SECRET, "INLET__PORT": "0"}
    return {
        "INLET__ENABLED": "0",
        "OUTBOX__ENABLED": "1",
        **{f"OUTBOX__{name.upper()}": str(value) for name, value in where.items()},
    }


if __name__ == "__main__":
    _, queue, calls, number = sys.argv
    print(json.dumps(drained({"spool": "sqlite"}.get(queue, queue), int(calls), int(number))))
