"""The console's pages of destinations and of store views, over a running bridge."""

import html
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from tests.integration.test_console_events import _body, _orders, _post, _running, _text
from tests.support import recorded
from tests.support.put_events import Behaviour, Refuse, Take

BUS = "outlet"


def _settings() -> dict[str, Any]:
    outlet = {"options": {"event_bus": BUS, "source": "outlet.example.com"}}
    return {"stores": {"2": {**outlet, "events": {"order/saved": False}}}}


def _name(bridge: Any, bus: str) -> str:
    (name,) = (str(one) for one in bridge.destinations if (one.event_bus or "default") == bus)
    return name


async def test_a_destinations_page_shows_what_fails_and_what_waits(tmp_path: Path) -> None:
    is_fixed = False

    def script(_: int, entries: list[dict[str, Any]]) -> Behaviour:
        return Take() if is_fixed else Refuse("AccessDeniedException")

    async with _running(tmp_path, script, **_settings()) as (http, bridge, endpoint):
        name = _name(bridge, "default")
        page = f"/destinations?name={quote(name)}"
        assert "none since the start" in await _text(http, page)
        await bridge.send_again([_body(one) for one in _orders(4)])
        await _text(http, page, "4 events parked")
        text = html.unescape(await _text(http, page, "Last errors</h2>\n  <table"))
        for words in (
            "AccessDeniedException",
            "AWS does not permit it",
            "AKIA…TEST, found by keys",
            "never",
            '<a href="/views/0">0 · admin</a>',
            '<a href="/views/1">1</a>',
            "/history?of=order/3",
            f"/events?type=OrderPlaced&verdict=parked&destination={quote(name, safe='/')}",
        ):
            assert words in text, words
        assert "/views/2" not in text, "its events go to another bus"
        found = await _text(http, f"/events?verdict=parked&destination={quote(name)}")
        assert f"destination: {name}" in html.unescape(found)
        is_fixed = True
        where, _ = await _post(http, "/destinations/try", {"destination": name, "back": page})
        assert unquote(where) == unquote(page)
        await endpoint.until_taken(4)
        text = await _text(http, page, "Takes events")
        assert "nothing is wrong" not in text and " failed tries in the last minute" in text
        assert "Nothing that was tried waits" in await _text(http, page, "No event that")
        live = await _text(http, page.replace("?", "/live?"))
        assert "Delivered events a minute" in live and "<html" not in live
        where, _ = await _post(
            http, "/destinations/try", {"destination": name, "back": "//evil.example"}
        )
        assert where == "/"


async def test_charts_link_to_their_events(tmp_path: Path) -> None:
    def script(number: int, entries: list[dict[str, Any]]) -> Behaviour:
        return Take({0: "MalformedDetail"}) if number == 0 else Take()

    async with _running(tmp_path, script) as (http, bridge, endpoint):
        await bridge.send_again([_body(one) for one in _orders(5)])
        await endpoint.until_taken(4)
        for page in ("/", f"/destinations?name={quote(_name(bridge, 'default'))}"):
            text = html.unescape(await _text(http, page, 'id="failures-'))
            for chart, found in (("rates", "4 events"), ("failures", "1 event,")):
                link = re.search(rf'id="{chart}-\d+" href="([^"]+)"', text)
                assert link, chart
                assert found in await _text(http, link[1], "newest first")
        assert "last try from: " in await _text(http, "/events?tried_since=2026-11-27T10:12")


async def test_destinations_and_views_are_linked_wherever_they_are_named(tmp_path: Path) -> None:
    placed = recorded.again(_orders(1)[0], store_id=2)
    async with _running(tmp_path, **_settings()) as (http, bridge, endpoint):
        link = f"/destinations?name={quote(_name(bridge, BUS), safe='/')}"
        await bridge.send_again([_body(placed)])
        await endpoint.until_taken(1)
        list_ = await _text(http, "/destinations")
        assert link in list_ and "/views/2" in list_ and "35 of 37" in list_
        for path, words in (
            ("/", ""),
            (f"/events/{placed['id']}", "delivered"),
            ("/history?of=" + placed["subject"], "1 event"),
            ("/views/2", ""),
        ):
            assert link in await _text(http, path, words), path
        for path in ("/events", f"/events/{placed['id']}", link, "/settings?view=2"):
            assert "/views/2" in await _text(http, path, "/views/2"), path


async def test_a_dry_run_and_a_bus_that_refuses_a_type_are_called_by_what_they_are(
    tmp_path: Path,
) -> None:
    def script(_: int, entries: list[dict[str, Any]]) -> Behaviour:
        denied = (at for at, one in enumerate(entries) if one["DetailType"] == "CartProductAdded")
        return Take(dict.fromkeys(denied, "AccessDeniedException"))

    spared = {"options": {"event_bus": BUS, "dry_run_mode": True}}
    settings = {"stores": {"1": {"options": {"event_bus": BUS}}, "2": spared}}
    added = recorded.of("cart-add", "sales_quote_item_save_after")
    placed, dry = (recorded.again(_orders(1)[0], store_id=view) for view in (1, 2))
    async with _running(tmp_path, script, **settings) as (http, bridge, endpoint):
        names = {str(one): one.dry_run for one in bridge.destinations if one.event_bus == BUS}
        real, dry_run = sorted(names, key=names.__getitem__)
        assert dry_run == f"{real} (dry run)"
        page = f"/destinations?name={quote(real)}"
        await bridge.send_again([_body(dry)])
        assert f">{dry_run}</a>" in _plain(await _text(http, f"/events/{dry['id']}", "delivered"))
        text = await _text(http, page)
        assert "none since the start" in text and "Dry run" not in text
        assert "nothing is sent" in await _text(http, f"/destinations?name={quote(dry_run)}")
        await bridge.send_again([_body(recorded.again(added, store_id=1)), _body(placed)])
        await endpoint.until_taken(1)
        text = await _text(http, page, "1 event parked")
        assert "Partly parked" in text
        assert "<dt>In memory</dt>\n    <dd>1</dd>" in text, "what waits apart is in memory, too"
        assert '"verdict parked">partly parked' in await _text(http, "/destinations")
    assert [entry["DetailType"] for entry in endpoint.taken] == ["OrderPlaced"]


def _plain(page: str) -> str:
    """Return a page without its marks for line breaks."""
    return re.sub("<wbr>|</?span[^>]*>", "", html.unescape(page))


async def test_a_views_page_shows_settings_switches_and_events(tmp_path: Path) -> None:
    placed = recorded.again(_orders(1)[0], store_id=2)
    async with _running(tmp_path, **_settings()) as (http, bridge, endpoint):
        await bridge.send_again([_body(placed)])
        await endpoint.until_taken(1)
        text = await _text(http, "/views/2", f"/events/{placed['id']}")
        off = text[text.index("Switched off</h2>") : text.index("Settings in force")]
        assert "OrderUpdated" in off and "OrderPlaced" not in off
        assert "outlet.example.com" in text and "35 on, 2 off" in text
        assert placed["id"] not in await _text(http, "/views/0")
        assert "Neither the store nor the settings name" in await _text(http, "/views/77")
        async with http.get(f"/views/{2**40}") as answer:
            assert answer.status == 400


async def test_a_destination_that_nobody_uses_is_not_found(tmp_path: Path) -> None:
    async with _running(tmp_path) as (http, bridge, endpoint):
        async with http.get("/destinations?name=no+such+bus") as answer:
            assert answer.status == 404
        name = _name(bridge, "default")
        await bridge.send_again([_body(one) for one in _orders(1)])
        await endpoint.until_taken(1)
        await _text(http, "/events?verdict=delivered", "/events/0")
    async with _running(tmp_path, options={"region": "eu-central-1"}) as (http, bridge, _):
        page = await _text(http, f"/destinations?name={quote(name)}")
        assert "none now" in page


async def test_settings_are_searched_and_filtered(tmp_path: Path) -> None:
    async with _running(tmp_path, **_settings()) as (http, _, __):
        text = await _text(http, "/settings?q=region&changed=1")
        main = text[text.index("<h1>") :]
        assert "eu-west-1" in main and "max_entry_bytes" not in main
        assert "OrderPlaced" not in main
        assert "No setting matches" in await _text(http, "/settings?q=no-such-setting")
        text = await _text(http, "/settings?view=2&changed=1")
        assert "OrderUpdated" in text and "OrderPlaced" not in text


async def test_events_that_match_are_downloaded(tmp_path: Path) -> None:
    async with _running(tmp_path) as (http, bridge, endpoint):
        orders = _orders(3)
        await bridge.send_again([_body(one) for one in orders])
        await endpoint.until_taken(3)
        await _text(http, "/events?q=order/1", "1 event, newest first")
        async with http.get("/events.ndjson?type=OrderPlaced") as answer:
            assert answer.headers["Content-Disposition"] == 'attachment; filename="events.ndjson"'
            lines = [json.loads(line) for line in (await answer.text()).splitlines()]
        assert [line["id"] for line in lines] == [one["id"] for one in orders]
        assert lines[0]["detail"]["metadata"]["id"] == orders[0]["id"]
        assert (lines[0]["verdict"], lines[0]["detailType"]) == ("delivered", "OrderPlaced")
        async with http.get("/events.ndjson?since=yesterday") as answer:
            assert answer.status == 400
