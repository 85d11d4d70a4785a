"""Start what delivery needs around it: log, tracing, event loop, the signals that stop it."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from magento_eventbridge import file_descriptors
from magento_eventbridge.observability import log as logs
from magento_eventbridge.observability.tracing import Tracing, TracingError
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.model import Settings

log = logging.getLogger(__name__)

Result = TypeVar("Result")


def start_log(settings: Settings) -> None:
    """Start the log as the settings say.

    Raises:
        LogFileError: its file cannot be opened.
    """
    level = (
        logging.DEBUG if settings.is_verbose else logging.getLevelName(settings.log.level.upper())
    )
    logs.set_up(level=level, style=settings.log.format, file=settings.log_file)


def tracing(settings: Settings) -> Tracing | None:
    """Start tracing, if the settings say so.

    Raises:
        SettingsError: the extra `otel` is not installed.
    """
    if not settings.tracing.enabled:
        return None
    try:
        return Tracing.to_collector(settings.tracing.endpoint)
    except TracingError as error:
        raise SettingsError(f"tracing.enabled: {error}") from None


def run_loop(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine as a long-lived process should: on uvloop, with rare garbage collection, and
    with all the file descriptors that it may have."""
    file_descriptors.raise_limit()
    # Imported modules stay, and most of what delivery creates is freed without the collector: it
    # should not scan the thousands of events in memory again and again.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    return uvloop.run(main)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and SIGINT, and on SIGHUP when it means that the terminal was closed.

    Programs that rotate logs send SIGHUP too: without a terminal it changes nothing.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` ignores it
        loop.add_signal_handler(signal.SIGHUP, stop if _has_terminal() else _explain_hangup)


def _explain_hangup() -> None:
    log.info(
        "SIGHUP changes nothing: a log that was moved is reopened without it; restart the bridge "
        "after a change of its own settings"
    )


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
