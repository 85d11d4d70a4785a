"""The audit or repair that somebody started: it goes on after the answer to the browser."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from magento_eventbridge.bridge.auditing import repair, run_audit, window_begins
from magento_eventbridge.bridge.backfilling import RunState
from magento_eventbridge.errors import BridgeError
from magento_eventbridge.settings.model import Settings

log = logging.getLogger(__name__)

_RATE = 50.0
# In seconds: for events in flight when the work is stopped.
_STOPS_WITHIN = 5.0


class AuditWork:
    """One audit or repair at a time, and how far it is.

    Attributes:
        title: what was started last; empty: nothing was.
        began: when, in seconds since the epoch.
        progress: how far it is, while it runs.
        result: what became of it, afterwards.
        has_failed: whether it has not succeeded, or not yet.
    """

    def __init__(self) -> None:
        """Begin with nothing running."""
        self.title = ""
        self.began = 0.0
        self.progress = ""
        self.result = ""
        self.has_failed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._task is not None and not self._task.done()

    def start_audit(self, settings: Settings) -> None:
        """Start to audit."""

        async def audit() -> str:
            await run_audit(settings, window_begins(settings))
            return "audited"

        self._start("Comparing the store with what was delivered", audit)

    def start_repair(self, settings: Settings) -> None:
        """Start to audit again, as events may have arrived since, and to send what is missing."""
        self._start("Sending what is missing", lambda: self._repair(settings))

    async def wait(self, seconds: float) -> None:
        """Wait until it has ended, but no longer than so many seconds."""
        if self._task:
            await asyncio.wait([self._task], timeout=seconds)

    async def stop(self) -> None:
        """Stop what runs; what was not sent stays missing, and the next audit finds it."""
        if self._task:
            self._task.cancel()
            await self.wait(_STOPS_WITHIN)

    def _start(self, title: str, work: Callable[[], Awaitable[str]]) -> None:
        self.title, self.began = title, time.time()
        self.progress, self.result, self.has_failed = "", "", True
        self._task = asyncio.create_task(self._run(work), name="audit of the console")

    async def _run(self, work: Callable[[], Awaitable[str]]) -> None:
        try:
            self.result = await work()
            self.has_failed = False
        except asyncio.CancelledError:
            self.result = "stopped"
            raise
        except BridgeError as error:
            self.result = f"failed: {' '.join(str(error).split())}"
        except Exception:
            log.exception("The audit failed")
            self.result = "failed: an internal error, which is in the log"

    async def _repair(self, settings: Settings) -> str:
        since = window_begins(settings)
        report = await run_audit(settings, since)
        if report.missing and report.cannot_repair:
            return f"nothing sent: {report.cannot_repair}"
        if not report.missing:
            return "0 sent"

        def keep(state: RunState) -> None:
            waits = " It waits, as live events go first." if state.waits_for_live_events else ""
            problem = f" It waits: {state.problem}." if state.problem else waits
            self.progress = f"{state.passed} of {report.missing} settled.{problem}"

        outcome = await repair(
            settings, report, rate=_RATE, on_progress=keep, is_stopped_by_signals=False
        )
        await run_audit(settings, since)
        return f"{outcome.sent} sent"
