"""The checks of a running bridge."""

import asyncio

from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.doctor.delivery import check_delivery
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.doctor.store import examine


async def check_bridge(bridge: Bridge) -> list[Finding]:
    """Check everything that the bridge needs; its store is read again."""
    of_store, of_delivery = await asyncio.gather(_store(bridge), check_delivery(bridge.settings))
    return [*of_store, *of_delivery]


async def _store(bridge: Bridge) -> list[Finding]:
    return (await examine(bridge.store)).findings if bridge.store else []
