"""Work that runs beside the claims, and that a closing queue waits for."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """The tasks that are running; true while there are any."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start work that a closing queue waits for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, within: float) -> None:
        """Wait until all is done, at most so many seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)
