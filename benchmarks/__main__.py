"""`make bench`: measures everybody in turn, prints a table a latency, writes build/bench.json."""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.contestants import ALL

ROUNDS = 3
COUNTS = {
    "bare loop": 40_000,
    "bridge": 40_000,
    "boto3, 10 a call": 8_000,
    "boto3, 1 a call": 800,
}
# Of the endpoint, in milliseconds: none at all, which favours who does one call after the other,
# and that of a network in one building. AWS takes longer.
LATENCIES = (0, 1)


@contextmanager
def endpoint(latency: float) -> Iterator[str]:
    """Run the endpoint in a process of its own and give its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.endpoint", str(latency)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate()


def rate(name: str, url: str) -> float:
    """Measure one contestant in a process of its own, in events a second."""
    command = [sys.executable, "-m", "benchmarks.contestants", name, url, str(COUNTS[name])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return COUNTS[name] / float(done.stdout)


def compare(latency: float) -> dict[str, Any]:
    """Measure all, print their table, and give the figures."""
    with endpoint(latency) as url:
        # In turn, so that what else the machine does meets everybody.
        rounds = [{name: rate(name, url) for name in ALL} for _ in range(ROUNDS)]
    rates = {name: statistics.median(one[name] for one in rounds) for name in ALL}
    limit, plain = rates["bare loop"], rates["boto3, 10 a call"]
    print(f"\nAn endpoint that answers after {latency} ms")
    print(f"{'':<20}{'events/s':>10}{'of the bare loop':>20}{'times boto3, 10':>20}")
    for name, events in rates.items():
        print(f"{name:<20}{events:>10,.0f}{events / limit:>20.0%}{events / plain:>20.1f}")
    return {
        "latency_ms": latency,
        "events_per_second": rates,
        "rounds": rounds,
        "bridge_of_bare_loop": rates["bridge"] / limit,
        "bridge_times_boto3_ten": rates["bridge"] / plain,
    }


def main() -> None:
    result = {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
        "runs": [compare(latency) for latency in LATENCIES],
    }
    build = Path("build")
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(json.dumps(result, indent=2) + "\n")


main()
