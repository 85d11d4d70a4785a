"""How many calls to a destination begin, and how many are in flight: from answers and times. Pure.

Both limits rise a little with each good answer and fall by a share when the destination asks for
fewer calls (additive increase, multiplicative decrease). After a fall the rate comes back along a
cubic curve, as in CUBIC (RFC 9438): quickly at first, slowly near the rate at which the destination
refused calls, and quickly beyond it when that has been accepted for a while.
"""

import math

_FIRST_CALLS = 8  # in flight, before anything is known of the latency
_LEAST_RATE = 1.0  # calls a second
_AFTER_THROTTLING = 0.8  # of the rate that was accepted, and of the calls in flight
_AFTER_FAILURE = 0.5  # of the calls in flight
_RISES_BY = 0.1  # of the full rate
_RECOVERS_IN = 5.0  # seconds until the rate is again what it was
_MEASURED_OVER = 1.0  # seconds over which the accepted rate is measured
# Answers that take longer than this mean that more calls only wait elsewhere.
_SLOWER = 2.0  # times the shortest latency
_SLOWER_BY = 0.005  # and seconds
_FORGETS_LATENCY = 20.0  # seconds; then the shortest latency is measured again


class Pace:
    """The limits of one destination; all times in seconds of a monotonic clock."""

    def __init__(self, most_calls: int, calls_per_second: float) -> None:
        """Begin with few calls in flight and at the full rate.

        Args:
            most_calls: the most calls that may ever be in flight.
            calls_per_second: the highest rate.
        """
        self._most_calls = most_calls
        self._full_rate = calls_per_second
        self._calls = float(min(most_calls, _FIRST_CALLS))
        self._grows_fast = True  # doubles with each round of answers, until the first fall
        # The rate: where it fell from, and when; None: it is full.
        self._fell_at: float | None = None
        self._fell_from = calls_per_second
        self._accepted = 0.0  # answers a second, decaying
        self._accepted_at = 0.0
        self._measured_since: float | None = None
        # What may be sent now, in calls: refilled at the rate.
        self._tokens = self._burst
        self._filled_at = 0.0
        self._shortest = math.inf
        self._shortest_until = 0.0

    @property
    def calls(self) -> int:
        """How many calls may be in flight."""
        return int(self._calls)

    def rate(self, now: float) -> float:
        """Return how many calls may begin in a second."""
        if self._fell_at is None:
            return self._full_rate
        way = (now - self._fell_at - _RECOVERS_IN) / _RECOVERS_IN
        # Beyond the former rate it rises by a share of the full one: from 2 calls a second as soon
        # as from 100.
        slope = max(self._fell_from, self._full_rate * _RISES_BY) if way > 0 else self._fell_from
        rate = self._fell_from + (1 - _AFTER_THROTTLING) * slope * way**3
        if rate >= self._full_rate:
            self._fell_at = None
            return self._full_rate
        return max(rate, _LEAST_RATE)

    def wait(self, now: float) -> float:
        """Return in how many seconds the next call may begin; 0: now."""
        self._fill(now)
        return max(0.0, (1 - self._tokens) / self.rate(now))

    def spend(self, now: float) -> None:
        """Record that a call begins."""
        self._fill(now)
        self._tokens -= 1

    def accepted(self, began: float, now: float, in_flight: int) -> None:
        """Record a good answer to a call that began with so many in flight, itself among them."""
        self._measure(now)
        seconds = now - began
        if now > self._shortest_until:
            self._shortest, self._shortest_until = math.inf, now + _FORGETS_LATENCY
        self._shortest = min(self._shortest, seconds)
        is_used = in_flight * 2 >= self.calls
        if is_used and seconds <= self._shortest * _SLOWER + _SLOWER_BY:
            step = 1.0 if self._grows_fast else 1.0 / self._calls
            self._calls = min(self._calls + step, self._most_calls)

    def throttled(self, began: float, now: float) -> bool:
        """Record that the destination asked for fewer calls; return whether that is news.

        Calls that began before the last fall say nothing new: they were too many already.
        """
        if self._fell_at is not None and began < self._fell_at:
            return False
        accepted = self._accepted_rate(now)
        self._fell_from = max(_LEAST_RATE, min(self.rate(now), accepted or self.rate(now) / 2))
        self._fell_at = now
        self._tokens = min(self._tokens, 0.0)
        self._fall_to(_AFTER_THROTTLING)
        return True

    def failed(self) -> None:
        """Record that a call was not answered."""
        self._fall_to(_AFTER_FAILURE)

    def _fall_to(self, share: float) -> None:
        self._grows_fast = False
        self._calls = max(1.0, self._calls * share)

    @property
    def _burst(self) -> float:
        # A tenth of a second at a time: an even flow, small bursts.
        return max(1.0, self._full_rate / 10)

    def _fill(self, now: float) -> None:
        rate = self.rate(now)
        burst = max(1.0, rate / 10)
        self._tokens = min(burst, self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now

    def _measure(self, now: float) -> None:
        if self._measured_since is None:
            self._measured_since = now
        self._accepted *= math.exp((self._accepted_at - now) / _MEASURED_OVER)
        self._accepted += 1 / _MEASURED_OVER
        self._accepted_at = now

    def _accepted_rate(self, now: float) -> float:
        """Return how many calls were accepted in a second lately; 0 if there were none."""
        if self._measured_since is None:
            return 0.0
        # Right after the start less than the whole time was measured.
        measured = 1 - math.exp((self._measured_since - now) / _MEASURED_OVER)
        decayed = self._accepted * math.exp((self._accepted_at - now) / _MEASURED_OVER)
        return decayed / max(measured, 0.1)
