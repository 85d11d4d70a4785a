"""`make bench`: measures the bridge and its peers, prints one table, writes build/bench.json.

    python -m benchmarks [peers] [whole] [far] [backlog] [snapshot] [stages]

Without arguments everything. Rates are the median of rounds in which all contestants take turns,
so that other load on the machine affects all of them.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import far, load
from benchmarks.backlog import cost, drained
from benchmarks.processes import beside_that_core, endpoint, measure, on_one_core, serving

ROUNDS = 3
COUNTS = {
    "bare loop": 40_000,
    "own loop": 40_000,
    "bridge": 40_000,
    "bridge to a Custom Event Bus": 40_000,
    "classic sink": 40_000,
    "custom sink": 40_000,
    # More records than the journal can hold in memory: it must write meanwhile.
    "bridge with journal": 120_000,
    "bridge with hashes": 120_000,
    "bridge with metrics": 40_000,
    "boto3, 10 a call": 8_000,
    "boto3, 1 a call": 800,
    "aiobotocore, 10 a call": 8_000,
}
# Of the endpoint, in milliseconds, and how many calls the loops have in flight: none at all, which
# favours who does one call after the other; a network in one building; AWS near and far.
LATENCIES = {0: 8, 1: 8, 20: 32, 50: 64}
QUEUES = ("sqlite", "outbox", "magento-db", "amqp")
BACKLOGS = (1_000, 10_000, 100_000, 1_000_000)
# Between these sizes the cost of an event should not grow.
FLAT = (10_000, 1_000_000)
# Messages per second of the original module's PHP consumer on such a machine, without latency.
PHP_CONSUMER = 73
# The rates that delivery should reach before an endpoint 50 ms away: queue, calls per second
# allowed, events to drain, events per second at least. 300 calls of ten events are the default.
FAR = (
    ("sqlite", 300, 30_000, 2_900),
    ("sqlite", 2_000, 200_000, 10_000),
    ("outbox", 2_000, 200_000, 7_000),
)
UNDER_SNAPSHOT = 200_000
BUILD = Path("build")
# aiobotocore needs another botocore than boto3: `make` creates an environment for it.
PEERS_PYTHON = BUILD / "peers/bin/python"

Row = tuple[str, str, str, str]


def rate(name: str, url: str, count: int, *, one_core: bool = False) -> float:
    """Measure one contestant in its own process, in events per second."""
    if name.startswith("aiobotocore"):
        return count / _aiobotocore(url, count)
    cores = on_one_core() if one_core else []
    seconds = measure("benchmarks.contestants", name, url, str(count), cores=cores)
    return count / float(seconds)


def _aiobotocore(url: str, count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "entries.json"
        ready = [
            {"Source": e.source, "DetailType": e.detail_type, "Detail": e.detail, "Time": e.time}
            for e in load.entries(count, url)
        ]
        file.write_text(json.dumps(ready))
        command = [str(PEERS_PYTHON), "benchmarks/peer_aiobotocore.py", url, str(file)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def _median_of_rounds(
    measured: Callable[[], dict[str, float]], times: int = ROUNDS
) -> dict[str, float]:
    rounds = [measured() for _ in range(times)]
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def peers(latency: int) -> tuple[list[Row], dict[str, Any]]:
    """Compare the contestants on events that are ready to be sent."""
    os.environ["BENCHMARK_CALLS_AT_ONCE"] = str(LATENCIES[latency])
    # Sequential calls are slow at these latencies.
    counts = {
        name: count // 10 if latency > 1 and "a call" in name else count
        for name, count in COUNTS.items()
    }
    with endpoint(latency) as url:
        rates = _median_of_rounds(
            lambda: {name: rate(name, url, count) for name, count in counts.items()}
        )
    limit, plain = max(rates["bare loop"], rates["own loop"]), rates["boto3, 10 a call"]
    rows = [
        (name, f"{events:,.0f} events/s", f"{events / limit:.0%}", f"{events / plain:.1f}")
        for name, events in rates.items()
    ]
    return rows, {
        "events_per_second": rates,
        "bridge_with_journal_of_bridge": rates["bridge with journal"] / rates["bridge"],
        "bridge_of_faster_loop": rates["bridge"] / limit,
        "custom_sink_times_classic_sink": rates["custom sink"] / rates["classic sink"],
        "bridge_times_boto3_ten": rates["bridge"] / plain,
    }


def whole() -> tuple[list[Row], dict[str, Any]]:
    """Measure `serve` on one core, from a signed request to the endpoint."""

    def one_round() -> dict[str, float]:
        result = {}
        with endpoint(beside=True) as url:
            result["bare loop"] = rate("bare loop", url, COUNTS["bare loop"], one_core=True)
        for what, count, console in (
            ("single", 10_000, False),
            ("batched", 40_000, False),
            ("batched", 40_000, True),
            ("steady", 2_000, True),
        ):
            with (
                tempfile.TemporaryDirectory() as folder,
                endpoint(beside=True) as url,
                serving(url, Path(folder), console=console) as bridge,
            ):
                words = (what, bridge, url, str(count))
                rates = measure("benchmarks.whole", *words, cores=beside_that_core())
            kind = f"{what} with console" if console else what
            result |= {f"{kind} {name}": value for name, value in rates.items()}
        return result

    rates = _median_of_rounds(one_round)
    limit, through = rates["bare loop"], rates["batched events_per_second"]
    watched = rates["batched with console events_per_second"]
    rows = [
        ("bare loop", f"{limit:,.0f} events/s", "100%", ""),
        ("inlet, 1 a request", f"{rates['single captures_per_second']:,.0f} captures/s", "", ""),
        (
            "inlet, 100 a request",
            f"{rates['batched captures_per_second']:,.0f} captures/s",
            "",
            "",
        ),
        ("inlet to endpoint", f"{through:,.0f} events/s", f"{through / limit:.0%}", ""),
        ("the same with console", f"{watched:,.0f} events/s", f"{watched / limit:.0%}", ""),
        ("at 200 events/s, p50", f"{rates['steady with console p50_ms']:.1f} ms", "", ""),
        ("at 200 events/s, p99", f"{rates['steady with console p99_ms']:.1f} ms", "", ""),
    ]
    return rows, {
        **rates,
        "inlet_to_endpoint_of_bare_loop": through / limit,
        "inlet_to_endpoint_with_console_of_bare_loop": watched / limit,
    }


def from_afar() -> tuple[list[Row], dict[str, Any]]:
    """Measure `serve` before an endpoint as far away as AWS may be."""
    rows: list[Row] = []
    result: dict[str, Any] = {}
    for queue, calls, count, least in FAR:
        rates = _median_of_rounds(partial(far.drained, queue, calls, count))
        name = f"{queue}, {calls:,} calls/s allowed"
        events = f"{rates['events_per_second']:,.0f} events/s"
        rows.append((name, events, f"(at least {least:,})", f"{rates['cpu_us_per_event']:.0f} us"))
        result[name] = rates
    return rows, result


def backlog() -> tuple[list[Row], dict[str, Any]]:
    """Drain queues with growing backlogs, and fill the inlet's spool further."""
    rows: list[Row] = []
    result: dict[str, Any] = {}

    def add(*row: *Row) -> None:
        rows.append(row)
        print(*row, file=sys.stderr)  # it takes a while

    for queue in QUEUES:
        for count in BACKLOGS:
            # Short measurements are repeated.
            rounds = ROUNDS if count <= 10_000 else 1
            rates = _median_of_rounds(partial(drained, queue, count), rounds)
            events, peak = rates["events_per_second"], rates["peak_mb"]
            used = f"{rates['cpu_us_per_event']:.0f} + {rates['server_us_per_event']:.0f} us"
            add(f"{queue}, {count:,} wait", f"{events:,.0f} events/s", used, f"{peak:.0f} MB")
            result.setdefault(queue, {})[str(count)] = rates
    for count in BACKLOGS:
        ours, outbox = (result[queue][str(count)] for queue in ("magento-db", "outbox"))
        of_outbox = ours["events_per_second"] / outbox["events_per_second"]
        of_cpu = cost(outbox) / cost(ours)
        name = f"magento-db of outbox, {count:,}"
        add(name, f"{of_outbox:.0%}", f"{of_cpu:.0%} by CPU", "(at least 70%)")
    for queue in QUEUES:
        few, many = (result[queue][str(count)] for count in FLAT)
        growth = cost(many) / cost(few) - 1
        add(f"{queue}, CPU from {FLAT[0]:,} to {FLAT[1]:,}", f"{growth:+.0%}", "(at most 15%)", "")
    for queue in ("magento-db", "amqp"):
        times = result[queue][str(FLAT[0])]["events_per_second"] / PHP_CONSUMER
        add(f"{queue}, times the original (PHP, {PHP_CONSUMER}/s)", f"{times:,.0f}", "", "")
    for count in BACKLOGS:
        captures = _taken(count)
        add(f"inlet, {count:,} wait", f"{captures:,.0f} captures/s", "", "")
        result.setdefault("inlet", {})[str(count)] = {"captures_per_second": captures}
    return rows, result


def snapshot() -> tuple[list[Row], dict[str, Any]]:
    """Measure claims after many deliveries under one open snapshot, as of a backup."""
    result = {
        queue: measure("benchmarks.snapshot", queue, str(UNDER_SNAPSHOT))
        for queue in ("outbox", "magento-db")
    }
    rows = []
    for queue, times in result.items():
        rows += [
            (f"{queue}: claim, p50 (at most 20 ms)", f"{times['claim_p50_ms']:.1f} ms", "", ""),
            ("claim, pages read", f"{times['claim_pages']:,.0f}", "", ""),
            ("first claims, p50", f"{times['first_claim_p50_ms']:.1f} ms", "", ""),
            ("first claims, pages read", f"{times['first_claim_pages']:,.0f}", "", ""),
            ("claim, slowest", f"{times['claim_max_ms']:.1f} ms", "", ""),
            ("late commit found (60 s)", f"{times['late_commit_found_s']:.1f} s", "", ""),
        ]
    return rows, result


def _taken(waiting: int) -> float:
    """Measure the inlet while nothing can be delivered; return captures per second."""
    count = 40_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure("benchmarks.backlog", "fill", "sqlite", _spool(folder), "", str(waiting))
        with serving("http://127.0.0.1:9", folder, console=False) as bridge:
            words = ("taken", bridge, "", str(count))
            rates = measure("benchmarks.whole", *words, cores=beside_that_core())
    return float(rates["captures_per_second"])


def _spool(folder: Path) -> str:
    return json.dumps({"path": str(folder / "spool.sqlite")})


def stages() -> tuple[list[Row], dict[str, Any]]:
    """Measure what each stage costs while more and more waits in the spool."""
    with endpoint() as url:
        costs = {
            str(waiting): measure("benchmarks.stages", url, str(waiting)) for waiting in BACKLOGS
        }
    few, many = (costs[str(waiting)] for waiting in (BACKLOGS[0], BACKLOGS[-1]))
    total = sum(few.values())
    rows = [
        (name, f"{cost:.1f} us", f"{cost / total:.0%}", f"{many[name]:.1f} us")
        for name, cost in few.items()
    ]
    return [*rows, ("all", f"{total:.1f} us", "100%", f"{sum(many.values()):.1f} us")], costs


def main() -> None:
    asked = set(sys.argv[1:]) or {*("peers", "whole", "far", "backlog", "snapshot", "stages")}
    table = Table(title="magento-eventbridge, measured")
    parts: dict[str, Any] = {}

    def add(title: str, share: str, last: str, part: tuple[list[Row], dict[str, Any]]) -> None:
        rows, parts[title] = part
        table.add_section()
        table.add_row(f"[bold]{title}", "", f"[dim]{share}", f"[dim]{last}")
        for row in rows:
            table.add_row(*row)

    for column in ("", "measured", "share", ""):
        table.add_column(column, justify="left" if column == "" and not table.columns else "right")
    if "peers" in asked:
        for latency in LATENCIES:
            title = f"Delivery to an endpoint that answers after {latency} ms"
            add(title, "of the bare loop", "times boto3, 10", peers(latency))
    if "whole" in asked:
        cores = "one core" if on_one_core() else "the only core"
        add(f"The whole bridge on {cores}", "of the bare loop", "", whole())
    if "far" in asked:
        title = f"The whole bridge, {far.LATENCY} ms from the endpoint"
        add(title, "", "CPU of an event", from_afar())
    if "backlog" in asked:
        add("A backlog, drained", "CPU: bridge + server", "most memory", backlog())
    if "snapshot" in asked:
        add(f"{UNDER_SNAPSHOT:,} deliveries under one snapshot", "", "", snapshot())
    if "stages" in asked:
        few, many = BACKLOGS[0], BACKLOGS[-1]
        title = f"CPU time of an event, by stage, {few:,} waiting"
        add(title, "of all", f"{many:,} waiting", stages())
    Console(width=100).print(table)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version()}
    BUILD.mkdir(exist_ok=True)
    rates = json.dumps({"machine": machine, **parts}, indent=2)
    (BUILD / "bench.json").write_text(f"{rates}\n")


main()
