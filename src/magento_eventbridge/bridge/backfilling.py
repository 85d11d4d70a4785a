"""Send the entities of a job through a dispatcher, and keep the run's progress."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from magento_eventbridge.backfill.live_events import (
    BusRefusals,
    DatabaseQueues,
    LiveEvents,
    LiveQueue,
    QueueName,
    SpoolFile,
)
from magento_eventbridge.backfill.progress import LeftOut, Progress
from magento_eventbridge.backfill.queue import EntityQueue, Job, Source, StoredEntities
from magento_eventbridge.backfill.rows import StoreTables
from magento_eventbridge.bridge.dispatching import dispatching
from magento_eventbridge.bridge.ledgers import ledger_written
from magento_eventbridge.bridge.queues import open_queue
from magento_eventbridge.bridge.startup import stop_on_signals
from magento_eventbridge.delivery.observer import Observer, Observers
from magento_eventbridge.magento.database import database_options
from magento_eventbridge.settings.model import Settings

_REPORTS_EVERY = 0.5


@dataclass(frozen=True)
class RunState:
    """How far a run is.

    Attributes:
        passed: entities settled since the run began, those of interrupted runs included.
        problem: why events are not accepted now; empty: they are.
        waits_for_live_events: whether live events go first now.
    """

    passed: int
    problem: str
    waits_for_live_events: bool


@dataclass(frozen=True)
class BackfillOutcome:
    """What became of a run.

    Attributes:
        sent: events delivered by this command.
        switched_off: entities whose event is switched off, or left out by the shop's conditions.
        passed: entities settled since the run began.
        left_out: entities that could not be sent, and why, since the run began; of very many the
            first.
        left_out_count: how many there are.
        is_complete: whether nothing is left to send.
        problem: why events were not accepted at the end.
    """

    sent: int
    switched_off: int
    passed: int
    left_out: list[LeftOut]
    is_complete: bool
    problem: str = ""
    left_out_count: int = 0


async def run_job(
    settings: Settings,
    tables: StoreTables,
    job: Job,
    progress: Progress,
    report: Callable[[RunState], None],
) -> BackfillOutcome:
    """Send a job's entities until all are settled, or until SIGTERM or SIGINT.

    Raises:
        QueueError: the database or the progress file cannot be used.
    """
    source = StoredEntities(tables, job, progress)
    outcome = await send(settings, source, report, rate=job.rate, limit=job.limit)
    if outcome.is_complete:
        progress.finish()
    count = progress.left_out_count()
    return replace(outcome, left_out=progress.left_out(), left_out_count=count)


async def send(
    settings: Settings,
    source: Source,
    report: Callable[[RunState], None],
    *,
    rate: float,
    limit: int | None = None,
    is_stopped_by_signals: bool = True,
) -> BackfillOutcome:
    """Send entities until all are settled.

    Raises:
        QueueError: the database or the progress file cannot be used.
    """
    live_events, refusals = LiveEvents(live_queues(settings)), BusRefusals()

    async def must_wait() -> bool:
        return refusals.are_recent or await live_events()

    queue = EntityQueue(source, must_wait, rate=rate, limit=limit)
    try:
        async with (
            ledger_written(settings) as ledger,
            dispatching(settings, queue, journal=_observers(refusals, ledger)) as dispatcher,
        ):

            def stop() -> None:
                queue.stop()
                dispatcher.stop()

            def state() -> RunState:
                problem = next(iter(dispatcher.problems.values()), "")
                return RunState(source.passed, problem, queue.waits_for_live_events)

            async def keep_reporting() -> None:
                while True:
                    report(state())
                    await asyncio.sleep(_REPORTS_EVERY)

            if is_stopped_by_signals:
                stop_on_signals(stop)
            reporter = asyncio.create_task(keep_reporting(), name="progress")
            try:
                await dispatcher.run(until_empty=True)
            finally:
                reporter.cancel()
                await asyncio.gather(reporter, return_exceptions=True)
            report(state())
            totals = dispatcher.totals
            return BackfillOutcome(
                sent=totals.delivered,
                switched_off=totals.passed_over + totals.left_out,
                passed=source.passed,
                left_out=[],
                is_complete=queue.is_complete,
                problem=state().problem,
            )
    finally:
        await live_events.close()


def live_queues(settings: Settings) -> list[LiveQueue]:
    """Return the queues whose events go before those of a backfill."""
    names: list[QueueName] = ["outbox"]
    queues: list[LiveQueue] = [SpoolFile(settings.spool.path)]
    for name in settings.queues_of_queue_mode:
        if name == "amqp":
            queues.append(BrokerQueue(settings))
        else:
            names += ["magento_db", "taken"]
    options = database_options(settings.outbox)
    return [DatabaseQueues(options, names, settings.magento_db.queue), *queues]


class BrokerQueue:
    """Magento's queue in RabbitMQ."""

    def __init__(self, settings: Settings) -> None:
        self._queue = open_queue(settings, "amqp")

    async def has_waiting(self) -> bool:
        """Return whether messages are ready: a bridge with room for them would hold them."""
        return await self._queue.ready() > 0 if isinstance(self._queue, ReadyMessages) else False

    async def close(self) -> None:
        """Disconnect."""
        await self._queue.close()


@runtime_checkable
class ReadyMessages(Protocol):
    """A queue that knows how many of its messages no consumer holds, as a broker does."""

    async def ready(self) -> int:
        """Return how many messages no consumer holds."""
        ...


def _observers(refusals: BusRefusals, ledger: Observer | None) -> Observers:
    return Observers((refusals, ledger) if ledger else (refusals,))
