"""Compute the charts: figures by steps of time, as bars in a box of fixed size and as a table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from math import ceil, inf, log
from urllib.parse import urlencode

from magento_eventbridge.console.words import VERDICTS, clock, duration, number
from magento_eventbridge.counting import count
from magento_eventbridge.journal.archive import QUARTER, Counts, quantiles

WIDTH, HEIGHT = 1200, 200
"""The size of a chart's box; the browser stretches it to the available width."""

_SHOWN_SCOPES = 5
_OTHERS = "other"
_GAP = 0.2  # between bars, as a share of a bar's width
_NICE = (1, 2, 4, 5, 10)
_FAILED = ("waiting", "parked", "dead")
_FAILED_NAMES = tuple(VERDICTS[verdict] for verdict in _FAILED)
# The lines of the latency chart, in seconds: a chart shows some of them, evenly apart.
_LINES = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 21600.0, 86400.0)
# Half of the events and 95 %: the two figures of a latency.
_MEDIAN, _MOST = 0.5, 0.95
_THINNEST = 3.0  # a mark of the latency chart

Filter = Mapping[str, str]


@dataclass(frozen=True)
class Span:
    """The time that a chart shows: a number of steps of some seconds each."""

    name: str
    title: str
    steps: int
    seconds: int

    @property
    def is_in_quarters(self) -> bool:
        """Whether its steps are quarters of an hour, not minutes."""
        return self.seconds == QUARTER

    def start(self, now: float) -> int:
        """Return the start of the first step, in seconds since the epoch."""
        return int(now) // self.seconds * self.seconds - (self.steps - 1) * self.seconds


SPANS = {
    "hour": Span("hour", "last hour", 60, 60),
    "day": Span("day", "last 24 hours", 96, QUARTER),
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
    """One step of a chart: its bars, the text that describes them, and the address of its events.

    Attributes:
        step: its number, from the left.
        start: in seconds since the epoch.
    """

    step: int
    start: int
    text: str
    bars: list[Bar]
    events: str

    @property
    def label(self) -> str:
        """The text with the time."""
        return f"{clock(self.start)}: {self.text}"


@dataclass(frozen=True)
class Series:
    """A series, drawn in one colour: its name, its number of events, and its mark's CSS class."""

    name: str
    events: int
    mark: str


@dataclass(frozen=True)
class Chart:
    """A chart: the labels of its scale, from the top, its columns and its series."""

    scale: list[str]
    columns: list[Column]
    series: list[Series]

    @cached_property
    def paths(self) -> list[tuple[str, str]]:
        """The bars of each series as one SVG path, with the CSS class of its mark."""
        paths: list[list[str]] = [[] for _ in self.series]
        for column in self.columns:
            for bar in column.bars:
                paths[bar.series].append(
                    f"M{bar.x:.1f} {bar.y:.1f}h{bar.width:.1f}v{bar.height:.1f}h-{bar.width:.1f}z"
                )
        return [
            (one.mark, "".join(path)) for one, path in zip(self.series, paths, strict=True) if path
        ]

    @property
    def last_link(self) -> Column | None:
        """The column that the keyboard reaches first: the latest with events."""
        return next((column for column in reversed(self.columns) if column.events), None)

    def slots(self, span: Span) -> list[Column | None]:
        """Return the column of each step, or None where there is nothing."""
        by_step = {column.step: column for column in self.columns}
        return [by_step.get(step) for step in range(span.steps)]


@dataclass(frozen=True)
class Rates(Chart):
    """Events a minute by scope. `top` is the value at the chart's upper edge."""

    top: float
    events: int
    busiest: float


@dataclass
class Step:
    """The figures of one step.

    Attributes:
        waiting: the most that waited at once; None: nothing was measured.
    """

    start: int
    scopes: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    latencies: Counter[str] = field(default_factory=Counter)
    waiting: int | None = None

    @cached_property
    def delivered(self) -> int:
        """Events that were delivered."""
        return self.scopes.total()

    @cached_property
    def failures(self) -> int:
        """Tries that failed, and events that became dead letters without one."""
        return self.failed.total()

    @cached_property
    def median(self) -> float | None:
        """The time within which half of the events were delivered."""
        return self._figures[0]

    @cached_property
    def most(self) -> float | None:
        """The time within which 95 % of the events were delivered."""
        return self._figures[1]

    @cached_property
    def _figures(self) -> tuple[float | None, float | None]:
        return _half_and_most(self.latencies)


class _Links:
    """The addresses of the events of each step."""

    def __init__(self, span: Span, start: int, filter_: Filter) -> None:
        self._filter = urlencode(filter_) + "&" if filter_ else ""
        moments = (start + span.seconds * number_ for number_ in range(span.steps + 1))
        self._times = [
            datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H%%3A%M") for at in moments
        ]

    def delivered(self, step: int) -> str:
        """Return the address of what was delivered in a step."""
        since, until = self._times[step : step + 2]
        condition = f"verdict=delivered&tried_since={since}&tried_until={until}"
        return f"/events?{self._filter}{condition}"

    def failed(self, step: int) -> str:
        """Return the address of the events of which a try failed in a step."""
        since, until = self._times[step : step + 2]
        return f"/events?{self._filter}failed_since={since}&failed_until={until}"

    def waiting(self, step: int) -> str:
        """Return the address of the events that had happened in a step and were tried later."""
        since, until = self._times[step : step + 2]
        return f"/events?{self._filter}tried_since={since}&until={until}"


@dataclass(frozen=True)
class Row:
    """A step as a row of the table, with the addresses of its events."""

    step: Step
    delivered: str
    failed: str


@dataclass(frozen=True)
class Figures:
    """All charts of one time, and the same figures as a table."""

    span: Span
    rates: Rates
    failures: Chart
    latencies: Chart
    backlog: Chart
    labels: list[int]
    rows: list[Row]


def figures(
    counts: Sequence[Counts], span: Span, now: float, filter_: Filter | None = None
) -> Figures:
    """Draw everything; `filter_` is what links to events ask for in addition."""
    steps = _steps(counts, span, now)
    links = _Links(span, steps[0].start, filter_ or {})
    rows = [
        Row(
            step,
            links.delivered(index) if step.delivered else "",
            links.failed(index) if step.failures else "",
        )
        for index, step in enumerate(steps)
        if step.delivered or step.failures or step.waiting
    ][::-1]
    return Figures(
        span,
        _rates(steps, span, links),
        _failures(steps, span, links),
        _latencies(steps, span, links),
        _backlog(steps, span, links),
        [steps[0].start + span.steps * span.seconds * part // 4 for part in range(4)],
        rows,
    )


def latency_of(counts: Sequence[Counts]) -> tuple[float | None, float | None]:
    """Return within which time half of the events and 95 % were delivered; None without any."""
    found: Counter[str] = Counter()
    for one in counts:
        if one.kind == "latency":
            found.update(one.events)
    return _half_and_most(found)


def _half_and_most(latencies: Mapping[str, int]) -> tuple[float | None, float | None]:
    pairs = [(float(name), events) for name, events in latencies.items()]
    half, most = quantiles(pairs, (_MEDIAN, _MOST))
    return half, most


def _steps(counts: Sequence[Counts], span: Span, now: float) -> list[Step]:
    start = span.start(now)
    steps = [Step(start + number_ * span.seconds) for number_ in range(span.steps)]
    for one in counts:
        index = (one.start - start) // span.seconds
        if not 0 <= index < span.steps:
            continue
        step = steps[index]
        if one.kind == "scope":
            step.scopes.update(one.events)
        elif one.kind == "latency":
            step.latencies.update(one.events)
        elif one.kind == "verdict":
            for verdict in _FAILED:
                if events := one.events.get(verdict):
                    step.failed[verdict] += events
        elif one.kind in ("queue", "memory"):
            step.waiting = (step.waiting or 0) + sum(one.events.values())
    return steps


def _rates(steps: Sequence[Step], span: Span, links: _Links) -> Rates:
    """Draw delivered events a minute, by scope; the largest scopes have their own colour."""
    totals: Counter[str] = Counter()
    for step in steps:
        totals.update(step.scopes)
    shown = [name for name, _ in totals.most_common(_SHOWN_SCOPES)]
    series = [Series(name, totals[name], f"s{at}") for at, name in enumerate(shown)]
    if rest := totals.total() - sum(one.events for one in series):
        series.append(Series(_OTHERS, rest, f"s{_SHOWN_SCOPES}"))
    minutes = span.seconds / 60
    busiest = max(step.delivered for step in steps) / minutes
    top = _nice(busiest)
    columns = []
    for index, step in enumerate(steps):
        if not step.delivered:
            continue
        grouped: Counter[int] = Counter()
        for name, events in step.scopes.items():
            grouped[shown.index(name) if name in shown else len(shown)] += events
        parts = ", ".join(f"{name} {events:,}" for name, events in step.scopes.most_common())
        text = f"{number(step.delivered / minutes)} a minute ({parts})"
        bars = _stacked(index, grouped, top * minutes, span)
        columns.append(Column(index, step.start, text, bars, links.delivered(index)))
    return Rates(_scale(top), columns, series, top, totals.total(), busiest)


def _failures(steps: Sequence[Step], span: Span, links: _Links) -> Chart:
    """Draw failed tries a minute, by what became of the event."""
    minutes = span.seconds / 60
    totals = sum((step.failed for step in steps), Counter[str]())
    series = [
        Series(name, totals[verdict], verdict)
        for verdict, name in zip(_FAILED, _FAILED_NAMES, strict=True)
    ]
    top = _nice(max(step.failures for step in steps) / minutes)
    columns = []
    for index, step in enumerate(steps):
        if not step.failures:
            continue
        grouped = Counter({_FAILED.index(name): events for name, events in step.failed.items()})
        parts = ", ".join(
            f"{name} {step.failed[verdict]:,}"
            for verdict, name in zip(_FAILED, _FAILED_NAMES, strict=True)
            if step.failed[verdict]
        )
        text = f"{number(step.failures / minutes)} failed a minute ({parts})"
        bars = _stacked(index, grouped, top * minutes, span)
        columns.append(Column(index, step.start, text, bars, links.failed(index)))
    return Chart(_scale(top), columns, series)


def _backlog(steps: Sequence[Step], span: Span, links: _Links) -> Chart:
    """Draw the most events that waited at once."""
    top = _nice(max(step.waiting or 0 for step in steps))
    columns = []
    for index, step in enumerate(steps):
        if step.waiting is None:
            continue
        bars = _stacked(index, Counter({0: step.waiting}), top, span) if step.waiting else []
        text = f"{count(step.waiting, 'event')} waited"
        address = links.waiting(index) if step.waiting else ""
        columns.append(Column(index, step.start, text, bars, address))
    return Chart(_scale(top), columns, [Series("waiting", 0, "backlog")])


def _latencies(steps: Sequence[Step], span: Span, links: _Links) -> Chart:
    """Draw how long events took: half of them on the left of a step, 95 % on its right."""
    drawn = [(index, step) for index, step in enumerate(steps) if step.latencies]
    values = [value for _, step in drawn for value in (step.median, step.most) if value is not None]
    lines = _lines_of(values)
    columns = []
    for index, step in drawn:
        text = f"half within {_within(step.median)}, 95 % within {_within(step.most)}"
        bars = _marks(index, step, lines, span)
        columns.append(Column(index, step.start, text, bars, links.delivered(index)))
    series = [
        Series("from half to 95 %", 0, "between"),
        Series("half of the events within", 0, "median"),
        Series("95 % within", 0, "most"),
    ]
    return Chart([duration(line) for line in reversed(lines)], columns, series)


def _marks(index: int, step: Step, lines: Sequence[float], span: Span) -> list[Bar]:
    """Return a band from the one figure to the other, and beside each other a mark for each."""
    room = WIDTH / span.steps
    width = room * (1 - _GAP)
    low, high = (_height_of(value, lines) for value in (step.median, step.most))
    y_of = {0: HEIGHT - high, 1: HEIGHT - low, 2: HEIGHT - high}
    x = index * room
    half = width / 2

    def mark(series: int, x: float) -> Bar:
        return Bar(x, min(y_of[series], HEIGHT - _THINNEST), half, _THINNEST, series)

    return [Bar(x, y_of[0], width, high - low, 0), mark(1, x), mark(2, x + half)]


def _lines_of(values: Sequence[float]) -> list[float]:
    """Return the lines between which all values are: at least three, at most five."""
    if not values:
        return list(_LINES[:3])
    first = max((at for at, line in enumerate(_LINES) if line <= min(values)), default=0)
    last = min(
        (at for at, line in enumerate(_LINES) if line >= max(values)), default=len(_LINES) - 1
    )
    step = max(1, ceil((last - first) / 4))
    count_ = max(2, ceil((last - first) / step))
    first = max(0, min(first, len(_LINES) - 1 - count_ * step))
    return [_LINES[min(first + at * step, len(_LINES) - 1)] for at in range(count_ + 1)]


def _height_of(value: float | None, lines: Sequence[float]) -> float:
    """Return the height of a value between lines that are evenly apart."""
    if value is None or value <= lines[0]:
        return 0.0
    room = HEIGHT / (len(lines) - 1)
    for at, (lower, upper) in enumerate(pairwise(lines)):
        if value <= upper:
            return room * (at + log(value / lower) / log(upper / lower))
    return float(HEIGHT)


def _within(value: float | None) -> str:
    return "more than 1 d" if value == inf else duration(value)


def _stacked(index: int, parts: Counter[int], top: float, span: Span) -> list[Bar]:
    """Return the bars of one step, one above the other."""
    room = WIDTH / span.steps
    bars, y = [], float(HEIGHT)
    for series, events in sorted(parts.items()):
        height = events / top * HEIGHT
        y -= height
        bars.append(Bar(index * room, y, room * (1 - _GAP), height, series))
    return bars


def _scale(top: float) -> list[str]:
    return [number(top), number(top / 2), "0"]


def _nice(value: float) -> float:
    """Return the next round number that is not less than the value."""
    power = 1.0
    while value > 10 * power:
        power *= 10
    return next(step * power for step in _NICE if step * power >= value)
