"""`serve`: everything that is configured, in one process, until it is asked to stop."""

import asyncio
import signal

from magento_eventbridge.bridge import Bridge, run_loop, start_log
from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, sources_of
from magento_eventbridge.settings import load

NAME = "serve"
EXAMPLE = "magento-eventbridge serve --magento-root /var/www/html"


def run(
    config: Config = None, overrides: Overrides = None, magento_root: MagentoRoot = None
) -> None:
    """Take captures and deliver them to EventBridge until stopped.

    What the store's configuration says is followed while it runs.
    SIGTERM and SIGINT end it: calls under way are finished, the rest stays in the queue.
    """
    own, store = sources_of(config, overrides, magento_root)
    settings, _ = store.reach() if store else load(own)
    bridge = Bridge(settings, store)
    start_log(settings)
    run_loop(_serve(bridge))


async def _serve(bridge: Bridge) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, bridge.stop)
    await bridge.serve()
