"""`serve`: everything that is configured, in one process, until it is asked to stop."""

import asyncio
import signal

from magento_eventbridge.bridge import Bridge, run_loop, start_log
from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, settings_of

NAME = "serve"
EXAMPLE = "magento-eventbridge serve --config /etc/magento-eventbridge.toml"


def run(
    config: Config = None, overrides: Overrides = None, magento_root: MagentoRoot = None
) -> None:
    """Take captures and deliver them to EventBridge until stopped.

    SIGTERM and SIGINT end it: calls under way are finished, the rest stays in the queue.
    """
    settings, _ = settings_of(config, overrides, magento_root)
    bridge = Bridge(settings)
    start_log(settings)
    run_loop(_serve(bridge))


async def _serve(bridge: Bridge) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, bridge.stop)
    await bridge.serve()
