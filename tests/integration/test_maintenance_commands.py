"""Backup, restore, upgrade and rollback do what the maintenance page says, also a second time."""

import getpass
import grp
import os
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.test_doc_commands import blocks

_STATE = "var/lib/magento-eventbridge"
_PROGRAM = "opt/magento-eventbridge"


class Machine:
    """A folder that stands for the root of a machine, and the page's commands on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        programs = root / "programs"
        for folder in (_STATE, f"{_PROGRAM}/bin", "var/backups", "etc", "programs"):
            (root / folder).mkdir(parents=True)
        for name in ("systemctl", "magento-eventbridge"):
            _write(programs / name, f'echo {name} "$@" >> {root}/calls')
        _write(root / _PROGRAM / "bin/magento-eventbridge", f'echo agent "$@" >> {root}/calls')
        self.version("1.0")

    def version(self, number: str) -> None:
        """Let the next upgrade install this version."""
        (self.root / "new").write_text(number)
        _write(
            self.root / _PROGRAM / "bin/pip",
            f"cp {self.root}/new {self.root}/{_PROGRAM}/version",
        )

    def run(self, heading: str, number: int = 0) -> None:
        """Run a block of shell commands of the page, as root would."""
        script = blocks("maintenance.md", heading, "sh")[number]
        script = re.sub(r"(?<![\w./-])/(?=(var|opt|etc)/)", f"{self.root}/", script)
        script = script.replace("-o magento-eventbridge", f"-o {getpass.getuser()}")
        script = script.replace("-g www-data", f"-g {grp.getgrgid(os.getgid()).gr_name}")
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"umask 077\n{script}"],
            env=os.environ | {"PATH": f"{self.root}/programs:{os.environ['PATH']}"},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, "")

    def keep(self, name: str, capture: str) -> None:
        """Write a capture into a file of the bridge's state."""
        with closing(sqlite3.connect(self.root / _STATE / name)) as file, file:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("CREATE TABLE IF NOT EXISTS captures (text)")
            file.execute("INSERT INTO captures VALUES (?)", (capture,))

    def captures(self, name: str) -> list[str]:
        """Return what a file of the bridge's state holds."""
        with closing(sqlite3.connect(self.root / _STATE / name)) as file:
            return [text for (text,) in file.execute("SELECT text FROM captures")]

    def installed(self) -> str:
        """Return the version that is installed."""
        return (self.root / _PROGRAM / "version").read_text()


def _write(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_backup_brings_the_spool_back(machine: Machine) -> None:
    machine.keep("spool.sqlite", "one")
    machine.keep("ledger.sqlite", "sent")
    machine.run("Backup")
    copies = machine.root / "var/backups/magento-eventbridge"
    assert {path.name for path in copies.iterdir()} == {"spool.sqlite", "ledger.sqlite"}
    assert {path.stat().st_mode & 0o777 for path in copies.iterdir()} == {0o600}
    machine.keep("spool.sqlite", "two")
    machine.run("Restore")
    assert machine.captures("spool.sqlite") == ["one"]


def test_a_backup_creates_no_spool_where_there_is_none(machine: Machine) -> None:
    """Root's empty spool could not be opened by the service."""
    machine.keep("ledger.sqlite", "sent")
    machine.run("Backup")
    assert [path.name for path in (machine.root / _STATE).iterdir()] == ["ledger.sqlite"]


def test_a_rollback_after_the_second_upgrade_restores_the_first(machine: Machine) -> None:
    for number in ("1.0", "1.1", "1.2"):
        machine.version(number)
        machine.keep("spool.sqlite", f"before {number}")
        machine.run("Upgrade")
        assert machine.installed() == number
        assert (machine.root / _PROGRAM / "version").stat().st_mode & 0o777 == 0o644
    machine.run("Rollback")
    assert machine.installed() == "1.1"
    assert machine.captures("spool.sqlite") == ["before 1.0", "before 1.1", "before 1.2"]
    # The one that was rolled back keeps its dead letters.
    assert len(list((machine.root / "var/lib").glob("magento-eventbridge.after-*"))) == 1


def test_a_second_rollback_restores_the_same_version(machine: Machine) -> None:
    for number in ("1.0", "1.1"):
        machine.version(number)
        machine.keep("spool.sqlite", f"before {number}")
        machine.run("Upgrade")
    machine.run("Rollback")
    for folder in machine.root.glob("*/*/magento-eventbridge.after-*"):
        folder.rename(f"{folder}-first")
    machine.run("Rollback")
    assert machine.installed() == "1.0"
