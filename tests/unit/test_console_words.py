"""Texts of the console: durations, the state, the charts."""

import html
import inspect
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from magento_eventbridge.audit.findings import VERDICTS as AUDIT_VERDICTS
from magento_eventbridge.console import bridge_status, charts, words
from magento_eventbridge.console.bridge_status import BridgeStatus, QueueState, Retried, status_of
from magento_eventbridge.console.json_colours import json_colours
from magento_eventbridge.console.letters import LetterFilter
from magento_eventbridge.console.line_breaks import breakable, code_marks
from magento_eventbridge.counting import count
from magento_eventbridge.delivery.apart import GroupStatus, TypeGroup
from magento_eventbridge.delivery.ports import DeadLetter, Depth
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.status import DestinationStatus, LargeEventsStatus
from magento_eventbridge.journal.archive import Counts
from magento_eventbridge.journal.last_minute import LastMinute
from magento_eventbridge.journal.recorder import LATENCIES, bound
from magento_eventbridge.ledger.archive import VERDICTS as LEDGER_VERDICTS

NOW = 1_795_453_984.0  # 2026-11-23 17:13:04


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, words.NONE),
        (-1, "0 ms"),
        (0.0123, "12 ms"),
        (0.9996, "1 s"),
        (1, "1 s"),
        (1.26, "1.3 s"),
        (59, "59 s"),
        (59.6, "1 min"),
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
    assert [count(n, "event") for n in (0, 1, 1200)] == [
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
    refused = GroupStatus(TypeGroup("shop", "CronStarted"), "AccessDenied: no", 5, NOW - 1300, NOW)
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


def test_problems_of_one_destination_with_several_queues_are_one() -> None:
    of_outbox = _destination("no answer", bus="main", waiting=3)
    of_spool = replace(of_outbox, waiting=4, since=NOW - 1090, next_try=None)
    of_broker = replace(of_outbox, waiting=1, since=None, is_parked=True)
    others = _destination("no answer", bus="side", waiting=5)
    problems = _status([of_outbox, others, of_spool, of_broker]).problems
    assert [(one.events, one.is_parked, "main" in one.destination) for one in problems] == [
        (7, False, True),
        (5, False, False),
        (1, True, True),
    ]
    assert (problems[0].since, problems[0].next_try_at) == (NOW - 90, NOW + 5)


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


def test_captures_that_are_refused_come_before_all_else() -> None:
    queues = [QueueState("sqlite", Depth(0, None, 0))]
    parked = _destination("AccessDeniedException", is_parked=True)
    status = status_of([parked], queues, NOW, NOW, 1000.0, inlet_problem="the disk is full")
    assert (status.word, status.tone, len(status.problems)) == ("Captures refused", "trouble", 1)
    assert status.message.startswith("The inlet accepts no captures: the disk is full.")


def test_events_that_are_retried_are_not_called_without_an_error() -> None:
    def status(age: float, last: float, events: int) -> BridgeStatus:
        queues = [QueueState("sqlite", Depth(6, NOW - age, 0))]
        retried = Retried("ThrottlingException: Rate exceeded", events)
        return status_of([], queues, NOW - last, NOW, retried=retried)

    young = status(4, 5, 1)
    assert (young.word, young.message) == (
        "Delivering",
        "6 events on the way. AWS asks to slow down: 1 event is retried.",
    )
    behind = status(45, 2, 400)
    assert (behind.word, behind.message) == (
        "Catching up",
        "6 events on the way, the oldest for 45 s. AWS asks to slow down: 6 events are retried. "
        "Deliveries go on.",
    )
    stopped = status(45, 50, 6)
    assert (stopped.word, stopped.tone) == ("Waiting for AWS", "wait")
    assert stopped.message.endswith(
        "6 events are retried. The last delivery: 50 s ago. Nothing is lost."
    )
    assert stopped.to_do.startswith("Nothing to do")


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
    counts = [Counts(minute, "scope", {name: 70 - 10 * at}) for at, name in enumerate(scopes)]
    counts += [
        Counts(minute - 60, "scope", {"order": 5}),
        Counts(minute - 3600, "scope", {"order": 900}),  # before the hour
        Counts(minute, "latency", {"0.1": 900}),
    ]
    figures = charts.figures(counts, charts.SPANS["hour"], NOW)
    rates = figures.rates
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
    assert former.label == "17:12: 5 a minute (order 5)"
    assert former.events == (
        "/events?verdict=delivered&tried_since=2026-11-23T17%3A12&tried_until=2026-11-23T17%3A13"
    )
    assert latest.step == 59
    labels = [words.clock(at) for at in figures.labels]
    assert labels == ["16:14", "16:29", "16:44", "16:59"]
    day = charts.figures(counts, charts.SPANS["day"], NOW).rates
    assert day.events == 285 + 900
    assert charts.figures([], charts.SPANS["hour"], NOW).rates.columns == []


def _latencies(*counts: Counts) -> charts.Chart:
    return charts.figures(counts, charts.SPANS["hour"], NOW).latencies


def test_half_and_95_percent_stand_beside_each_other_with_gaps_between_steps() -> None:
    minute = int(NOW) // 60 * 60
    counts = [
        Counts(minute, "latency", {"0.05": 90}),
        Counts(minute, "latency", {"inf": 10}),
        Counts(minute - 3000, "latency", {"3600.0": 1}),
        Counts(minute - 9000, "latency", {"1.0": 1}),  # before the hour
    ]
    assert charts.latency_of(counts[:2]) == (0.05, float("inf"))
    assert charts.latency_of([]) == (None, None)
    drawn = _latencies(*counts)
    early, late = drawn.columns  # nothing is drawn in the steps between them
    assert (early.step, late.step) == (9, 59)
    assert late.text == "half within 50 ms, 95 % within more than 1 d"
    band, median, most = late.bars
    assert most.y == 0 < median.y < charts.HEIGHT
    assert most.x == median.x + median.width  # also when both are the same, as in the other step
    assert band.height == pytest.approx(median.y - most.y)
    band, median, most = early.bars
    assert (band.height, median.y, median.x + median.width) == (0, most.y, most.x)
    assert drawn.scale == ["1 d", "1 h", "1 min", "1 s", "10 ms"]


@pytest.mark.parametrize(
    ("latency", "scale"),
    [
        ("0.01", ["1 s", "100 ms", "10 ms"]),
        ("0.05", ["1 s", "100 ms", "10 ms"]),
        ("720.0", ["6 h", "1 h", "10 min"]),
        ("86400.0", ["1 d", "6 h", "1 h"]),
        ("inf", ["1 d", "6 h", "1 h"]),
    ],
)
def test_the_scale_of_latencies_holds_every_value(latency: str, scale: list[str]) -> None:
    drawn = _latencies(Counts(int(NOW), "latency", {latency: 1}))
    assert drawn.scale == scale
    ((_, median, _),) = (column.bars for column in drawn.columns)
    assert 0 <= median.y <= charts.HEIGHT - median.height


def test_latency_buckets_have_no_jumps() -> None:
    """A figure is at most twice what was measured."""
    for lower, upper in pairwise(LATENCIES):
        assert 1 < upper / lower <= 2
    assert bound(720) == "720.0"


def test_failures_and_backlog_stand_beside_successes() -> None:
    minute = int(NOW) // 60 * 60
    counts = [
        Counts(minute, "verdict", {"delivered": 100}),
        Counts(minute, "verdict", {"waiting": 30}),
        Counts(minute, "verdict", {"dead": 2}),
        Counts(minute - 60, "queue", {"outbox": 7}),
        Counts(minute - 60, "queue", {"sqlite": 3}),
        Counts(minute, "queue", {"outbox": 0}),
    ]
    figures = charts.figures(counts, charts.SPANS["hour"], NOW, {"destination": "bus 'a'"})
    (failed,) = figures.failures.columns
    assert failed.text == "32 failed a minute (waiting 30, dead letter 2)"
    assert failed.events.startswith("/events?destination=bus+%27a%27&failed_since=2026-11-23T17")
    assert [one.events for one in figures.failures.series] == [30, 0, 2]
    some, none = figures.backlog.columns
    assert (some.text, none.text) == ("10 events waited", "0 events waited")
    assert (bool(some.events), none.events, none.bars) == (True, "", [])
    assert figures.backlog.last_link == some
    assert figures.backlog.slots(figures.span)[-2:] == [some, none]
    assert [(row.step.failures, row.step.waiting) for row in figures.rows] == [(32, 0), (0, 10)]


def test_the_last_minute_is_counted_to_the_second() -> None:
    minute = LastMinute()
    assert minute.outcomes(NOW) == (0, 0)
    minute.add([(NOW - 70, "a", True), (NOW - 58, "a", True), (NOW - 58, "b", False)])
    minute.add([(NOW - 1, "a", False)] * 3 + [(NOW - 1, "b", True)] * 5)
    minute.add([])
    assert minute.outcomes(NOW) == (6, 4)
    assert minute.outcomes(NOW, "a") == (1, 3)
    assert minute.outcomes(NOW + 5, "b") == (5, 0), "a burst leaves it after 60 s, not in parts"
    minute.add([(NOW + 600, "a", True)])
    assert minute.outcomes(NOW + 600) == (1, 0)


@pytest.mark.parametrize("is_escaped", [True, False])
def test_dead_letters_are_found_by_letters_that_php_escapes(is_escaped: bool) -> None:
    body = json.dumps({"name": "Zoë MÜLLER 🎁"}, ensure_ascii=is_escaped).encode()
    letter = DeadLetter.of(1, 1, "MalformedDetail", 0.0, body)
    for text in ("Müller", "zoë müller", "🎁", "malformed zoë"):
        assert LetterFilter(text=text).matches(letter), text
    assert not LetterFilter(text="möller").matches(letter)


def test_json_has_colours_and_no_markup_of_its_own() -> None:
    text = json.dumps({"name": '<b>"x": 1</b>', "n": -1.5e3, "is": None, "of": ["a", True]})
    markup = json_colours(text)
    assert "<b>" not in markup
    assert html.unescape(re.sub(r"</?span[^>]*>", "", markup)) == text
    for kind, value in (("key", "&#34;n&#34;"), ("number", "-1500.0"), ("literal", "null")):
        assert f'<span class="j-{kind}">{value}</span>' in markup
    assert "span" not in json_colours("not JSON <at all>")
    assert "span" not in json_colours(json.dumps(["x" * 300_000]))


@pytest.mark.parametrize(
    ("name", "markup"),
    [
        ("order/000000123", "order/000000123"),
        ("<b>", "&lt;b&gt;"),
        ("cron/<b>_update_all_views", "cron/<wbr>&lt;b&gt;_<wbr>update_<wbr>all_<wbr>views"),
        ("bus 'a' in eu-west-1", 'bus &#39;a&#39; in <span class="whole">eu-west-1</span>'),
        ("NewsletterSubscriptionChanged", "Newsletter<wbr>Subscription<wbr>Changed"),
        ("a-part-that-is-too-long-for-a-column", "a-part-that-is-too-long-for-a-column"),
        (
            "arn:aws:events:eu-west-1:123456789012",
            'arn:<wbr>aws:<wbr>events:<wbr><span class="whole">eu-west-1:</span><wbr>123456789012',
        ),
    ],
)
def test_lines_break_between_the_parts_of_a_name(name: str, markup: str) -> None:
    assert breakable(name) == markup
    assert html.unescape(re.sub(r"<[^&]*?>", "", breakable(name))) == name


def test_backticks_become_code() -> None:
    assert code_marks("`qty` of <a>") == "<code>qty</code> of &lt;a&gt;"
    assert code_marks("a lone ` stays") == "a lone ` stays"


def test_commands_and_console_use_the_same_words_for_what_became_of_an_event() -> None:
    # What only an audit finds: no page of events lists it.
    known = {*words.VERDICTS.values(), "missing", "unknown", "touched", "broken"}
    assert {*AUDIT_VERDICTS} <= known
    assert {*LEDGER_VERDICTS} <= known


def test_the_documentation_explains_each_verdict_and_state_by_its_word() -> None:
    text = (Path(__file__).parents[2] / "docs/console.md").read_text(encoding="utf-8")
    first = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    assert {*words.VERDICTS.values()} <= {*first}
    states = set(re.findall(r'BridgeStatus\(\s*"([^"]+)"', inspect.getsource(bridge_status)))
    assert {"Delivering", "Idle", "No delivery", "Queue unavailable"} <= states <= {*first}
