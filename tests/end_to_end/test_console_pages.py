"""Every page of the console, on narrow and wide screens, light and dark, by axe-core."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support import recorded
from tests.support.browser import CONSOLE_PAGES, chromium, page_of
from tests.support.process import serving
from tests.support.put_events import Behaviour, Refuse, Take, put_events
from tests.support.shoppers import an_order, give_captures


@pytest.mark.timeout(400)  # axe-core checks every page several times
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_accessible_and_fits(tmp_path: Path, scheme: Any) -> None:
    """Every page without data and with failures, on narrow and wide screens."""

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
        for is_in_trouble in (False, True):
            paths = list(CONSOLE_PAGES)
            if is_in_trouble:
                orders = [an_order(number) for number in range(60)]
                unknown = recorded.again(an_order(9), event="event_of_tomorrow")
                await give_captures(bridge, *orders, unknown)
                await asyncio.sleep(1.5)
                paths += [f"/events/{orders[0]['id']}", f"/events/{unknown['id']}"]
            for width in (360, 1600):
                async with page_of(
                    browser,
                    base_url=bridge.console,
                    viewport={"width": width, "height": 900},
                    color_scheme=scheme,
                ) as watched:
                    for path in paths:
                        await watched.page.goto(path)
                        where = (path, width, is_in_trouble)
                        assert not await watched.is_too_wide(), where
                        assert await watched.violations() == [], where
                    await watched.page.goto("/doctor")
                    await watched.page.click("main button")
                    await watched.page.wait_for_selector(".findings")
                    assert await watched.violations() == []
