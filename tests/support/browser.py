"""A real headless Chromium, driven by Playwright; the browser is Debian's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from tests.support.programs import program

CONSOLE_PAGES = (
    "/",
    "/?span=day",
    "/events",
    "/history",
    "/dead-letters",
    "/audit",
    "/catalog",
    "/catalog/OrderPlaced",
    "/settings",
    "/settings?view=2",
    "/doctor",
    "/no-such-page",
)
"""The paths of the console, with one that does not exist at the end."""

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Chromium while the context lasts."""
    path = program("chromium", "chromium")
    async with async_playwright() as playwright:
        # Its own sandbox needs rights that a container's root has not.
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


class Watched:
    """A page, and the errors in the browser's console."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requested: set[str] = set()
        page.on("console", lambda result: self.complaints.append(result.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requested.add(request.url))

    async def violations(self) -> list[Any]:
        """Return axe-core's findings."""
        found = await Axe().run(self.page, options={"runOnly": {"type": "tag", "values": _RULES}})
        return [
            (violation["id"], [node["html"] for node in violation["nodes"]])
            for violation in found.response["violations"]
        ]

    async def is_too_wide(self) -> bool:
        """Return whether the page must be scrolled sideways."""
        return bool(
            await self.page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
        )


@asynccontextmanager
async def page_of(browser: Browser, **options: Any) -> AsyncIterator[Watched]:
    """Open a new page without cookies."""
    context = await browser.new_context(**options)
    context.set_default_timeout(10_000)
    try:
        yield Watched(await context.new_page())
    finally:
        await context.close()
