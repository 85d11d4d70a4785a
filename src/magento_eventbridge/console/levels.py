"""Measure how much waits, several times a minute, for the charts of the backlog."""

import asyncio
import time

from magento_eventbridge.console.page_context import PageContext
from magento_eventbridge.journal.recorder import Level, Recorder

_MEASURES_EVERY = 10.0


async def measure_levels(context: PageContext, journal: Recorder) -> None:
    """Write to the journal how much waits in each queue and in memory for each destination."""
    while True:
        # A queue that cannot be read has no figure: the chart shows a gap.
        queues = [queue for queue in await context.depths() if queue.depth]
        now = time.time()
        waiting: dict[str, int] = {}
        for status in context.statuses():
            name = str(status.destination)
            waiting[name] = waiting.get(name, 0) + status.in_memory
        journal.waits(
            [Level(now, "", queue.name, queue.depth.captures) for queue in queues if queue.depth]
            + [Level(now, name, "", events) for name, events in waiting.items()]
        )
        await asyncio.sleep(_MEASURES_EVERY)
