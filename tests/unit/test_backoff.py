"""Backoff: how long to wait before the next try."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.policy import Policy

chances = st.floats(min_value=0, max_value=1)
backoffs = st.builds(
    Backoff,
    first=st.floats(min_value=0.001, max_value=10),
    longest=st.floats(min_value=10, max_value=3600),
)


@pytest.mark.parametrize(
    ("failures", "delay"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 32.0), (8, 60.0), (1000, 60.0)]
)
def test_delays_double_up_to_the_longest(failures, delay):
    assert Backoff(first=0.5, longest=60).delay(failures, chance=1.0) == delay


def test_chance_picks_from_the_upper_half():
    backoff = Backoff(first=8, longest=60)
    assert [backoff.delay(1, chance) for chance in (0.0, 0.5, 1.0)] == [4, 6, 8]


@given(backoffs, st.integers(1, 10**9), chances)
def test_a_delay_is_never_nothing_and_never_longer_than_the_longest(backoff, failures, chance):
    assert backoff.first / 2 <= backoff.delay(failures, chance) <= backoff.longest


@given(backoffs, st.integers(1, 10**6), chances)
def test_more_failures_never_wait_less(backoff, failures, chance):
    assert backoff.delay(failures, chance) <= backoff.delay(failures + 1, chance)


def test_a_policy_has_a_backoff():
    assert Policy().backoff == Backoff()
