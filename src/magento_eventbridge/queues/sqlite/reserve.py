"""Reserved disk space, so that deliveries can be recorded on a full disk."""

import errno
import os
from pathlib import Path

from magento_eventbridge.sqlite_files import FILE_MODE

# In bytes. More than SQLite's log holds before a checkpoint, which may add as much to the file; but
# no large part of a small disk.
_WANTED = 24_000_000
_SHARE = 8

_BLOCK = 512  # the unit of st_blocks on every file system


class Reserve:
    """A file that takes up space until it is released."""

    def __init__(self, path: Path) -> None:
        """Choose the size; the folder must exist.

        Raises:
            OSError: the file system's size is unknown.
        """
        disk = os.statvfs(path.parent)
        self.size = min(_WANTED, disk.f_blocks * disk.f_frsize // _SHARE)
        if not hasattr(os, "posix_fallocate"):  # macOS
            self.size = 0
        self._path = path
        self._is_ours = False

    def hold(self) -> bool:
        """Take up the space, unless it is taken already; return whether it is.

        Raises:
            OSError: it cannot be, for another reason than a full disk.
        """
        # Another process on the same file may have released it.
        self._is_ours = self.size > 0 and (self._is_taken_up() or self._take_up())
        return self._is_ours or self.size == 0

    def release(self) -> None:
        """Free the space for the next write."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the file, if this process took up the space."""
        if self._is_ours:
            self.release()

    def _is_taken_up(self) -> bool:
        try:
            return self._path.stat().st_blocks * _BLOCK >= self.size
        except OSError:
            return False  # it does not exist yet

    def _take_up(self) -> bool:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                return False
            message = f"{self._path.name} cannot be written: {error.strerror}"
            raise OSError(error.errno, message) from None
        try:
            os.fchmod(descriptor, FILE_MODE)
            os.posix_fallocate(descriptor, 0, self.size)
        except OSError:
            os.ftruncate(descriptor, 0)  # a part of it would only take space from others
            return False
        finally:
            os.close(descriptor)
        return True
