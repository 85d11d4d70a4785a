"""`make bench`: measures everybody in turn, prints one table, writes build/bench.json."""

import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.contestants import ALL

ROUNDS = 3
COUNTS = {
    "bare loop": 40_000,
    "bridge": 40_000,
    "boto3, 10 a call": 10_000,
    "boto3, 1 a call": 1_000,
}


def run(name: str, url: str) -> float:
    """Measure one contestant in a process of its own, in events a second."""
    command = [sys.executable, "-m", "benchmarks.contestants", name, url, str(COUNTS[name])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return COUNTS[name] / float(done.stdout)


def main() -> None:
    endpoint = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.endpoint"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert endpoint.stdout is not None
    url = endpoint.stdout.readline().strip()
    try:
        # In turn, so that what else the machine does meets everybody.
        rounds = [{name: run(name, url) for name in ALL} for _ in range(ROUNDS)]
    finally:
        endpoint.communicate()
    rates = {name: statistics.median(one[name] for one in rounds) for name in ALL}
    limit, plain = rates["bare loop"], rates["boto3, 10 a call"]
    print(f"{'':<20}{'events/s':>10}{'of the bare loop':>20}{'times boto3, 10':>20}")
    for name, rate in rates.items():
        print(f"{name:<20}{rate:>10,.0f}{rate / limit:>19.0%} {rate / plain:>19.1f}")
    result = {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
        "events_per_second": rates,
        "rounds": rounds,
        "bridge_of_bare_loop": rates["bridge"] / limit,
        "bridge_times_boto3_ten": rates["bridge"] / plain,
    }
    build = Path("build")
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(json.dumps(result, indent=2) + "\n")


main()
