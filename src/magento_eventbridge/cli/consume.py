"""`consume`: drain a queue once and stop, for cron."""

import asyncio
import signal
from typing import Annotated

import typer

from magento_eventbridge.bridge import dispatching, open_queue, run_loop, start_log
from magento_eventbridge.cli.options import (
    AsJson,
    Config,
    MagentoRoot,
    Overrides,
    out,
    settings_of,
    show_json,
)
from magento_eventbridge.delivery.policy import Tally
from magento_eventbridge.settings import Settings

NAME = "consume"
EXAMPLE = "magento-eventbridge consume --magento-root /var/www/html --max-messages 1000"

QueueName = Annotated[
    str | None,
    typer.Option(
        "--queue",
        help="Which queue to drain: sqlite or outbox; the outbox if it is enabled.",
        show_default=False,
    ),
]
MaxMessages = Annotated[
    int | None,
    typer.Option("--max-messages", min=1, help="Stop after so many; without it: when empty."),
]


def run(
    queue: QueueName = None,
    max_messages: MaxMessages = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Deliver what is in a queue, then stop."""
    settings, _ = settings_of(config, overrides, magento_root)
    start_log(settings)
    tally = run_loop(_consume(settings, queue, max_messages))
    told = {
        "delivered": tally.delivered,
        "passed_over": tally.passed_over,
        "buried": tally.buried,
    }
    if as_json:
        show_json(told)
    else:
        out.print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in told.items()))


async def _consume(settings: Settings, name: str | None, at_most: int | None) -> Tally:
    queue = open_queue(settings, name)
    try:
        async with dispatching(settings, queue) as dispatcher:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, dispatcher.stop)
            await dispatcher.run(until_empty=True, at_most=at_most)
            return dispatcher.tally
    finally:
        await queue.close()
