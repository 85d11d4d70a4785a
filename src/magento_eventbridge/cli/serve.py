"""`serve`: run everything that is configured, in one process, until stopped."""

import logging
import sys
from contextlib import AsyncExitStack
from functools import partial

from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.bridge.startup import run_loop, start_log, stop_on_signals
from magento_eventbridge.cli.options import (
    Config,
    MagentoRoot,
    Overrides,
    own_reader,
    sources_of,
)
from magento_eventbridge.cli.output import note
from magento_eventbridge.console.server import Console
from magento_eventbridge.doctor.running import check_bridge
from magento_eventbridge.listener import ListenerOptions, ListenError, check_free
from magento_eventbridge.settings.layers import load

log = logging.getLogger(__name__)

NAME = "serve"
EXAMPLE = "magento-eventbridge serve --magento-root /var/www/html"


def run(
    config: Config = None, overrides: Overrides = None, magento_root: MagentoRoot = None
) -> None:
    """Take captures and deliver them to EventBridge until stopped.

    Changes of the store's configuration apply while it runs.
    SIGTERM and SIGINT stop it: calls in flight are finished, the rest stays in the queue.
    """
    own, store = sources_of(config, overrides, magento_root)
    settings, origins = store.reach() if store else load(own)
    read_own = own_reader(config, overrides, magento_root)
    bridge = Bridge(settings, store, origins, read_own=lambda: load(read_own())[0])
    start_log(settings)
    run_loop(_serve(bridge))


async def _serve(bridge: Bridge) -> None:
    settings = bridge.settings
    if settings.inlet.is_wanted:
        await check_free(ListenerOptions(settings.inlet.host, settings.inlet.port))
    if settings.metrics.enabled:
        await check_free(ListenerOptions(settings.metrics.host, settings.metrics.port))
    stop_on_signals(bridge.stop)
    async with AsyncExitStack() as stack:
        if bridge.settings.console.enabled:
            await _open_console(bridge, stack)
        await bridge.serve()


async def _open_console(bridge: Bridge, stack: AsyncExitStack) -> None:
    console = Console(bridge, partial(check_bridge, bridge))
    try:
        await console.open()
    except ListenError as error:
        # Events must not wait for a page.
        log.warning("No console: %s. Events are still delivered.", error)
        return
    stack.push_async_callback(console.close)
    log.info("The console is at %s", console.url)
    link = console.login_link()
    # A log must not contain a link that logs in.
    if link and sys.stdin.isatty() and sys.stderr.isatty():
        note(f"log in to the console, once within ten minutes: {link}")
