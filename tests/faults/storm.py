"""A storm: a shop, a bus in bad weather, bridges and databases that are killed at any moment."""

import asyncio
import random
import time
from collections.abc import Sequence

from tests.faults.bridges import Bridge
from tests.faults.ledger import Account, Ledger
from tests.faults.shopping import Shopping
from tests.faults.sources import Source
from tests.faults.weather import Weather

_ENDS_WITHIN = 90.0


class Storm:
    """Does harm at random moments, then sees what came of it."""

    def __init__(
        self,
        source: Source,
        bridges: Sequence[Bridge],
        weather: Weather,
        ledger: Ledger,
        chance: random.Random,
    ) -> None:
        self.kills = 0
        self.crashes = 0  # of what the queue lives in
        self._source = source
        self._bridges = bridges
        self._weather = weather
        self._ledger = ledger
        self._chance = chance
        self._away_since: float | None = None

    async def rage(self, rounds: int) -> Account:
        """Let so many things go wrong, then clear up; gives what came of it."""
        shopping = Shopping(self._source, self._ledger, self._chance)
        going_on = asyncio.create_task(shopping.go_on())
        try:
            for number in range(rounds):
                await self._start_all()
                await asyncio.sleep(self._chance.uniform(0.1, 2.5))
                await self._do_harm(number)
                assert not going_on.done(), going_on.exception()
            shopping.stop()
            await going_on
        finally:
            going_on.cancel()
        return await self.clear_up()

    async def clear_up(self) -> Account:
        """Let all come that is still to come."""
        self._weather.calm()
        await self._start_all()
        try:
            async with asyncio.timeout(_ENDS_WITHIN):
                while self._ledger.waiting or await self._source.left():
                    await asyncio.sleep(0.1)
        except TimeoutError:
            told = self._ledger.account(await self._dead_letters())
            logs = "\n".join(bridge.told[-2000:] for bridge in self._bridges)
            raise AssertionError(f"it does not end: {told}\n{logs}") from None
        for bridge in self._bridges:
            await bridge.stop()
            assert "Traceback" not in bridge.told, bridge.told
        # What was handed over twice may come late: once more than the queue was empty.
        assert await self._source.left() == 0
        return self._ledger.account(await self._dead_letters(), is_ordered=len(self._bridges) == 1)

    async def _start_all(self) -> None:
        for bridge in self._bridges:
            if not bridge.is_running:
                await bridge.start()

    async def _do_harm(self, number: int) -> None:
        lot = self._chance.random()
        bridge = self._chance.choice(self._bridges)
        # The shortest storm has one of each.
        if self._source.service and (number == 1 or (number > 1 and lot < 0.3)):
            await self._crash(bridge)
        elif number == 0 or lot < 0.9:
            await self._kill(bridge)
        else:
            await bridge.stop()

    async def _kill(self, bridge: Bridge) -> None:
        self.kills += 1
        await bridge.kill()
        # While the queue was away nobody could tell it anything.
        self._ledger.crash(self._away_since)
        self._away_since = None

    async def _crash(self, bridge: Bridge) -> None:
        """Crash what the queue lives in; a bridge may be killed while it is away."""
        assert self._source.service
        self.crashes += 1
        self._away_since = time.monotonic()
        await asyncio.to_thread(self._source.service.kill)
        await asyncio.sleep(self._chance.uniform(0, 1.5))
        if self._chance.random() < 0.3:
            await self._kill(bridge)
            await bridge.start()
        await asyncio.to_thread(self._source.service.start)

    async def _dead_letters(self) -> list[str]:
        return await self._bridges[0].dead_letters(self._source.name)
