"""What is not in the ledger's file yet, in small files beside it that outlive a killed process.

A file is locked while its process lives. What a killed process left is written by the next one, and
read by audits before that.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from magento_eventbridge.ledger.blocks import Fields

# While the ledger cannot be written, so many bytes are kept at the most: on a full disk they take
# from what the spool has reserved.
_MOST_BYTES = 8_000_000
_MODE = 0o600
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Fields])


class Tail:
    """The files of one process: one that grows, and one whose events are being written."""

    def __init__(self, ledger: Path) -> None:
        """Create a file.

        Raises:
            OSError: it cannot be created.
        """
        self._ledger = ledger
        self._former: list[tuple[int, Path]] = []
        self._open()

    def _open(self) -> None:
        path = self._ledger.with_name(f"{self._ledger.name}.{secrets.token_hex(8)}.tail")
        self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _MODE)
        self._path, self._size = path, 0
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def append(self, records: Sequence[Fields]) -> None:
        """Add records; what the disk does not take is in memory only."""
        if self._size > _MOST_BYTES:
            return
        with contextlib.suppress(OSError):  # the ledger itself reports a full disk
            self._size += os.write(self._descriptor, _encoder.encode(records) + b"\n")

    def rotate(self) -> None:
        """Begin another file, unless events of a former one are still being written.

        Raises:
            OSError: it cannot be created; the present file goes on.
        """
        if self._size and not self._former:
            former = (self._descriptor, self._path)
            self._open()
            self._former.append(former)

    def drop_former(self) -> None:
        """Remove the files whose events are all in the ledger."""
        while self._former:
            _remove(*self._former.pop())

    def close(self, *, is_written: bool) -> None:
        """Close the files; remove them if all their events are in the ledger."""
        for descriptor, path in (*self._former, (self._descriptor, self._path)):
            if is_written:
                _remove(descriptor, path)
            else:
                os.close(descriptor)
        self._former = []


def _remove(descriptor: int, path: Path) -> None:
    path.unlink(missing_ok=True)
    os.close(descriptor)


def tails_of(ledger: Path) -> list[Path]:
    """Return the files beside a ledger, those of living processes included."""
    return sorted(ledger.parent.glob(f"{ledger.name}.*.tail"))


def records_of(tail: Path) -> Iterator[Fields]:
    """Yield the records of a file; a line that was not written to its end is left out."""
    try:
        lines = tail.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError):
            yield from _decoder.decode(line)


@contextlib.contextmanager
def left_behind(ledger: Path) -> Iterator[list[Fields]]:
    """Yield the records that killed processes left; their files are removed unless an error occurs.

    Raises:
        OSError: they cannot be read.
    """
    taken: list[tuple[int, Path]] = []
    try:
        for path in tails_of(ledger):
            with contextlib.suppress(FileNotFoundError):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:  # its process lives
                    os.close(descriptor)
                else:
                    taken.append((descriptor, path))
        yield [record for _, path in taken for record in records_of(path)]
        for _, path in taken:
            path.unlink(missing_ok=True)
    finally:
        for descriptor, _ in taken:
            os.close(descriptor)
