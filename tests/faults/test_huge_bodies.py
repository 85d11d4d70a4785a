"""Captures of ten megabytes: each becomes a dead letter with a reason, and delays no other."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from magento_eventbridge.captures import Capture, read_capture
from tests.faults.bridges import Bridge
from tests.faults.sources import Source
from tests.support import recorded
from tests.support.mariadb import Server
from tests.support.put_events import put_events, takes_all

_BYTES = 10_000_000
_HUGE = 8
# In KiB. All bodies at once would take 80 MB, and several times as much while they are processed.
_MOST_MEMORY = 340_000


@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", ["outbox", "magento-db", "amqp"], indirect=True)
async def test_huge_captures_become_dead_letters(source: Source, tmp_path: Path) -> None:
    """Also when the database would no longer take them: its limit was lowered since."""
    first, last = recorded.orders(3), recorded.orders(3)
    set_packet_limit(source, 64)
    await source.put(first)
    for _ in range(_HUGE):
        await source.put([huge()])
    await source.put(last)
    set_packet_limit(source, 4)
    expected = {capture.id for capture, _ in first + last}
    async with put_events(takes_all) as endpoint:
        async with Bridge(tmp_path / "bridge", endpoint.url, source.settings) as bridge:
            await bridge.start()
            async with asyncio.timeout(200):
                while expected - set(endpoint.ids) or await source.left():
                    assert "Cannot read" not in bridge.output
                    await asyncio.sleep(0.2)
            memory = peak_memory(bridge)
            listed = await bridge.ran("dead-letters", "list", "--queue", source.name, "--json")
            await bridge.stop()
    letters = json.loads(listed)
    assert len(letters) == _HUGE
    assert all("too large: 100" in letter["reason"] for letter in letters)
    assert memory < _MOST_MEMORY
    set_packet_limit(source, 16)


def huge() -> tuple[Capture, bytes]:
    """Return an order whose first item has a name of ten megabytes."""
    ((_, text),) = recorded.orders(1)
    capture = json.loads(text)
    capture["id"] = str(uuid4())
    capture["snapshot"]["items"][0]["name"] = "n" * _BYTES
    text = json.dumps(capture).encode()
    return read_capture(text), text


def set_packet_limit(source: Source, megabytes: int) -> None:
    """Set `max_allowed_packet` of the queue's database for new connections."""
    if source.name == "amqp":
        return
    if not isinstance(source.service, Server):
        pytest.skip("the database's limit is not the tests' to change")
    source.service.as_root(f"SET GLOBAL max_allowed_packet = {megabytes * 1024 * 1024}")


def peak_memory(bridge: Bridge) -> int:
    """Return how much memory the process has used at most, in KiB."""
    assert bridge.process
    status = Path(f"/proc/{bridge.process.pid}/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak)
