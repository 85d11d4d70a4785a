"""The spool on a failing disk, and used by several processes."""

import asyncio
import errno
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.sqlite_files import NewerSchemaError, migrate
from tests.support import recorded


async def test_a_full_disk_is_reported_and_keeps_accepted_captures(tmp_path: Path) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await queue.put(recorded.orders(5))
    # To SQLite, a file that may not grow looks like a full disk.
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


async def test_a_file_that_is_no_spool_is_reported(tmp_path: Path) -> None:
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


async def test_claims_of_a_killed_process_are_handed_out_at_once(tmp_path: Path) -> None:
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


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o277, 0o777])
async def test_only_our_user_can_read_the_spool_whatever_the_umask(
    tmp_path: Path, mask: int
) -> None:
    path = tmp_path / "new" / "folder" / "spool.sqlite"
    former = os.umask(mask)
    try:
        queue = SqliteQueue(path)
        await queue.put(recorded.orders(2))
        await queue.claim(1)
        modes = {file.name: mode(file) for file in path.parent.iterdir()}
        assert len(modes) == 5  # file, log, index, lock, reserve
        assert set(modes.values()) == {0o600}, modes
        assert mode(path.parent) == mode(path.parent.parent) == 0o700
        await queue.close()
    finally:
        os.umask(former)


async def test_a_spool_that_others_could_read_is_restricted(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    await SqliteQueue(path).close()
    path.chmod(0o644)
    queue = SqliteQueue(path)
    assert mode(path) == 0o600
    assert mode(tmp_path / "spool.sqlite-wal") == 0o600
    await queue.close()


def test_a_file_that_is_no_spool_keeps_its_content_and_its_mode(tmp_path: Path) -> None:
    """As root, a wrong path made a file of the system unreadable for everybody else."""
    path = tmp_path / "passwd"
    path.write_text("root:x:0:0:root:/root:/bin/bash\n" * 50)
    path.chmod(0o644)
    with pytest.raises(QueueError, match="not a database"):
        SqliteQueue(path)
    assert (mode(path), path.read_text().count("root:x:")) == (0o644, 50)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    pipe.chmod(0o644)
    with pytest.raises(QueueError, match="pipe: it is not a regular file"):
        SqliteQueue(pipe)
    assert mode(pipe) == 0o644
    with pytest.raises(QueueError, match="is not a regular file"):
        SqliteQueue(tmp_path)


def test_an_error_that_ends_the_transaction_by_itself_is_named(tmp_path: Path) -> None:
    """SQLite does so on a full disk; the error was said to be that nothing can be rolled back."""
    steps = ["CREATE TABLE a (b UNIQUE);\nINSERT INTO a VALUES (1);\n"]
    steps[0] += "INSERT OR ROLLBACK INTO a VALUES (1);"
    connection = sqlite3.connect(tmp_path / "spool.sqlite", isolation_level=None)
    with closing(connection), pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        migrate(connection, steps)


def remove(path: Path) -> None:
    path.unlink()


def replace_by_a_copy(path: Path) -> None:
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.rename(path)


def replace_by_a_link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")


def truncate(path: Path) -> None:
    os.truncate(path, 0)


def truncate_in_part(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def make_unreadable(path: Path) -> None:
    path.chmod(0o000)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("spool.sqlite", remove, "spool.sqlite was removed while in use"),
        ("spool.sqlite", replace_by_a_copy, "replaced by another file"),
        ("spool.sqlite", replace_by_a_link, "replaced by another file"),
        ("spool.sqlite", truncate, "truncated while in use"),
        ("spool.sqlite", truncate_in_part, "truncated while in use"),
        ("spool.sqlite", make_unreadable, "check its owner and mode"),
        ("spool.sqlite-wal", remove, "spool.sqlite-wal was removed"),
        ("spool.sqlite-wal", truncate, "spool.sqlite-wal was truncated"),
        ("spool.sqlite-wal", truncate_in_part, "spool.sqlite-wal was truncated"),
        ("spool.sqlite-shm", remove, "spool.sqlite-shm was removed"),
        ("spool.sqlite-shm", truncate, "spool.sqlite-shm was truncated"),
        ("spool.sqlite-shm", truncate_in_part, "spool.sqlite-shm was truncated"),
        ("spool.sqlite.lock", remove, "spool.sqlite.lock was removed"),
        ("spool.sqlite.lock", replace_by_a_copy, "restart this one"),
        ("spool.sqlite.lock", make_unreadable, "check its owner and mode"),
    ],
)
async def test_nothing_is_accepted_into_a_file_that_is_not_in_its_place(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
    damage: Callable[[Path], None],
    message: str,
) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await queue.put(recorded.orders(100))
    checkpoint(tmp_path / "spool.sqlite")
    await queue.put(recorded.orders(1))
    await queue.claim(1)
    await queue.check()
    damage(tmp_path / name)
    for refused in (queue.check(), queue.put(recorded.orders(1))):
        with pytest.raises(QueueError, match=message):
            await refused
    assert message in caplog.text
    await queue.close()


@pytest.mark.parametrize("exists", [False, True])
async def test_the_path_of_a_spool_may_be_a_link(tmp_path: Path, exists: bool) -> None:
    real, link = tmp_path / "disk" / "spool.sqlite", tmp_path / "spool.sqlite"
    captures = recorded.orders(3)
    real.parent.mkdir()
    if exists:
        await SqliteQueue(real).close()
    link.symlink_to(real)
    linked, direct = SqliteQueue(link), SqliteQueue(real)
    await linked.put(captures)
    assert len(await linked.claim(2)) == 2
    assert await direct.claim(2) == []
    await linked.close()
    assert [claim.body for claim in await direct.claim(9)] == [body for _, body in captures]
    await direct.close()
    assert set(os.listdir(tmp_path)) == {"disk", "spool.sqlite"}  # noqa: PTH208  of a test


@pytest.mark.parametrize("damage", [truncate, truncate_in_part])
async def test_a_truncated_index_ends_neither_the_process_nor_a_capture(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    captures = recorded.orders(5)
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await queue.put(captures)
    claims = await queue.claim(2)
    damage(tmp_path / "spool.sqlite-shm")
    for refused in (queue.claim(10), queue.ack(claims), queue.depth()):
        with pytest.raises(QueueError, match="spool.sqlite-shm was truncated"):
            await refused
    await queue.close()
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    assert [claim.body for claim in await queue.claim(10)] == [body for _, body in captures]
    await queue.close()


def checkpoint(path: Path) -> None:
    """Have SQLite copy its log into the file, as it does by itself after some megabytes."""
    with closing(sqlite3.connect(path)) as another:
        another.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.parametrize("is_longer", [False, True])
async def test_a_backup_written_into_the_open_file_is_noticed(
    tmp_path: Path, is_longer: bool
) -> None:
    """As by `cp backup spool.sqlite`. Everything accepted afterwards was lost."""
    path = tmp_path / "spool.sqlite"
    queue = SqliteQueue(path)
    for _ in range(2):
        await queue.put(recorded.orders(100))
        checkpoint(path)
    await queue.put(recorded.orders(1))
    backup = path.read_bytes() + bytes(1_000_000 * is_longer)
    claims = await queue.claim(3)
    for count in (100, 1):
        await queue.put(recorded.orders(count))
        checkpoint(path)
    await queue.put(recorded.orders(1))
    with path.open("r+b") as file:
        file.write(backup)
    for refused in (queue.check(), queue.put(recorded.orders(1)), queue.ack(claims)):
        with pytest.raises(QueueError, match="or other content while in use.*Stop the bridge"):
            await refused
    await queue.close()


@pytest.mark.parametrize("kind", ["older", "garbage", "zeros", "truncated and longer again"])
async def test_a_log_that_was_overwritten_is_noticed(tmp_path: Path, kind: str) -> None:
    """The log keeps its length. All that was accepted since the last checkpoint was lost."""
    path, log_file = tmp_path / "spool.sqlite", tmp_path / "spool.sqlite-wal"
    captures = recorded.orders(220)
    queue = SqliteQueue(path)
    await queue.put(captures[:100])
    older = log_file.read_bytes()
    with closing(sqlite3.connect(path)) as another:
        another.execute("PRAGMA wal_checkpoint(PASSIVE)")
    claims = await queue.claim(1)
    await queue.put(captures[100:])
    length = log_file.stat().st_size
    content = {"garbage": os.urandom(length), "zeros": bytes(length)}.get(kind, older)
    right = log_file.read_bytes()
    with log_file.open("r+b") as file:
        if kind == "truncated and longer again":
            file.truncate(length // 2)
            file.truncate(length)
        else:
            file.write(content.ljust(length, b"\0"))
    for refused in (queue.check(), queue.put(recorded.orders(1)), queue.ack(claims)):
        with pytest.raises(QueueError, match="-wal was overwritten while in use"):
            await refused
    log_file.write_bytes(right)
    await queue.ack(claims)
    await queue.put(recorded.orders(1))
    assert (await queue.depth()).captures == 220
    await queue.close()


@pytest.mark.parametrize("name", ["spool.sqlite", "spool.sqlite-wal"])
async def test_nothing_is_written_into_what_is_left_of_a_truncated_file(
    tmp_path: Path, name: str
) -> None:
    """A recorded delivery made the file as long as it was, and captures were accepted again."""
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await queue.put(recorded.orders(100))
    with closing(sqlite3.connect(tmp_path / "spool.sqlite")) as another:
        another.execute("PRAGMA wal_checkpoint(PASSIVE)")
    claims = await queue.claim(50)
    await queue.put(recorded.orders(100))
    truncate_in_part(tmp_path / name)
    for _ in range(3):
        for refused in (queue.ack(claims), queue.depth(), queue.check()):
            with pytest.raises(QueueError, match=f"{name} was truncated"):
                await refused
    await queue.close()


async def test_a_wrong_log_does_not_damage_the_file(tmp_path: Path) -> None:
    """SQLite copied it into the file when it was closed."""
    path, log_file = tmp_path / "spool.sqlite", tmp_path / "spool.sqlite-wal"
    queue = SqliteQueue(path)
    await queue.put(recorded.orders(100))
    with closing(sqlite3.connect(path)) as another:
        another.execute("PRAGMA wal_checkpoint(PASSIVE)")
    await queue.put(recorded.orders(50))
    with log_file.open("r+b") as file:
        file.write(os.urandom(log_file.stat().st_size))
    await queue.close()
    queue = SqliteQueue(path)
    assert len(await queue.claim(200)) == 100
    await queue.close()


async def test_a_file_that_was_overwritten_with_anything_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    queue = SqliteQueue(path)
    await queue.put(recorded.orders(100))
    checkpoint(path)
    with path.open("r+b") as file:
        file.write(b"\xff" * path.stat().st_size)
    with pytest.raises(QueueError, match="other content while in use.*Stop the bridge"):
        await queue.put(recorded.orders(1))
    await queue.close()


async def test_a_backup_of_this_moment_written_into_the_open_file_is_no_damage(
    tmp_path: Path,
) -> None:
    path = tmp_path / "spool.sqlite"
    queue = SqliteQueue(path)
    await queue.put(recorded.orders(100))
    checkpoint(path)
    with path.open("r+b") as file:
        content = file.read()
        await queue.put(recorded.orders(1))
        file.seek(0)
        file.write(content)
    await queue.put(recorded.orders(1))
    assert len(await queue.claim(200)) == 102
    await queue.close()
    queue = SqliteQueue(path)
    assert len(await queue.claim(200)) == 102
    await queue.close()


async def test_a_removed_spool_is_reported_without_anything_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    (tmp_path / "spool.sqlite").unlink()
    for _ in range(100):
        await asyncio.sleep(0.05)
        if "was removed while in use" in caplog.text:
            break
    else:
        pytest.fail("no line in the log")
    await queue.close()


@pytest.mark.parametrize("removed", ["spool.sqlite", "."])
async def test_what_a_removed_spool_holds_is_still_delivered(tmp_path: Path, removed: str) -> None:
    folder = tmp_path / "spool"
    queue = SqliteQueue(folder / "spool.sqlite")
    captures = recorded.orders(3)
    await queue.put(captures)
    claims = await queue.claim(1)
    # Renamed, as by a person who makes room; nothing else holds what it contains.
    (folder / removed).resolve().rename(tmp_path / "elsewhere")
    assert queue.holds_claims()
    claims += await queue.claim(10)
    assert [claim.body for claim in claims] == [body for _, body in captures]
    with pytest.raises(QueueError, match="was removed while in use"):
        await queue.put(captures)
    await queue.ack(claims)
    assert (await queue.depth()).captures == 0
    await queue.close()


async def test_a_spool_that_is_put_back_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    queue = SqliteQueue(path)
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(QueueError):
        await queue.check()
    (tmp_path / "elsewhere").rename(path)
    await queue.put(recorded.orders(1))
    path.chmod(0o000)
    with pytest.raises(QueueError):
        await queue.check()
    path.chmod(0o600)
    await queue.put(recorded.orders(1))
    assert len(await queue.claim(10)) == 2
    await queue.close()


async def test_upkeep_by_a_person_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    queue = SqliteQueue(path)
    await queue.put(recorded.orders(200))
    await queue.ack(await queue.claim(190))
    await queue.check()
    with closing(sqlite3.connect(path, isolation_level=None)) as person:
        person.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        await queue.check()
        length = path.stat().st_size
        person.execute("VACUUM")
        person.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        assert path.stat().st_size < length
    await queue.check()
    await queue.put(recorded.orders(1))
    assert len(await queue.claim(100)) == 11
    await queue.close()


async def test_what_other_bridges_add_after_a_persons_upkeep_is_no_damage(tmp_path: Path) -> None:
    """What they added was only in the log; the file, which had become shorter, seemed cut off."""
    path = tmp_path / "spool.sqlite"
    queue, other = SqliteQueue(path), SqliteQueue(path)
    await queue.put(recorded.orders(200))
    await queue.ack(await queue.claim(200))
    checkpoint(path)
    await queue.check()
    with closing(sqlite3.connect(path, isolation_level=None)) as person:
        person.execute("VACUUM")
    checkpoint(path)
    await other.put(recorded.orders(150))
    await queue.check()
    await queue.put(recorded.orders(1))
    assert len(await queue.claim(200)) == 151
    await other.close()
    await queue.close()


async def test_a_spool_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    await SqliteQueue(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(QueueError, match="newer version of magento-eventbridge \\(schema 99"):
        SqliteQueue(path)
    assert path.read_bytes() == before


async def test_a_spool_without_a_version_is_migrated_with_all_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    queue = SqliteQueue(path)
    await queue.put(recorded.orders(2))
    await queue.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 0")  # as version 0.1.0 left it
    queue = SqliteQueue(path)
    assert len(await queue.claim(10)) == 2
    await queue.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_migration_is_done_whole_or_not_at_all(tmp_path: Path) -> None:
    first = "CREATE TABLE IF NOT EXISTS one (a INTEGER);\n-- A comment; with a semicolon.\n"
    second = "ALTER TABLE one ADD COLUMN b;\nINSERT INTO one VALUES (1, ';');\n"
    with closing(sqlite3.connect(tmp_path / "file", isolation_level=None)) as connection:
        migrate(connection, [first])
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, [first, second, "INSERT INTO nowhere VALUES (1);"])
        assert connection.execute("SELECT * FROM one").fetchall() == []
        migrate(connection, [first, second])
        assert connection.execute("SELECT a, b FROM one").fetchall() == [(1, ";")]
        migrate(connection, [first, second])
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        with pytest.raises(NewerSchemaError):
            migrate(connection, [first])


async def test_without_the_lock_no_claim_is_held(tmp_path: Path) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    assert queue.holds_claims()
    await queue.put(recorded.orders(2))
    await queue.claim(1)
    assert queue.holds_claims()
    (tmp_path / "spool.sqlite.lock").unlink()
    assert not queue.holds_claims()
    assert not await queue.confirm()
    with pytest.raises(QueueError, match="restart this one"):
        await queue.claim(1)
    await queue.close()


async def test_a_reserve_that_is_no_file_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    (tmp_path / "spool.sqlite.reserve").mkdir()
    with pytest.raises(QueueError, match=r"sqlite\.reserve cannot be written: Is a directory"):
        await queue.put(recorded.orders(1))
    (tmp_path / "spool.sqlite.reserve").rmdir()
    await queue.put(recorded.orders(1))
    await queue.close()


async def test_a_file_system_without_locks_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await queue.put(recorded.orders(1))
    monkeypatch.setattr("magento_eventbridge.queues.sqlite.queue.fcntl.flock", refuse)
    before = _open_files()
    for _ in range(3):
        with pytest.raises(QueueError, match=r"\.lock cannot be locked: No locks available"):
            await queue.claim(10)
    assert _open_files() <= before
    monkeypatch.undo()
    assert len(await queue.claim(10)) == 1
    await queue.close()


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
