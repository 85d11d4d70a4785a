"""The command line: one module for each command or group of commands."""

import logging
import sys

import typer

from magento_eventbridge.aws.clients import AwsError
from magento_eventbridge.aws.credentials import CredentialsError
from magento_eventbridge.aws.endpoints import RegionError
from magento_eventbridge.cli import (
    agent,
    consume,
    dead_letters,
    demo,
    doctor,
    events,
    iam,
    replay,
    rules,
    schemas,
    send_test,
    serve,
    version,
)
from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.inlets.client import HandOverError
from magento_eventbridge.listener import ListenError
from magento_eventbridge.magento.agent.module import AgentError, NoStoreError
from magento_eventbridge.observability.log import LogFileError
from magento_eventbridge.settings.errors import SettingsError

log = logging.getLogger(__name__)

app = typer.Typer(
    name="magento-eventbridge",
    help="Deliver a Magento 2 shop's events to Amazon EventBridge.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in (serve, consume, demo, replay, send_test, doctor, version):
    app.command(command.NAME, epilog=f"Example: {command.EXAMPLE}")(command.run)
app.add_typer(events.app, name="events")
app.add_typer(iam.app, name="iam")
app.add_typer(rules.app, name="rules")
app.add_typer(schemas.app, name="schemas")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(agent.app, name="agent")

FAULTS = (
    AgentError,
    AwsError,
    CredentialsError,
    HandOverError,
    ListenError,
    LogFileError,
    QueueError,
    RegionError,
)
FAULT = 1
WRONG_USE = 2


def main() -> None:
    """Run the command; a fault is told in words and by the exit status, never by a traceback."""
    try:
        app()
    except (NoStoreError, SettingsError) as error:
        _tell(error)
        sys.exit(WRONG_USE)
    except FAULTS as error:
        _tell(error)
        sys.exit(FAULT)
    except Exception as error:
        log.debug("Internal fault", exc_info=True)
        _tell(f"internal fault: {type(error).__name__}: {error} (log.level = debug tells more)")
        sys.exit(FAULT)


def _tell(error: object) -> None:
    for line in str(error).splitlines():
        print(f"magento-eventbridge: {line}", file=sys.stderr)  # noqa: T201
