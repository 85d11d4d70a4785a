"""A real headless Chromium, driven by Playwright; the browser is Debian's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.support.programs import program

# A page that refreshes every 5 s may show a moment that has passed: wait for the next ones too.
expect.set_options(timeout=20_000)

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
    "/destinations",
    "/views/2",
    "/doctor",
    "/no-such-page",
)
"""The paths of the console, with one that does not exist at the end."""


class AxeRules(NamedTuple):
    """Which rules of axe-core are checked: those with these tags, or those of these names."""

    type: Literal["tag", "rule"]
    values: list[str]


ALL_RULES = AxeRules(
    "tag", ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
)
COLOUR_RULES = AxeRules("rule", ["color-contrast", "link-in-text-block"])
"""The rules whose result depends on colours, and so on the colour scheme."""

_FIND_VIOLATIONS = """
async (rules) => {
  const { violations } = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]);
}
"""


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

    async def violations(self, rules: AxeRules = ALL_RULES) -> list[Any]:
        """Return axe-core's findings: each rule, with the elements that break it."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(Axe().axe_script)
        # Only what fails leaves the browser: the whole result is as large as the page.
        found = await self.page.evaluate(_FIND_VIOLATIONS, rules._asdict())
        return [(rule, elements) for rule, elements in found]

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
