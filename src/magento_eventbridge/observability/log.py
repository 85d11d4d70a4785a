"""The log: in the line format of Magento's own logs, or as JSON for machines that collect it."""

import json
import logging
import logging.handlers
import sys
import time
from pathlib import Path
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

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


class LogFileError(OSError):
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
            # A file that logrotate moved away is opened anew.
            handler = logging.handlers.WatchedFileHandler(file, encoding="utf-8")
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
