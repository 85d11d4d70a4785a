"""Notice that a file in use was removed, replaced, truncated, overwritten or made unreadable.

A link to the same file counts as another file: SQLite would look for its log beside the file.
"""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

_OWNER_RIGHTS = stat.S_IRUSR | stat.S_IWUSR
_NUMBER_SIZE = 4
# How often to look at a file that seems truncated, and how long in between, in seconds.
_LOOKS, _BETWEEN_LOOKS = 5, 0.02
_START = 16  # what a format begins with


class FileWatch:
    """Compares a file at a path with the file that was opened there.

    A process keeps a removed file open and could write to it until it ends: what it then answers
    with 202 would be lost. The file is opened once at most, and closed after SQLite's connection,
    because closing it releases this process's locks on it.
    """

    def __init__(
        self,
        path: Path,
        is_whole: Callable[[int], bool] = lambda _: False,
        counter_at: int | None = None,
    ) -> None:
        """Remember the file at `path`, which has just been opened.

        Args:
            path: of the file.
            is_whole: asked about a file that became shorter, with its new length: whether that is
                all that it should hold. It may raise `OSError`.
            counter_at: where the file has a number of 32 bits that only increases, so that older
                content is known by a smaller one; what the file begins with must stay, then.

        Raises:
            OSError: there is no file any more.
        """
        self.path = path
        self._name = os.fspath(path)
        self._is_whole = is_whole
        found = path.lstat()
        self._identity = (found.st_dev, found.st_ino)
        self._length = found.st_size
        self._counter_at = counter_at
        self._descriptor: int | None = None
        self._counter = 0
        self._start = b""
        self._is_older = False
        if counter_at is not None:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._start = os.pread(self._descriptor, _START, 0)
            self._counter = self._read_counter() or 0

    @property
    def modified(self) -> int:
        """When the file was last written, in nanoseconds; 0 if it cannot be reached."""
        try:
            return os.lstat(self._name).st_mtime_ns
        except OSError:
            return 0

    @property
    def is_in_place(self) -> bool:
        """Whether the file that was opened is still at its path, as far as can be seen."""
        try:
            found = self.path.lstat()
        except OSError as error:
            return not isinstance(error, FileNotFoundError)
        return (found.st_dev, found.st_ino) == self._identity

    @property
    def is_shorter(self) -> bool:
        """Whether the same file has become shorter than it was."""
        try:
            found = self.path.lstat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity and found.st_size < self._length

    def is_truncated(self) -> bool:
        """Whether the same file has lost a part of what it should hold."""
        for look in range(_LOOKS):
            try:
                found = os.lstat(self._name)
            except OSError:
                return False
            if (found.st_dev, found.st_ino) != self._identity:
                return False
            if found.st_size >= self._length or self._is_whole(found.st_size):
                self._length = found.st_size
                return False
            if look < _LOOKS - 1:
                time.sleep(_BETWEEN_LOOKS)  # another process may be writing it
        return True

    def restore_length(self) -> None:
        """Fill the file with zeros, as long as it was."""
        os.truncate(self.path, 0)
        os.truncate(self.path, self._length)

    def problem(self) -> str | None:
        """Return what happened to the file; None while it is as it should be."""
        try:
            found = os.lstat(self._name)  # before each call; Path's takes twice as long
        except FileNotFoundError:
            return f"{self.path} was removed while in use"
        except OSError as error:
            return f"{self.path} cannot be reached any more: {error.strerror}"
        if (found.st_dev, found.st_ino) != self._identity:
            return f"{self.path} was replaced by another file while in use"
        # The owner's rights, too: root could use the file without them.
        if found.st_mode & _OWNER_RIGHTS != _OWNER_RIGHTS or not os.access(
            self.path, os.R_OK | os.W_OK
        ):
            return f"{self.path} cannot be read and written any more: check its owner and mode"
        if self.is_truncated():
            return f"{self.path} was truncated while in use"
        if self.has_older_content():
            return (
                f"{self.path} was overwritten with older or other content while in use: what was "
                "accepted since then is not in it. Stop the bridge, then put the right file there"
            )
        return None

    def has_older_content(self) -> bool:
        """Return whether the open file was overwritten by something else, as by an older copy.

        Once true, always true.
        """
        if not self._is_older and (counter := self._read_counter()) is not None:
            self._is_older = counter < self._counter or self._has_other_start()
            self._counter = counter
        return self._is_older

    def _has_other_start(self) -> bool:
        return self._descriptor is not None and os.pread(self._descriptor, _START, 0) != self._start

    def _read_counter(self) -> int | None:
        """Read the file's counter; None: it has none, as while it is being truncated."""
        return None if self._counter_at is None else self.number_at(self._counter_at)

    def number_at(self, place: int) -> int | None:
        """Read a number of the open file that has a counter; None: there is none."""
        if self._descriptor is None:
            return None
        found = os.pread(self._descriptor, _NUMBER_SIZE, place)
        return int.from_bytes(found, "big") if len(found) == _NUMBER_SIZE else None

    def close(self) -> None:
        """Close the file, after SQLite did."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
