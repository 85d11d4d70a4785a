"""Set up the log: in the line format of Magento's logs, or as JSON."""

import contextlib
import json
import logging
import logging.handlers
import os
import stat
import sys
import time
from io import TextIOWrapper
from pathlib import Path
from typing import Literal, TextIO

from pythonjsonlogger.json import JsonFormatter

from magento_eventbridge.errors import BridgeError
from magento_eventbridge.visible_text import visible

LogFormat = Literal["magento", "json"]

ROOT = "magento_eventbridge"
# Their warnings would otherwise reach standard error unformatted, over several lines.
_LIBRARIES = ("aiohttp", "asyncio")
# sd-daemon(3): the priorities of syslog, by the least level of a line.
_JOURNAL_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
    (logging.NOTSET, 7),
)


class MagentoFormatter(logging.Formatter):
    """Format lines as Magento's logger does: `[2020-08-26 10:49:36] report.DEBUG: … [] []`.

    The first pair of brackets is the context: `{"event_id":"…"}` in lines about one event. Lines of
    the debug mode keep exactly the documented form.
    """

    def __init__(self) -> None:
        super().__init__(
            "[%(asctime)s] report.%(levelname)s: %(message)s", datefmt="%Y-%m-%d %H:%M:%S"
        )
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as one line, with the traceback in it if there is one.

        Only the data of a dry run, whose values are escaped already, span several lines.
        """
        record.message = record.getMessage()
        if record.exc_info:
            record.message += f"\n{self.formatException(record.exc_info)}"
        is_block = getattr(record, "is_block", False)
        record.message = visible(record.message, keep="\n" if is_block else "")
        record.asctime = self.formatTime(record, self.datefmt)
        return self.formatMessage(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        """Format a record with its context and an empty `extra`."""
        event_id = getattr(record, "event_id", None)
        has_context = event_id is not None and record.levelno > logging.DEBUG
        context = json.dumps({"event_id": event_id}, separators=(",", ":")) if has_context else "[]"
        return f"{super().formatMessage(record)} {context} []"


class _LogFile(logging.handlers.WatchedFileHandler):
    """A log file that is opened again when logrotate has moved it.

    When it cannot be written, as on a full disk, the code that logs goes on; one line on standard
    error reports it.
    """

    _has_reported = False

    def _open(self) -> TextIOWrapper:
        create_like_folder(Path(self.baseFilename))
        return super()._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record's line if possible."""
        self._has_failed = False
        try:
            super().emit(record)
        except OSError:  # from opening it again
            self.handleError(record)
        self._has_reported = self._has_failed

    def close(self) -> None:
        """Close the file; lines that it could not write have been reported."""
        with contextlib.suppress(OSError):
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Report on standard error why the file cannot be written."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._has_failed = True
        if not self._has_reported:
            message = f"cannot write the log {self.baseFilename}: {error.strerror}"
            with contextlib.suppress(OSError):  # it may be a file on the same full disk
                sys.stderr.write(
                    f"magento-eventbridge: {message}; log lines are lost until this is fixed\n"
                )


def create_like_folder(file: Path) -> None:
    """Create the file, if it does not exist, for those who may write to its folder.

    PHP and the bridge write the same log as different users; started as root, the bridge would
    otherwise create a file that PHP cannot write. A symbolic link may be there before its target.
    """
    file = Path(os.path.realpath(file))
    try:
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    try:
        folder = file.parent.stat()
        if os.geteuid() == 0:
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
        else:
            with contextlib.suppress(PermissionError):  # not a member of the folder's group
                os.fchown(descriptor, -1, folder.st_gid)
        os.fchmod(descriptor, (stat.S_IMODE(folder.st_mode) & 0o666) | 0o600)
    finally:
        os.close(descriptor)


class _JournalFormatter(logging.Formatter):
    """Begin each line with its priority, as systemd's journal expects it of standard error."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; the journal removes the priority from each line."""
        priority = next(
            priority for level, priority in _JOURNAL_PRIORITIES if record.levelno >= level
        )
        lines = self._inner.format(record).splitlines()
        return "\n".join(f"<{priority}>{line}" for line in lines)


def _is_journal(stream: TextIO) -> bool:
    """Return whether systemd connected this stream to its journal."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or replaced by something without a descriptor
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


class LogFileError(BridgeError, OSError):
    """The log file cannot be written."""


def set_up(*, level: int, style: LogFormat, file: Path | None) -> None:
    """Send the log to a file, and its warnings and errors also to standard error.

    Without a file everything goes to standard error.

    Raises:
        LogFileError: the file cannot be opened.
    """
    formatter = _json() if style == "json" else MagentoFormatter()
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setFormatter(_JournalFormatter(formatter) if _is_journal(sys.stderr) else formatter)
    handlers: list[logging.Handler] = [stderr]
    if file is not None:
        try:
            _create_folder(file.parent)
            log_file = _LogFile(file, encoding="utf-8")
        except OSError as error:
            raise LogFileError(f"cannot write the log {file}: {error.strerror}") from error
        log_file.setFormatter(formatter)
        stderr.setLevel(logging.WARNING)
        handlers.insert(0, log_file)
    _replace_handlers(logging.getLogger(ROOT), handlers, level)
    for library in _LIBRARIES:
        _replace_handlers(logging.getLogger(library), handlers, logging.WARNING)


def _create_folder(folder: Path) -> None:
    """Create a folder and those above it, owned as the nearest folder that exists."""
    folder = Path(os.path.realpath(folder))
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            above = path.parent.stat()
            os.chown(path, above.st_uid, above.st_gid)
            path.chmod(stat.S_IMODE(above.st_mode))


def _replace_handlers(logger: logging.Logger, handlers: list[logging.Handler], level: int) -> None:
    for former in logger.handlers[:]:
        logger.removeHandler(former)
        former.close()
    for handler in handlers:
        logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


def _json() -> logging.Formatter:
    formatter = JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ"
    )
    formatter.converter = time.gmtime
    return formatter
