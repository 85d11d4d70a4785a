"""Notice that a file in use was removed, replaced, truncated or made unreadable.

A link to the same file counts as another file: SQLite would look for its log beside the file.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

_OWNER_RIGHTS = stat.S_IRUSR | stat.S_IWUSR


class FileWatch:
    """Compares a file at a path with the file that was opened there.

    A process keeps a removed file open and could write to it until it ends: what it then answers
    with 202 would be lost. The file itself is never opened here, because closing it would release
    this process's locks on it.
    """

    def __init__(self, path: Path, is_whole: Callable[[int], bool] = lambda _: False) -> None:
        """Remember the file at `path`, which has just been opened.

        Args:
            path: of the file.
            is_whole: asked about a file that became shorter, with its new length: whether that is
                all that it should hold. It may raise `OSError`.

        Raises:
            OSError: there is no file any more.
        """
        self.path = path
        self._name = os.fspath(path)
        self._is_whole = is_whole
        found = path.lstat()
        self._identity = (found.st_dev, found.st_ino)
        self._length = found.st_size

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
        if found.st_size < self._length and not self._is_whole(found.st_size):
            return f"{self.path} was truncated while in use"
        self._length = found.st_size
        return None
