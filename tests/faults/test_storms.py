"""Each queue in a storm: nothing lost, nothing invented, duplicates explained, order kept."""

import random
from pathlib import Path

import pytest

from tests.faults.bridges import Bridge
from tests.faults.ledger import Ledger
from tests.faults.sources import Source, free_port
from tests.faults.storm import Storm
from tests.faults.weather import Weather
from tests.support.put_events import put_events


async def test_one_bridge(
    source: Source, chance: random.Random, rounds: int, tmp_path: Path
) -> None:
    ledger = Ledger()
    weather = Weather(chance, ledger)
    async with (
        put_events(weather, witness=ledger.witness, unheard=ledger.unheard) as bus,
        Bridge(tmp_path / "one", bus.url, source.settings) as bridge,
    ):
        storm = Storm(source, [bridge], weather, ledger, chance)
        account = await storm.rage(rounds)
    print(f"{source.name}: {storm.harm}: {account}")
    assert account.is_right, f"{account}\n{bridge.output[-5000:]}"
    assert account.arrived > 50


async def test_two_bridges(
    source: Source, chance: random.Random, rounds: int, is_long: bool, tmp_path: Path
) -> None:
    if not is_long and source.name in {"magento-db", "amqp"}:
        pytest.skip("a part of the long form: make soak")
    ledger = Ledger()
    weather = Weather(chance, ledger)
    beside = {**source.settings, "INLET__PORT": str(free_port())}
    async with (
        put_events(weather, witness=ledger.witness, unheard=ledger.unheard) as bus,
        Bridge(tmp_path / "one", bus.url, source.settings) as one,
        Bridge(tmp_path / "other", bus.url, beside) as other,
    ):
        storm = Storm(source, [one, other], weather, ledger, chance)
        account = await storm.rage(rounds)
    print(f"{source.name}: {storm.harm}: {account}")
    assert account.is_right, f"{account}\n{one.output[-5000:]}\n{other.output[-5000:]}"
    assert account.arrived > 50
