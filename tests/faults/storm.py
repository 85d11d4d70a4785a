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
# Less than that proves little.
_LEAST = 100
# A bridge looks for its queue every two seconds while that is away, and then has much to tell.
_RECOVERS_WITHIN = 5.0
# The share of rounds in which a bridge may be killed before it delivers anything.
_AT_THE_START = 0.2
# How long a database may be away, at most, in seconds.
_AWAY = (1.5, 1.5, 1.5, 10.0)


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
        self._away_since = self._back_since = 0.0

    async def rage(self, rounds: int) -> Account:
        """Let so many things go wrong, then clear up; gives what came of it."""
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

    async def _some_moment(self) -> None:
        """Wait for a moment of the bridges' work, or, now and then, of their start."""
        if self._chance.random() > _AT_THE_START:
            for bridge in self._bridges:
                await bridge.until_told("Delivering what is in")
        await asyncio.sleep(self._chance.uniform(0, 2.5))

    async def _do_harm(self, number: int) -> None:
        lot = self._chance.random()
        bridge = self._chance.choice(self._bridges)
        # The shortest storm has one of each.
        if self._source.service and (number == 1 or (number > 1 and lot < 0.3)):
            await self._crash(bridge, self._chance.choice(_AWAY) if number > 1 else _AWAY[0])
        elif number == 0 or lot < 0.9:
            await self._kill(bridge)
        else:
            await bridge.stop()

    async def _kill(self, bridge: Bridge) -> None:
        self.kills += 1
        await bridge.kill()
        self._ledger.crash(self._untold_since)

    @property
    def _untold_since(self) -> float | None:
        """Since when the queue could not be told anything; None when it could all the time."""
        is_back = self._back_since >= self._away_since
        is_well = is_back and time.monotonic() - self._back_since > _RECOVERS_WITHIN
        return None if is_well else self._away_since

    async def _crash(self, bridge: Bridge, seconds: float) -> None:
        """Crash what the queue lives in; a bridge may be killed while it is away."""
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
