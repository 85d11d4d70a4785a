"""The command line: one module for each command or group, imported when it is used."""

import errno
import io
import logging
import os
import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from magento_eventbridge import __version__
from magento_eventbridge.errors import BridgeError
from magento_eventbridge.similar_names import did_you_mean
from magento_eventbridge.visible_text import visible

log = logging.getLogger(__name__)

# Each command's first sentence is repeated here, so that `--help` need not import the commands.
COMMANDS = {
    "serve": "Take captures and deliver them to EventBridge until stopped.",
    "consume": "Deliver what is in a queue, then stop.",
    "demo": "Deliver a recorded store day to a local EventBridge; needs no AWS account and no "
    "Magento.",
    "replay": "Hand the captures of a file to a running bridge, signed with its first secret.",
    "send-test": 'Send an event\'s sample to the bus, marked by `"test": true` in its metadata.',
    "doctor": "Check settings, store, credentials, bus, queues; exit 1 when something must be "
    "fixed.",
    "backfill": "Send events of what the store's tables already hold.",
    "audit": "Compare the store's tables with what was delivered; exit 1 when something is "
    "missing.",
    "version": "Print the version.",
    "events": "Show the events, declare own ones, find what was delivered.",
    "iam": "Show the permissions that the bridge needs.",
    "rules": "Create, test, put and list rules.",
    "schemas": "Export and publish schemas of the events.",
    "dead-letters": "Show, redrive or drop captures that could not be delivered.",
    "console": "Log in to the console of the running bridge.",
    "notify": "Test the notifications of problems.",
    "agent": "Install the Magento module into a store, check it, and switch events on.",
}
FAILURE = 1


class CommandLine(TyperGroup):
    """The group of all commands; a command's module is imported when the command is run."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command: its name and help only, until it is loaded."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Load the command that is named, then find it."""
        name = args[0]
        if name in COMMANDS:
            self.commands[name] = load(name)
        elif not name.startswith("-"):
            ctx.fail(f"there is no command '{name}'{did_you_mean(name, COMMANDS)}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="magento-eventbridge",
    cls=CommandLine,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@cache
def load(name: str) -> Any:
    """Import a command's module and return the command."""
    module: Any = import_module(f"{__name__}.{name.replace('-', '_')}")
    group = typer.Typer(rich_markup_mode="rich")
    if hasattr(module, "app"):
        group.add_typer(module.app, name=name)
    else:
        group.command(name, epilog=f"Example: {module.EXAMPLE}")(module.run)
    return typer.main.get_group(group).commands[name]


def all_commands() -> TyperGroup:
    """Return the command line with all commands loaded, for documentation."""
    group = typer.main.get_group(app)
    group.commands.update({name: load(name) for name in COMMANDS})
    return group


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(__version__)  # noqa: T201
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Deliver a Magento 2 shop's events to Amazon EventBridge."""


class _OneLine(logging.Formatter):
    """Format what is logged by commands that start no log as the messages of commands."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as one line: it may quote foreign text."""
        return f"magento-eventbridge: {visible(super().format(record))}"


def main() -> None:
    """Run the command; report a failure in one sentence and by the exit status."""
    if logging.lastResort:
        logging.lastResort.setFormatter(_OneLine())
    _prepare_streams()
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except BridgeError as error:
        _report(error)
        sys.exit(error.exit_status)
    except typer.Abort:
        # The end of a question's line.
        print(file=sys.stderr)  # noqa: T201
        _report("aborted: nothing was changed (a program answers with --yes)")
        sys.exit(FAILURE)
    except Exception as error:
        # Typer brings its own copy of click, or uses click: this is what their errors share.
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            _report(usage_message(error))
            sys.exit(error.exit_code)
        if isinstance(error, OSError) and error.errno in _OUTPUT_FAILS and not error.filename:
            _give_up_output()
            if error.errno != errno.EPIPE:  # `| head` has seen enough
                _report(f"cannot write the output: {error.strerror}")
            sys.exit(FAILURE)
        log.debug("Internal error", exc_info=True)
        _report(f"internal error: {type(error).__name__}: {error} (log.level = debug shows more)")
        sys.exit(FAILURE)
    sys.exit(status if isinstance(status, int) else 0)


_OUTPUT_FAILS = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)


def _prepare_streams() -> None:
    """Replace standard streams that are closed; escape what the terminal's encoding lacks."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _give_up_output() -> None:
    """Drop what could not be written: the interpreter would try again at its end, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


# What Typer says of values, in plain words.
_PLAIN = (
    (r"Input should be a valid integer.*", "must be a whole number"),
    (r"Input should be a valid number.*", "must be a number"),
    (r"Input should be a valid boolean.*", "must be true or false"),
    (r"Input should be greater than or equal to ", "must be at least "),
    (r"Input should be greater than ", "must be more than "),
    (r"Input should be less than or equal to ", "must be at most "),
    (r"Input should be less than ", "must be less than "),
    (r"Input should ", "must "),
    (r"^Invalid value: ", ""),
    (r"^No such option: (\S+?)[.]?$", r"there is no option '\1'"),
    (r"^No such command '(.*)'[.]$", r"there is no command '\1'"),
    (r"^Got unexpected extra argument\(s\) \((.*)\)$", r"too many arguments: \1"),
    (r"^Missing argument '(.*)'[.]$", r"the argument \1 is missing"),
    (r"^Option '(.*)' requires an argument[.]$", r"\1 needs a value"),
    (r"Value error, ", ""),
)


def usage_message(error: Any) -> str:
    """Return what is wrong with a command line, and where its help is."""
    message = str(error.format_message())
    if not message:  # the help was shown instead
        return ""
    message, similar = _suggestion(message)
    for pattern, plain in _PLAIN:
        message = re.sub(pattern, plain, message, flags=re.DOTALL)
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "magento-eventbridge"
    return f"{message}{similar}\n'{command} --help' shows how to use it"


def _suggestion(message: str) -> tuple[str, str]:
    """Split a message from what it proposes instead; nothing is proposed that is not similar."""
    found = re.search(r" \(Possible options: (.*)\)$| Did you mean (.*)[?]$", message, re.DOTALL)
    if not found:
        return message, ""
    known = re.findall(r"[\w-]+", found[1] or found[2])
    wanted = re.findall(r"[\w-]+", message[: found.start()])[-1]
    return message[: found.start()], did_you_mean(wanted, known, similarity=0.7)


def _report(error: object) -> None:
    for line in str(error).splitlines():
        print(f"magento-eventbridge: {visible(line)}", file=sys.stderr)  # noqa: T201
