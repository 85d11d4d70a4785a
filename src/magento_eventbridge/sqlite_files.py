"""SQLite files that only the bridge's user can read, with a numbered schema."""

import os
import shutil
import sqlite3
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from magento_eventbridge.errors import BridgeError

FILE_MODE = 0o600
FOLDER_MODE = 0o700
# SQLite creates these beside a file in WAL mode, with the file's own mode.
COMPANIONS = ("-wal", "-shm")


class NewerSchemaError(BridgeError):
    """The file was written by a newer version of the bridge."""


class DiskFullError(OSError):
    """A disk has only the room that is kept for something more important."""


def make_private(path: Path, *, with_folders: bool = True) -> None:
    """Create a file and its folders for this user alone, whatever the umask.

    A folder that exists keeps its mode, and so does a file until `migrate` knows that it is ours:
    a wrong path may name a file of the system.

    Raises:
        OSError: it cannot be created, or is no file.
    """
    for folder in reversed(path.parents):
        if with_folders and not folder.exists():
            folder.mkdir(FOLDER_MODE, exist_ok=True)
            folder.chmod(FOLDER_MODE)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    except FileExistsError:
        # Not opened here: closing it would release the locks of this process's other connections.
        if not path.is_file():
            raise OSError("it is not a regular file") from None
        return
    try:
        os.fchmod(descriptor, FILE_MODE)
    finally:
        os.close(descriptor)


def _restrict_files(connection: sqlite3.Connection) -> None:
    """Take the rights of others from a database and its companions."""
    for _, _, name in connection.execute("PRAGMA database_list"):
        if name:  # one in memory has none
            for suffix in ("", *COMPANIONS):
                _restrict(Path(f"{name}{suffix}"))


def _restrict(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    if status.st_mode & 0o077 and os.geteuid() in {0, status.st_uid}:
        path.chmod(FILE_MODE)


def check_free_space(path: Path, leaves_free: int) -> None:
    """Refuse to fill a disk: the spool may be on it, and comes first.

    A quarter of a small disk stays free: more than the spool's reserve, which is free while the
    spool uses it.

    Raises:
        DiskFullError: the disk has less than `leaves_free` bytes left.
    """
    disk = shutil.disk_usage(next(at for at in (*path.parents, path) if at.exists()))
    if disk.free < min(leaves_free, disk.total // 4):
        raise DiskFullError(f"its disk has {disk.free // 1_000_000} MB left, which are not for it")


def is_disk_full(error: Exception) -> bool:
    """Return whether a file could not be written for want of room.

    Its connection should stay open: SQLite copies the write-ahead log into the file when it closes
    it, and would take the room that is left.
    """
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, DiskFullError)


def schema_steps(package: str, folder: str = "schema") -> list[str]:
    """Read the numbered `.sql` files of a package: step N leads from schema version N-1 to N."""
    scripts = [entry for entry in files(package).joinpath(folder).iterdir() if ".sql" in entry.name]
    return [script.read_text() for script in sorted(scripts, key=lambda script: script.name)]


def migrate(connection: sqlite3.Connection, steps: Sequence[str]) -> None:
    """Bring a file to the newest schema, in one transaction; a new file runs all steps.

    Files of version 0.1.0 have no number: the first step also accepts their tables. Other users
    lose their rights to the file.

    Raises:
        NewerSchemaError: the file has a newer schema; nothing was changed.
        sqlite3.Error: it is no database, or cannot be written.
    """
    version = _version(connection)
    _restrict_files(connection)
    if version == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have migrated it meanwhile
        refuse_newer(version, len(steps))
        for number, step in enumerate(steps[version:], start=version + 1):
            for statement in _statements(step):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends it itself, for example on a full disk
            connection.execute("ROLLBACK")
        raise


def refuse_newer(version: int, known: int) -> None:
    """Refuse a file whose schema is newer than the one that is known.

    Raises:
        NewerSchemaError: it is.
    """
    if version > known:
        raise NewerSchemaError(
            f"written by a newer version of magento-eventbridge (schema {version}; this version "
            f"knows {known}): install that version again, or use another file"
        )


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _statements(script: str) -> list[str]:
    """Split a script; `executescript` would commit the transaction that it runs in."""
    statements: list[str] = []
    rest = ""
    for line in script.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            statements.append(rest)
            rest = ""
    return statements
