"""`notify`: test the notifications of problems."""

import asyncio
from typing import Annotated

import typer

from magento_eventbridge.bridge.notifying import channels_of, message_of_test
from magento_eventbridge.bridge.startup import start_log
from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, settings_of
from magento_eventbridge.cli.output import AsJson, out, show_json
from magento_eventbridge.notifications.sending import ChannelSender
from magento_eventbridge.observability.operators import record_action
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.settings.notifications import CHANNELS

app = typer.Typer(help="Test the notifications of problems.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Test the notifications of problems."""


@app.command("test", epilog="Example: magento-eventbridge notify test --channel email")
def test(
    channel: Annotated[
        str | None,
        typer.Option(
            "--channel",
            help=f"Only through this one: {', '.join(CHANNELS)}.",
            show_default=False,
        ),
    ] = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Send a test notification through each channel; exit 1 when one does not accept it."""
    settings, _ = settings_of(config, overrides, magento_root)
    start_log(settings)
    senders = [ChannelSender(one) for one in channels_of(settings)]
    names = [sender.channel.name for sender in senders]
    if not senders:
        raise SettingsError(
            f"no notifications are set up: set one of notifications.{', '.join(CHANNELS.values())}"
        )
    if channel is not None and channel not in names:
        raise typer.BadParameter(f"--channel {channel}: there is {', '.join(names)}")
    chosen = [sender for sender in senders if channel in (None, sender.channel.name)]
    record_action("sent a test notification by %s", ", ".join(s.channel.name for s in chosen))
    problems = asyncio.run(_send(settings, chosen))
    results = list(zip(chosen, problems, strict=True))
    if as_json:
        show_json(
            [
                {"channel": sender.channel.name, "sent": problem is None, "problem": problem}
                for sender, problem in results
            ]
        )
    else:
        for sender, problem in results:
            name, target = sender.channel.name, sender.channel.target
            out.print(f"FAIL  {name}: {problem}" if problem else f"ok    {name}: sent to {target}")
    if any(problems):
        raise typer.Exit(1)


async def _send(settings: Settings, senders: list[ChannelSender]) -> list[str | None]:
    message = message_of_test(settings)
    return list(await asyncio.gather(*(sender.test(message) for sender in senders)))
