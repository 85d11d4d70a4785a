"""`make screenshots`: take the pictures of the console that README and docs show.

    python -m tools.screenshots

Runs the demo, opens its console in Chromium, and writes a picture of each page to docs/images, the
card that other sites show of a link, and `console.json`, the headings and labels that the pages had
then. A test compares these with the console of today, so that no picture shows a page that is
different by now.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import uuid_utils
from playwright.sync_api import Browser, Page, sync_playwright

from magento_eventbridge.captures import read_capture
from magento_eventbridge.demo import store_day
from magento_eventbridge.queues.sqlite.queue import SqliteQueue

PROJECT = Path(__file__).resolve().parent.parent
IMAGES = PROJECT / "docs/images"
LABELS = IMAGES / "console.json"

PAGES = {"overview": "/", "events": "/events", "catalog": "/catalog"}
"""The path of each page by the name of its picture; in addition, `event` is the newest event, and
`dead-letters` the last picture, as the demo's own day has none."""

_LABELS = "nav a, h2, thead th, dt"
_HEADINGS = "nav a, h2"  # of an event's page, whose labels depend on the event
_WIDTH, _HEIGHT = 1280, 800
_SECONDS_OF_EVENTS = 45
# Captures that become dead letters: of a newer agent, and of a program that writes them wrongly.
_UNKNOWN_EVENTS = ("sales_order_archived", "sales_order_archived", "gift_card_redeemed")
_WITHOUT_SNAPSHOT = 2


class Demo(NamedTuple):
    """A running demo: its console's address and its spool."""

    console: str
    spool: Path


@contextmanager
def running_demo() -> Iterator[Demo]:
    """Run the demo; yield it once events are delivered."""
    command = [str(Path(sys.executable).with_name("magento-eventbridge")), "demo", "--keep"]
    with TemporaryDirectory() as folder, _process(command, folder) as demo:
        assert demo.stdout
        address = next(
            found[1]
            for line in demo.stdout
            if (found := re.match(r"Its console is at (http://\S+): watch", line))
        )
        next(line for line in demo.stdout if "OrderPlaced" in line)
        (spool,) = Path(folder).glob("*/spool.sqlite")
        yield Demo(address, spool)


@contextmanager
def _process(command: list[str], temporary: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"TMPDIR": temporary}
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield demo
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


def add_dead_letters(spool: Path) -> int:
    """Put captures into the spool that can never be delivered; return how many."""
    order = next(one for one in store_day.captures() if b"sales_order_place_after" in one.line)
    first = json.loads(order.line)
    captures = [
        *({"event": event} for event in _UNKNOWN_EVENTS),
        *({"snapshot": {}} for _ in range(_WITHOUT_SNAPSHOT)),
    ]
    rows = []
    for number, changed in enumerate(captures):
        fresh = {
            "id": str(uuid_utils.uuid7()),
            "time": time.time(),
            "subject": f"order/{number:09}",
        }
        body = json.dumps(first | fresh | changed).encode()
        rows.append((read_capture(body), body))

    async def put() -> None:
        queue = SqliteQueue(spool)
        await queue.put(rows)
        await queue.close()

    # Playwright runs an event loop in this thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(put())).result()
    return len(rows)


def visit(demo: Demo, folder: Path | None) -> dict[str, list[str]]:
    """Return the labels of each page by its name; with a folder, put a picture of each there."""
    found: dict[str, list[str]] = {}
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that a container's root has not.
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        size: Any = {"width": _WIDTH, "height": _HEIGHT}
        page = browser.new_page(base_url=demo.console, viewport=size, color_scheme="light")
        for name, path in [
            *PAGES.items(),
            ("event", _first_event(page)),
            ("dead-letters", "/dead-letters"),
        ]:
            if name == "dead-letters":
                _wait_for_letters(page, add_dead_letters(demo.spool))
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


def _wait_for_letters(page: Page, number: int) -> None:
    deadline = time.monotonic() + 30
    while page.goto("/dead-letters") and page.locator("input[name=letter]").count() < number:
        assert time.monotonic() < deadline, "the captures did not become dead letters"
        page.wait_for_timeout(200)


def written(found: Mapping[str, list[str]]) -> str:
    """Return labels as they stand in `console.json`."""
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with running_demo() as demo:
        time.sleep(_SECONDS_OF_EVENTS)  # so that charts and list show something
        LABELS.write_text(written(visit(demo, IMAGES)), encoding="utf-8")
    for path in sorted(IMAGES.glob("console*")):
        print(f"wrote {path.relative_to(PROJECT)}")


if __name__ == "__main__":
    main()
