"""Room on a disk that is set aside, so that a full one can still be told what was delivered."""

import os
from pathlib import Path

# In bytes. More than SQLite's log holds before it is folded into the file, which may grow by as
# much then; but no large part of a small disk.
_WANTED = 24_000_000
_SHARE = 8

_BLOCK = 512  # what st_blocks counts, whatever the file system's own blocks are


class Reserve:
    """A file that takes up room until it is released."""

    def __init__(self, path: Path) -> None:
        """Get ready; the folder is there.

        Raises:
            OSError: the file system cannot be asked how large it is.
        """
        disk = os.statvfs(path.parent)
        self.size = min(_WANTED, disk.f_blocks * disk.f_frsize // _SHARE)
        if not hasattr(os, "posix_fallocate"):  # macOS
            self.size = 0
        self._path = path
        self._is_ours = False

    def hold(self) -> bool:
        """Take up the room, if it is not taken up already; tells whether it is."""
        # Another process on the same file may have released it.
        self._is_ours = self.size > 0 and (self._is_taken_up() or self._take_up())
        return self._is_ours or self.size == 0

    def release(self) -> None:
        """Give the room to whoever writes next."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave nothing behind; who only looked at the spool leaves it as it was."""
        if self._is_ours:
            self.release()

    def _is_taken_up(self) -> bool:
        try:
            return self._path.stat().st_blocks * _BLOCK >= self.size
        except OSError:
            return False  # it is not there yet

    def _take_up(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            os.posix_fallocate(descriptor, 0, self.size)
        except OSError:
            os.ftruncate(descriptor, 0)  # of what it could get, others have more need
            return False
        finally:
            os.close(descriptor)
        return True
