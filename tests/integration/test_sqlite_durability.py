"""The spool on a disk that fails, and under several processes."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from tests.support import recorded


async def test_a_full_disk_is_told_clearly_and_keeps_what_was_taken(tmp_path: Path) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await queue.put(recorded.orders(5))
    # A file that may not grow is what a full disk looks like to SQLite.
    await queue._file.run(lambda connection: connection.execute("PRAGMA max_page_count = 8"))
    with pytest.raises(QueueError, match="is full; make room there"):
        for _ in range(50):
            await queue.put(recorded.orders(20))
    assert (await queue.depth()).captures % 20 == 5
    await queue._file.run(lambda connection: connection.execute("PRAGMA max_page_count = 100000"))
    await queue.put(recorded.orders(20))
    await queue.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
async def test_a_really_full_disk_recovers_once_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a tmpfs")
    try:
        queue = SqliteQueue(disk / "spool.sqlite")
        kept = 0
        with pytest.raises(QueueError, match="is full"):
            while True:
                await queue.put(recorded.orders(10))
                kept += 10
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        await queue.put(recorded.orders(10))
        assert len(await queue.claim(10_000)) == kept + 10
        await queue.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


async def test_a_file_that_is_no_spool_is_told_clearly(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(QueueError, match="spool.sqlite: file is not a database"):
        SqliteQueue(path)


async def test_many_puts_at_once_are_committed_together(tmp_path: Path) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await asyncio.gather(*[queue.put([capture]) for capture in recorded.orders(300)])
    assert (await queue.depth()).captures == 300
    await queue.close()


async def test_only_one_process_hands_out_and_the_next_takes_over(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    first, second = SqliteQueue(path), SqliteQueue(path)
    await second.put(recorded.orders(3))
    assert len(await first.claim(1)) == 1
    assert await second.claim(10) == []
    await first.close()
    assert len(await second.claim(10)) == 3
    await second.close()


_CLAIM_AND_HANG = """
import asyncio, sys, pathlib
from magento_eventbridge.queues.sqlite.queue import SqliteQueue

async def run():
    queue = SqliteQueue(pathlib.Path(sys.argv[1]))
    print(len(await queue.claim(2)), flush=True)
    await asyncio.sleep(60)

asyncio.run(run())
"""


async def test_claims_of_a_process_that_was_killed_come_out_at_once(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    queue = SqliteQueue(path)
    await queue.put(recorded.orders(3))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CLAIM_AND_HANG, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    assert await process.stdout.readline() == b"2\n"
    assert await queue.claim(10) == []
    process.kill()
    await process.wait()
    assert len(await queue.claim(10)) == 3
    await queue.close()
