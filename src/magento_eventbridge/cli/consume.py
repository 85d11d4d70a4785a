"""`consume`: drain a queue once and stop, for cron."""

from collections.abc import Callable
from typing import Annotated

import typer

from magento_eventbridge.bridge.dispatching import dispatching
from magento_eventbridge.bridge.ledgers import ledger_written
from magento_eventbridge.bridge.queues import open_queue
from magento_eventbridge.bridge.startup import run_loop, start_log, stop_on_signals
from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, settings_of
from magento_eventbridge.cli.output import AsJson, out, show_json
from magento_eventbridge.delivery.status import Totals
from magento_eventbridge.settings.model import Settings

NAME = "consume"
EXAMPLE = "magento-eventbridge consume --magento-root /var/www/html --max-messages 1000"

QueueName = Annotated[
    str | None,
    typer.Option(
        "--queue",
        help="Which queue to drain: sqlite, outbox, magento-db or amqp; the outbox if it is "
        "enabled.",
        show_default=False,
    ),
]
MaxMessages = Annotated[
    int | None,
    typer.Option(
        "--max-messages",
        min=1,
        help="Stop after this many; else when the queue is empty, or as the store's "
        "cron_consumers_runner says.",
        show_default=False,
    ),
]


def run(
    queue: QueueName = None,
    max_messages: MaxMessages = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Deliver what is in a queue, then stop.

    For Magento's own queues the store's cron_consumers_runner settings apply.
    """
    settings, _ = settings_of(config, overrides, magento_root)
    start_log(settings)
    at_most = max_messages
    objection = ""
    if queue in _MAGENTOS:
        at_most = at_most or settings.cron_consumers_runner.max_messages or None
        objection = _objection(settings, _MAGENTOS[queue](settings))
    if objection:
        typer.echo(f"Nothing is consumed: {objection}", err=True)
        totals = Totals()
    else:
        totals = run_loop(_consume(settings, queue, at_most))
    result = {
        "delivered": totals.delivered,
        "passed_over": totals.passed_over,
        "buried": totals.buried,
    }
    if as_json:
        show_json(result)
    else:
        out.print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in result.items()))


_MAGENTOS: dict[str | None, Callable[[Settings], str]] = {
    "magento-db": lambda settings: settings.magento_db.queue,
    "amqp": lambda settings: settings.amqp.queue,
}


def _objection(settings: Settings, consumer: str) -> str:
    """Return why the store's settings forbid cron to consume, or nothing."""
    runner = settings.cron_consumers_runner
    if not runner.cron_run:
        return "cron_consumers_runner.cron_run is off"
    if runner.consumers and consumer not in runner.consumers:
        return f"cron_consumers_runner.consumers does not name {consumer}"
    return ""


async def _consume(settings: Settings, name: str | None, at_most: int | None) -> Totals:
    queue = open_queue(settings, name, at_most=at_most)
    try:
        async with (
            ledger_written(settings) as ledger,
            dispatching(settings, queue, journal=ledger, preload=False) as dispatcher,
        ):
            stop_on_signals(dispatcher.stop)
            await dispatcher.run(until_empty=True, at_most=at_most)
            return dispatcher.totals
    finally:
        await queue.close()
