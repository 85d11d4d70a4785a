"""The demo, as a newcomer runs it: moto's EventBridge, a rule, an SQS queue."""

import subprocess

from tests.support.process import COMMAND


def test_the_demo_delivers_the_store_day() -> None:
    done = subprocess.run(
        [COMMAND, "demo"], capture_output=True, text=True, timeout=110, check=False
    )
    lines = done.stdout.splitlines()
    told = "delivered 411 of 411 events (37 detail-types), 0 lost, 0 unexpected"
    assert (done.returncode, lines[-1]) == (0, told), done.stdout[-2000:] + done.stderr[-2000:]
    assert any("OrderPlaced" in line and '"id": "000000' in line for line in lines)
