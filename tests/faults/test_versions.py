"""Two versions of the bridge side by side, as during an upgrade and a rollback."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.faults.bridges import PATIENT, Bridge
from tests.faults.ledger import Ledger
from tests.faults.sources import Inlet, Table, hand_over, until_there
from tests.support import recorded
from tests.support.mariadb import Outbox
from tests.support.put_events import Stall, put_events

Variables = dict[str, str | None]

VARIABLE = "MAGENTO_EVENTBRIDGE_OTHER_VERSION"
"""The commit or tag of the other version."""

# The first version that had the outbox; a release will replace it.
_OTHER = "eb27d4a"
_SINCE_THEN = tuple(f"MAGENTO_EVENTBRIDGE_CONSOLE__{name}" for name in ("ENABLED", "PORT", "LOGIN"))
_ROOT = Path(__file__).parents[2]


@pytest.fixture
def former(tmp_path: Path) -> Variables:
    """Return the environment of the other version, without settings that it lacks."""
    commit = os.environ.get(VARIABLE) or _OTHER
    archive = subprocess.run(
        ["git", "-C", str(_ROOT), "archive", commit, "src"], capture_output=True, check=False
    )
    if archive.returncode:
        pytest.skip(f"there is no version {commit} here: {archive.stderr.decode()}")
    folder = tmp_path / "former"
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return {"PYTHONPATH": str(folder / "src"), **dict.fromkeys(_SINCE_THEN)}


AS_MODULE = (sys.executable, "-m", "magento_eventbridge")


async def test_an_outbox_that_a_newer_version_takes_over(
    former: Variables, outbox: Outbox, tmp_path: Path
) -> None:
    """The versions claim in different ways: the old one must stop before the new one starts."""
    source = Table(outbox)
    ledger = Ledger()
    captures = recorded.orders(1200)
    async with (
        put_events(lambda *_: Stall(0.02), witness=ledger.witness) as bus,
        Bridge(
            tmp_path / "old",
            bus.url,
            source.settings | PATIENT,
            command=AS_MODULE,
            variables=former,
        ) as old,
        Bridge(tmp_path / "new", bus.url, source.settings | PATIENT) as new,
    ):
        await hand_over(source, ledger, captures[:400])
        await old.start()
        await bus.until_taken(200)
        await old.kill()
        ledger.crash()
        # A newer agent has created a newer table.
        outbox.ask("ALTER TABLE {outbox} ADD COLUMN of_tomorrow INT DEFAULT NULL")
        await new.start()
        await new.until_written("Delivering what is in")
        await hand_over(source, ledger, captures[400:])
        await until_there(source, ledger)
        await new.stop()
        assert "ERROR" not in old.output + new.output
    account = ledger.account(is_ordered=False)
    print(account)
    assert account.is_right, account


async def test_a_spool_that_is_handed_over_to_a_newer_version_and_back(
    former: Variables, tmp_path: Path
) -> None:
    source = Inlet(tmp_path / "spool.sqlite")
    beside = Inlet(tmp_path / "spool.sqlite")
    ledger = Ledger()
    captures = recorded.orders(600)
    async with (
        put_events(lambda *_: Stall(0.02), witness=ledger.witness) as bus,
        Bridge(
            tmp_path / "old",
            bus.url,
            source.settings | PATIENT,
            command=AS_MODULE,
            variables=former,
        ) as old,
        Bridge(tmp_path / "new", bus.url, beside.settings | PATIENT) as new,
    ):
        await old.start()
        await old.until_written("Listening for captures")
        await new.start()
        await new.until_written("Another process delivers")
        await hand_over(source, ledger, captures[:200])
        await hand_over(beside, ledger, captures[200:300])
        await old.kill()
        ledger.crash()
        await hand_over(beside, ledger, captures[300:400])
        await until_there(source, ledger)
        await new.stop()
        await old.start()
        await old.until_written("Listening for captures")
        await hand_over(source, ledger, captures[400:])
        await until_there(source, ledger)
        await old.stop()
        assert "ERROR" not in old.output + new.output
    account = ledger.account()
    print(account)
    assert account.is_right, account
