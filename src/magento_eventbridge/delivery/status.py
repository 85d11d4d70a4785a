"""What delivery reports of itself: the status of each destination, and totals since the start."""

from dataclasses import dataclass

from magento_eventbridge.delivery.apart import GroupStatus
from magento_eventbridge.delivery.routing import Destination


@dataclass(frozen=True)
class LargeEventsStatus:
    """The events that wait because their arrays cannot be stored in S3.

    Attributes:
        reason: the last answer of S3.
        waiting: how many there are in memory, with what waits behind them.
        since: since when there are some, in seconds of a monotonic clock.
    """

    reason: str
    waiting: int
    since: float


@dataclass(frozen=True)
class DestinationStatus:
    """The status of one destination.

    Attributes:
        views: the store views whose events are sent there.
        waiting: entries in memory, those in flight among them, without those that wait apart.
        calls: calls in flight.
        problem: why it takes no events now; None when it does.
        is_parked: whether a person must act.
        refused: what of its events waits apart, because the destination refuses just these.
        since: since when it has the problem, in seconds of a monotonic clock.
        next_try: when the next call may begin, by the same clock.
        large_events: what of its events waits for S3; None: none does.
    """

    destination: Destination
    views: frozenset[int]
    waiting: int
    calls: int
    problem: str | None
    is_parked: bool
    refused: tuple[GroupStatus, ...] = ()
    since: float | None = None
    next_try: float | None = None
    large_events: LargeEventsStatus | None = None

    @property
    def in_memory(self) -> int:
        """All its entries in memory, those that wait apart among them."""
        return self.waiting + sum(group.waiting for group in self.refused)


@dataclass
class Totals:
    """What was done since the start."""

    claimed: int = 0
    delivered: int = 0
    passed_over: int = 0  # no event of ours, or switched off
    left_out: int = 0  # the pattern of its declaration leaves it out
    buried: int = 0
    calls: int = 0
    last_delivery_at: float | None = None  # seconds since the epoch
