"""A clock that steps back: durations go on; what AWS refuses for it waits, and is delivered."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.bridges import PATIENT, Bridge
from tests.faults.ledger import Ledger
from tests.faults.sources import Inlet, hand_over, until_there
from tests.support import recorded
from tests.support.programs import program
from tests.support.put_events import Behaviour, Json, Refuse, Take, put_events

# In seconds: the clock skew that AWS accepts.
_SKEW = 300


class Clock:
    """The wall clock of a process, which may step; the monotonic clock goes on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.offset = 0
        self.step(0)

    def step(self, offset: int) -> None:
        """Set the clock this many seconds ahead of the true time."""
        self.offset = offset
        # Replaced at once: a file that is being written is empty for a moment, and then the time
        # is the true one.
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset:+d}")
        new.replace(self._file)

    @property
    def variables(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def _library() -> Path:
    program("faketime", "faketime")
    for folder in (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib")):
        for found in sorted(folder.glob("**/libfaketime.so.1")):
            return found
    pytest.fail("libfaketime.so.1 is not where its package puts it")


async def test_a_clock_that_steps_back_costs_nothing(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    source = Inlet(tmp_path / "spool.sqlite", now=lambda: time.time() + clock.offset)
    ledger = Ledger()

    def checks_the_time(number: int, _: list[Json]) -> Behaviour:
        output = datetime.strptime(bus.headers[number]["x-amz-date"], "%Y%m%dT%H%M%SZ")
        skew = abs(output.replace(tzinfo=UTC).timestamp() - time.time())
        return Take() if skew < _SKEW else Refuse("InvalidSignatureException")

    async with put_events(witness=ledger.witness) as bus:
        bus.script = checks_the_time
        # A faked clock slows a process down.
        settings = {**source.settings, **PATIENT}
        variables = clock.variables
        async with Bridge(tmp_path / "one", bus.url, settings, variables=variables) as bridge:
            await bridge.start()
            await bridge.until_written("Listening for captures")
            await hand_over(source, ledger, recorded.orders(100))
            await until_there(source, ledger)

            clock.step(-120)
            await hand_over(source, ledger, recorded.orders(100))
            await until_there(source, ledger, seconds=10)
            assert "PARKED" not in bridge.output

            # AWS refuses signatures of an hour ago: somebody must act, nothing is lost.
            clock.step(-3600)
            await hand_over(source, ledger, recorded.orders(100))
            await bridge.until_written("PARKED")
            await bridge.kill()
            await bridge.start()
            await bridge.until_written("PARKED")
            await hand_over(source, ledger, recorded.orders(100))
            assert await source.left() == 200

            clock.step(0)
            await until_there(source, ledger)
            await bridge.stop()
            assert "Traceback" not in bridge.output
    account = ledger.account()
    assert account.is_right, account
    assert not account.duplicates
