"""The console's lists over a running bridge: history, search, send again, dead letters."""

import asyncio
import html
import json
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar

from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.cli.dead_letters import list_letters
from magento_eventbridge.console.server import Console
from magento_eventbridge.delivery.observer import Settlement
from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.doctor.delivery import check_delivery
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.queues.mysql.queue import Handle
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.settings.layers import Layer, load
from tests.support import recorded
from tests.support.mariadb import Outbox
from tests.support.put_events import PutEvents, Script, Take, put_events, takes_all
from tests.support.unavailable_queue import add_unavailable_queue
from tests.support.waiting import PATIENCE


async def _examine() -> list[Finding]:
    return []


@asynccontextmanager
async def _running(
    folder: Path, script: Script = takes_all, **groups: Any
) -> AsyncIterator[tuple[ClientSession, Bridge, PutEvents]]:
    async with put_events(script) as endpoint:
        values = {
            "inlet": {"enabled": False},
            "spool": {"path": str(folder / "spool.sqlite")},
            "console": {"port": 0, "login": False, "magento_admin_url": "https://shop.test/admin/"},
            "credentials": {"type": "keys", "access_key": "AKIATEST", "secret_access_key": "key"},
            "options": {
                "region": "eu-west-1",
                "source": "shop.example.com",
                "endpoint_url": endpoint.url,
            },
            **groups,
        }
        settings, origins = load([Layer("test", values)])
        bridge = Bridge(settings, None, origins)
        console = Console(bridge, _examine)
        await console.open()
        running = asyncio.create_task(bridge.serve())
        try:
            async with ClientSession(console.url, cookie_jar=CookieJar(unsafe=True)) as http:
                await _until(lambda: bool(bridge.dispatchers))
                yield http, bridge, endpoint
        finally:
            bridge.stop()
            await running
            await console.close()


async def _until(is_true: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_true():
            await asyncio.sleep(0.05)


async def _text(http: ClientSession, path: str, words: str = "") -> str:
    """Return a page, once it has the words; an event has none before the journal is written."""
    async with asyncio.timeout(PATIENCE):
        while True:
            async with http.get(path) as answer:
                text = await answer.text()
                assert answer.status in ((200, 404, 503) if words else (200, 503)), text
            if answer.status == 200 and words in text:
                return text
            await asyncio.sleep(0.1)


async def _post(http: ClientSession, path: str, form: dict[str, Any]) -> tuple[str, str]:
    found = re.search(r'name="csrf" value="([^"]+)"', await _text(http, "/doctor"))
    assert found
    form = {"csrf": found[1], **form}
    async with http.post(path, data=form, allow_redirects=False) as answer:
        return answer.headers.get("Location", ""), await answer.text()


def _body(capture: dict[str, Any]) -> bytes:
    return json.dumps(capture).encode()


async def test_the_history_of_an_order_leads_to_its_events_and_to_magento(tmp_path: Path) -> None:
    placed = recorded.of("order-guest", "sales_order_place_after")
    order = placed["snapshot"]["increment_id"]
    async with _running(tmp_path) as (http, bridge, endpoint):
        await bridge.send_again([_body(placed)])
        await endpoint.until_taken(1)
        text = await _text(http, f"/history?of={order}", "1 event, oldest first")
        assert f"/events/{placed['id']}" in text
        assert f"https://shop.test/admin/sales/order/view/order_id/{_entity(placed)}" in text
        sku = placed["snapshot"]["items"][0]["sku"]
        assert "1 event, oldest first" in await _text(http, f"/history?of={sku}")
        assert f"/history?of=order/{order}" in await _text(http, f"/events/{placed['id']}")
        assert "no event about" in await _text(http, "/history?of=nothing%3Cb%3E")
        assert "required" in await _text(http, "/history")


async def test_a_message_that_nobody_can_read_has_its_pages(tmp_path: Path) -> None:
    deep = b"[" * 100_000
    async with _running(tmp_path) as (http, bridge, _):
        (queue,) = bridge.queues
        assert bridge.journal and isinstance(queue, SqliteQueue)
        ((capture, _),) = recorded.orders(1)
        await queue.put([(capture, deep)])
        await _text(http, "/dead-letters", "1 dead letter<")
        assert "[[[[" in await _text(http, "/dead-letters/sqlite/1")
        # The ids that other queues give to such messages have a slash.
        claim = Claim(Handle(7, "bridge/1"), deep)
        bridge.journal.ended(Settlement(time.time(), claim, None, "", "not a capture"))
        text = await _text(http, "/events?verdict=dead", "claim%207")
        link = re.search(r'href="(/events/claim%207[^"]+)"', text)
        assert link and "[[[[" in await _text(http, link[1])


async def test_a_queue_that_cannot_be_read_hides_no_other_dead_letter(tmp_path: Path) -> None:
    placed = recorded.of("order-guest", "sales_order_place_after")
    async with _running(tmp_path) as (http, bridge, _):
        await bridge.send_again([_body({**placed, "event": "event_of_tomorrow"})])
        await _text(http, "/dead-letters", "1 dead letter<")
        add_unavailable_queue(bridge)
        text = await _text(http, "/dead-letters", "outbox&#39; cannot be read now")
        assert "event_of_tomorrow" in text and "No dead letters." not in text
        order = placed["snapshot"]["increment_id"]
        text = await _text(http, f"/history?of={order}", "of outbox cannot be read now")
        assert "event_of_tomorrow" in text
        assert "event_of_tomorrow" in await _text(http, f"/dead-letters?q={order}")
        assert "Queue unavailable" in await _text(http, "/")


async def test_a_database_that_hangs_holds_up_no_page_and_no_other_queue(
    tmp_path: Path,
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = outbox.server.process
    if server is None:
        pytest.skip("the server is not ours")
    monkeypatch.setattr("magento_eventbridge.console.queue_watch._SILENT_AFTER", 1.5)
    monkeypatch.setattr("magento_eventbridge.doctor.delivery.DATABASE_ANSWERS_WITHIN", 1)
    monkeypatch.setattr("magento_eventbridge.cli.dead_letters._READ_SECONDS", 1)
    monkeypatch.setattr("magento_eventbridge.delivery.outage._SILENT_AFTER", 1.5)
    options = outbox.options
    given = ("host", "port", "database", "user", "password", "table_prefix")
    of_outbox = {name: getattr(options, name) for name in given}
    placed = recorded.of("order-guest", "sales_order_place_after")
    order = placed["snapshot"]["increment_id"]
    async with _running(tmp_path, outbox={"enabled": True, **of_outbox}) as (
        http,
        bridge,
        endpoint,
    ):
        await _text(http, "/", "Idle")
        server.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            await bridge.send_again([_body(placed)])  # by the spool
            await endpoint.until_taken(1)
            await asyncio.sleep(1.6)
            for path in ("/events", "/destinations", "/doctor", "/settings"):
                await _text(http, path)
            assert "no answer for" in await _text(http, "/", "Queue unavailable")
            assert "dead letters of outbox cannot be read" in await _text(
                http, f"/history?of={order}"
            )
            assert "No dead letters" not in await _text(http, "/dead-letters", "no answer for")
            for path in ("/dead-letters/outbox/1", "/dead-letters?queue=outbox&q=1"):
                async with http.get(path) as answer:
                    assert answer.status == 503
                    assert "cannot be read now" in html.unescape(await answer.text())
            form = {"queue": "outbox", "act": "redrive-all"}
            assert "The queue 'outbox' cannot" in html.unescape(
                (await _post(http, "/dead-letters", form))[1]
            )
            (finding,) = [
                one for one in await check_delivery(bridge.settings) if one.name == "outbox"
            ]
            assert finding.state == "FAIL"
            assert "no answer within 1 s" in finding.message
            overrides = [f"outbox.{name}={value}" for name, value in of_outbox.items()]
            with pytest.raises(QueueError, match="no answer within 1 s"):
                await asyncio.to_thread(list_letters, queue="outbox", overrides=overrides)
            # The log is written by a thread of its own.
            await _until(lambda: "Cannot read the queue 'outbox': no answer" in caplog.text)
            # Each page may wait for a second, and nothing for the database's own limit of 30.
            assert time.monotonic() - began < 20
        finally:
            server.send_signal(signal.SIGCONT)
        outbox.put([recorded.stored(recorded.again(placed))])
        await endpoint.until_taken(2)
        await _text(http, "/", "Delivering")
        await _until(lambda: "The queue 'outbox' can be read again" in caplog.text)


async def test_events_are_called_retried_as_long_as_the_journal_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = recorded.of("order-guest", "sales_order_place_after")

    def script(_: int, entries: list[dict[str, Any]]) -> Any:
        return Take(dict.fromkeys(range(len(entries)), "InternalFailure"))

    async with _running(tmp_path, script) as (http, bridge, _):
        await bridge.send_again([_body(placed)])
        text = await _text(http, "/", "1 event is retried")
        assert "InternalFailure" in text
        assert bridge.journal
        problem = property(lambda _: "the disk is full", lambda *_: None)
        monkeypatch.setattr(type(bridge.journal), "problem", problem, raising=False)
        text = await _text(http, "/", "The journal cannot be written: the disk is full")
        assert "1 event on the way" in text and "is retried" not in text
        assert "InternalFailure" not in text
        add_unavailable_queue(bridge)
        assert "without outbox" in await _text(http, "/", "Queue unavailable")


def _entity(placed: dict[str, Any]) -> str:
    return str(placed["snapshot"]["entity_id"])


def _orders(count: int) -> list[dict[str, Any]]:
    placed = recorded.of("order-guest", "sales_order_place_after")
    return [recorded.again(placed, subject=f"order/{number}") for number in range(count)]


async def test_delivered_events_are_sent_again_with_their_ids(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "magento_eventbridge")
    orders = _orders(3)
    ids = sorted(one["id"] for one in orders)
    async with _running(tmp_path) as (http, bridge, endpoint):
        await bridge.send_again([_body(one) for one in orders])
        await endpoint.until_taken(3)
        text = await _text(http, "/events?type=OrderPlaced", "3 events, newest first")
        assert "detail-type: OrderPlaced" in text
        where, _ = await _post(http, f"/events/{ids[0]}/send-again", {})
        assert where == f"/events/{ids[0]}?done=1"
        await endpoint.until_taken(4)
        filter_ = {"type": "OrderPlaced"}
        _, page = await _post(http, "/events/send-again", filter_)
        assert "Send 3 events again?" in page
        asked_at = re.search(r'name="asked_at" value="([^"]+)"', page)
        assert asked_at
        (late,) = _orders(1)
        await bridge.send_again([_body(late)])
        await _text(http, "/events?type=OrderPlaced", "4 events, newest first")
        confirmed = {**filter_, "confirmed": "yes", "asked_at": asked_at[1]}
        where, _ = await _post(http, "/events/send-again", confirmed)
        assert where == "/events?type=OrderPlaced&done=3", "not what came after the question"
        _, page = await _post(http, "/events/send-again", {**confirmed, "asked_at": "x"})
        assert "cannot be read" in page
        await endpoint.until_taken(8)
        where, _ = await _post(http, "/events/send-again", {"type": "OrderCanceled"})
        assert where == "/events?type=OrderCanceled&done=none"
        _, page = await _post(http, "/events/send-again", {})
        assert "Search first" in page
        _, page = await _post(http, "/events/no-such-id/send-again", {})
        assert "no such delivered event" in page
        sent = [json.loads(entry["Detail"])["metadata"]["id"] for entry in endpoint.taken]
        assert {one: sent.count(one) for one in ids} == {ids[0]: 3, ids[1]: 2, ids[2]: 2}
        assert sent.count(late["id"]) == 1
    assert f"this machine sends event {ids[0]} again" in caplog.text
    assert "this machine sends 3 events again: type=OrderPlaced" in caplog.text
    with pytest.raises(QueueError, match="stopping"):
        await bridge.send_again([])


async def test_an_incomplete_capture_is_not_sent_again(tmp_path: Path) -> None:
    placed = recorded.of("order-guest", "sales_order_place_after")
    async with _running(tmp_path, journal={"personal_data": "hash"}) as (http, bridge, endpoint):
        await bridge.send_again([_body(placed)])
        await endpoint.until_taken(1)
        assert "Send again" not in await _text(http, f"/events/{placed['id']}", "Destination")
        _, page = await _post(http, f"/events/{placed['id']}/send-again", {})
        assert "no complete captures" in page
        _, page = await _post(http, "/events/send-again", {"type": "OrderPlaced"})
        assert "no complete captures" in page


async def test_events_with_privacy_settings_are_not_sent_again(tmp_path: Path) -> None:
    placed = recorded.of("order-guest", "sales_order_place_after")
    async with _running(tmp_path, privacy={"remove": ["items"]}) as (_, bridge, endpoint):
        with pytest.raises(QueueError, match="privacy settings apply to store view"):
            await bridge.send_again([_body(placed)])
        assert endpoint.taken == []


async def test_dead_letters_are_listed_by_page_and_acted_on_by_filter(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "magento_eventbridge")
    is_fixed = False

    def script(_: int, entries: list[dict[str, Any]]) -> Any:
        return Take() if is_fixed else Take(dict.fromkeys(range(len(entries)), "MalformedDetail"))

    # One event after the other that AWS refuses would park the view: most are unknown instead.
    orders = [recorded.again(one, event="event_of_tomorrow") for one in _orders(60)]
    special = recorded.again(_orders(1)[0], subject="order/SPECIAL-1")
    async with _running(tmp_path, script) as (http, bridge, endpoint):
        await bridge.send_again([_body(one) for one in (*orders, special)])
        text = await _text(http, "/dead-letters", "60 dead letters")
        assert "OrderPlaced" in await _text(http, "/dead-letters", "1 dead letter<")
        link = re.search(r'href="(/dead-letters\?queue=sqlite&amp;kind=[^"]+)">Show all', text)
        assert link
        first = await _text(http, link[1].replace("&amp;", "&"), "60 dead letters that match")
        assert first.count('name="letter"') == 50
        following = re.search(r'href="(/dead-letters\?[^"]*after=[^"]+)">Next page', first)
        assert following
        second = await _text(http, following[1].replace("&amp;", "&"))
        assert second.count('name="letter"') == 10
        assert "First page" in second
        text = await _text(http, "/dead-letters?q=special-1", "1 dead letter that matches")
        assert "/history?of=order/SPECIAL-1" in text
        for word in ("nothing-has-this", "gr%C3%BC%C3%9Fe"):
            assert "No dead letter matches" in await _text(http, f"/dead-letters?q={word}")
        for words in ("SPECIAL-1", "Special-1+malformeddetail"):
            assert "1 dead letter that matches" in await _text(http, f"/dead-letters?q={words}")
        async with http.get("/dead-letters.ndjson?queue=sqlite&q=special-1") as answer:
            assert json.loads(await answer.text())["id"] == special["id"]
        form = {"queue": "sqlite", "q": "event_of_tomorrow", "list": "yes"}
        _, page = await _post(http, "/dead-letters", {**form, "act": "drop-match"})
        assert "Drop 60 dead letters of sqlite?" in page
        assert "/dead-letters.ndjson?queue=sqlite&amp;kind=&amp;q=event_of_tomorrow" in page
        asked = dict(re.findall(r'name="(expected|through)" value="(\d+)"', page))
        await bridge.send_again([_body(recorded.again(orders[0]))])
        await _text(http, "/dead-letters?q=event_of_tomorrow", "61 dead letters that match")
        everything = {"queue": "sqlite", "act": "drop-all", "confirmed": "yes", "expected": "61"}
        _, page = await _post(http, "/dead-letters", everything)
        assert "Drop 62 dead letters of sqlite?" in page and "Nothing was dropped yet" in page
        confirmed = {**form, **asked, "act": "drop-match", "confirmed": "yes"}
        where, _ = await _post(http, "/dead-letters", confirmed)
        assert where == "/dead-letters?queue=sqlite&kind=&q=event_of_tomorrow&done=60-dropped"
        is_fixed = True
        assert "1 dead letter that matches" in await _text(http, f"/dead-letters?q={form['q']}")
        where, _ = await _post(
            http,
            "/dead-letters",
            {"queue": "sqlite", "q": "SPECIAL-1", "act": "redrive-match", "list": "yes"},
        )
        assert where.endswith("done=1-redriven")
        await endpoint.until_taken(1)
        assert endpoint.ids == [special["id"]]
    assert "this machine redrove 1 dead letter of sqlite" in caplog.text
    assert "this machine dropped 60 dead letters of sqlite" in caplog.text
