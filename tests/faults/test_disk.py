"""A full disk: the inlet says so, what was accepted is delivered, and no restart is needed."""

import asyncio
import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from tests.faults.bridges import PATIENT, Bridge
from tests.faults.ledger import Ledger
from tests.faults.sources import Inlet, NotTakenError, free_port, until_there
from tests.support import recorded
from tests.support.put_events import Refuse, put_events, takes_all

_MOST = 4_000_000
_PATIENCE = 30.0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_MOST}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("this machine does not let us mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_what_was_taken_comes_while_the_disk_is_full(disk: Path, tmp_path: Path) -> None:
    """Delivery frees space: the spool must be able to record what was delivered."""
    port = free_port()
    source = Inlet(disk / "spool.sqlite")
    ledger = Ledger()
    async with Bridge(
        tmp_path / "one", f"http://127.0.0.1:{port}", source.settings | PATIENT
    ) as bridge:
        await bridge.start()
        await bridge.until_written("Listening for captures")
        await _fill(source, ledger)
        assert "is full; make room there" in bridge.output
        fitted = ledger.promised
        async with put_events(port=port, witness=ledger.witness):
            await until_there(source, ledger)
            # Delivery freed the space.
            await _fill(source, ledger, until=fitted * 3 // 2)
            await until_there(source, ledger)
            await bridge.stop()
        assert "Traceback" not in bridge.output
    account = ledger.account()
    print(f"{fitted} fitted; {account}")
    assert account.is_right, account
    assert not account.duplicates


async def test_all_that_was_delivered_is_recorded_at_once_while_the_disk_is_full(
    disk: Path,
) -> None:
    """As many changed pages as the file has need more room than was reserved."""
    queue = SqliteQueue(disk / "spool.sqlite")
    count = 0
    with contextlib.suppress(QueueError):
        while True:
            await queue.put(recorded.orders(20))
            count += 20
    with contextlib.suppress(OSError), (disk / "others").open("wb", buffering=0) as others:
        while others.write(bytes(4096)):
            pass
    claims = await queue.claim(count)
    assert len(claims) == count
    await queue.ack(claims)
    assert (await queue.depth()).captures == 0
    await queue.close()


async def test_a_kill_with_a_full_disk_loses_nothing(disk: Path, tmp_path: Path) -> None:
    port = free_port()
    source = Inlet(disk / "spool.sqlite")
    ledger = Ledger()
    async with Bridge(
        tmp_path / "one", f"http://127.0.0.1:{port}", source.settings | PATIENT
    ) as bridge:
        await bridge.start()
        await bridge.until_written("Listening for captures")
        await _fill(source, ledger)
        await bridge.kill()
        async with put_events(port=port, witness=ledger.witness):
            await bridge.start()
            await bridge.until_written("Listening for captures")
            await until_there(source, ledger)
            await bridge.stop()
    account = ledger.account()
    assert account.is_right, account
    assert not account.duplicates


async def test_a_disk_that_others_filled_costs_nothing(tmp_path: Path) -> None:
    """Not a byte more can be written until space is freed."""
    port = free_port()
    source = Inlet(tmp_path / "spool.sqlite")
    ledger = Ledger()
    async with (
        put_events(port=port, witness=ledger.witness) as bus,
        Bridge(tmp_path / "one", bus.url, source.settings | PATIENT) as bridge,
    ):
        bus.script = lambda *_: Refuse("InternalException", 500)
        await bridge.start()
        await bridge.until_written("Listening for captures")
        await _fill(source, ledger, until=100)
        _limit_files(bridge, 1)
        await _fill(source, ledger)
        bus.script = takes_all
        async with asyncio.timeout(_PATIENCE):
            while ledger.waiting:
                await asyncio.sleep(0.05)
        assert await source.left() == 100
        _limit_files(bridge, resource.RLIM_INFINITY)
        await _fill(source, ledger, until=1000)
        await until_there(source, ledger)
        await bridge.stop()
    account = ledger.account()
    assert account.is_right, account
    assert not account.duplicates


def _limit_files(bridge: Bridge, most: int) -> None:
    """Limit the size of a bridge's files."""
    assert bridge.process
    resource.prlimit(bridge.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


async def _fill(source: Inlet, ledger: Ledger, until: int | None = None) -> None:
    """Hand over until so many are accepted, or the disk is full."""
    while until is None or ledger.promised < until:
        captures = recorded.orders(20)
        ledger.hand_over(captures)
        try:
            await source.put(captures)
        except NotTakenError:
            assert until is None, "there should be room"
            return
        ledger.promise(captures)
