"""Waiting in tests for what must come, however busy the machine is."""

import asyncio
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds after which a test gives up: no measure of speed, which benchmarks/ takes."""


async def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it did not hold in time.
    """
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
