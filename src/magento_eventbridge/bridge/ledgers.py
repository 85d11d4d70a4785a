"""Write the ledger while a command delivers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from magento_eventbridge.delivery.observer import Observer
from magento_eventbridge.settings.model import Settings


@asynccontextmanager
async def ledger_written(settings: Settings) -> AsyncIterator[Observer | None]:
    """Yield the observer that writes the ledger, or None where none is kept."""
    file = settings.ledger_file
    if file is None:
        yield None
        return
    from magento_eventbridge.ledger.recorder import Ledger  # noqa: PLC0415  `consume` starts often

    ledger = Ledger(file, settings.ledger.days)
    ledger.open()
    try:
        yield ledger
    finally:
        await asyncio.to_thread(ledger.close)
