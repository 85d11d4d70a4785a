"""What makes a run a long one, and each test's share of its chance."""

import os
import random
from pathlib import Path

import pytest

from tests.conftest import SEED_VARIABLE
from tests.faults.sources import QUEUES, Source, source_of

ROUNDS_VARIABLE = "MAGENTO_EVENTBRIDGE_SOAK_ROUNDS"

_ROUNDS = 2
_SECONDS_EACH = 20


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Give the chance of a test, which the run's seed and the test's name decide."""
    seed, name = os.environ[SEED_VARIABLE], request.node.nodeid
    print(f"to repeat: {SEED_VARIABLE}={seed} pytest '{name}'")
    return random.Random(f"{seed} {name}")


@pytest.fixture
def rounds() -> int:
    """Give how many things are to go wrong in a storm."""
    return _rounds()


@pytest.fixture(params=QUEUES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """Give each of the queues."""
    return source_of(request, tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give storms the time that they need."""
    for item in items:
        if isinstance(item, pytest.Function) and "rounds" in item.fixturenames:
            item.add_marker(pytest.mark.timeout(120 + _SECONDS_EACH * _rounds()))


@pytest.fixture
def is_long() -> bool:
    """Whether this is the long form."""
    return bool(os.environ.get(ROUNDS_VARIABLE))


def _rounds() -> int:
    return int(os.environ.get(ROUNDS_VARIABLE) or _ROUNDS)
