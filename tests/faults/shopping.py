"""The load: a shop whose orders, carts and customers change all the time, in order per subject."""

import asyncio
import random
from collections.abc import Callable

from tests.faults.ledger import Ledger
from tests.faults.sources import Captures, NotTakenError, Source, UnansweredError
from tests.support import recorded

_THINGS = 24
_SHOPPERS = 3
# Keeps the backlog of a storm small enough to drain in a short time.
_MOST_WAITING = 600


class Shopping:
    """Several shoppers at once; each subject belongs to one of them."""

    def __init__(self, source: Source, ledger: Ledger, chance: random.Random) -> None:
        self._source = source
        self._ledger = ledger
        self._chance = chance
        self._is_over = False
        self._placed = recorded.of("order-guest", "sales_order_place_after")

    async def go_on(self) -> None:
        """Hand captures over until `stop` is called."""
        await asyncio.gather(*(self._shop(number) for number in range(_SHOPPERS)))

    def stop(self) -> None:
        """Stop after the hand-overs in flight."""
        self._is_over = True

    async def _shop(self, shopper: int) -> None:
        things = range(shopper, _THINGS, _SHOPPERS)
        while not self._is_over:
            await self._hand_over(self._happenings(lambda: self._chance.choice(things)))
            await asyncio.sleep(self._chance.uniform(0, 0.03))
            while self._ledger.waiting > _MOST_WAITING and not self._is_over:
                await asyncio.sleep(0.05)

    def _happenings(self, thing: Callable[[], int]) -> Captures:
        return [
            recorded.stored(recorded.again(self._placed, subject=f"order/{thing()}"))
            for _ in range(self._chance.randint(1, 8))
        ]

    async def _hand_over(self, captures: Captures) -> None:
        """Repeat a hand-over until it is accepted."""
        self._ledger.hand_over(captures)
        while True:
            try:
                await self._source.put(captures)
            except NotTakenError:
                if self._is_over:
                    return
                await asyncio.sleep(0.1)
            except UnansweredError:
                if self._is_over:
                    return
                self._ledger.hand_over_again(captures)
                await asyncio.sleep(0.1)
            else:
                self._ledger.promise(captures)
                return
