"""Start what delivery needs around it: the log, tracing, the event loop."""

import gc
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

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
    """Run a coroutine as a long-lived process should: on uvloop, with rare garbage collection."""
    # Imported modules stay, and most of what delivery creates is freed without the collector: it
    # should not scan the thousands of events in memory again and again.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    return uvloop.run(main)
