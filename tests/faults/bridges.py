"""The installed command as a process that may be killed at any moment."""

import asyncio
import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.faults.weather import ANSWER_SECONDS
from tests.support.process import COMMAND, environment

PATIENT = {"DELIVERY__ANSWER_SECONDS": "10"}
"""Settings for a test without lost answers: on a busy machine an answer may take a second."""

_STARTS_WITHIN = 90.0
_STOPS_WITHIN = 60.0


class Bridge:
    """A `serve` that can be started repeatedly; as a context manager it ends with the test."""

    def __init__(
        self,
        folder: Path,
        endpoint: str,
        settings: Mapping[str, str],
        *,
        command: tuple[str, ...] = (COMMAND,),
        variables: Mapping[str, str | None] | None = None,
    ) -> None:
        """Prepare; `variables` override those of the environment, None removes one."""
        folder.mkdir(exist_ok=True)
        self._log = folder / "bridge.log"
        self._errors = folder / "stderr"
        self._command = command
        given = {
            "LOG__FILE": str(self._log),
            "DELIVERY__ANSWER_SECONDS": str(ANSWER_SECONDS),
            "DELIVERY__STOP_SECONDS": "5",
            **settings,
        }
        surroundings = environment(folder, endpoint, **given) | dict(variables or {})
        self._environment = {
            name: value for name, value in surroundings.items() if value is not None
        }
        self._written_before = 0
        self.process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process and self.is_running:
            self.process.kill()
            await self.process.wait()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    @property
    def output(self) -> str:
        """All its output: log and standard error."""
        files = (self._errors, self._log)
        return "".join(file.read_text() for file in files if file.exists())

    @property
    def _written_since(self) -> str:
        if not self._log.exists():
            return ""
        return self._log.read_bytes()[self._written_before :].decode()

    async def start(self) -> None:
        """Start the process; it may be killed before it is ready."""
        self._written_before = self._log.stat().st_size if self._log.exists() else 0
        with self._errors.open("ab") as errors:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, "serve", env=self._environment, stderr=errors
            )

    async def until_written(self, words: str, seconds: float = _STARTS_WITHIN) -> None:
        """Wait until the output since its start contains these words."""
        try:
            async with asyncio.timeout(seconds):
                while words not in self._written_since:
                    assert self.is_running, self.output[-3000:]
                    await asyncio.sleep(0.02)
        except TimeoutError:
            message = (
                f"not written within {seconds:.0f} s: {words!r}\n{self._written_since[-3000:]}"
            )
            raise AssertionError(message) from None

    async def kill(self) -> None:
        """Kill it, as the kernel does when memory runs out."""
        assert self.process
        assert self.is_running, f"it ended by itself:\n{self.output[-3000:]}"
        self.process.kill()
        await self.process.wait()

    async def pause(self, seconds: float) -> None:
        """Suspend it by SIGSTOP for a while, as a frozen container or a machine that sleeps."""
        assert self.process
        assert self.is_running, f"it ended by itself:\n{self.output[-3000:]}"
        self.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """Send SIGTERM, and check that it stops cleanly."""
        assert self.process
        assert self.is_running, f"it ended by itself:\n{self.output[-3000:]}"
        self.process.send_signal(signal.SIGTERM)
        status = await asyncio.wait_for(self.process.wait(), _STOPS_WITHIN)
        assert status in (0, -signal.SIGTERM), self.output[-3000:]  # -SIGTERM: before it is ready

    async def ran(self, *words: str) -> str:
        """Run another command with the same settings, and return its output."""
        process = await asyncio.create_subprocess_exec(
            *self._command, *words, env=self._environment, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, out
        return out.decode()

    async def dead_letters(self, queue: str) -> list[str]:
        """Return the ids of its dead letters."""
        words = ("dead-letters", "list", "--queue", queue, "--limit", "1000000", "--json")
        return [letter["captureId"] for letter in json.loads(await self.ran(*words))]
