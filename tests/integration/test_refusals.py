"""Refused events wait apart: nothing deliverable becomes a dead letter, nothing unrelated waits."""

import asyncio
import json
import logging
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.test_delivery import HASTY, Bench, bench, drain
from tests.support import recorded
from tests.support.put_events import Answer, Behaviour, Refuse, Take
from tests.support.waiting import PATIENCE, until

__all__ = ["bench"]  # the fixture

Json = dict[str, Any]
ONE_MINUTE_IS_SHORT = replace(HASTY, probe_seconds=0.3)


def failing(entries: list[Json], is_refused: Any, code: str) -> Behaviour:
    return Take({n: code for n, entry in enumerate(entries) if is_refused(entry)})


def is_cart(entry: Json) -> bool:
    return bool(entry["DetailType"].startswith("Cart"))


def carts(count: int, *, view_id: int = 1) -> list[Any]:
    added = recorded.of("cart-add", "sales_quote_item_save_after")
    return [
        recorded.stored(recorded.again(added, subject=f"cart/{number}", store_id=view_id))
        for number in range(count)
    ]


# An answer that is not AWS's

PAGE = b"<html><h1>Blocked by policy</h1></html>"


@pytest.mark.parametrize("status", [204, 301, 302, 400, 401, 403, 404, 405, 407, 410, 421, 451])
async def test_no_page_of_a_middle_box_buries_an_event(bench: Bench, status: int) -> None:
    bench.endpoint.script = lambda number, _: Answer(status, PAGE) if number < 12 else Take()
    await bench.queue.put(recorded.orders(40))
    dispatcher = await drain(bench)
    assert dispatcher.totals.buried == 0
    assert len(set(bench.endpoint.ids)) == len(bench.endpoint.ids) == 40


@pytest.mark.parametrize(
    "code",
    [
        "UnknownOperationException",
        "IncompleteSignatureException",
        "InvalidToken",
        "ThrottledException",
        "SlowDown",
        "PriorRequestNotComplete",
        "NeverHeardOf",
    ],
)
async def test_no_code_of_a_call_buries_an_event(bench: Bench, code: str) -> None:
    bench.endpoint.script = lambda number, _: Refuse(code) if number < 12 else Take()
    await bench.queue.put(recorded.orders(40))
    dispatcher = await drain(bench)
    assert dispatcher.totals.buried == 0
    assert sorted(bench.endpoint.ids) == sorted(set(bench.endpoint.ids))
    assert len(bench.endpoint.ids) == 40


async def test_an_answer_that_is_not_awss_is_named(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    page = Answer(403, b"<html>\n\x1b[31mBlocked</html>")
    bench.endpoint.script = lambda number, _: page if number < 2 else Take()
    await bench.queue.put(recorded.orders(3))
    await drain(bench)
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.CRITICAL]
    assert line.startswith("PARKED: ")
    assert "unexpected answer: HTTP 403: " in line
    assert "'<html> [31mBlocked</html>'" in line  # in one line, without control characters


async def test_an_entry_with_neither_id_nor_code_is_tried_again(bench: Bench) -> None:
    def script(number: int, entries: list[Json]) -> Behaviour:
        if number == 0:
            results = {"FailedEntryCount": 0, "Entries": [{} for _ in entries]}
            return Answer(200, json.dumps(results).encode())
        return Take()

    bench.endpoint.script = script
    await bench.queue.put(recorded.orders(5))
    dispatcher = await drain(bench)
    assert (dispatcher.totals.delivered, dispatcher.totals.buried) == (5, 0)
    assert len(bench.endpoint.ids) == 5


async def test_an_unknown_code_of_one_entry_holds_up_nobody_else(bench: Bench) -> None:
    first = recorded.orders(1)
    unlucky = first[0][0].id
    is_known = asyncio.Event()

    def script(_: int, entries: list[Json]) -> Behaviour:
        if is_known.is_set():
            return Take()
        return failing(entries, lambda entry: unlucky in entry["Detail"], "FutureFault")

    bench.endpoint.script = script
    async with bench.running():
        await bench.queue.put(first + recorded.orders(40)[1:])
        await bench.endpoint.until_taken(39)
        is_known.set()
        await bench.endpoint.until_taken(40)
    assert (await bench.queue.dead_letters.count()) == 0


# A detail-type that is not permitted


@pytest.mark.parametrize(
    "code", ["NotAuthorizedForDetailTypeException", "NotAuthorizedForSourceException"]
)
async def test_a_denied_kind_delays_no_other_and_resumes_by_itself(
    bench: Bench, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    is_permitted = asyncio.Event()

    def script(_: int, entries: list[Json]) -> Behaviour:
        return Take() if is_permitted.is_set() else failing(entries, is_cart, code)

    bench.endpoint.script = script
    async with bench.running() as dispatcher:
        denied = carts(60)
        await bench.queue.put(denied)
        await until(lambda: any(status.refused for status in dispatcher.destinations))
        calls = bench.endpoint.calls
        began = time.monotonic()
        await bench.queue.put(recorded.orders(50))
        await bench.endpoint.until_taken(50)
        assert time.monotonic() - began < 5
        assert bench.endpoint.calls - calls < 50  # probes among them
        (status,) = dispatcher.destinations
        (group,) = status.refused
        assert group.reason.startswith(code)
        assert group.waiting == 60
        assert (status.problem, status.is_parked) == (None, False)
        (parked,) = dispatcher.parked
        assert "CartProductAdded of source 'shop.example.com'" in parked
        is_permitted.set()
        await bench.endpoint.until_taken(110)
        assert dispatcher.parked == []
    assert (await bench.queue.dead_letters.count()) == 0
    assert sorted(bench.endpoint.ids)[-1:] and len(set(bench.endpoint.ids)) == 110
    critical = [r.getMessage() for r in caplog.records if r.levelno == logging.CRITICAL]
    assert len(critical) == 1
    assert "refuses CartProductAdded of source 'shop.example.com'" in critical[0]
    assert any("Delivery of CartProductAdded" in r.getMessage() for r in caplog.records)


async def test_an_event_behind_thousands_of_denied_ones_of_its_subject_goes_ahead(
    bench: Bench,
) -> None:
    """It took eight seconds: fifty denied ones were read each time that the queue was asked."""
    added = recorded.of("cart-add", "sales_quote_item_save_after")
    denied = [recorded.stored(recorded.again(added, subject="cart/1")) for _ in range(2000)]
    removed = recorded.again(added, subject="cart/1", event="sales_quote_item_delete_after")
    bench.endpoint.script = lambda _, entries: failing(
        entries,
        lambda entry: entry["DetailType"] == "CartProductAdded",
        "NotAuthorizedForDetailTypeException",
    )
    await bench.queue.put([*denied, recorded.stored(removed)])
    async with bench.running(replace(HASTY, poll_seconds=60.0)):
        await bench.endpoint.until_taken(1)


async def test_more_denied_events_than_memory_holds_let_the_others_pass(bench: Bench) -> None:
    is_permitted = asyncio.Event()

    def script(_: int, entries: list[Json]) -> Behaviour:
        if is_permitted.is_set():
            return Take()
        return failing(entries, is_cart, "NotAuthorizedForDetailTypeException")

    bench.endpoint.script = script
    policy = replace(
        HASTY, entries_per_destination=100, entries_apart=50, apart_seconds=0.5, claim_size=100
    )
    await bench.queue.put(carts(1000))
    async with bench.running(policy) as dispatcher:
        await asyncio.sleep(1)
        await bench.queue.put(recorded.orders(50))
        await bench.endpoint.until_taken(50)
        (status,) = dispatcher.destinations
        assert status.waiting <= 100
        assert status.refused[0].waiting <= 51
        is_permitted.set()
        await bench.endpoint.until_taken(1050)
    assert len(set(bench.endpoint.ids)) == len(bench.endpoint.ids) == 1050


async def test_consuming_ends_when_only_denied_events_are_left(bench: Bench) -> None:
    bench.endpoint.script = lambda _, entries: failing(
        entries, is_cart, "NotAuthorizedForSourceException"
    )
    await bench.queue.put(carts(15) + recorded.orders(15))
    dispatcher = await drain(bench)
    assert dispatcher.totals.delivered == 15
    assert (await bench.queue.depth()).captures == 15


# A store view with a wrong setting


def is_wrong(entry: Json) -> bool:
    return bool(entry["Source"] == "wrong")


async def test_a_wrong_source_of_one_view_neither_buries_its_events_nor_stops_another(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    is_fixed = asyncio.Event()

    def script(_: int, entries: list[Json]) -> Behaviour:
        return Take() if is_fixed.is_set() else failing(entries, is_wrong, "InvalidArgument")

    bench.endpoint.script = script
    bench.routes[2] = bench.route_to(bench.endpoint.url, source="wrong")
    await bench.queue.put(recorded.orders(200, view_id=2))
    async with bench.running(ONE_MINUTE_IS_SHORT) as dispatcher:
        await until(lambda: any(status.refused for status in dispatcher.destinations))
        await bench.queue.put(recorded.orders(50, view_id=1))
        await bench.endpoint.until_taken(50)
        await asyncio.sleep(1)
        buried = await bench.queue.dead_letters.count()
        assert buried <= 10
        is_fixed.set()
        await bench.endpoint.until_taken(250 - buried)
        assert await bench.queue.dead_letters.count() == buried
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.CRITICAL]
    assert "refuses all events of store view 2" in line
    assert "InvalidArgument" in line


async def test_the_first_events_of_a_wrong_source_leave_the_dead_letters_by_themselves(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    is_fixed = asyncio.Event()

    def script(_: int, entries: list[Json]) -> Behaviour:
        return Take() if is_fixed.is_set() else failing(entries, is_wrong, "InvalidArgument")

    bench.endpoint.script = script
    bench.routes[2] = bench.route_to(bench.endpoint.url, source="wrong")
    captures = recorded.orders(12, view_id=2)
    letters = bench.queue.dead_letters
    async with bench.running(ONE_MINUTE_IS_SHORT) as dispatcher:
        for number, capture in enumerate(captures[:9], start=1):  # a quiet shop: one at a time
            await bench.queue.put([capture])
            await until(lambda: dispatcher.totals.buried == number)  # noqa: B023  it ends here
            async with asyncio.timeout(PATIENCE):
                while await letters.count() < number:
                    await asyncio.sleep(0.01)
        await bench.queue.put(captures[9:])
        async with asyncio.timeout(PATIENCE):
            while await letters.count():
                await asyncio.sleep(0.01)
        await until(
            lambda: sum(g.waiting for d in dispatcher.destinations for g in d.refused) == 12
        )
        is_fixed.set()
        await bench.endpoint.until_taken(12)
    assert sorted(bench.endpoint.ids) == sorted(capture.id for capture, _ in captures)
    assert (await bench.queue.depth()).dead == 0
    assert "Redrove 9 dead letters of the queue 'sqlite'" in caplog.text


async def test_a_burst_of_a_wrong_source_creates_no_dead_letter(bench: Bench) -> None:
    bench.endpoint.script = lambda _, entries: failing(entries, is_wrong, "InvalidArgument")
    bench.routes[2] = bench.route_to(bench.endpoint.url, source="wrong")
    await bench.queue.put(recorded.orders(200, view_id=2))
    dispatcher = await drain(bench)
    depth = await bench.queue.depth()
    assert (dispatcher.totals.buried, depth.captures, depth.dead) == (0, 200, 0)


async def test_many_spoiled_events_in_a_row_are_dead_letters_once_a_good_one_was_accepted(
    bench: Bench,
) -> None:
    captures = recorded.orders(31)
    spoiled = {capture.id for capture, _ in captures[:30]}
    bench.endpoint.script = lambda _, entries: failing(
        entries,
        lambda entry: json.loads(entry["Detail"])["metadata"]["id"] in spoiled,
        "MalformedDetail",
    )
    await bench.queue.put(captures[:30])
    policy = replace(HASTY, probe_seconds=0.02)
    async with bench.running(policy) as dispatcher:
        await until(lambda: any(status.refused for status in dispatcher.destinations))
        await bench.queue.put(captures[30:])
        await bench.endpoint.until_taken(1)
        await until(lambda: dispatcher.totals.buried >= 30)
        await until(lambda: not any(status.refused for status in dispatcher.destinations))
    depth = await bench.queue.depth()
    assert (depth.captures, depth.dead) == (0, 30)


async def test_ten_spoiled_events_between_good_ones_are_dead_letters(bench: Bench) -> None:
    captures = recorded.orders(60)
    spoiled = {capture.id for capture, _ in captures[::3]}
    bench.endpoint.script = lambda _, entries: failing(
        entries,
        lambda entry: json.loads(entry["Detail"])["metadata"]["id"] in spoiled,
        "MalformedDetail",
    )
    await bench.queue.put(captures)
    dispatcher = await drain(bench, replace(HASTY, calls_at_once=1))
    assert (dispatcher.totals.buried, dispatcher.totals.delivered) == (20, 40)


async def test_an_event_that_is_redriven_again_and_again_does_not_stop_its_view(
    bench: Bench,
) -> None:
    bench.endpoint.script = lambda _, entries: failing(entries, lambda _: True, "InvalidArgument")
    await bench.queue.put(recorded.orders(1))
    for _ in range(12):
        await drain(bench)
        assert await bench.queue.dead_letters.count() == 1
        await bench.queue.dead_letters.redrive(None)
    bench.endpoint.script = lambda _, __: Take()
    await drain(bench)
    assert len(bench.endpoint.taken) == 1


async def test_an_event_that_is_spoiled_itself_does_not_hold_up_its_view_as_a_probe(
    bench: Bench,
) -> None:
    captures = recorded.orders(30)
    spoiled = captures[15][0].id
    is_fixed = asyncio.Event()

    def script(_: int, entries: list[Json]) -> Behaviour:
        def is_refused(entry: Json) -> bool:
            return not is_fixed.is_set() or spoiled in entry["Detail"]

        return failing(entries, is_refused, "InvalidArgument")

    bench.endpoint.script = script
    await bench.queue.put(captures)
    async with bench.running(replace(ONE_MINUTE_IS_SHORT, calls_at_once=1)) as dispatcher:
        await until(lambda: any(status.refused for status in dispatcher.destinations))
        await asyncio.sleep(0.5)
        before = await bench.queue.dead_letters.count()
        is_fixed.set()
        await bench.endpoint.until_taken(30 - before - 1)
        await until(lambda: not any(status.refused for status in dispatcher.destinations))
        await until(lambda: dispatcher.totals.buried == before + 1)
