"""The log: in the line format of Magento's own logs, or as JSON for machines that collect it."""

import contextlib
import json
import logging
import logging.handlers
import sys
import time
from pathlib import Path
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

from magento_eventbridge.errors import BridgeError

LogFormat = Literal["magento", "json"]

ROOT = "magento_eventbridge"


class MagentoFormatter(logging.Formatter):
    """Lines as Magento's logger writes them: `[2020-08-26 10:49:36] report.DEBUG: … [] []`.

    The first pair of brackets is the context: `{"event_id":"…"}` in lines about one event. Lines of
    the debug mode keep the documented form to the letter.
    """

    def __init__(self) -> None:
        super().__init__(
            "[%(asctime)s] report.%(levelname)s: %(message)s", datefmt="%Y-%m-%d %H:%M:%S"
        )
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        """Write a record's line, with its context and its empty `extra`."""
        event_id = getattr(record, "event_id", None)
        is_told = event_id is not None and record.levelno > logging.DEBUG
        context = json.dumps({"event_id": event_id}, separators=(",", ":")) if is_told else "[]"
        return f"{super().formatMessage(record)} {context} []"


class _LogFile(logging.handlers.WatchedFileHandler):
    """A file that is opened anew when logrotate has moved it away.

    When it cannot be written, as on a full disk, that is nobody's fault who logs: standard error is
    told, once for each time.
    """

    _has_told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record's line, if that can be."""
        self._has_failed = False
        try:
            super().emit(record)
        except OSError:  # opening it anew
            self.handleError(record)
        self._has_told = self._has_failed

    def close(self) -> None:
        """Close the file; what could not be written to it was told of then."""
        with contextlib.suppress(OSError):
            super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Say in words what keeps the file from being written."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._has_failed = True
        if not self._has_told:
            told = f"cannot write the log {self.baseFilename}: {error.strerror}"
            sys.stderr.write(
                f"magento-eventbridge: {told}; its lines are lost until that is mended\n"
            )


class LogFileError(BridgeError, OSError):
    """The log file cannot be written."""


def set_up(*, level: int, style: LogFormat, file: Path | None) -> None:
    """Send the log to a file, or to standard error when there is none.

    Raises:
        LogFileError: the file cannot be opened.
    """
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handler = _LogFile(file, encoding="utf-8")
        except OSError as error:
            raise LogFileError(f"cannot write the log {file}: {error.strerror}") from error
    handler.setFormatter(_json() if style == "json" else MagentoFormatter())
    logger = logging.getLogger(ROOT)
    for former in logger.handlers[:]:
        logger.removeHandler(former)
        former.close()
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


def _json() -> logging.Formatter:
    formatter = JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ"
    )
    formatter.converter = time.gmtime
    return formatter
