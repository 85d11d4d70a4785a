"""The options of delivery: concurrency, rate, memory, delays."""

from dataclasses import dataclass, field

from magento_eventbridge.delivery.backoff import Backoff


@dataclass(frozen=True)
class Policy:
    """The options of delivery.

    Attributes:
        claim_size: captures to claim at once.
        entries_per_destination, bytes_per_destination: how much may wait in memory for one
            destination; the rest stays in the queue.
        entries_of_a_subject: how many of these may be of one subject; further ones are deferred.
        claims_deferred: how many claims may be deferred, that is, kept without their bodies, for
            one destination.
        entries_apart, bytes_apart: how much may wait in memory, beside that, of what a destination
            refuses by its kind; the rest goes back to the queue for `apart_seconds` or longer.
        probe_seconds: how often a store view whose events are all refused is tried.
        calls_at_once, calls_per_second: the most for each destination; how many there are follows
            its latency and what it accepts.
        linger_seconds: how long a call that is not full waits for more entries while another is in
            flight.
        poll_seconds: how long to wait before claiming again, for what a queue has not noticed.
        backoff: between tries of an entry or of a destination that failed.
        stuck_seconds: when nothing has left for a destination for so long, what waits for it in the
            queue is moved out of the way of others.
        stop_seconds: how long calls in flight may take once we are asked to stop.
        reminder_seconds: how often a parked destination is reported again.
    """

    claim_size: int = 1000
    entries_per_destination: int = 3000
    bytes_per_destination: int = 32_000_000
    entries_of_a_subject: int = 100
    claims_deferred: int = 100_000
    entries_apart: int = 1000
    bytes_apart: int = 8_000_000
    apart_seconds: float = 60.0
    probe_seconds: float = 60.0
    calls_at_once: int = 128
    calls_per_second: float = 300.0
    linger_seconds: float = 0.005
    poll_seconds: float = 1.0
    backoff: Backoff = field(default_factory=Backoff)
    stuck_seconds: float = 2.0
    stop_seconds: float = 20.0
    reminder_seconds: float = 300.0
