"""Collect the figures of a bridge for Prometheus."""

import asyncio
import math
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from magento_eventbridge import __version__
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.ports import Depth, Queue
from magento_eventbridge.delivery.status import DestinationStatus
from magento_eventbridge.observability.counts import DeliveryCounts, DestinationLabels, Histogram
from magento_eventbridge.observability.health import CachedCheck

PREFIX = "magento_eventbridge"

# Counting a long queue loads its disk: once in this many seconds is enough.
_COUNTS_EVERY = 5.0
# After this time a queue counts as down; Prometheus itself waits ten seconds by default.
_DEPTH_SECONDS = 3.0


class InletFigures(Protocol):
    """The counters of an inlet since its start."""

    @property
    def accepted(self) -> int:
        """Captures that it accepted."""
        ...

    @property
    def rejected(self) -> int:
        """Bodies that it refused because they are not captures."""
        ...

    @property
    def answers(self) -> Mapping[int, int]:
        """Requests to hand over captures, by HTTP status of the answer."""
        ...


class JournalWriter(Protocol):
    """The writer of the journal."""

    @property
    def dropped(self) -> int:
        """Events that were left out of the journal."""
        ...


class NamedChannel(Protocol):
    """A channel of notifications."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


class NotificationFigures(Protocol):
    """The counters of one channel of notifications since the start."""

    @property
    def channel(self) -> NamedChannel:
        """The channel."""
        ...

    @property
    def sent(self) -> int:
        """Messages that were accepted."""
        ...

    @property
    def failures(self) -> int:
        """Tries that failed."""
        ...


@dataclass
class AuditFigures:
    """The result of the last audit that `serve` ran.

    Attributes:
        missing: events that it found missing; None: there was no audit yet.
        finished_at: when it ended, in seconds since the epoch.
        failures: audits that could not be done, since the start.
    """

    missing: int | None = None
    finished_at: float = 0.0
    failures: int = 0


class _QueueDelivery(NamedTuple):
    queue: str
    counts: DeliveryCounts
    dispatcher: Dispatcher
    depth: CachedCheck[Depth]


class Metrics(Collector):
    """The metrics of one bridge, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self._deliveries: list[_QueueDelivery] = []
        self._inlet_counters: dict[str, InletFigures] = {}
        self._journal: JournalWriter | None = None
        self._files: dict[str, Path] = {}
        self._senders: Sequence[NotificationFigures] = ()
        self.audit = AuditFigures()

    def watch_delivery(self, queue: Queue, dispatcher: Dispatcher, counts: DeliveryCounts) -> None:
        """Include a queue and its dispatcher; `counts` is one of the dispatcher's observers."""
        depth = CachedCheck(queue.depth, seconds=_DEPTH_SECONDS, lasts=_COUNTS_EVERY)
        self._deliveries.append(_QueueDelivery(queue.name, counts, dispatcher, depth))

    def forget_delivery(self, queue: Queue) -> None:
        """Stop reporting a queue."""
        self._deliveries = [found for found in self._deliveries if found.queue != queue.name]

    def watch_inlet(self, name: str, counters: InletFigures) -> None:
        """Include an inlet."""
        self._inlet_counters[name] = counters

    def watch_journal(self, journal: JournalWriter) -> None:
        """Include the journal."""
        self._journal = journal

    def watch_notifications(self, senders: Sequence[NotificationFigures]) -> None:
        """Include the channels of notifications."""
        self._senders = senders

    def watch_file(self, name: str, path: Path) -> None:
        """Include the size of a file and the free space of its disk."""
        self._files[name] = path

    async def text(self) -> bytes:
        """Return all metrics in Prometheus's text format 0.0.4."""
        await asyncio.gather(*(delivery.depth.refresh() for delivery in self._deliveries))
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics as they are now; those of queues as they were at their last check."""
        yield InfoMetricFamily(PREFIX, "The bridge", {"version": __version__})
        yield from self._inlets()
        yield from self._queues()
        yield from self._events()
        yield from self._calls()
        yield from self._destinations()
        dropped = _counter("journal_dropped", "Events that the journal left out")
        if self._journal:
            dropped.add_metric([], self._journal.dropped)
        yield dropped
        yield from self._files_of_bridge()
        yield from self._audit()
        yield from self._notifications()

    def _notifications(self) -> Iterator[Metric]:
        notifications = _counter(
            "notifications", "Notifications to people, one for each try", "channel", "result"
        )
        for sender in self._senders:
            notifications.add_metric([sender.channel.name, "sent"], sender.sent)
            notifications.add_metric([sender.channel.name, "failed"], sender.failures)
        yield notifications

    def _audit(self) -> Iterator[Metric]:
        missing = _gauge("audit_missing", "Events that the last audit found missing")
        finished = _gauge("audit_finished_seconds", "When the last audit ended")
        if self.audit.missing is not None:
            missing.add_metric([], self.audit.missing)
            finished.add_metric([], self.audit.finished_at)
        failures = _counter("audit_failures", "Audits that could not be done")
        failures.add_metric([], self.audit.failures)
        yield from (missing, finished, failures)

    def _inlets(self) -> Iterator[Metric]:
        accepted = _counter("captures_received", "Captures accepted by an inlet", "inlet")
        rejected = _counter(
            "captures_rejected",
            "Bodies that an inlet refused because they are not captures",
            "inlet",
        )
        answers = _counter(
            "inlet_requests", "Requests to hand over captures, by HTTP status", "inlet", "status"
        )
        for name, counters in self._inlet_counters.items():
            accepted.add_metric([name], counters.accepted)
            rejected.add_metric([name], counters.rejected)
            for status, count in sorted(counters.answers.items()):
                answers.add_metric([name, str(status)], count)
        yield from (accepted, rejected, answers)

    def _queues(self) -> Iterator[Metric]:
        up = _gauge("queue_up", "Whether the queue answers", "queue")
        depth = _gauge("queue_depth", "Captures that wait or are claimed", "queue")
        oldest = _gauge("queue_oldest_seconds", "Age of the oldest of them", "queue")
        dead = _gauge("dead_letters", "Dead letters that are kept", "queue")
        for name, _, _, check in self._deliveries:
            found = check.result
            up.add_metric([name], 0.0 if found is None else 1.0)
            if found:
                age = max(0.0, time.time() - found.oldest) if found.oldest is not None else 0.0
                depth.add_metric([name], found.captures)
                oldest.add_metric([name], age)
                dead.add_metric([name], found.dead)
        yield from (up, depth, oldest, dead)

    def _events(self) -> Iterator[Metric]:
        claimed = _counter("captures_claimed", "Captures taken from a queue", "queue")
        passed = _counter(
            "captures_passed_over",
            "Captures of no documented event, or of one that is switched off",
            "queue",
        )
        left_out = _counter(
            "captures_left_out",
            "Captures whose events the pattern of the shop's declaration leaves out",
            "queue",
        )
        buried = _counter("captures_buried", "Captures that became dead letters", "queue")
        events = _counter(
            "events", "Verdicts on events, one for each try", "queue", "detail_type", "verdict"
        )
        retries = _counter("retries", "Tries that were followed by another one", "queue")
        seconds = HistogramMetricFamily(
            f"{PREFIX}_event_seconds",
            "From the capture in the store to the answer that it was delivered",
            labels=["queue"],
        )
        for name, counts, dispatcher, _ in self._deliveries:
            claimed.add_metric([name], dispatcher.totals.claimed)
            passed.add_metric([name], dispatcher.totals.passed_over)
            left_out.add_metric([name], dispatcher.totals.left_out)
            buried.add_metric([name], dispatcher.totals.buried)
            for (detail_type, verdict), count in sorted(counts.events.items()):
                events.add_metric([name, detail_type, verdict], count)
            retries.add_metric([name], counts.retries)
            _add(seconds, [name], counts.event_seconds)
        yield from (claimed, passed, left_out, buried, events, retries, seconds)

    def _calls(self) -> Iterator[Metric]:
        labels = ("queue", *DestinationLabels._fields)
        calls = _counter(
            "put_events_calls", "PutEvents calls by HTTP status; 0: no answer", *labels, "status"
        )
        seconds = HistogramMetricFamily(
            f"{PREFIX}_put_events_seconds", "How long PutEvents calls took", labels=labels
        )
        billed = _counter("billed_chunks", "Delivered chunks of 64 KB, as AWS bills them", *labels)
        delivered_at = _gauge(
            "last_delivery_timestamp_seconds", "When an event was last delivered", *labels
        )
        for name, counts, _, _ in self._deliveries:
            for (destination, status), count in sorted(counts.calls.items()):
                calls.add_metric([name, *destination, str(status)], count)
            for destination, histogram in sorted(counts.call_seconds.items()):
                _add(seconds, [name, *destination], histogram)
            for destination, count in sorted(counts.billed.items()):
                billed.add_metric([name, *destination], count)
            for destination, at in sorted(counts.delivered_at.items()):
                delivered_at.add_metric([name, *destination], at)
        yield from (calls, seconds, billed, delivered_at)

    def _destinations(self) -> Iterator[Metric]:
        labels = ("queue", *DestinationLabels._fields)
        waiting = _gauge("destination_waiting", "Events in memory for a destination", *labels)
        calls = _gauge("destination_calls_in_flight", "PutEvents calls in flight", *labels)
        problem = _gauge("destination_in_trouble", "Whether it takes no events now", *labels)
        parked = _gauge("destination_parked", "Whether a person must act", *labels)
        denied = _gauge(
            "destination_denied_types",
            "Detail-types of a source, or store views, whose events the destination refuses",
            *labels,
        )
        refused = _gauge(
            "refused_events",
            "Events in memory that wait apart, because the destination refuses just these",
            *labels,
            "events",
        )
        large = _gauge(
            "large_events_waiting",
            "Events in memory that wait because their arrays cannot be stored in S3",
            *labels,
        )
        for name, _, dispatcher, _ in self._deliveries:
            for destination, statuses in _by_labels(dispatcher.destinations).items():
                values = [name, *destination]
                waiting.add_metric(values, sum(status.in_memory for status in statuses))
                calls.add_metric(values, sum(status.calls for status in statuses))
                problem.add_metric(values, any(status.problem is not None for status in statuses))
                parked.add_metric(values, any(status.is_parked for status in statuses))
                apart: Counter[str] = Counter()
                for status in statuses:
                    for group in status.refused:
                        apart[str(group.group)] += group.waiting
                denied.add_metric(values, len(apart))
                large.add_metric(
                    values, sum(each.large_events.waiting for each in statuses if each.large_events)
                )
                for events, count in apart.items():
                    refused.add_metric([*values, events], count)
        yield from (waiting, calls, problem, parked, denied, refused, large)

    def _files_of_bridge(self) -> Iterator[Metric]:
        size = _gauge("file_bytes", "Size of a file of the bridge with SQLite's files", "file")
        free = _gauge("disk_free_bytes", "Free space on the disk of a file of the bridge", "file")
        for name, path in self._files.items():
            if (held := _size_of(path)) is not None:
                size.add_metric([name], held)
            if (room := _free_beside(path)) is not None:
                free.add_metric([name], room)
        yield from (size, free)


def _by_labels(
    statuses: Iterable[DestinationStatus],
) -> dict[DestinationLabels, list[DestinationStatus]]:
    """Group by labels: one bus, reached with several credentials, is one series."""
    grouped: dict[DestinationLabels, list[DestinationStatus]] = {}
    for status in statuses:
        grouped.setdefault(DestinationLabels.of(status.destination), []).append(status)
    return grouped


def _size_of(path: Path) -> int | None:
    """Return the bytes of a file, its write-ahead log and index; None: it cannot be read."""
    try:
        total = path.stat().st_size
    except OSError:
        return None
    for suffix in ("-wal", "-shm"):
        with suppress(OSError):
            total += path.with_name(path.name + suffix).stat().st_size
    return total


def _free_beside(path: Path) -> int | None:
    """Return the free bytes of a file's disk, as far as the bridge may use them."""
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def _counter(name: str, about: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"{PREFIX}_{name}", about, labels=labels)


def _gauge(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", about, labels=labels)


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip((*histogram.bounds, math.inf), histogram.counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == math.inf else str(bound), total))
    family.add_metric(labels, buckets, histogram.sum)
