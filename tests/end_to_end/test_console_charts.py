"""Charts, keys, copying and the time zone of the console in a real browser."""

import json
import re
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from tests.end_to_end.test_console import _opened
from tests.support.browser import chromium, page_of
from tests.support.process import serving
from tests.support.put_events import Behaviour, Take, put_events
from tests.support.shoppers import an_order, give_captures


async def _until_charts(page: Page, path: str = "/") -> None:
    await page.goto(path)
    while not await page.locator("#rates + p + .chart a.slot").count():
        await page.wait_for_timeout(200)
        await page.reload()


async def test_a_chart_shows_values_and_leads_to_the_events(tmp_path: Path) -> None:
    """By pointer and by keyboard, on the overview and on the destination's page."""

    def script(number: int, entries: list[dict[str, Any]]) -> Behaviour:
        return Take({0: "MalformedDetail"}) if number == 0 else Take()

    async with _opened(tmp_path, script) as (watched, bridge, endpoint):
        page = watched.page
        await give_captures(bridge, *[an_order(number) for number in range(5)])
        await endpoint.until_taken(4)
        await _until_charts(page)
        await page.get_by_role("link", name=re.compile("^bus 'default'")).first.click()
        await _until_charts(page, page.url)
        chart = page.locator("[data-chart]", has_text="Delivered events a minute")
        readout, bar = chart.locator("[data-readout]"), chart.locator("a.slot").last
        summary = await readout.inner_text()
        await bar.hover()
        await expect(readout).to_have_text(re.compile(r"^\d\d:\d\d: \d+ a minute \(order \d\)$"))
        await page.locator("h1").hover()
        await expect(readout).to_have_text(summary)
        await bar.focus()
        shown = await readout.inner_text()
        assert await bar.get_attribute("aria-label") == shown
        await page.keyboard.press("Enter")
        await expect(page.locator("#events tbody tr")).to_have_count(int(shown[-2]))
        await expect(page.locator(".chips")).to_contain_text("verdict: delivered")
        await expect(page.locator(".chips")).to_contain_text("destination: bus 'default'")
        await page.goto("/")
        await page.locator("[data-chart]", has_text="Failed tries").locator("a.slot").last.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#events tbody tr")).to_have_count(1)
        await expect(page.locator("#events tbody")).to_contain_text("dead letter")
        await page.goto("/")
        await page.click("#figures-table summary")
        await expect(page.locator("#figures-table tbody")).to_contain_text("4")
        assert watched.complaints == []


async def test_arrow_keys_move_in_a_chart_and_a_refresh_leaves_it_there(tmp_path: Path) -> None:
    async with _opened(tmp_path) as (watched, bridge, endpoint):
        page = watched.page
        await give_captures(bridge, an_order(1))
        await endpoint.until_taken(1)
        await _until_charts(page)
        # Another bar a minute earlier, as only minutes that pass would make one.
        live = await (await page.request.get("/overview/live?span=hour")).text()
        slots = re.search(r'<i></i>(<a class="slot" id="rates-(\d+)".*?</a>)', live)
        assert slots
        earlier = slots[1].replace(f"rates-{slots[2]}", "rates-1").replace('"0"', '"-1"')
        changed = live.replace(slots[0], earlier + slots[1])
        await page.route("**/overview/live*", lambda route: route.fulfill(body=changed))
        bar = page.locator("#rates-1")
        await expect(bar).to_be_attached()
        await page.click("#figures-table summary")
        await page.locator(f"#rates-{slots[2]}").focus()
        await page.keyboard.press("ArrowLeft")
        await expect(bar).to_be_focused()
        await page.keyboard.press("ArrowLeft")
        await expect(bar).to_be_focused()
        async with page.expect_response("**/overview/live*"):
            pass
        await expect(bar).to_be_focused()
        await expect(page.locator("#figures-table")).to_have_attribute("open", "")
        await page.keyboard.press("End")
        await expect(page.locator(f"#rates-{slots[2]}")).to_be_focused()
        # Whatever has the focus keeps it, and does not keep the figures from being renewed.
        summary = page.locator("#figures-table summary")
        await summary.focus()
        await page.unroute("**/overview/live*")
        await expect(bar).not_to_be_attached()
        await expect(summary).to_be_focused()
        assert watched.complaints == []


async def test_keys_move_search_and_explain_themselves(tmp_path: Path) -> None:
    async with _opened(tmp_path) as (watched, bridge, endpoint):
        page = watched.page
        orders = [an_order(number) for number in range(3)]
        await give_captures(bridge, *orders)
        await endpoint.until_taken(3)
        await page.goto("/events")
        rows = page.locator("#events tbody th a")
        await expect(rows).to_have_count(3)
        for key, focused in (("j", 0), ("j", 1), ("j", 2), ("j", 2), ("k", 1)):
            await page.keyboard.press(key)
            await expect(rows.nth(focused)).to_be_focused()
        # A row that changes meanwhile keeps the focus.
        link = await rows.nth(1).get_attribute("href")
        shown = page.locator("#events tbody tr")
        await shown.evaluate_all("rows => rows.forEach((row) => (row.dataset.former = 1))")
        await give_captures(bridge, next(one for one in orders if one["id"] in str(link)))
        await expect(shown.nth(1)).not_to_have_attribute("data-former", "1")
        await expect(rows.nth(1)).to_be_focused()
        await page.keyboard.press("?")
        help_ = page.get_by_role("dialog", name="Keys")
        await expect(help_).to_be_visible()
        await expect(help_).to_contain_text("next and previous row")
        assert await watched.violations() == []
        await page.keyboard.press("Escape")
        await expect(help_).to_be_hidden()
        await page.keyboard.press("/")
        await expect(page.locator("#q")).to_be_focused()
        await page.keyboard.type("j/?")
        await expect(page.locator("#q")).to_have_value("j/?")
        await page.goto("/doctor")
        await page.keyboard.press("/")
        await expect(page.locator("h1")).to_have_text("History")
        await page.click("text=Keys")
        await expect(help_).to_be_visible()
        assert watched.complaints == []


async def test_times_are_utc_or_local_as_the_person_wants(tmp_path: Path) -> None:
    async with (
        put_events() as endpoint,
        serving(tmp_path, endpoint.url) as bridge,
        chromium() as browser,
        page_of(browser, base_url=bridge.console, timezone_id="Asia/Kolkata") as watched,
    ):
        page, capture = watched.page, {**an_order(), "time": 1_795_453_984.0}
        await give_captures(bridge, capture)
        await endpoint.until_taken(1)
        await page.goto("/events")
        row = page.locator(f"#e-{capture['id']}")
        await expect(row).to_contain_text("2026-11-23 17:13:04")
        await page.get_by_role("button", name="Use local time").click()
        await expect(row).to_contain_text("2026-11-23 22:43:04")
        await expect(page.locator("footer")).to_contain_text("Times are local time")
        await page.goto(f"/events/{capture['id']}")  # the browser keeps the choice
        await expect(page.locator("main")).to_contain_text("2026-11-23 22:43:04")
        await page.get_by_role("button", name="Use UTC").click()
        await expect(page.locator("main")).to_contain_text("2026-11-23 17:13:04")
        assert watched.complaints == []


async def test_values_and_commands_are_copied(tmp_path: Path) -> None:
    def script(number: int, entries: list[dict[str, Any]]) -> Behaviour:
        return Take({0: "MalformedDetail"})

    async with _opened(tmp_path, script) as (watched, bridge, _):
        page, capture = watched.page, an_order(7)
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await give_captures(bridge, capture)

        async def copied(button: str) -> str:
            await page.get_by_role("button", name=button).click()
            await expect(page.get_by_role("button", name="Copied")).to_have_count(1)
            await expect(page.get_by_role("button", name="Copied")).to_have_count(0)
            text: str = await page.evaluate("navigator.clipboard.readText()")
            return text

        await _until_dead_letter(page)
        assert await copied("Copy Command: redrive") == (
            "magento-eventbridge dead-letters redrive 1 --queue sqlite"
        )
        assert json.loads(await copied("Copy Capture"))["id"] == capture["id"]
        await page.get_by_role("link", name=capture["id"]).click()
        assert await copied(f"Copy {capture['id']}") == capture["id"]
        pattern = json.loads(await copied("Copy Rule pattern"))
        assert pattern["detail-type"] == ["OrderPlaced"]
        assert await page.locator("pre .j-key").count() > 10
        detail = page.locator(".code", has_text="Detail as sent")
        other = page.locator(".code", has_text="As the store recorded it")
        boxes = [await one.bounding_box() for one in (detail, other)]
        assert boxes[0] and boxes[1]
        assert boxes[0]["y"] == boxes[1]["y"], "they stand beside each other"
        await page.goto("/catalog/OrderPlaced")
        assert await copied("Copy Command: send a test") == (
            "magento-eventbridge send-test OrderPlaced --store 0"
        )
        assert watched.complaints == []


async def _until_dead_letter(page: Page) -> None:
    await page.goto("/dead-letters")
    while not await page.locator("main tbody th a").count():
        await page.wait_for_timeout(200)
        await page.reload()
    await page.locator("main tbody th a").first.click()


async def test_who_may_only_read_sees_no_buttons_that_act(tmp_path: Path) -> None:
    password = "a long password for reading"

    def script(number: int, entries: list[dict[str, Any]]) -> Behaviour:
        return Take({0: "MalformedDetail"})

    settings = {"CONSOLE__READ_ONLY_PASSWORD": password, "CONSOLE__LOGIN": "true"}
    async with _opened(tmp_path, script, **settings) as (watched, bridge, _):
        page = watched.page
        await give_captures(bridge, *[an_order(number) for number in range(4)])
        await page.goto("/")
        await page.fill("#password", password)
        await page.click("main button")
        paths = ("/", "/events", "/dead-letters", "/audit", "/catalog/OrderPlaced", "/doctor")
        await _until_dead_letter(page)
        for path in (*paths, "/settings", "/destinations", "/views/1", page.url):
            await page.goto(path)
            forms = page.locator("main form[method=post] button:visible, main input[name=letter]")
            assert await forms.count() == 0, path
            assert not await page.get_by_role("button", name=re.compile("^Send")).count(), path
        assert watched.complaints == []
