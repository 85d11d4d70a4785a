"""A queue whose database is unavailable."""

from typing import Any

from magento_eventbridge.delivery.ports import QueueError


class UnavailableQueue:
    """Fails at whatever the console asks of it."""

    name = "outbox"

    async def depth(self) -> None:
        raise QueueError("the database is away")

    @property
    def dead_letters(self) -> "UnavailableQueue":
        return self

    async def page(self, *_: Any, **__: Any) -> None:
        raise QueueError("the database is away")
