"""What people read in the console: lengths of time, the state, the charts."""

from collections.abc import Sequence

import pytest

from magento_eventbridge.console import charts, words
from magento_eventbridge.console.bridge_status import QueueState, status_of
from magento_eventbridge.delivery.ports import Depth
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.status import DestinationStatus
from magento_eventbridge.journal.archive import Count

NOW = 1_795_453_984.0  # 2026-11-23 17:13:04


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, words.NONE),
        (-1, "0 ms"),
        (0.0123, "12 ms"),
        (1, "1 s"),
        (1.26, "1.3 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61.5, "1 min 1 s"),
        (7500, "2 h 5 min"),
        (86_400, "1 d"),
        (200_000, "2 d 7 h"),
    ],
)
def test_lengths_of_time(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


def test_times_numbers_and_counts() -> None:
    assert words.when(NOW) == "2026-11-23 17:13:04"
    assert words.when(None) == words.NONE
    assert [words.number(value) for value in (0, 0.5, 12, 1234.5)] == ["0", "0.5", "12", "1,234"]
    assert [words.count(n, "event") for n in (0, 1, 1200)] == [
        "0 events",
        "1 event",
        "1,200 events",
    ]
    assert words.bound(float("inf")) == "more than 1 h"


def _state(
    destinations: Sequence[DestinationStatus] = (),
    depth: Depth | None = Depth(0, None, 0),  # noqa: B008  frozen
    last: float | None = None,
    error: str = "",
) -> tuple[str, str, str]:
    state = status_of(destinations, [QueueState("sqlite", depth, error)], last, NOW)
    return state.word, state.told, state.tone


def _fare(problem: str | None, *, is_parked: bool = False) -> DestinationStatus:
    return DestinationStatus(
        Destination("eu-west-1", "shop"), frozenset({1}), 12, 0, problem, is_parked
    )


def test_the_state_is_one_word_and_the_worst_wins() -> None:
    away, parked = _fare("no answer"), _fare("AccessDeniedException", is_parked=True)
    word, told, tone = _state([_fare(None), away, parked], error="disk")
    assert (word, tone) == ("Parked", "trouble")
    assert told == (
        "AWS does not permit it: 12 events for bus 'shop' in eu-west-1 wait until that is mended. "
        "Nothing is lost."
    )
    assert _state([away], None, error="the disk is full")[0] == "Cut off"
    assert _state([away])[::2] == ("Waiting for AWS", "wait")
    assert "2 buses" in _state([away, away])[1]
    assert _state(depth=Depth(3, NOW - 5, 0), last=NOW - 900)[:2] == (
        "Delivering",
        "3 events on the way.",
    )
    assert _state(last=NOW - 5)[0] == "Delivering"
    assert _state(last=NOW - 0.1)[1] == "Nothing waits. The last delivery was just now."
    assert _state(last=NOW - 65)[:2] == (
        "Idle",
        "Nothing waits. The last delivery was 1 min 5 s ago.",
    )
    assert _state()[0] == "Idle"
    assert status_of([], [], None, NOW).word == "Starting"


def test_rates_are_stacked_with_the_largest_scopes_first() -> None:
    minute = int(NOW) // 60 * 60
    scopes = ("cart", "order", "cron", "user", "cache", "invoice", "shipment")
    counts = [Count(minute, "scope", name, 70 - 10 * at) for at, name in enumerate(scopes)]
    counts += [
        Count(minute - 60, "scope", "order", 5),
        Count(minute - 3600, "scope", "order", 900),  # before the hour
        Count(minute, "latency", "0.1", 900),
    ]
    rates = charts.rates(counts, charts.SPANS["hour"], NOW)
    assert [(one.name, one.events) for one in rates.series] == [
        ("cart", 70),
        ("order", 65),
        ("cron", 50),
        ("user", 40),
        ("cache", 30),
        ("other", 30),
    ]
    assert (rates.events, rates.busiest, rates.top) == (285, 280, 400)
    former, latest = rates.columns
    assert [bar.series for bar in latest.bars] == [0, 1, 2, 3, 4, 5]
    assert sum(bar.height for bar in latest.bars) == pytest.approx(280 / 400 * charts.HEIGHT)
    assert latest.bars[-1].y == pytest.approx(charts.HEIGHT * (1 - 280 / 400))
    assert former.text == "17:12: 5 a minute (order 5)"
    assert latest.x + latest.width == pytest.approx(charts.WIDTH)
    assert rates.labels == ["16:14", "16:29", "16:44", "16:59", "now"]
    day = charts.rates(counts, charts.SPANS["day"], NOW)
    assert day.events == 285 + 900
    assert charts.rates([], charts.SPANS["hour"], NOW).columns == []


def test_latencies_are_lines_of_bounds() -> None:
    minute = int(NOW) // 60 * 60
    counts = [
        Count(minute, "latency", "0.05", 90),
        Count(minute, "latency", "inf", 10),
        Count(minute - 3000, "latency", "3600.0", 1),
        Count(minute - 9000, "latency", "1.0", 1),
    ]
    drawn = charts.latencies(counts, charts.SPANS["hour"], NOW)
    assert (drawn.median_now, drawn.most_now) == (0.05, float("inf"))
    assert len(drawn.median.split()) == len(drawn.most.split()) == 4
    heights = [float(point.split(",")[1]) for point in drawn.most.split()]
    assert heights[-1] == 0
    assert 0 < heights[0] < charts.HEIGHT
