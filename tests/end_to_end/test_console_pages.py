"""Every page of the console, on narrow and wide screens, light and dark, by axe-core."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser

from tests.support import recorded
from tests.support.browser import COLOUR_RULES, CONSOLE_PAGES, Watched, chromium, page_of
from tests.support.process import serving
from tests.support.put_events import Behaviour, Refuse, Take, put_events
from tests.support.shoppers import an_order, give_captures

WIDTHS = (360, 1600)
PAGES_AT_ONCE = 2
# Their content does not depend on events, so one check is enough.
WITHOUT_EVENTS = {"/catalog", "/catalog/OrderPlaced", "/settings", "/settings?view=2"}


@pytest.mark.timeout(400)  # axe-core checks every page several times
async def test_every_page_is_accessible_and_fits(tmp_path: Path) -> None:
    """Every page without data and with failures, on narrow and wide screens, light and dark."""

    def script(number: int, entries: list[dict[str, Any]]) -> Behaviour:
        if number == 0:
            return Take({0: "MalformedDetail"} if len(entries) > 1 else {})
        return Refuse("AccessDeniedException") if number > 3 else Take()

    settings = {"STORES__2__OPTIONS__SOURCE": "outlet.example.com"}
    async with (
        put_events(script) as endpoint,
        serving(tmp_path, endpoint.url, **settings) as bridge,
        chromium() as browser,
    ):
        await _check_pages(browser, bridge.console, CONSOLE_PAGES)
        orders = [an_order(number) for number in range(60)]
        unknown = recorded.again(an_order(9), event="event_of_tomorrow")
        await give_captures(bridge, *orders, unknown)
        await asyncio.sleep(1.5)
        events = [f"/events/{capture['id']}" for capture in (orders[0], unknown)]
        pages = [path for path in CONSOLE_PAGES if path not in WITHOUT_EVENTS]
        destination = f"bus 'default' in eu-west-1 at {endpoint.url}"
        pages.append(f"/destinations?{urlencode({'name': destination})}")
        await _check_pages(browser, bridge.console, [*pages, *events])


async def _check_pages(browser: Browser, console: str, paths: Sequence[str]) -> None:
    """Load each page once, and check it in each width and colour scheme."""
    waiting = iter(paths)

    async def check_some() -> None:
        async with page_of(browser, base_url=console) as watched:
            for path in waiting:
                await watched.page.goto(path)
                await _check(watched, path)
                if path == "/doctor":
                    await watched.page.click("main button")
                    await watched.page.wait_for_selector(".findings")
                    await _check(watched, "/doctor with findings")

    async with asyncio.TaskGroup() as group:
        for _ in range(PAGES_AT_ONCE):
            group.create_task(check_some())


async def _check(watched: Watched, name: str) -> None:
    for width in WIDTHS:
        await watched.page.set_viewport_size({"width": width, "height": 900})
        await watched.page.emulate_media(color_scheme="light")
        assert not await watched.is_too_wide(), (name, width)
        assert await watched.violations() == [], (name, width)
        await watched.page.emulate_media(color_scheme="dark")
        assert await watched.violations(COLOUR_RULES) == [], (name, width, "dark")
