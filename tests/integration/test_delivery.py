"""Delivery to an endpoint that fails on command: nothing lost, nothing sent twice, in order."""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.support import recorded
from tests.support.delivering import running
from tests.support.put_events import (
    Answer,
    Behaviour,
    HangUp,
    PutEvents,
    Refuse,
    Stall,
    Take,
    put_events,
    takes_all,
)
from tests.support.waiting import PATIENCE, until

KEYS = CredentialsSource(type="keys", access_key="AKIATEST", secret_access_key="a-test-secret")
HASTY = Policy(backoff=Backoff(first=0.02, longest=0.1), poll_seconds=0.02, stop_seconds=5)


class Bench:
    """A queue, an endpoint and a dispatcher between them."""

    def __init__(self, queue: SqliteQueue, endpoint: PutEvents, sink: EventBridgeSink) -> None:
        self.queue = queue
        self.endpoint = endpoint
        self.sink = sink
        self.routes: dict[int, Route] = {}

    def route(self, view_id: int) -> Route:
        return self.routes.get(view_id) or self.route_to(self.endpoint.url)

    def route_to(self, url: str, **changes: Any) -> Route:
        destination = Destination(region="eu-west-1", endpoint_url=url, credentials=KEYS)
        return replace(Route(destination=destination, source="shop.example.com"), **changes)

    def dispatcher(self, policy: Policy = HASTY) -> Dispatcher:
        return Dispatcher(self.queue, self.route, lambda _: self.sink, policy)

    @asynccontextmanager
    async def running(self, policy: Policy = HASTY) -> AsyncIterator[Dispatcher]:
        async with running(self.dispatcher(policy)) as dispatcher:
            yield dispatcher


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    sink = EventBridgeSink(CredentialsFinder())
    async with put_events() as endpoint:
        yield Bench(queue, endpoint, sink)
    await sink.close()
    await queue.close()


async def drain(bench: Bench, policy: Policy = HASTY) -> Dispatcher:
    dispatcher = bench.dispatcher(policy)
    await asyncio.wait_for(dispatcher.run(until_empty=True), 30)
    return dispatcher


def ids(pairs: list[tuple[Any, bytes]]) -> list[str]:
    return [capture.id for capture, _ in pairs]


async def test_all_is_delivered_in_calls_of_ten(bench: Bench) -> None:
    captures = recorded.orders(45)
    await bench.queue.put(captures)
    dispatcher = await drain(bench)
    assert sorted(bench.endpoint.ids) == sorted(ids(captures))
    assert max(bench.endpoint.sizes) == 10
    assert dispatcher.totals.delivered == 45
    assert (await bench.queue.depth()).captures == 0


async def test_an_entry_is_what_the_documentation_says(bench: Bench) -> None:
    event = recorded.of("order-virtual", "sales_order_place_after")
    bench.routes[1] = bench.route_to(
        bench.endpoint.url, detail_types={"OrderPlaced": "ShopOrderPlaced"}, resources=("arn:a",)
    )
    await bench.queue.put([recorded.stored(event)])
    await drain(bench)
    (entry,) = bench.endpoint.taken
    detail = json.loads(entry.pop("Detail"))
    assert entry == {
        "Source": "shop.example.com",
        "DetailType": "ShopOrderPlaced",
        "Time": pytest.approx(event["time"], abs=0.001),
        "Resources": ["arn:a"],
    }
    assert detail["shippingAddress"] is None
    assert detail["metadata"]["id"] == event["id"]
    assert detail["tracking"]["transport"] == "HTTP"
    headers = bench.endpoint.headers[0]
    assert headers["x-amz-target"] == "AWSEvents.PutEvents"
    assert "/eu-west-1/events/aws4_request" in headers["authorization"]


async def test_a_bus_that_hangs_is_tried_on_request_beside_the_call_that_hangs(
    bench: Bench,
) -> None:
    bench.sink = EventBridgeSink(CredentialsFinder(), answer_seconds=60)
    refuses = Refuse("AccessDeniedException")
    bench.endpoint.script = lambda number, _: refuses if number < 3 else Stall(60)
    await bench.queue.put(recorded.orders(25))
    async with bench.running(replace(HASTY, stop_seconds=0.1)) as dispatcher:
        async with asyncio.timeout(PATIENCE):
            while bench.endpoint.calls < 4:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert bench.endpoint.calls == 4  # a destination with a problem gets one call at a time
        hanging = bench.endpoint.sizes[-1]
        bench.endpoint.script = takes_all
        (status,) = dispatcher.destinations
        assert dispatcher.try_now(str(status.destination))
        await bench.endpoint.until_taken(25 - hanging)
    assert (await bench.queue.depth()).captures == hanging
    await bench.sink.close()


async def test_what_is_switched_off_is_passed_over(bench: Bench) -> None:
    off = frozenset({"aws_eventbridge/events_order/placed"})
    bench.routes[2] = bench.route_to(bench.endpoint.url, switched_off=off)
    on = recorded.orders(2, view_id=1)
    await bench.queue.put(recorded.orders(3, view_id=2) + on)
    dispatcher = await drain(bench)
    assert sorted(bench.endpoint.ids) == sorted(ids(on))
    assert dispatcher.totals.passed_over == 3


async def test_single_entries_that_fail_are_tried_again(bench: Bench) -> None:
    def script(number: int, entries: list[dict[str, Any]]) -> Behaviour:
        codes = ("ThrottlingException", "InternalFailure")
        failing = {position: codes[position % 2] for position in range(0, len(entries), 3)}
        return Take(failing if number < 12 else {})

    bench.endpoint.script = script
    captures = recorded.orders(30)
    await bench.queue.put(captures)
    dispatcher = await drain(bench)
    assert sorted(bench.endpoint.ids) == sorted(ids(captures))
    assert dispatcher.totals.calls > 3


@pytest.mark.parametrize(
    "fault",
    [
        Refuse("ThrottlingException"),
        Refuse("InternalException", status=500),
        Answer(500, b"<html>oops</html>"),
        Answer(503),
        Answer(200, b"no JSON at all"),
        Answer(200, b'{"FailedEntryCount": 0, "Entries": []}'),
        HangUp(),
        Stall(3),
    ],
    ids=repr,
)
async def test_a_failing_endpoint_costs_nothing(bench: Bench, fault: Behaviour) -> None:
    if isinstance(fault, Stall):
        bench.sink = EventBridgeSink(CredentialsFinder(), answer_seconds=0.5)
    bench.endpoint.script = lambda number, _: fault if number < 3 else Take()
    captures = recorded.orders(12)
    await bench.queue.put(captures)
    await drain(bench)
    assert sorted(set(bench.endpoint.ids)) == sorted(ids(captures))
    if not isinstance(fault, (Stall, Answer)):
        assert len(bench.endpoint.ids) == 12
    await bench.sink.close()


async def test_calls_that_fail_together_are_one_failure(bench: Bench) -> None:
    policy = replace(HASTY, backoff=Backoff(first=0.2, longest=60), calls_at_once=8)
    bench.endpoint.script = lambda number, _: (
        Refuse("InternalException", 500) if number < 8 else Take()
    )
    await bench.queue.put(recorded.orders(80))
    began = time.monotonic()
    await drain(bench, policy)
    assert bench.endpoint.calls == 16
    assert time.monotonic() - began < 8  # the pause after eight failures is longer


async def test_a_connection_closed_after_the_call_was_taken_loses_nothing(bench: Bench) -> None:
    bench.endpoint.script = lambda number, _: HangUp(after_taking=True) if not number else Take()
    captures = recorded.orders(5)
    await bench.queue.put(captures)
    await drain(bench)
    assert set(bench.endpoint.ids) == set(ids(captures))


async def test_events_of_one_order_keep_their_order_whatever_fails(bench: Bench) -> None:
    def script(number: int, entries: list[dict[str, Any]]) -> Behaviour:
        if number % 4 == 1:
            return Refuse("InternalException", status=500)
        return Take({0: "ThrottlingException"} if number % 3 == 0 else {})

    bench.endpoint.script = script
    placed = recorded.of("order-guest", "sales_order_place_after")
    captures = [
        recorded.stored(recorded.again(placed, subject=f"order/{number % 4}"))
        for number in range(60)
    ]
    await bench.queue.put(captures)
    await drain(bench)
    arrived = bench.endpoint.ids
    for order in range(4):
        mine = [
            i
            for i, (capture, _) in zip(ids(captures), captures, strict=True)
            if capture.subject == f"order/{order}"
        ]
        assert [i for i in arrived if i in mine] == mine


async def test_one_entry_that_spoils_its_call_costs_only_itself(bench: Bench) -> None:
    captures = recorded.orders(10)
    spoiler = captures[4][0].id

    def script(_: int, entries: list[dict[str, Any]]) -> Behaviour:
        spoilt = any(spoiler in entry["Detail"] for entry in entries)
        return Refuse("ValidationException") if spoilt else Take()

    bench.endpoint.script = script
    await bench.queue.put(captures)
    await drain(bench)
    assert sorted(bench.endpoint.ids) == sorted(set(ids(captures)) - {spoiler})
    (letter,) = await bench.queue.dead_letters.page(10)
    assert letter.capture_id == spoiler
    assert "ValidationException" in letter.reason


async def test_what_can_never_be_delivered_is_buried_with_its_reason(bench: Bench) -> None:
    placed = recorded.of("order-guest", "sales_order_place_after")
    broken = recorded.again(placed, snapshot={"increment_id": "1"})
    unknown = recorded.again(placed, event="sales_order_teleport_after")
    large = recorded.again(placed)
    large["snapshot"] = {**placed["snapshot"], "coupon_code": "x" * 1_000_000}
    good = recorded.orders(3)
    bad = [recorded.stored(event) for event in (broken, unknown, large)]
    deep = good[0][1].replace(b'"snapshot": {', b'"snapshot": {"deep": ' + b"[" * 200_000, 1)
    await bench.queue.put([*bad, (good[0][0], deep), *good])
    dispatcher = await drain(bench)
    assert sorted(bench.endpoint.ids) == sorted(ids(good))
    reasons = [letter.reason for letter in await bench.queue.dead_letters.page(10)]
    assert dispatcher.totals.buried == 4
    assert "the snapshot has no 'status'" in reasons[0]
    assert "unknown Magento event 'sales_order_teleport_after'" in reasons[1]
    assert "too large: 100" in reasons[2]
    assert reasons[3] == "not a capture: JSON is nested too deep"


async def test_refused_entries_are_buried_with_aws_reason(bench: Bench) -> None:
    bench.endpoint.script = lambda number, _: Take({0: "MalformedDetail"} if not number else {})
    await bench.queue.put(recorded.orders(1))
    await drain(bench)
    (letter,) = await bench.queue.dead_letters.page(10)
    assert "MalformedDetail: MalformedDetail on command" in letter.reason


async def test_a_refusal_parks_loudly_and_delivery_resumes_by_itself(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.endpoint.script = lambda *_: Refuse("AccessDeniedException")
    captures = recorded.orders(25)
    await bench.queue.put(captures)
    async with bench.running() as dispatcher:
        await until(lambda: dispatcher.problems)
        await asyncio.sleep(0.6)
        calls = bench.endpoint.calls
        assert calls < 20, "a parked destination is tried now and then"
        bench.endpoint.script = lambda *_: Take()
        await bench.endpoint.until_taken(25)
    assert sorted(bench.endpoint.ids) == sorted(ids(captures))
    event = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert len(event) == 1
    assert "PARKED" in event[0].getMessage()
    assert "AccessDeniedException" in event[0].getMessage()
    assert any("resumes" in record.getMessage() for record in caplog.records)
    assert await bench.queue.dead_letters.count() == 0


async def test_a_detail_type_that_is_not_allowed_does_not_hold_up_the_others(bench: Bench) -> None:
    def script(_: int, entries: list[dict[str, Any]]) -> Behaviour:
        return Take(
            {
                position: "NotAuthorizedForDetailTypeException"
                for position, entry in enumerate(entries)
                if entry["DetailType"] == "OrderPlaced"
            }
        )

    bench.endpoint.script = script
    cart = recorded.of("cart-add", "sales_quote_item_save_after")
    carts = [
        recorded.stored(recorded.again(cart, subject=f"cart/{number}")) for number in range(20)
    ]
    orders = recorded.orders(5)
    await bench.queue.put(orders + carts)
    async with bench.running():
        await bench.endpoint.until_taken(20)
        assert sorted(bench.endpoint.ids) == sorted(ids(carts))
        bench.endpoint.script = lambda *_: Take()
        await bench.endpoint.until_taken(25)


async def test_missing_credentials_park_and_lose_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    destination = Destination(
        region="eu-west-1",
        endpoint_url=bench.endpoint.url,
        credentials=CredentialsSource(type="env"),
    )
    bench.routes[1] = Route(destination=destination, source="shop.example.com")
    await bench.queue.put(recorded.orders(3))
    async with bench.running() as dispatcher:
        while not dispatcher.problems:
            await asyncio.sleep(0.01)
        assert "AWS_ACCESS_KEY_ID" in next(iter(dispatcher.problems.values()))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        await bench.endpoint.until_taken(3)


async def test_a_dead_destination_of_one_store_does_not_hold_up_another(bench: Bench) -> None:
    few = replace(HASTY, entries_per_destination=20, claim_size=10)
    bench.routes[2] = bench.route_to("http://127.0.0.1:9")
    dead, alive = recorded.orders(100, view_id=2), recorded.orders(40, view_id=1)
    await bench.queue.put(dead + alive)
    async with bench.running(few):
        await bench.endpoint.until_taken(40)
    assert sorted(bench.endpoint.ids) == sorted(ids(alive))
    assert (await bench.queue.depth()).captures == 100


async def test_while_aws_is_away_nothing_spins_and_little_is_in_memory(bench: Bench) -> None:
    bench.endpoint.script = lambda *_: Answer(503)
    small = replace(HASTY, entries_per_destination=50, claim_size=25)
    slow = replace(small, backoff=Backoff(first=0.1, longest=0.2))
    await bench.queue.put(recorded.orders(1000))
    async with bench.running(slow) as dispatcher:
        await asyncio.sleep(0.5)
        began = time.process_time()
        await asyncio.sleep(1.0)
        assert time.process_time() - began < 0.5
        assert bench.endpoint.calls < 30
        (sender,) = dispatcher._senders.values()
        assert len(sender) <= 75
        bench.endpoint.script = lambda *_: Take()
        await bench.endpoint.until_taken(1000)


async def test_calls_keep_to_the_rate_limit(bench: Bench) -> None:
    limited = replace(HASTY, calls_per_second=20)
    await bench.queue.put(recorded.orders(300))
    began = time.monotonic()
    await drain(bench, limited)
    # 30 calls at 20 a second, less the first burst of two.
    assert time.monotonic() - began > 1.0


async def test_no_more_calls_at_once_than_allowed(bench: Bench) -> None:
    most = 0
    under_way = 0
    bench.endpoint.script = lambda *_: Stall(0.05)
    real_put = bench.sink.put

    async def counting(*given: Any) -> Any:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        try:
            return await real_put(*given)
        finally:
            under_way -= 1

    bench.sink.put = counting  # type: ignore[method-assign, assignment]
    await bench.queue.put(recorded.orders(200))
    await drain(bench, replace(HASTY, calls_at_once=3))
    assert most == 3


async def test_stopping_finishes_calls_and_gives_back_the_rest(bench: Bench) -> None:
    bench.endpoint.script = lambda *_: Stall(0.2)
    captures = recorded.orders(300)
    await bench.queue.put(captures)
    async with bench.running(replace(HASTY, calls_at_once=2)):
        while bench.endpoint.calls < 2:
            await asyncio.sleep(0.01)
    delivered = set(bench.endpoint.ids)
    assert 20 <= len(delivered) < 300
    left = await bench.queue.claim(1000)
    assert [claim.body for claim in left] == [
        body for capture, body in captures if capture.id not in delivered
    ]


async def test_a_call_that_outlasts_the_stop_is_given_back(bench: Bench) -> None:
    bench.endpoint.script = lambda *_: Stall(0.45)
    await bench.queue.put(recorded.orders(5))
    async with bench.running(replace(HASTY, stop_seconds=0.05)):
        while not bench.endpoint.calls:
            await asyncio.sleep(0.01)
    assert len(await bench.queue.claim(10)) == 5


async def test_a_drain_is_not_over_while_some_wait_for_room(bench: Bench) -> None:
    await bench.queue.put(recorded.orders(400))
    few = replace(HASTY, entries_per_destination=20, claim_size=20, calls_at_once=4)
    real_claim = bench.queue.claim

    async def slow(limit: int, *, without_views: Any = ()) -> Any:
        claims = await real_claim(limit, without_views=without_views)
        await asyncio.sleep(0.02)  # by then the events that filled the destination have been sent
        return claims

    bench.queue.claim = slow  # type: ignore[method-assign]
    dispatcher = await drain(bench, few)
    assert dispatcher.totals.delivered == 400


async def test_at_most_so_many_are_consumed(bench: Bench) -> None:
    await bench.queue.put(recorded.orders(30))
    dispatcher = bench.dispatcher()
    await dispatcher.run(until_empty=True, at_most=7)
    assert dispatcher.totals.delivered == 7
    assert (await bench.queue.depth()).captures == 23


async def test_no_secret_reaches_the_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "magento_eventbridge")
    bench.endpoint.script = lambda number, _: Refuse("AccessDenied") if not number else Take()
    await bench.queue.put(recorded.orders(2))
    await drain(bench)
    assert "a-test-secret" not in caplog.text
    assert "Event 'Order/Placed' captured, executing.." in caplog.text
    assert re.search(r"Event 'Order/Placed' executed in \d+\.\d{3}s", caplog.text)


# Routes that change


async def test_what_waits_goes_by_the_new_route_in_its_order(bench: Bench) -> None:
    """A parked destination gets new credentials: nothing lost, nothing twice, in order."""

    def refuses_the_former(number: int, _: list[dict[str, Any]]) -> Behaviour:
        is_mended = "AKIAMENDED" in bench.endpoint.headers[number]["authorization"]
        return Take() if is_mended else Refuse("UnrecognizedClientException")

    bench.endpoint.script = refuses_the_former
    placed = recorded.of("order-guest", "sales_order_place_after")
    captures = [recorded.stored(recorded.again(placed, subject="order/1")) for _ in range(30)]
    await bench.queue.put(captures)
    async with bench.running() as dispatcher:
        async with asyncio.timeout(PATIENCE):
            while not dispatcher.parked:
                await asyncio.sleep(0.01)
        mended = replace(KEYS, access_key="AKIAMENDED")
        former = bench.route_to(bench.endpoint.url)
        destination = replace(former.destination, credentials=mended)
        bench.routes[1] = replace(former, destination=destination, source="new.example.com")
        dispatcher.reroute({1})
        await bench.endpoint.until_taken(30)
        assert dispatcher.parked == []
    assert bench.endpoint.ids == [capture.id for capture, _ in captures]
    assert {entry["Source"] for entry in bench.endpoint.taken} == {"new.example.com"}
    assert (await bench.queue.depth()).captures == 0


async def test_a_call_under_way_ends_before_its_followers_go_the_new_way(bench: Bench) -> None:
    bench.endpoint.script = lambda number, _: Stall(0.3) if number == 0 else Take()
    placed = recorded.of("order-guest", "sales_order_place_after")
    captures = [recorded.stored(recorded.again(placed, subject="order/1")) for _ in range(3)]
    await bench.queue.put(captures)
    async with bench.running() as dispatcher:
        async with asyncio.timeout(PATIENCE):
            while not bench.endpoint.calls:
                await asyncio.sleep(0.01)
        bench.routes[1] = replace(bench.route_to(bench.endpoint.url), source="new.example.com")
        dispatcher.reroute({1})
        await bench.endpoint.until_taken(3)
    assert bench.endpoint.ids == [capture.id for capture, _ in captures]
    sources = [entry["Source"] for entry in bench.endpoint.taken]
    assert sources == ["shop.example.com", "new.example.com", "new.example.com"]


async def test_what_was_switched_off_meanwhile_is_passed_over(bench: Bench) -> None:
    bench.endpoint.script = lambda _, __: Refuse("AccessDeniedException")
    await bench.queue.put(recorded.orders(3))
    async with bench.running() as dispatcher:
        async with asyncio.timeout(PATIENCE):
            while not dispatcher.parked:
                await asyncio.sleep(0.01)
            off = frozenset({"aws_eventbridge/events_order/placed"})
            bench.routes[1] = bench.route_to(bench.endpoint.url, switched_off=off)
            dispatcher.reroute({1})
            while dispatcher.totals.passed_over < 3:
                await asyncio.sleep(0.01)
            assert dispatcher.parked == []
    assert (await bench.queue.depth()).captures == 0


async def test_other_destinations_go_on_while_one_changes(bench: Bench) -> None:
    bench.routes[2] = bench.route_to("http://127.0.0.1:1")
    await bench.queue.put([*recorded.orders(5, view_id=2), *recorded.orders(5, view_id=1)])
    async with bench.running() as dispatcher:
        await bench.endpoint.until_taken(5)
        async with asyncio.timeout(PATIENCE):
            while not dispatcher.problems:
                await asyncio.sleep(0.01)
        bench.routes[2] = bench.route_to(bench.endpoint.url)
        dispatcher.reroute({2})
        await bench.endpoint.until_taken(10)
        assert dispatcher.problems == {}


class Unreachable(SqliteQueue):
    """A queue that cannot be read."""

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        raise QueueError("the database is away")


async def test_a_queue_that_cannot_be_read_is_reported_of_once_and_can_be_stopped(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench.queue = Unreachable(tmp_path / "away.sqlite")
    async with bench.running(replace(HASTY, backoff=Backoff(first=0.01, longest=60))):
        await asyncio.sleep(0.5)
    assert caplog.text.count("Cannot read the queue 'sqlite': the database is away") == 1
    with pytest.raises(QueueError):
        await drain(bench)
    await bench.queue.close()


async def test_what_a_capture_says_forges_no_line_of_the_log(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    placed = recorded.of("order-guest", "sales_order_place_after")
    forged = recorded.again(placed, event="x\n[2026-11-23 20:00:00] report.CRITICAL: forged")
    await bench.queue.put([recorded.stored(forged)])
    await drain(bench)
    (line,) = [record for record in caplog.records if "dead letter" in record.getMessage()]
    assert "forged" in line.getMessage()
    assert "\n" not in line.getMessage()


class Leased(SqliteQueue):
    """A queue whose claims can be put in doubt, and lost."""

    in_doubt = False
    lost = False

    def holds_claims(self) -> bool:
        return not self.in_doubt

    async def confirm(self) -> bool:
        self.in_doubt = False
        return not self.lost


@pytest.mark.parametrize("lost", [False, True])
async def test_claims_in_doubt_are_not_sent_until_they_are_confirmed(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture, lost: bool
) -> None:
    queue = bench.queue = Leased(tmp_path / "leased.sqlite")
    captures = recorded.orders(30)
    await queue.put(captures)
    confirmed = asyncio.Event()
    confirm = queue.confirm

    async def confirm_late() -> bool:
        await confirmed.wait()
        return await confirm()

    queue.confirm = confirm_late  # type: ignore[method-assign]
    queue.lost = lost
    dispatcher = bench.dispatcher()
    original, calls = queue.claim, 0

    async def claim_then_pause(limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        nonlocal calls
        calls += 1
        claims = await original(limit, without_views=without_views)
        queue.in_doubt = (
            queue.in_doubt or calls == 1
        )  # as if the process were paused at its first claim
        return claims

    queue.claim = claim_then_pause  # type: ignore[method-assign]
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(0.3)
    assert bench.endpoint.taken == []
    confirmed.set()
    if lost:
        while "lost its claims on the queue 'sqlite'" not in caplog.text:
            await asyncio.sleep(0.01)
        assert dispatcher.destinations == []  # nothing is in memory
    else:
        await bench.endpoint.until_taken(30)
    dispatcher.stop()
    await running
    assert len(bench.endpoint.taken) == (0 if lost else 30)
    await queue.close()
