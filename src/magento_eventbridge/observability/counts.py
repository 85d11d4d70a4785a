"""Count the results of delivery from one queue, as an observer."""

from bisect import bisect_left
from collections import Counter
from typing import NamedTuple

from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Fate

# EventBridge pricing: "Each 64 KB chunk of a payload is billed as 1 event".
_BILLED_BYTES = 64 * 1024
_FINAL = frozenset({Fate.DELIVERED, Fate.BURY})


class Histogram:
    """How often a value was within each of several bounds."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # the last one: beyond all bounds
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
EVENT_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 21600.0)


class DestinationLabels(NamedTuple):
    """The labels of a destination's metrics; credentials make no difference."""

    destination: str
    bus: str
    region: str

    @classmethod
    def of(cls, destination: Destination) -> "DestinationLabels":
        """Return the labels of a destination."""
        return cls(str(destination), destination.event_bus or "default", destination.region)


class DeliveryCounts:
    """The figures of one queue since the start.

    Attributes:
        events: by detail-type and verdict; an event has one verdict for each try.
        retries: tries that were not the last one of their event.
        calls: by destination and HTTP status; 0 without an answer.
        call_seconds: duration of calls, by destination.
        event_seconds: time from the capture to the answer of the call that delivered it.
        billed: chunks of 64 KB, by destination.
        delivered_at: when something was last delivered, in seconds since the epoch, by destination.
    """

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        self.retries = 0
        self.calls: Counter[tuple[DestinationLabels, int]] = Counter()
        self.call_seconds: dict[DestinationLabels, Histogram] = {}
        self.event_seconds = Histogram(EVENT_SECONDS)
        self.billed: Counter[DestinationLabels] = Counter()
        self.delivered_at: dict[DestinationLabels, float] = {}

    def called(self, call: Call) -> None:
        """Count a call and its entries."""
        destination = DestinationLabels.of(call.destination)
        self.calls[destination, call.answer.status] += 1
        if destination not in self.call_seconds:
            self.call_seconds[destination] = Histogram(CALL_SECONDS)
        self.call_seconds[destination].add(call.seconds)
        chunks = 0
        for pending, verdict in zip(call.batch, call.verdicts, strict=True):
            entry, fate = pending.entry, verdict.fate
            self.events[entry.detail_type, fate.value] += 1
            if fate is Fate.DELIVERED:
                self.event_seconds.add(max(0.0, call.at - entry.time))
                chunks += -(-entry.size // _BILLED_BYTES)
            elif fate not in _FINAL:
                self.retries += 1
        if chunks:
            self.delivered_at[destination] = call.at
        if chunks and not call.destination.dry_run:
            self.billed[destination] += chunks

    def ended(self, end: Settlement) -> None:
        """Count a capture that was settled without a call."""
        verdict = "switched_off" if end.reason is None else Fate.BURY.value
        self.events[end.detail_type or "unknown", verdict] += 1
