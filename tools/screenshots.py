"""`make screenshots`: take the pictures of the console that README and docs show.

    python -m tools.screenshots

Runs the demo, opens its console in Chromium, and writes a picture of each page to docs/images, the
card that other sites show of a link, and `console.json`, the headings and labels that the pages had
then. A test compares these with the console of today, so that no picture shows a page that is
different by now.
"""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
IMAGES = PROJECT / "docs/images"
LABELS = IMAGES / "console.json"

PAGES = {
    "overview": "/",
    "events": "/events",
    "dead-letters": "/dead-letters",
    "catalog": "/catalog",
}
"""The path of each page by the name of its picture; in addition, `event` is the newest event."""

_LABELS = "nav a, h2, thead th, dt"
_HEADINGS = "nav a, h2"  # of an event's page, whose labels depend on the event
_WIDTH, _HEIGHT = 1280, 800
_SECONDS_OF_EVENTS = 45


@contextmanager
def demo_console() -> Iterator[str]:
    """Run the demo; yield its console's address once events are delivered."""
    command = [str(Path(sys.executable).with_name("magento-eventbridge")), "demo", "--keep"]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert demo.stdout
    try:
        address = next(
            found[1]
            for line in demo.stdout
            if (found := re.match(r"Its console is at (http://\S+): watch", line))
        )
        next(line for line in demo.stdout if "OrderPlaced" in line)
        yield address
    finally:
        # A shell's background job ignores SIGINT, and so do its children; SIGTERM ends them too.
        demo.send_signal(signal.SIGTERM)
        try:
            demo.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            demo.kill()
            raise


def labels(page: Page, selector: str) -> list[str]:
    """Return texts of a page, each once, numbers as `#`."""
    texts = page.locator(selector).all_inner_texts()
    return list(dict.fromkeys(re.sub(r"\d[\d,.]*", "#", text.strip()) for text in texts if text))


def visit(console: str, folder: Path | None) -> dict[str, list[str]]:
    """Return the labels of each page by its name; with a folder, put a picture of each there."""
    found: dict[str, list[str]] = {}
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that a container's root has not.
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        size: Any = {"width": _WIDTH, "height": _HEIGHT}
        page = browser.new_page(base_url=console, viewport=size, color_scheme="light")
        for name, path in [*PAGES.items(), ("event", _first_event(page))]:
            page.goto(path)
            found[name] = labels(page, _HEADINGS if name == "event" else _LABELS)
            if folder:
                page.screenshot(path=folder / f"console-{name}.png")
        if folder:
            draw_card(browser, folder)
        browser.close()
    return found


def draw_card(browser: Browser, folder: Path) -> None:
    """Draw the picture that other sites show of a link: they accept no SVG."""
    page = browser.new_page(viewport={"width": 1280, "height": 640})
    page.goto((IMAGES / "social-card.svg").as_uri())
    page.screenshot(path=folder / "social-card.png")


def _first_event(page: Page) -> str:
    page.goto("/events")
    link = page.locator("main a[href^='/events/']").first.get_attribute("href")
    assert link
    return link


def written(found: Mapping[str, list[str]]) -> str:
    """Return labels as they stand in `console.json`."""
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with demo_console() as console:
        time.sleep(_SECONDS_OF_EVENTS)  # so that charts and list show something
        LABELS.write_text(written(visit(console, IMAGES)), encoding="utf-8")
    for path in sorted(IMAGES.glob("console*")):
        print(f"wrote {path.relative_to(PROJECT)}")


if __name__ == "__main__":
    main()
