"""What `doctor` finds of a bridge that is running."""

from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.doctor.delivery import look
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.doctor.store import examine


async def look_at(bridge: Bridge) -> list[Finding]:
    """Look at everything that the bridge needs, its store anew."""
    store = bridge.store
    findings = (await examine(store.again())).findings if store else []
    return [*findings, *await look(bridge.settings)]
