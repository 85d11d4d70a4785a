"""A disk that is full: the inlet says so, what was taken comes, and nobody need start anything."""

import asyncio
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.bridges import Bridge
from tests.faults.ledger import Ledger
from tests.faults.sources import Inlet, NotTakenError, free_port
from tests.support import recorded
from tests.support.put_events import put_events

_MOST = 2_000_000


@dataclass(frozen=True)
class Disk:
    """Where the spool is, and how room is made there."""

    folder: Path
    fill: Callable[[Bridge], None]
    make_room: Callable[[Bridge], None]


@pytest.fixture(params=["small", "limited"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A file system of two megabytes, or a limit on the size of files where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "limited":
        yield Disk(folder, lambda bridge: _limit(bridge, _MOST), lambda bridge: _limit(bridge))
        return
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_MOST}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("this machine does not let us mount a tmpfs")
    remount = ["mount", "-o", "remount,size=50m", str(folder)]
    yield Disk(folder, lambda _: None, lambda _: subprocess.run(remount, check=True) and None)
    subprocess.run(["umount", str(folder)], check=True)


def _limit(bridge: Bridge, most: int = resource.RLIM_INFINITY) -> None:
    assert bridge.process
    resource.prlimit(bridge.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


async def test_what_was_taken_comes_while_the_disk_is_full(disk: Disk, tmp_path: Path) -> None:
    """Delivery makes room by itself: it must be able to write down what was delivered."""
    port = free_port()
    source = Inlet(disk.folder / "spool.sqlite")
    ledger = Ledger()
    async with Bridge(tmp_path / "one", f"http://127.0.0.1:{port}", source.settings) as bridge:
        await bridge.start()
        await bridge.until_told("Listening for captures")
        disk.fill(bridge)
        await _fill(source, ledger)
        assert "Cannot keep captures" in bridge.told
        waiting = ledger.waiting
        async with put_events(port=port, witness=ledger.witness):
            await _until_there(source, ledger)
            # And there is room again for as much as before.
            await _fill(source, ledger, until=waiting + 100)
            await _until_there(source, ledger)
            disk.make_room(bridge)
            await _fill(source, ledger, until=ledger.promised + 1000)
            await _until_there(source, ledger)
            await bridge.stop()
        assert "Traceback" not in bridge.told
    account = ledger.account()
    print(f"{waiting} fitted; {account}")
    assert account.is_right, account
    assert not account.duplicates


async def test_a_kill_with_a_full_disk_loses_nothing(disk: Disk, tmp_path: Path) -> None:
    port = free_port()
    source = Inlet(disk.folder / "spool.sqlite")
    ledger = Ledger()
    async with Bridge(tmp_path / "one", f"http://127.0.0.1:{port}", source.settings) as bridge:
        await bridge.start()
        await bridge.until_told("Listening for captures")
        disk.fill(bridge)
        await _fill(source, ledger)
        await bridge.kill()
        async with put_events(port=port, witness=ledger.witness):
            await bridge.start()
            await _until_there(source, ledger)
            await bridge.stop()
    account = ledger.account()
    assert account.is_right, account
    assert not account.duplicates


async def _fill(source: Inlet, ledger: Ledger, until: int | None = None) -> None:
    """Hand over until that many are promised, or until the disk is full."""
    while until is None or ledger.promised < until:
        captures = recorded.orders(20)
        ledger.hand_over(captures)
        try:
            await source.put(captures)
        except NotTakenError:
            assert until is None, "there should be room"
            return
        ledger.promise(captures)


async def _until_there(source: Inlet, ledger: Ledger) -> None:
    async with asyncio.timeout(15):
        while ledger.waiting or await source.left():
            await asyncio.sleep(0.05)
