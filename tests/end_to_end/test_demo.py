"""The demo, as a newcomer runs it: moto's EventBridge, a rule, a log group."""

import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.process import COMMAND


def test_the_demo_delivers_the_store_day_with_full_details() -> None:
    done = subprocess.run(
        [COMMAND, "demo", "--detail", "full"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    lines = done.stdout.splitlines()
    outcome = "delivered 535 of 535 events (37 detail-types), 0 lost, 0 unexpected"
    assert (done.returncode, lines[-1]) == (0, outcome), done.stdout[-2000:] + done.stderr[-2000:]


def test_the_demo_shows_the_day_through_a_custom_event_bus() -> None:
    done = subprocess.run(
        [COMMAND, "demo", "--bus", "custom", "--quiet"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    outcome, summary = done.stdout.splitlines()[-2:]
    expected = "delivered 480 of 480 events (37 detail-types), 0 lost, 0 unexpected"
    assert (done.returncode, outcome) == (0, expected), done.stdout[-2000:] + done.stderr[-2000:]
    assert summary.startswith("0 duplicates: the bus dropped ")
    assert summary.endswith("events in order")


def test_the_demo_delivers_the_store_day() -> None:
    done = subprocess.run(
        [COMMAND, "demo"], capture_output=True, text=True, timeout=110, check=False
    )
    lines = done.stdout.splitlines()
    summary = "delivered 480 of 480 events (37 detail-types), 0 lost, 0 unexpected"
    assert (done.returncode, lines[-1]) == (0, summary), done.stdout[-2000:] + done.stderr[-2000:]
    assert any(line.startswith("Its console is at http://127.0.0.1:") for line in lines)
    assert any("OrderPlaced" in line and '"id": "000000' in line for line in lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_kept_demo_shows_the_day_in_the_console_and_stops_cleanly(number: int) -> None:
    # A program inherits what is ignored: nohup, which may run the tests, ignores SIGHUP.
    former = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    demo = subprocess.Popen(
        [COMMAND, "demo", "--keep"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    signal.signal(signal.SIGHUP, former)
    assert demo.stdout
    try:
        console = next(
            found[1]
            for line in demo.stdout
            if (found := re.match(r"Its console is at (http://\S+): watch", line))
        )
        next(line for line in demo.stdout if "OrderPlaced" in line)
        with urllib.request.urlopen(f"{console}/events", timeout=10) as page:
            shown = page.read().decode()
        assert "OrderPlaced" in shown
        assert "Delivering" in urllib.request.urlopen(console, timeout=10).read().decode()
        bridges = _children(demo.pid)
        assert bridges
    finally:
        demo.send_signal(number)
        try:
            _, errors = demo.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            demo.kill()  # a background job of a shell inherits that SIGINT is ignored
            raise
    assert (demo.returncode, errors) == (130, "")  # the recorded day had not ended
    assert not [pid for pid in bridges if Path(f"/proc/{pid}").exists()]


def test_a_demo_that_is_killed_leaves_no_bridge() -> None:
    demo = subprocess.Popen([COMMAND, "demo", "--keep"], stdout=subprocess.PIPE, text=True)
    assert demo.stdout
    next(line for line in demo.stdout if line.startswith("Its console is at"))
    (bridge,) = _children(demo.pid)
    demo.kill()
    demo.communicate(timeout=10)
    until = time.monotonic() + 40
    while Path(f"/proc/{bridge}").exists():
        if time.monotonic() > until:
            os.kill(bridge, signal.SIGKILL)
            pytest.fail("the bridge is still there")
        time.sleep(0.1)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
