"""Notice when this process did not run for a while: the broker gives up a silent client."""

import asyncio
import math
import time


class Running:
    """When the process ran last, recorded once a second; a gap is a pause."""

    def __init__(self, pause_allowed: float) -> None:
        self._pause_allowed = pause_allowed
        self._ran_at = math.inf  # nothing is claimed before the first channel
        self._clock: asyncio.Task[None] | None = None

    @property
    def is_unbroken(self) -> bool:
        """Whether there was no pause that is longer than allowed since the last `resume`."""
        return time.monotonic() - self._ran_at < self._pause_allowed

    def start(self) -> None:
        """Begin to record, unless this was begun before."""
        if self._clock is None:
            self.resume()
            self._clock = asyncio.create_task(self._record(), name="clock of the amqp queue")

    def resume(self) -> None:
        """Record that the process runs again after a pause."""
        self._ran_at = time.monotonic()

    def stop(self) -> None:
        """Record no more."""
        if self._clock is not None:
            self._clock.cancel()

    async def _record(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if self.is_unbroken:
                self.resume()
