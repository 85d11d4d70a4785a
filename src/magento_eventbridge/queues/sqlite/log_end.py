"""Notice that the end of SQLite's log is not what was written there last.

SQLite itself reads the log's pages without looking at their checksums. Its index has the number,
the salt and the checksum of the last page of the last commit ("WAL-mode File Format", 2.1).
"""

import os
import struct
from pathlib import Path

# Version, change counter, initialized, byte order, page size, pages of the log and of the file,
# checksum of the log so far, salt, and the checksum of this header itself.
_INDEX_HEADER = struct.Struct("=4x4x4xBBHII8s8s8x")
_VERSION = struct.pack("=I", 3_007_000)
_LOG_HEADER, _FRAME_HEADER = 32, 24


class LogEnd:
    """Compares the end of the log with the index; both must be open in SQLite."""

    def __init__(self, log: Path, index: Path) -> None:
        """Open the files. They are closed after SQLite's, since that releases its locks.

        Raises:
            OSError: one is missing.
        """
        self._log = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._index = os.open(index, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            os.close(self._log)
            raise

    def is_wrong(self) -> bool:
        """Return whether the log was truncated or overwritten; False if that is not known now."""
        header = self._header()
        if header is None:
            return False
        _, _, page_size, count, _, checksum, salt = _INDEX_HEADER.unpack(header)
        if not count:
            return False
        page_size = 65_536 if page_size == 1 else page_size
        at = _LOG_HEADER + (count - 1) * (_FRAME_HEADER + page_size)
        found = os.pread(self._log, _FRAME_HEADER, at)
        big_endian = struct.pack(">II", *struct.unpack("=II", checksum))
        # Another process may have written since then: then the index has changed, too.
        return found[8:] != salt + big_endian and self._header() == header

    def _header(self) -> bytes | None:
        """Read the index's header, which it has twice; None: it is just being written."""
        size = _INDEX_HEADER.size
        both = os.pread(self._index, 2 * size, 0)
        is_known = both.startswith(_VERSION) and both[:size] == both[size:]
        return both[:size] if is_known else None

    def forget(self) -> None:
        """Let SQLite create the index again: of the log it then takes only what is right.

        Otherwise it would copy what is wrong into the file when it is closed.
        """
        os.pwrite(self._index, bytes(2 * _INDEX_HEADER.size), 0)

    def close(self) -> None:
        """Close the files, after SQLite did."""
        os.close(self._log)
        os.close(self._index)
