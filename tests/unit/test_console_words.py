"""Texts of the console: durations, the state, the charts."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from magento_eventbridge.console import charts, words
from magento_eventbridge.console.bridge_status import BridgeStatus, QueueState, status_of
from magento_eventbridge.delivery.apart import GroupStatus, Kind
from magento_eventbridge.delivery.ports import Depth
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.status import DestinationStatus, LargeEventsStatus
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
    assert words.bound(float("inf")) == "more than 1 d"


def _status(
    destinations: Sequence[DestinationStatus] = (),
    depth: Depth | None = Depth(0, None, 0),  # noqa: B008  frozen
    last: float | None = None,
    error: str = "",
) -> BridgeStatus:
    return status_of(destinations, [QueueState("sqlite", depth, error)], last, NOW, 1000.0)


def _destination(
    problem: str | None, *, bus: str = "shop", waiting: int = 12, is_parked: bool = False
) -> DestinationStatus:
    since, next_try = (NOW - 1060, NOW - 995) if problem else (None, None)
    return DestinationStatus(
        Destination("eu-west-1", bus),
        frozenset({1}),
        waiting,
        0,
        problem,
        is_parked,
        since=since,
        next_try=next_try,
    )


def test_large_events_that_wait_for_s3_are_a_problem_of_their_own() -> None:
    large = LargeEventsStatus("not stored: s3://large-events/1: AccessDenied", 3, NOW - 1300)
    status = _status([replace(_destination(None), large_events=large)])
    assert (status.word, status.tone) == ("Waiting for AWS", "wait")
    assert "3 events for bus 'shop' in eu-west-1, large events wait" in status.message
    assert "s3:PutObject" in status.to_do
    (problem,) = status.problems
    assert (problem.events, problem.since, problem.is_parked) == (3, NOW - 300, False)


def test_the_problem_with_the_most_events_comes_first_and_all_are_listed() -> None:
    main = _destination("no answer", bus="main", waiting=293)
    side = _destination("AccessDeniedException", bus="side", waiting=16, is_parked=True)
    refused = GroupStatus(Kind("shop", "CronStarted"), "AccessDenied: no", 5, NOW - 1300, NOW)
    partly = replace(_destination(None, bus="other"), refused=(refused,))
    status = _status([side, partly, _destination(None), main])
    assert (status.word, status.tone) == ("Waiting for AWS", "trouble")
    assert status.message == (
        "AWS does not answer: 293 events for bus 'main' in eu-west-1 wait. 2 more problems with 21 "
        "events below. Nothing is lost."
    )
    assert [(problem.events, problem.is_parked) for problem in status.problems] == [
        (293, False),
        (16, True),
        (5, True),
    ]
    assert (status.problems[0].since, status.problems[0].next_try_at) == (NOW - 60, NOW + 5)
    assert status.problems[2].since == NOW - 300
    assert "CronStarted" in status.problems[2].place


def test_a_parked_bus_says_what_to_do() -> None:
    status = _status([_destination("AccessDeniedException", waiting=1, is_parked=True)])
    assert (status.word, status.tone) == ("Parked", "trouble")
    assert status.message == (
        "AWS does not permit it: 1 event for bus 'shop' in eu-west-1 waits. Nothing is lost."
    )
    assert "events:PutEvents" in status.to_do


def test_a_queue_that_cannot_be_read_hides_no_other_problem() -> None:
    status = _status([_destination("no answer")], None, error="the disk is full")
    assert (status.word, status.tone, len(status.problems)) == ("Queue unavailable", "trouble", 1)


def test_events_that_wait_for_long_are_not_called_delivering() -> None:
    on_the_way = _status(depth=Depth(3, NOW - 5, 0), last=NOW - 900)
    assert (on_the_way.word, on_the_way.message) == ("Delivering", "3 events on the way.")
    hanging = _status(depth=Depth(3, NOW - 45, 0), last=NOW - 50)
    assert (hanging.word, hanging.tone) == ("No delivery", "trouble")
    assert hanging.message.startswith(
        "3 events on the way, the oldest for 45 s. The last delivery: 50 s ago."
    )
    behind = _status(depth=Depth(900, NOW - 4000, 0), last=NOW - 1)
    assert (behind.word, behind.tone) == ("Catching up", "wait")


def test_without_events_the_bridge_is_idle() -> None:
    assert _status(last=NOW - 5).word == "Delivering"
    assert _status(last=NOW - 0.1).message == "Nothing waits. The last delivery was just now."
    idle = _status(last=NOW - 65)
    assert (idle.word, idle.message) == (
        "Idle",
        "Nothing waits. The last delivery was 1 min 5 s ago.",
    )
    assert _status().word == "Idle"
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
    strokes = drawn.most.split()
    assert [stroke.count("M") for stroke in strokes] == [1, 1]  # a gap between them
    heights = [float(stroke.rpartition(",")[2]) for stroke in strokes]
    assert heights[-1] == 0
    assert 0 < heights[0] < charts.HEIGHT
    neighbours = [Count(minute - 60 * at, "latency", "900.0", 1) for at in (2, 1)]
    joined = charts.latencies(neighbours, charts.SPANS["hour"], NOW)
    assert joined.median.count("M") == 1
    assert joined.median_now == 900
