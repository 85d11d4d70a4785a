"""Each queue in a storm: nothing lost, nothing invented, duplicates explained, order kept."""

import random
from pathlib import Path

import pytest

from tests.faults.bridges import Bridge
from tests.faults.ledger import Ledger
from tests.faults.sources import Inlet, Source, Table
from tests.faults.storm import Storm
from tests.faults.weather import Weather
from tests.support.put_events import put_events


@pytest.fixture(params=["sqlite", "outbox"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """Give each of the queues."""
    match request.param:
        case "sqlite":
            return Inlet(tmp_path / "spool.sqlite")
        case "outbox":
            return Table(request.getfixturevalue("outbox"))
    raise AssertionError


async def test_one_bridge(
    source: Source, chance: random.Random, rounds: int, tmp_path: Path
) -> None:
    ledger = Ledger()
    weather = Weather(chance, ledger)
    async with put_events(weather, witness=ledger.witness) as bus:
        bridge = Bridge(tmp_path / "one", bus.url, source.settings)
        storm = Storm(source, [bridge], weather, ledger, chance)
        account = await storm.rage(rounds)
    print(f"{source.name}: {storm.kills} kills, {storm.crashes} crashes: {account}")
    assert account.is_right, account
    assert account.arrived > 50
