"""The console over the queues of a store: its database and its RabbitMQ."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.faults.sources import QUEUES, Source, source_of
from tests.support import recorded
from tests.support.browser import chromium, page_of
from tests.support.process import serving
from tests.support.put_events import Behaviour, Take, put_events


@pytest.fixture(params=[name for name in QUEUES if name != "sqlite"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    return source_of(request, tmp_path)


async def test_what_is_stuck_in_a_queue_is_seen_and_fixed(source: Source, tmp_path: Path) -> None:
    is_fixed = False

    def script(_: int, entries: list[dict[str, Any]]) -> Behaviour:
        return Take() if is_fixed else Take(dict.fromkeys(range(len(entries)), "MalformedDetail"))

    captures = recorded.orders(5)
    settings = {**source.settings, "INLET__ENABLED": "1"}  # `serving` waits for its address
    async with (
        put_events(script) as endpoint,
        serving(tmp_path, endpoint.url, **settings) as bridge,
        chromium() as browser,
        page_of(browser, base_url=bridge.console) as watched,
    ):
        page = watched.page
        await source.put(captures)
        await page.goto("/events")
        rows = page.locator("#events tbody tr")
        await expect(rows).to_have_count(5)
        await expect(rows.filter(has_text="dead letter")).to_have_count(5)
        await page.goto("/")
        queue = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=source.name))
        # The page refreshes every five seconds; a queue whose count took more than a second rests
        # for up to thirty.
        dead = queue.locator("[data-label='Dead letters']")
        await expect(dead).to_have_text("5", timeout=40_000)

        is_fixed = True
        await page.goto("/dead-letters")
        group = page.locator("main form:has(table)")
        await group.locator(f"tbody a[href^='/dead-letters/{source.name}/']").first.click()
        await expect(page.locator("main")).to_contain_text("sales_order_place_after")
        await page.go_back()
        await group.locator("tbody input[type=checkbox]").nth(1).check()
        await group.get_by_role("button", name="Redrive selected").click()
        await expect(page.get_by_role("status")).to_have_text("1 redriven.")
        await group.locator("tbody input[type=checkbox]").first.check()
        await group.get_by_role("button", name="Drop selected").click()
        await page.get_by_role("button", name="Drop for good").click()
        await expect(page.get_by_role("status")).to_have_text("1 dropped.")
        await group.get_by_role("button", name="Redrive all of these").click()
        await expect(page.get_by_role("status")).to_have_text("3 redriven.")
        await endpoint.until_taken(4)
        await expect(page.locator("main")).to_contain_text("No dead letters")
        await page.goto("/events?verdict=delivered")
        await expect(rows).to_have_count(4)
        assert watched.complaints == []
        assert "a page failed" not in bridge.log
        for done in ("redrove 1 dead letter", "dropped 1 dead letter", "redrove 3 dead letters"):
            assert f"Console: this machine {done} of {source.name}" in bridge.log
    assert await source.left() == 0
