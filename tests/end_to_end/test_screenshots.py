"""The pictures of the console show the pages of today: their texts are compared, not pixels."""

import asyncio
import json

from tools import screenshots

from tests.support.programs import program


async def test_the_pictures_show_the_pages_of_today() -> None:
    program("chromium", "chromium")
    with screenshots.running_demo() as demo:
        found = await asyncio.to_thread(screenshots.visit, demo, None)
    assert found == json.loads(screenshots.LABELS.read_text()), "run 'make screenshots'"
