"""The installed command as a process, as an operator runs it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("magento-eventbridge"))
SECRET = "a-secret-for-the-tests"


class Serving:
    """A running `serve`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, url: str) -> None:
        self.process = process
        self.url = url
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def console(self) -> str:
        return self.log.rpartition("The console is at ")[2].split()[0]

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)


def environment(folder: Path, endpoint: str, **settings: str) -> dict[str, str]:
    """Return an environment without this machine's AWS settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MAGENTO_EVENTBRIDGE_"))
    }
    given = {
        "CREDENTIALS__TYPE": "keys",
        "CREDENTIALS__ACCESS_KEY": "AKIATEST",
        "CREDENTIALS__SECRET_ACCESS_KEY": "a-test-secret-key",
        "OPTIONS__REGION": "eu-west-1",
        "OPTIONS__SOURCE": "shop.example.com",
        "OPTIONS__ENDPOINT_URL": endpoint,
        "INLET__SECRETS": SECRET,
        "INLET__PORT": "0",
        "SPOOL__PATH": str(folder / "spool.sqlite"),
        "CONSOLE__PORT": "0",
        "CONSOLE__LOGIN": str("CONSOLE__PASSWORD" in settings),
        "LOG__FILE": str(folder / "bridge.log"),
        "DELIVERY__ANSWER_SECONDS": "2",
        **settings,
    }
    return {**kept, **{f"MAGENTO_EVENTBRIDGE_{name}": value for name, value in given.items()}}


@asynccontextmanager
async def started(*words: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program while the context lasts; whatever fails in it, none is left behind."""
    process = await asyncio.create_subprocess_exec(*words, **options)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@asynccontextmanager
async def serving(folder: Path, endpoint: str, **settings: str) -> AsyncIterator[Serving]:
    """Run `magento-eventbridge serve` while the context lasts."""
    log = folder / "bridge.log"
    text_before = log.read_text() if log.exists() else ""
    # A file: nobody reads a pipe, and warnings would fill it.
    errors = folder / "stderr"
    env = environment(folder, endpoint, **settings)
    words = "Listening for captures at "
    with errors.open("ab") as stderr:
        # A session of its own, as services have one: without a terminal.
        alone = {"env": env, "stderr": stderr, "start_new_session": True}
        async with started(COMMAND, "serve", **alone) as process:
            async with asyncio.timeout(90):  # a machine that does other work takes long to start it
                while True:
                    text = log.read_text().removeprefix(text_before) if log.exists() else ""
                    if words in text:
                        break
                    assert process.returncode is None, errors.read_text()
                    await asyncio.sleep(0.02)
            bridge = Serving(process, log, text.partition(words)[2].split()[0])
            yield bridge
            await bridge.stop()
