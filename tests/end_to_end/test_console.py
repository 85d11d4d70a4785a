"""The console as a person uses it: a real browser on a running bridge."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from playwright.async_api import Page, expect

from magento_eventbridge.console.login_links import Visitor, create_link
from tests.support import recorded
from tests.support.browser import CONSOLE_PAGES, Watched, chromium, page_of
from tests.support.process import SECRET, Serving, serving
from tests.support.put_events import (
    Behaviour,
    PutEvents,
    Refuse,
    Script,
    Take,
    put_events,
    takes_all,
)
from tests.support.shoppers import an_order, give_captures
from tests.support.waiting import PATIENCE

PASSWORD = "a long enough password"
ADA = Visitor("ada", "operator")


@asynccontextmanager
async def _opened(
    folder: Path, script: Script = takes_all, **settings: str
) -> AsyncIterator[tuple[Watched, Serving, PutEvents]]:
    async with put_events(script) as endpoint, serving(folder, endpoint.url, **settings) as bridge:
        async with chromium() as browser, page_of(browser, base_url=bridge.console) as watched:
            yield watched, bridge, endpoint
            origins = {url.split("/")[2] for url in watched.requested}
            assert origins <= {bridge.console.removeprefix("http://")}, "asks nobody else"
            assert "a page failed" not in bridge.log


async def test_the_tail_shows_an_event_before_the_page_is_refreshed(tmp_path: Path) -> None:
    async with _opened(tmp_path) as (watched, bridge, endpoint):
        page = watched.page
        await page.goto("/events")
        await expect(page.locator("main")).to_contain_text("No event yet")
        await expect(page.locator(".live")).to_have_attribute("aria-pressed", "true")
        result = an_order()
        began = time.monotonic()
        await give_captures(bridge, result)
        await expect(page.locator("#events tbody tr")).to_have_count(1)
        assert time.monotonic() - began < 4  # a second, but for a busy machine; a reload takes five
        row = page.locator(f"#e-{result['id']}")
        await expect(row).to_contain_text("OrderPlaced")
        await expect(row).to_contain_text("delivered")
        await expect(page.locator("main")).not_to_contain_text("No event yet")
        await page.click(".live")
        await give_captures(bridge, an_order(1))
        await endpoint.until_taken(2)
        await asyncio.sleep(1)
        assert await page.locator("#events tbody tr").count() == 1
        assert watched.complaints == []


async def test_one_event_shows_everything_that_is_known_of_it(tmp_path: Path) -> None:
    def script(number: int, _: Any) -> Behaviour:
        return Refuse("InternalException", 500) if number == 0 else Take()

    async with _opened(tmp_path, script) as (watched, bridge, endpoint):
        page, result = watched.page, an_order(7)
        await give_captures(bridge, result)
        await endpoint.until_taken(1)
        detail = endpoint.details[0]
        await page.goto("/events")
        await page.fill("#q", f"{detail['id']} {detail['items'][0]['sku']}")
        await page.select_option("#type", "OrderPlaced")
        await page.click("text=Search")
        await expect(page.locator("#events tbody tr")).to_have_count(1)
        await expect(page.locator("#events tbody")).to_contain_text("delivered", timeout=5_000)
        await page.click("#events tbody a")
        main = page.locator("main")
        for text in (result["id"], "order/7", "shop.example.com", "eu-west-1", "HTTP", "500"):
            await expect(main).to_contain_text(text)
        await expect(main).to_contain_text("InternalException on command")
        await expect(page.get_by_label("Detail as sent, JSON")).to_contain_text(detail["id"])
        await expect(page.get_by_label("Capture, JSON")).to_contain_text("sales_order_place_after")
        pattern = await page.get_by_label("Rule pattern that matches it, JSON").inner_text()
        assert json.loads(pattern) == {
            "source": ["shop.example.com"],
            "detail-type": ["OrderPlaced"],
        }
        await page.goto("/events?q=nothing-has-this")
        await expect(main).to_contain_text("No event in the journal matches")
        await page.goto("/events?since=yesterday")
        await expect(page.get_by_role("alert")).to_contain_text("'yesterday' is not a time")
        assert watched.complaints == []


async def test_redrive_brings_dead_letters_to_the_bus(tmp_path: Path) -> None:
    is_fixed = False

    def script(_: int, entries: list[dict[str, Any]]) -> Behaviour:
        return Take() if is_fixed else Take(dict.fromkeys(range(len(entries)), "MalformedDetail"))

    async with _opened(tmp_path, script) as (watched, bridge, endpoint):
        page = watched.page
        orders = [an_order(number) for number in range(4)]
        unknown = recorded.again(an_order(9), event="event_of_tomorrow")
        await give_captures(bridge, *orders, unknown)
        await _until_dead(page, 5)
        await expect(page.locator("main")).to_contain_text("Other problems")
        await page.goto("/dead-letters")
        groups = page.locator("main form:has(table)")
        await expect(groups).to_have_count(2)
        main = page.locator("main")
        await expect(main).to_contain_text("AWS refuses this event")
        await expect(main).to_contain_text("upgrade the bridge, then redrive")
        async with page.expect_download() as download:
            await page.click("text=Download all")
        file = await (await download.value).path()
        lines = await asyncio.to_thread(lambda: file.read_text().splitlines())
        assert {json.loads(line)["id"] for line in lines} == {
            result["id"] for result in (*orders, unknown)
        }

        is_fixed = True
        await groups.first.locator("tbody input[type=checkbox]").first.check()
        await groups.first.get_by_role("button", name="Redrive selected").click()
        await expect(page.get_by_role("status")).to_have_text("1 redriven.")
        await endpoint.until_taken(1)
        await groups.first.get_by_role("button", name="Redrive all of these").click()
        await expect(page.get_by_role("status")).to_have_text("3 redriven.")
        await expect(page.get_by_role("status")).to_be_focused()
        assert "done=" not in page.url, "a reload does not say it again"
        await endpoint.until_taken(4)
        assert set(endpoint.ids) == {result["id"] for result in orders}

        await groups.locator("tbody th a").click()
        await expect(main).to_contain_text("Unknown Magento event")
        await page.get_by_role("button", name="Drop…").click()
        await expect(page.locator("h1")).to_have_text("Drop 1 dead letter of sqlite?")
        await page.click("text=Keep them")
        await expect(groups).to_have_count(1)
        await groups.get_by_role("button", name="Redrive selected").click()
        await expect(page.get_by_role("status")).to_have_text("Nothing was selected.")
        await page.get_by_role("button", name="Drop all…").click()
        await page.get_by_role("button", name="Drop for good").click()
        await expect(page.get_by_role("status")).to_have_text("1 dropped.")
        await expect(main).to_contain_text("No dead letters")
        await page.goto("/")
        await expect(main).not_to_contain_text("Other problems")
        assert watched.complaints == []


async def _until_dead(page: Page, count: int) -> None:
    await page.goto("/")
    async with asyncio.timeout(PATIENCE):
        while f"dead-letters.{count}" not in await _shown(page):
            await asyncio.sleep(0.1)
            await page.reload()


async def _shown(page: Page) -> str:
    badge = page.locator(".badge")
    shown = await badge.inner_text() if await badge.count() else "none"
    return f"dead-letters.{shown.split()[0]}"


async def test_a_parked_bus_is_shown_with_what_to_do(tmp_path: Path) -> None:
    async with _opened(tmp_path, lambda *_: Refuse("AccessDeniedException")) as opened:
        watched, bridge, endpoint = opened
        page = watched.page
        await page.goto("/")
        await expect(page.get_by_role("status")).to_have_text("Idle")
        await give_captures(bridge, an_order())
        # Without a reload of the page.
        await expect(page.get_by_role("status")).to_have_text("Parked")
        await expect(page.locator("main")).to_contain_text("permission events:PutEvents")
        await page.goto("/dead-letters")
        await expect(page.locator("main")).to_contain_text("these wait until you act")
        endpoint.script = takes_all
        await page.goto("/")
        await expect(page.get_by_role("status")).to_have_text("Delivering", timeout=30_000)
        assert watched.complaints == []


async def test_a_parked_bus_is_tried_at_once_on_request(tmp_path: Path) -> None:
    async with _opened(tmp_path, lambda *_: Refuse("AccessDeniedException")) as opened:
        watched, bridge, endpoint = opened
        page = watched.page
        await give_captures(bridge, an_order())
        await page.goto("/")
        await expect(page.get_by_role("status")).to_have_text("Parked")
        await expect(page.locator("main")).to_contain_text("Next try at")
        endpoint.script = takes_all
        await page.get_by_role("button", name="Try now").click()
        await expect(page.get_by_role("status")).to_have_text("Delivering")
        assert "this machine tries" in bridge.log
        assert watched.complaints == []


async def test_a_page_without_answers_says_so_until_the_bridge_answers_again(
    tmp_path: Path,
) -> None:
    async with _opened(tmp_path, lambda *_: Refuse("AccessDeniedException")) as opened:
        watched, bridge, _ = opened
        page = watched.page
        await give_captures(bridge, an_order())
        await page.goto("/")
        await expect(page).to_have_title(re.compile("^Parked · "))
        await page.route("**/overview/live*", lambda route: route.abort())
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("No answer since")
        await expect(page).to_have_title(re.compile("^No answer · "))
        await expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("lost"))
        await expect(page.locator("[data-refresh]")).to_have_css("opacity", "0.45")
        # A form that was sent now would replace the page by the browser's own error.
        await page.route("**/destinations/try", lambda route: route.abort())
        await page.get_by_role("button", name="Try now").click()
        await expect(alert).to_contain_text("nothing can be done here until the bridge answers")
        await page.unroute("**/overview/live*")
        await expect(alert).to_be_hidden()
        await expect(page).to_have_title(re.compile("^Parked · "))
        await expect(page.locator("[data-refresh]")).to_have_css("opacity", "1")


async def test_the_tail_says_when_it_is_not_live(tmp_path: Path) -> None:
    async with _opened(tmp_path, takes_all) as (watched, _, __):
        page = watched.page
        await page.route("**/events/tail*", lambda route: route.abort())
        await page.goto("/events")
        await expect(page.locator(".live")).to_have_text("Not live: reconnecting")
        await expect(page.get_by_role("alert")).to_contain_text("No answer since")
        await page.unroute("**/events/tail*")
        await expect(page.locator(".live")).to_have_text("Live")
        await expect(page.get_by_role("alert")).to_be_hidden()


async def test_a_test_event_really_goes_to_the_bus(tmp_path: Path) -> None:
    settings = {"STORES__2__OPTIONS__SOURCE": "outlet.example.com"}
    async with _opened(tmp_path, takes_all, **settings) as (watched, _, endpoint):
        page = watched.page
        await page.goto("/catalog")
        await page.click("text=OrderPlaced")
        await page.select_option("#store", "2")
        await page.click("text=Send a test event")
        await expect(page.get_by_role("status")).to_contain_text("Delivered")
        (entry,) = endpoint.taken
        assert (entry["Source"], entry["DetailType"]) == ("outlet.example.com", "OrderPlaced")
        assert endpoint.details[0]["metadata"]["test"] is True
        endpoint.script = lambda *_: Refuse("AccessDeniedException")
        await page.click("text=Send a test event")
        await expect(page.get_by_role("status")).to_contain_text("AWS does not permit it")
        await page.goto("/doctor")
        await page.click("text=Check now")
        await expect(page.locator("main")).to_contain_text("Problems to fix")
        await expect(page.locator("main")).to_contain_text("AccessDeniedException")
        assert watched.complaints == []


async def test_the_button_of_a_form_that_takes_a_while_says_what_to_do(tmp_path: Path) -> None:
    unreachable: Any = {"OUTBOX__ENABLED": "1", "OUTBOX__PORT": "9"}
    async with _opened(tmp_path, **unreachable) as (watched, bridge, _):
        page = watched.page
        await page.goto("/audit")
        await page.get_by_role("button", name="Audit now").click()
        await expect(page.get_by_role("status")).to_contain_text(
            "Comparing the store with what was"
        )
        await expect(page.get_by_role("status")).to_contain_text("failed: ")
        await expect(page.get_by_role("button", name="Audit now")).to_be_enabled()
        assert "Console: this machine audits the store" in bridge.log


async def test_settings_show_their_origin_and_no_secret(tmp_path: Path) -> None:
    settings = {
        "CONSOLE__PASSWORD": PASSWORD,
        "STORES__2__OPTIONS__SOURCE": "outlet.example.com",
        "STORES__2__EVENTS__CART__PRODUCT_ADDED": "0",
    }
    async with _opened(tmp_path, takes_all, **settings) as (watched, _, __):
        page = watched.page
        await _log_in(page, "/settings")
        main = page.locator("main")
        await expect(main.locator("tr", has_text="region").first).to_contain_text("environment")
        for path in ("/settings", "/settings?view=2"):
            await page.goto(path)
            text = await page.content()
            for secret in (SECRET, "a-test-secret-key", "AKIATEST", PASSWORD):
                assert secret not in text
        await expect(main).to_contain_text("outlet.example.com")
        added = main.locator("tr", has_text="CartProductAdded")
        await expect(added).to_contain_text("off")
        await expect(added).to_contain_text("environment")


async def _log_in(page: Page, goal: str) -> None:
    await page.goto(goal)
    await page.fill("#password", PASSWORD)
    await page.click("main button")


async def test_the_password_opens_it_and_nothing_else_does(tmp_path: Path) -> None:
    async with _opened(tmp_path, CONSOLE__PASSWORD=PASSWORD) as (watched, bridge, __):
        page = watched.page
        for path in CONSOLE_PAGES[:-1]:
            await page.goto(path)
            assert "/login" in page.url
        await page.goto("/events?q=000000123")
        await page.fill("#password", "a wrong password")
        await page.click("main button")
        await expect(page.get_by_role("alert")).to_have_text("The password is wrong.")
        before = (await page.context.cookies())[0]["value"]
        await page.fill("#password", PASSWORD)
        await page.click("main button")
        assert page.url.endswith("/events?q=000000123")
        (cookie,) = await page.context.cookies()
        assert cookie["value"] != before
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        await page.click("text=Log out")
        await page.goto("/")
        assert "/login" in page.url
        link = create_link(tmp_path / "console-0.login", ADA)
        await page.goto(link)  # its form is sent by itself
        await expect(page.locator(".whose")).to_contain_text("ada")
        other = await page.context.new_page()
        await other.goto(link)
        await expect(other.locator(".whose")).to_contain_text("ada")
        assert PASSWORD not in bridge.log
        assert "token=" not in bridge.log


async def test_script_and_style_from_within_a_page_are_not_run(tmp_path: Path) -> None:
    mark = (
        "<script>document.title='bro'+'ken'</script><img src=x onerror=document.title='bro'+'ken'>"
    )
    login = recorded.of("admin-login-fail", "backend_auth_user_login_failed")
    hostile = recorded.again(
        login,
        event=f"{mark}"[:128],
        subject=mark,
        snapshot={"username": mark},
    )
    async with _opened(tmp_path) as (watched, bridge, _):
        page = watched.page
        await give_captures(bridge, hostile, recorded.again(login, snapshot={"username": mark}))
        await _until_dead(page, 1)
        for path in ("/", "/events", f"/events/{hostile['id']}", "/dead-letters"):
            await page.goto(path)
            await asyncio.sleep(0.1)
            assert "broken" not in await page.title()
        await expect(page.locator("main")).to_contain_text("onerror")
        assert watched.complaints == []
        # If one got through, the content security policy would stop it.
        await page.evaluate(
            "() => { const s = document.createElement('script');"
            " s.textContent = \"document.title='broken'\"; document.body.append(s); }"
        )
        assert "broken" not in await page.title()
        assert "Content Security Policy" in watched.complaints[0]


async def test_everything_is_reached_by_keyboard(tmp_path: Path) -> None:
    async with _opened(tmp_path) as (watched, _, __):
        page = watched.page
        await page.goto("/")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to the page"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        await page.goto("/")
        reached = set()
        for _ in range(12):
            await page.keyboard.press("Tab")
            reached.add(await page.evaluate("document.activeElement.getAttribute('href')"))
        assert {"/", "/events", "/dead-letters", "/catalog", "/settings", "/doctor"} <= reached


async def test_a_console_that_cannot_listen_does_not_stop_delivery(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    async with put_events() as endpoint, serving(first, endpoint.url) as bridge:
        port = bridge.console.rpartition(":")[2]
        async with serving(second, endpoint.url, CONSOLE__PORT=port) as other:
            await give_captures(other, an_order())
            await endpoint.until_taken(1)
            assert "No console: cannot listen on 127.0.0.1:" in other.log


async def test_a_tail_that_somebody_watches_does_not_hold_up_the_end(tmp_path: Path) -> None:
    async with put_events() as endpoint, serving(tmp_path, endpoint.url) as bridge:
        async with ClientSession(bridge.console) as http, http.get("/events/tail") as tail:
            assert tail.headers["Content-Type"] == "text/event-stream"
            result = an_order()
            await give_captures(bridge, result)
            row = b""
            while result["id"].encode() not in row:
                row += await tail.content.readline()
            began = time.monotonic()
            assert await bridge.stop() == 0
            assert time.monotonic() - began < 5


async def test_a_journal_that_cannot_be_written_is_reported_and_costs_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "occupied").write_text("a file where a folder must be")
    path = str(tmp_path / "occupied" / "journal.sqlite")
    async with put_events() as endpoint:
        async with serving(tmp_path, endpoint.url, JOURNAL__PATH=path) as bridge:
            await give_captures(bridge, an_order())
            await endpoint.until_taken(1)
            async with ClientSession(bridge.console) as http, asyncio.timeout(PATIENCE):
                text = ""
                # The journal cannot be written from the start, also before there is an event.
                while "1 event left out of the journal" not in text:
                    await asyncio.sleep(0.1)
                    async with http.get("/") as answer:
                        text = await answer.text()
            assert "The journal cannot be written" in text
            assert bridge.log.count("Cannot write the journal") == 1
