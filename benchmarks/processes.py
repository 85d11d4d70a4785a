"""The processes of a measurement: the endpoint, the bridge, the contestant."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECRET = "a-secret-for-the-benchmarks"


@contextmanager
def endpoint(latency: float = 0, *, beside: bool = False) -> Iterator[str]:
    """Run the endpoint in its own process and yield its URL.

    Args:
        latency: in milliseconds.
        beside: do not use the core that is reserved for the bridge.
    """
    cores = beside_that_core() if beside else []
    process = subprocess.Popen(
        [*cores, sys.executable, "-m", "benchmarks.endpoint", str(latency)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate()


def environment(url: str, folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a bridge with its files in a folder and these settings besides."""
    settings = {
        "CREDENTIALS__TYPE": "keys",
        "CREDENTIALS__ACCESS_KEY": "AKIABENCHMARK",
        "CREDENTIALS__SECRET_ACCESS_KEY": "benchmark",
        "OPTIONS__REGION": "eu-west-1",
        "OPTIONS__SOURCE": "shop.example.com",
        "OPTIONS__ENDPOINT_URL": url,
        "SPOOL__PATH": str(folder / "spool.sqlite"),
        "LOG__FILE": str(folder / "bridge.log"),
        **given,
    }
    # With compiled modules, as pip installs them: a bridge must not compile while it is measured.
    others = ("MAGENTO_", "PYTHONDONTWRITEBYTECODE")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(others)},
        **{f"MAGENTO_EVENTBRIDGE_{name}": value for name, value in settings.items()},
    }


@contextmanager
def running_bridge(
    settings: Mapping[str, str], *, cores: Sequence[str] = ()
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `magento-eventbridge serve` with an environment while the context lasts."""
    command = [*cores, sys.executable, "-m", "magento_eventbridge", "serve"]
    process = subprocess.Popen(command, env=settings)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def serving(url: str, folder: Path, *, console: bool) -> Iterator[str]:
    """Run `magento-eventbridge serve` on one core, as an operator does; yields its inlet's URL.

    With the console, it writes its journal.
    """
    log = folder / "bridge.log"
    given = {
        "DELIVERY__CALLS_PER_SECOND": "1000000",
        "INLET__SECRETS": SECRET,
        "INLET__PORT": "0",
        "CONSOLE__ENABLED": str(console),
        "CONSOLE__PORT": "0",
    }
    words = "Listening for captures at "
    with running_bridge(environment(url, folder, given), cores=on_one_core()) as process:
        until = time.monotonic() + 30
        while not (log.exists() and words in log.read_text()):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the bridge does not start")
            time.sleep(0.05)
        yield log.read_text().partition(words)[2].split()[0]


def on_one_core() -> list[str]:
    """Return the prefix of a command that pins it to one core."""
    return ["taskset", "--cpu-list", "0"] if (os.cpu_count() or 1) > 1 else []


def beside_that_core() -> list[str]:
    """Return the prefix of a command that keeps it off that core."""
    cores = os.cpu_count() or 1
    return ["taskset", "--cpu-list", f"1-{cores - 1}"] if cores > 1 else []


def measure(*command: str, cores: Sequence[str] = ()) -> Any:
    """Run `python -m COMMAND…` in its own process; return the JSON that it prints."""
    done = subprocess.run(
        [*cores, sys.executable, "-m", *command], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def ask(url: str, path: str) -> Any:
    """Return what the endpoint received."""
    with urllib.request.urlopen(url + path, timeout=30) as answer:
        return json.load(answer)


def until_taken(url: str, count: int, seconds: float = 120) -> float:
    """Wait until the endpoint has so many entries; return when the last arrived."""
    until = time.monotonic() + seconds
    while (taken := ask(url, "/taken"))["entries"] < count:
        if time.monotonic() > until:
            raise RuntimeError(f"{taken['entries']} of {count} came in {seconds:.0f} s")
        time.sleep(0.05)
    return float(taken["last"])


def cpu_seconds(process: int | None) -> float:
    """Return the CPU seconds that a process and its descendants have used; 0 without one."""
    if process is None:
        return 0.0
    family, seconds = {process}, 0.0
    of_parent: dict[int, list[tuple[int, float]]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        number, parent = int(file.parent.name), int(words[1])
        ticks = int(words[11]) + int(words[12])
        of_parent.setdefault(parent, []).append((number, ticks / os.sysconf("SC_CLK_TCK")))
        if number == process:
            seconds += ticks / os.sysconf("SC_CLK_TCK")
    while family:
        for number, used in of_parent.get(family.pop(), []):
            family.add(number)
            seconds += used
    return seconds
