"""What makes a run a long one, and a run that went wrong one that can be repeated."""

import os
import random
from pathlib import Path

import pytest

from tests.faults.sources import Exchange, Inlet, MagentoTables, Source, Table

SEED_VARIABLE = "MAGENTO_EVENTBRIDGE_FAULTS_SEED"
ROUNDS_VARIABLE = "MAGENTO_EVENTBRIDGE_SOAK_ROUNDS"

QUEUES = ("sqlite", "outbox", "magento-db", "amqp")

_ROUNDS = 2
_SECONDS_EACH = 20


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Give the chance of a test; its seed is printed, and may be given."""
    seed = os.environ.get(SEED_VARIABLE) or str(random.randrange(10**9))
    print(f"to repeat: {SEED_VARIABLE}={seed} pytest '{request.node.nodeid}'")
    return random.Random(seed)


@pytest.fixture
def rounds() -> int:
    """Give how many things are to go wrong in a storm."""
    return _rounds()


@pytest.fixture(params=QUEUES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """Give each of the queues."""
    match request.param:
        case "sqlite":
            return Inlet(tmp_path / "spool.sqlite")
        case "outbox":
            return Table(request.getfixturevalue("outbox"))
        case "magento-db":
            return MagentoTables(request.getfixturevalue("magento_queue"))
        case "amqp":
            return Exchange(request.getfixturevalue("magento_broker"))
    raise AssertionError


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give storms the time that they need."""
    for item in items:
        if isinstance(item, pytest.Function) and "rounds" in item.fixturenames:
            item.add_marker(pytest.mark.timeout(120 + _SECONDS_EACH * _rounds()))


def _rounds() -> int:
    return int(os.environ.get(ROUNDS_VARIABLE) or _ROUNDS)
