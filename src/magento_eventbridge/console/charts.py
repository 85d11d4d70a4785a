"""Compute the charts: figures by the minute as bars and lines in a box of fixed size."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from magento_eventbridge.console.words import clock, duration, number
from magento_eventbridge.journal.archive import Count, quantile
from magento_eventbridge.journal.recorder import LATENCIES

WIDTH, HEIGHT = 1200, 200
"""The size of a chart's box; the browser stretches it to the available width."""

_SHOWN_SCOPES = 5
_OTHERS = "other"
_GAP = 0.2  # between bars, as a share of a bar's width
_NICE = (1, 2, 4, 5, 10)
# The bounds at the lines of the latency chart, from the top, evenly apart.
_SCALE = tuple(round(part / 3 * (len(LATENCIES) - 1)) for part in (3, 2, 1, 0))


@dataclass(frozen=True)
class Span:
    """The time that a chart shows: a number of steps of some seconds each."""

    name: str
    title: str
    steps: int
    seconds: int

    def start(self, now: float) -> int:
        """Return the start of the first step, in seconds since the epoch."""
        return int(now) // self.seconds * self.seconds - (self.steps - 1) * self.seconds


SPANS = {
    "hour": Span("hour", "last hour", 60, 60),
    "day": Span("day", "last 24 hours", 96, 900),
}


@dataclass(frozen=True)
class Bar:
    """A part of a column: its box, and the series it belongs to."""

    x: float
    y: float
    width: float
    height: float
    series: int


@dataclass(frozen=True)
class Column:
    """The bars of one step, with the text that describes them."""

    x: float
    width: float
    text: str
    bars: list[Bar]


@dataclass(frozen=True)
class Series:
    """A series, drawn in one colour: its name and number of events."""

    name: str
    events: int


@dataclass(frozen=True)
class Rates:
    """Events a minute by scope. `top` is the value at the chart's upper edge."""

    top: float
    columns: list[Column]
    series: list[Series]
    labels: list[str]
    events: int
    busiest: float


def rates(counts: Sequence[Count], span: Span, now: float) -> Rates:
    """Draw delivered events a minute, by scope; the largest scopes have their own colour."""
    start = span.start(now)
    by_step: list[Counter[str]] = [Counter() for _ in range(span.steps)]
    totals: Counter[str] = Counter()
    for count in counts:
        step = (count.minute - start) // span.seconds
        if count.kind == "scope" and 0 <= step < span.steps:
            by_step[step][count.name] += count.events
            totals[count.name] += count.events
    shown = [name for name, _ in totals.most_common(_SHOWN_SCOPES)]
    series = [Series(name, totals[name]) for name in shown]
    if rest := totals.total() - sum(one.events for one in series):
        series.append(Series(_OTHERS, rest))
    minutes = span.seconds / 60
    busiest = max(step.total() for step in by_step) / minutes
    top = _nice(busiest)
    columns = [
        _column(number_, step, shown, top * minutes, span, start)
        for number_, step in enumerate(by_step)
        if step
    ]
    return Rates(top, columns, series, _labels(span, start), totals.total(), busiest)


def _column(
    step: int, counts: Counter[str], shown: list[str], top: float, span: Span, start: int
) -> Column:
    room = WIDTH / span.steps
    grouped: Counter[int] = Counter()
    for name, events in counts.items():
        grouped[shown.index(name) if name in shown else len(shown)] += events
    bars, y = [], float(HEIGHT)
    for series, events in sorted(grouped.items()):
        height = events / top * HEIGHT
        y -= height
        bars.append(Bar(step * room, y, room * (1 - _GAP), height, series))
    rate = counts.total() / (span.seconds / 60)
    parts = ", ".join(f"{name} {events:,}" for name, events in counts.most_common())
    text = f"{clock(start + step * span.seconds)}: {number(rate)} a minute ({parts})"
    return Column(step * room, room, text, bars)


@dataclass(frozen=True)
class Latencies:
    """The time from capture to delivery: paths of the median and of 95 %, on a scale of bounds."""

    median: str
    most: str
    median_now: float | None
    most_now: float | None
    scale: list[str]


def latencies(counts: Sequence[Count], span: Span, now: float) -> Latencies:
    """Draw how long events took; steps without events are gaps."""
    start = span.start(now)
    by_step: list[Counter[float]] = [Counter() for _ in range(span.steps)]
    recent: Counter[float] = Counter()
    for count in counts:
        if count.kind != "latency":
            continue
        step = (count.minute - start) // span.seconds
        if 0 <= step < span.steps:
            by_step[step][float(count.name)] += count.events
        if count.minute > now - 360:
            recent[float(count.name)] += count.events
    return Latencies(
        _line(by_step, 0.5),
        _line(by_step, 0.95),
        quantile(list(recent.items()), 0.5),
        quantile(list(recent.items()), 0.95),
        [duration(LATENCIES[at]) for at in _SCALE],
    )


def _line(steps: list[Counter[float]], share: float) -> str:
    """Return the path of a line, with gaps where there were no events."""
    path = []
    is_drawing = False
    room = WIDTH / len(steps)
    for number_, step in enumerate(steps):
        upper = quantile(list(step.items()), share)
        if upper is None:
            is_drawing = False
        else:
            level = LATENCIES.index(upper) if upper in LATENCIES else len(LATENCIES)
            y = HEIGHT - (level + 1) / (len(LATENCIES) + 1) * HEIGHT
            # A step is drawn as a stretch, so that a single one is visible too.
            start, end = number_ * room, (number_ + 0.8) * room
            path.append(f"{'L' if is_drawing else 'M'}{start:.1f},{y:.1f}L{end:.1f},{y:.1f}")
            is_drawing = True
    return " ".join(path)


def _labels(span: Span, start: int) -> list[str]:
    quarters = [start + span.steps * span.seconds * part // 4 for part in range(4)]
    return [*(clock(at) for at in quarters), "now"]


def _nice(value: float) -> float:
    """Return the next round number that is not less than the value."""
    power = 1.0
    while value > 10 * power:
        power *= 10
    return next(step * power for step in _NICE if step * power >= value)
