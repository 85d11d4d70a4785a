"""Options of long runs, and the random generator of each test."""

import os
import random
from pathlib import Path

import pytest

from tests.conftest import SEED_VARIABLE
from tests.faults.sources import QUEUES, Source, source_of

ROUNDS_VARIABLE = "MAGENTO_EVENTBRIDGE_SOAK_ROUNDS"

_ROUNDS = 2
_SECONDS_EACH = 40


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Return the random generator of a test, seeded by the run's seed and the test's name."""
    seed, name = os.environ[SEED_VARIABLE], request.node.nodeid
    print(f"to repeat: {SEED_VARIABLE}={seed} pytest '{name}'")
    return random.Random(f"{seed} {name}")


@pytest.fixture
def rounds() -> int:
    """Return the number of faults of a storm."""
    return _rounds()


@pytest.fixture(params=QUEUES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """Return each of the queues."""
    return source_of(request, tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Raise the timeout of storms to what their number of faults needs."""
    for item in items:
        if isinstance(item, pytest.Function) and "rounds" in item.fixturenames:
            item.add_marker(pytest.mark.timeout(120 + _SECONDS_EACH * _rounds()))


@pytest.fixture
def is_long() -> bool:
    """Whether this is `make soak`."""
    return bool(os.environ.get(ROUNDS_VARIABLE))


def _rounds() -> int:
    return int(os.environ.get(ROUNDS_VARIABLE) or _ROUNDS)
