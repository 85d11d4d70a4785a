"""Run a call that may hang in a thread that nobody waits for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def run_detached(call: Callable[[], T], seconds: float) -> T:
    """Return what a call returns, from a thread of its own; the program can end while it hangs.

    asyncio waits for its own threads when the loop ends: a server that hangs would delay the stop.

    Raises:
        TimeoutError: it takes longer than that many seconds.
        Exception: the call raised it.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = call()
        except Exception as error:
            report(ended.set_exception, error)
        else:
            report(ended.set_result, result)

    def report(settle: Callable[[Any], None], outcome: object) -> None:
        with suppress(RuntimeError):  # the loop was closed in the meantime
            loop.call_soon_threadsafe(lambda: None if ended.done() else settle(outcome))

    threading.Thread(target=run, name="notification", daemon=True).start()
    async with asyncio.timeout(seconds):
        return await ended
