"""The pace of calls: against endpoints of any latency and capacity, in simulated time."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from magento_eventbridge.delivery.pace import Pace

_STEP = 0.002  # seconds


@dataclass
class Simulation:
    """An endpoint with a token bucket, and a sender with a backlog."""

    pace: Pace
    latency: float
    capacity: Callable[[float], float]  # calls per second, over time
    tokens: float = 1.0
    now: float = 0.0
    in_flight: int = 0
    calls: list[tuple[float, bool]] = field(default_factory=list)  # answered at, accepted
    most_in_flight: int = 0
    pending: list[tuple[float, float, int, bool]] = field(default_factory=list)

    def run(self, until: float) -> None:
        pending = self.pending
        while self.now < until:
            while self.in_flight < self.pace.calls and self.pace.wait(self.now) <= 0:
                self.pace.spend(self.now)
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                is_accepted = self.tokens >= 1
                self.tokens -= is_accepted
                done = self.now + self.latency
                heapq.heappush(pending, (done, self.now, self.in_flight, is_accepted))
            self.now += _STEP
            capacity = self.capacity(self.now)
            self.tokens = min(max(1.0, capacity / 10), self.tokens + _STEP * capacity)
            while pending and pending[0][0] <= self.now:
                done, began, in_flight, is_accepted = heapq.heappop(pending)
                self.in_flight -= 1
                self.calls.append((done, is_accepted))
                if is_accepted:
                    self.pace.accepted(began, self.now, in_flight)
                else:
                    self.pace.throttled(began, self.now)

    def accepted(self, since: float, until: float) -> float:
        """Return how many calls a second were accepted."""
        return sum(ok for at, ok in self.calls if since <= at < until) / (until - since)

    def refused(self, since: float) -> float:
        """Return the share of refused calls."""
        calls = [ok for at, ok in self.calls if at >= since]
        return calls.count(False) / len(calls)


def simulate(
    *,
    latency: float,
    capacity: float | Callable[[float], float] = 1e9,
    rate: float = 300.0,
    most_calls: int = 128,
    seconds: float,
) -> Simulation:
    of = capacity if callable(capacity) else lambda _: capacity
    simulation = Simulation(Pace(most_calls, rate), latency, of, tokens=max(1.0, of(0.0) / 10))
    simulation.run(seconds)
    return simulation


@pytest.mark.parametrize("latency", [0.001, 0.02, 0.05, 0.2])
@pytest.mark.parametrize("rate", [30, 300])
def test_the_full_rate_is_reached_at_any_latency(latency, rate):
    simulation = simulate(latency=latency, rate=rate, seconds=4)
    assert simulation.accepted(2, 4) >= 0.97 * rate
    assert simulation.refused(0) == 0


def test_a_high_rate_is_reached_with_as_many_calls_as_it_takes():
    simulation = simulate(latency=0.05, rate=2000, seconds=4)
    assert simulation.accepted(2, 4) >= 0.95 * 2000


def test_no_more_calls_are_in_flight_than_the_rate_needs():
    simulation = simulate(latency=0.02, rate=300, seconds=5)
    assert simulation.most_in_flight <= 40  # a burst of 30, and the calls in flight


def test_no_more_calls_are_in_flight_than_allowed():
    simulation = simulate(latency=1.0, rate=2000, most_calls=20, seconds=5)
    assert simulation.most_in_flight == 20


@pytest.mark.parametrize("latency", [0.002, 0.05, 0.2])
@pytest.mark.parametrize("rate", [300, 2000])
@pytest.mark.parametrize("capacity", [20, 100])
def test_few_calls_are_refused_by_an_endpoint_that_accepts_fewer(latency, rate, capacity):
    simulation = simulate(latency=latency, rate=rate, capacity=capacity, seconds=40)
    assert simulation.refused(10) < 0.05
    assert simulation.accepted(10, 40) > 0.8 * capacity


@pytest.mark.parametrize("latency", [0.001, 0.05])
@pytest.mark.parametrize("rate", [300, 2000])
def test_the_full_rate_comes_back_when_the_endpoint_accepts_it(latency, rate):
    simulation = simulate(
        latency=latency,
        rate=rate,
        capacity=lambda now: 100 if now < 15 else 1e9,
        seconds=47,
    )
    assert simulation.accepted(45, 47) >= 0.9 * rate


@pytest.mark.parametrize("capacity", [2, 5, 20])
def test_the_full_rate_comes_back_after_a_very_low_one(capacity):
    def accepts(now: float) -> float:
        return capacity if now < 15 else 1e9

    simulation = simulate(latency=0.02, capacity=accepts, seconds=47)
    assert simulation.accepted(45, 47) >= 0.9 * 300


def test_one_refusal_costs_little():
    pace = Pace(128, 300.0)
    for number in range(300):
        pace.accepted(number / 300, number / 300 + 0.02, 8)
    assert pace.throttled(1.0, 1.02)
    assert pace.rate(1.03) >= 200
    assert pace.rate(12.0) == 300


def test_refusals_of_calls_in_flight_together_count_once():
    pace = Pace(128, 300.0)
    pace.accepted(0.0, 0.9, 1)
    assert pace.throttled(0.95, 1.0)
    rate = pace.rate(1.1)
    assert not pace.throttled(0.96, 1.1)
    assert pace.rate(1.1) == rate


def test_a_refusal_before_anything_was_accepted_halves_the_rate():
    pace = Pace(128, 300.0)
    assert pace.throttled(0.0, 0.1)
    assert 100 <= pace.rate(0.1) <= 150


def test_the_rate_never_falls_to_nothing():
    pace = Pace(128, 300.0)
    for second in range(1, 50):
        pace.throttled(second, second + 0.5)
    assert pace.rate(50) >= 1
    assert pace.calls >= 1


def test_calls_without_an_answer_make_fewer_at_once():
    pace = Pace(128, 300.0)
    assert pace.calls == 8
    pace.failed()
    pace.failed()
    assert pace.calls == 2


def test_calls_that_only_wait_elsewhere_are_not_made_more():
    """The endpoint handles one call after the other: more at once only take longer."""
    pace = Pace(128, 1e6)
    pace.accepted(0.0, 0.010, 8)
    calls = pace.calls
    for number in range(100):
        pace.accepted(number / 10, number / 10 + 0.1, pace.calls)
    assert pace.calls == calls


def test_an_endpoint_that_becomes_slower_gets_its_rate_again_within_half_a_minute():
    simulation = simulate(latency=0.02, seconds=15)
    simulation.latency = 0.4
    simulation.run(60)
    assert simulation.accepted(45, 60) >= 270
    simulation.latency = 0.02
    simulation.run(65)
    assert simulation.accepted(62, 65) >= 270
