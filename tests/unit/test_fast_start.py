"""Commands import only what they need: every cron run pays for a slow import."""

import subprocess
import sys
from pathlib import Path

import pytest

from magento_eventbridge import cli

NEVER = ("botocore", "jinja2", "moto", "opentelemetry", "prometheus_client")
LIGHT = (*NEVER, "aiohttp", "aiormq", "cryptography", "msgspec", "pymysql", "tree_sitter", "uvloop")


def imported_by(*arguments: str, home: Path) -> set[str]:
    """Return the names of the modules that a command has imported when it ends."""
    code = (
        "import sys\n"
        "from magento_eventbridge.cli import main\n"
        f"sys.argv = ['magento-eventbridge', *{list(arguments)!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('\\nMODULES', *sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=home, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("MODULES ")[2].split())


@pytest.mark.parametrize("arguments", [("version",), ("--version",), ("--help",)])
def test_what_needs_nothing_imports_nothing(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert imported_by(*arguments, home=tmp_path).isdisjoint(LIGHT)


def test_an_empty_queue_costs_no_import_of_what_is_not_used(tmp_path: Path) -> None:
    spool = f"spool.path={tmp_path / 'spool.sqlite'}"
    modules = imported_by("consume", "--queue", "sqlite", "--set", spool, home=tmp_path)
    needed = {"msgspec", "uvloop"}
    assert modules.isdisjoint({*LIGHT, "magento_eventbridge.console"} - needed)


def test_the_bridge_imports_botocore_only_when_it_needs_it() -> None:
    code = "import sys, magento_eventbridge.cli.serve; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()).isdisjoint({"botocore", "boto3"})


def test_the_help_that_is_repeated_is_each_commands_own():
    for name, command in cli.all_commands().commands.items():
        own = " ".join((command.help or "").partition("\n\n")[0].split())
        assert own == cli.COMMANDS[name], name
