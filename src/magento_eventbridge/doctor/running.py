"""The checks of a running bridge."""

from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.doctor.delivery import check_delivery
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.doctor.store import examine


async def check_bridge(bridge: Bridge) -> list[Finding]:
    """Check everything that the bridge needs; its store is read again."""
    store = bridge.store
    findings = (await examine(store.again())).findings if store else []
    return [*findings, *await check_delivery(bridge.settings)]
