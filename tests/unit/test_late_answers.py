"""Answers of a queue that come when nobody waits for them any more."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from magento_eventbridge.console.queue_watch import QueueWatch
from magento_eventbridge.delivery.ports import DeadLetter, Queue, QueueError
from magento_eventbridge.observability.health import CachedCheck
from magento_eventbridge.testing import MemoryQueue


async def asked_by_health(queue: Queue) -> None:
    await CachedCheck(partial(queue.dead_letters.page, 1), seconds=60, lasts=0).refresh()


async def asked_by_the_console(queue: Queue) -> None:
    letters = await QueueWatch(queue).letters()
    await letters.page(1)


@pytest.mark.parametrize("ask", [asked_by_health, asked_by_the_console])
async def test_an_error_after_the_asker_has_gone_is_no_fault_of_ours(
    ask: Callable[[Queue], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    has_begun, ends = asyncio.Event(), asyncio.Event()

    async def page(*_: object, **__: object) -> list[DeadLetter]:
        has_begun.set()
        await ends.wait()
        raise QueueError("the connection was closed")

    queue = MemoryQueue()
    monkeypatch.setattr(queue.dead_letters, "page", page)
    asking = asyncio.create_task(ask(queue))
    await has_begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    ends.set()
    for _ in range(5):
        await asyncio.sleep(0)
    del asking  # it refers to the task that failed, which reports only when it is freed
    gc.collect()
    assert faults == []
