"""Large backlogs and long snapshots, in `make soak` only: they make no event more expensive."""

import pytest
from benchmarks.backlog import cost, drained
from benchmarks.processes import measure

_FEW, _MANY = 10_000, 1_000_000
_DELIVERED = 200_000
_HOURS = 3600.0


@pytest.fixture(autouse=True)
def _soak(is_long: bool) -> None:
    if not is_long:
        pytest.skip("in `make soak` only")


@pytest.mark.timeout(3 * _HOURS)
@pytest.mark.parametrize("queue", ["sqlite", "outbox", "magento-db", "amqp"])
def test_an_event_costs_the_same_however_many_wait(queue: str) -> None:
    few, many = drained(queue, _FEW), drained(queue, _MANY)
    print(few, many)
    assert cost(many) < 1.15 * cost(few)


@pytest.mark.timeout(_HOURS)
def test_magentos_tables_cost_at_most_as_much_more_as_is_documented() -> None:
    outbox, magento = drained("outbox", _FEW * 10), drained("magento-db", _FEW * 10)
    print(outbox, magento)
    assert cost(outbox) / cost(magento) > 0.7


@pytest.mark.timeout(2 * _HOURS)
@pytest.mark.parametrize("queue", ["outbox", "magento-db"])
def test_a_long_snapshot_delays_neither_claims_nor_late_commits(queue: str) -> None:
    figures = measure("benchmarks.snapshot", queue, str(_DELIVERED))
    print(figures)
    assert figures["claim_p50_ms"] < 20
    assert figures["late_commit_found_s"] < 60
