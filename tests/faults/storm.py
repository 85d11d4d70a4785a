"""A storm: a shop, a failing bus, bridges and databases that are killed at random moments."""

import asyncio
import random
import time
from collections.abc import Sequence

from tests.faults.bridges import Bridge
from tests.faults.ledger import Account, Ledger
from tests.faults.shopping import Shopping
from tests.faults.sources import Source
from tests.faults.weather import Weather
from tests.support.put_events import HEARD_WITHIN

_ENDS_WITHIN = 90.0
# Fewer prove little.
_LEAST = 100
# A bridge tries an unavailable queue every two seconds, and then acknowledges everything at once.
_RECOVERS_WITHIN = 5.0
# The share of rounds in which a bridge may be killed before it delivers anything.
_AT_THE_START = 0.2
# How long a database may be unavailable, at most, in seconds.
_AWAY = (1.5, 1.5, 1.5, 10.0)
# The longest pauses of a bridge, in seconds: an answer is waited for 1 s, claims live for 20 to 25.
_PAUSES = (1.0, 3.0, 3.0, 40.0)


class Storm:
    """Causes faults at random moments, then compares what was accepted with what arrived."""

    def __init__(
        self,
        source: Source,
        bridges: Sequence[Bridge],
        weather: Weather,
        ledger: Ledger,
        chance: random.Random,
    ) -> None:
        self.kills = 0
        self.pauses = 0
        self.crashes = 0  # of the queue's service
        self._source = source
        self._bridges = bridges
        self._weather = weather
        self._ledger = ledger
        self._chance = chance
        self._away_since = self._back_since = 0.0

    @property
    def harm(self) -> str:
        """What was done, in numbers."""
        return f"{self.kills} kills, {self.pauses} pauses, {self.crashes} crashes"

    async def rage(self, rounds: int) -> Account:
        """Cause so many faults, then let everything recover; return the comparison."""
        shopping = Shopping(self._source, self._ledger, self._chance)
        going_on = asyncio.create_task(shopping.go_on())
        try:
            for number in range(rounds):
                await self._start_all()
                await self._some_moment()
                await self._do_harm(number)
                assert not going_on.done(), going_on.exception()
            await self._start_all()
            async with asyncio.timeout(_ENDS_WITHIN):
                while self._ledger.promised < _LEAST:
                    await asyncio.sleep(0.05)
            shopping.stop()
            await going_on
        finally:
            going_on.cancel()
        return await self.clear_up()

    async def clear_up(self) -> Account:
        """Wait for everything that must still arrive."""
        self._weather.calm()
        await self._start_all()
        try:
            async with asyncio.timeout(_ENDS_WITHIN):
                while self._ledger.waiting or await self._source.left():
                    await asyncio.sleep(0.1)
        except TimeoutError:
            output = self._ledger.account(await self._dead_letters())
            logs = "\n".join(bridge.output[-2000:] for bridge in self._bridges)
            raise AssertionError(f"it does not end: {output}\n{logs}") from None
        for bridge in self._bridges:
            await self._stop(bridge)
            assert "Traceback" not in bridge.output, bridge.output
        # Captures handed over twice may arrive late, after the queue was empty once.
        assert await self._source.left() == 0
        return self._ledger.account(await self._dead_letters(), is_ordered=len(self._bridges) == 1)

    async def _start_all(self) -> None:
        for bridge in self._bridges:
            if not bridge.is_running:
                await bridge.start()

    async def _some_moment(self) -> None:
        """Wait for a random moment of the bridges' work, or, now and then, of their start."""
        if self._chance.random() > _AT_THE_START:
            for bridge in self._bridges:
                await bridge.until_written("Delivering what is in")
        await asyncio.sleep(self._chance.uniform(0, 2.5))

    async def _do_harm(self, number: int) -> None:
        lot = self._chance.random()
        bridge = self._chance.choice(self._bridges)
        # The shortest storm has one of each.
        if self._source.service and (number == 1 or (number > 1 and lot < 0.3)):
            await self._crash(bridge, self._chance.choice(_AWAY) if number > 1 else _AWAY[0])
        elif number == 0 or lot < 0.65:
            await self._kill(bridge)
        elif lot < 0.9:
            await self._pause(bridge)
        else:
            await self._stop(bridge)

    async def _stop(self, bridge: Bridge) -> None:
        self._ledger.is_ending = True
        await bridge.stop()
        await asyncio.sleep(HEARD_WITHIN)  # until the endpoint has looked after its last answer
        self._ledger.is_ending = False

    async def _kill(self, bridge: Bridge) -> None:
        self.kills += 1
        await bridge.kill()
        self._ledger.crash(self._untold_since)

    async def _pause(self, bridge: Bridge) -> None:
        """Suspend a bridge, sometimes for longer than its claims live."""
        self.pauses += 1
        since = time.monotonic()
        await bridge.pause(self._chance.uniform(0, self._chance.choice(_PAUSES)))
        # Calls that were in flight time out; another bridge may have taken its claims over.
        self._ledger.crash(self._untold_since or since)

    @property
    def _untold_since(self) -> float | None:
        """Since when the queue was unavailable; None if it was not."""
        is_back = self._back_since >= self._away_since
        is_well = is_back and time.monotonic() - self._back_since > _RECOVERS_WITHIN
        return None if is_well else self._away_since

    async def _crash(self, bridge: Bridge, seconds: float) -> None:
        """Crash the queue's service; a bridge may be killed meanwhile."""
        assert self._source.service
        self.crashes += 1
        self._away_since = self._untold_since or time.monotonic()
        self._back_since = 0.0
        await asyncio.to_thread(self._source.service.kill)
        if self._source.forgets_claims and len(self._bridges) > 1:
            self._ledger.forget_claims()
        await asyncio.sleep(self._chance.uniform(0, seconds))
        if self._chance.random() < 0.3:
            await self._kill(bridge)
            await bridge.start()
        await asyncio.to_thread(self._source.service.start)
        self._back_since = time.monotonic()

    async def _dead_letters(self) -> list[str]:
        return await self._bridges[0].dead_letters(self._source.name)
