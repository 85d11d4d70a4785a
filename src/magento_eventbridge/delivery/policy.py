"""How eager delivery is, and what it did: the figures that settings set and that people see."""

from dataclasses import dataclass, field

from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.routing import Destination


@dataclass(frozen=True)
class Policy:
    """How eager the dispatcher is.

    Attributes:
        claim_size: captures to claim at once.
        entries_per_destination, bytes_per_destination: how much of what one destination is to
            get waits in memory; the rest stays in the queue.
        calls_at_once, calls_per_second: for each destination.
        linger_seconds: how long a call that is not full waits for more while another is under
            way: entries that come one by one soon go ten at a time.
        poll_seconds: how long to wait for news from a queue that cannot wake us.
        backoff: between tries of an entry or of a destination that failed.
        stop_seconds: what calls under way are given to end once we are asked to stop.
        reminder_seconds: how often a destination that is parked is told of again.
    """

    claim_size: int = 1000
    entries_per_destination: int = 3000
    bytes_per_destination: int = 32_000_000
    calls_at_once: int = 8
    calls_per_second: float = 300.0
    linger_seconds: float = 0.005
    poll_seconds: float = 0.25
    backoff: Backoff = field(default_factory=Backoff)
    stop_seconds: float = 20.0
    reminder_seconds: float = 300.0


@dataclass(frozen=True)
class DestinationStatus:
    """How a destination fares.

    Attributes:
        stores: the store views whose events go there.
        waiting: entries in memory, those under way among them.
        calls: under way.
        trouble: why it takes nothing now; None when it does.
        is_parked: that a person must act.
    """

    destination: Destination
    stores: frozenset[int]
    waiting: int
    calls: int
    problem: str | None
    is_parked: bool


@dataclass
class Totals:
    """What was done since the start."""

    claimed: int = 0
    delivered: int = 0
    passed_over: int = 0  # means nothing worth telling, or is switched off
    buried: int = 0
    retried: int = 0
    calls: int = 0
    last_delivery_at: float | None = None  # seconds since the epoch

    @property
    def settled(self) -> int:
        """Captures that are done with."""
        return self.delivered + self.passed_over + self.buried
