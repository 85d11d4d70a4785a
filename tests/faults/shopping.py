"""The load: a shop whose orders, carts and customers change all the time, in order per subject."""

import asyncio
import random
from collections.abc import Callable

from magento_eventbridge.captures import Capture
from tests.faults.ledger import Ledger
from tests.faults.sources import Captures, NotTakenError, Source, UnansweredError
from tests.support import recorded

_THINGS = 24
_SHOPPERS = 3
# Keeps the backlog of a storm small enough to drain in a short time.
_MOST_WAITING = 600
# Changes of one order in a row: more than a lane keeps in memory.
_RUSH = 250
_RUSH_AT_ONCE = 50
# One in four things is a customer who logs in: an event that the bus does not permit at times.
_ONE_CUSTOMER_OF = 4


class Shopping:
    """Several shoppers at once; each subject belongs to one of them."""

    def __init__(self, source: Source, ledger: Ledger, chance: random.Random) -> None:
        self._source = source
        self._ledger = ledger
        self._chance = chance
        self._is_over = False
        self._placed = recorded.of("order-guest", "sales_order_place_after")
        self._logged_in = recorded.of("login", "customer_login")

    async def go_on(self) -> None:
        """Hand captures over until `stop` is called."""
        shoppers = (self._shop(number) for number in range(_SHOPPERS))
        await asyncio.gather(*shoppers, self._rush())

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

    async def _rush(self) -> None:
        """Change one order very often while the other shoppers continue."""
        await asyncio.sleep(self._chance.uniform(0, 3))
        for _ in range(_RUSH // _RUSH_AT_ONCE):
            changes = [
                recorded.stored(recorded.again(self._placed, subject="order/rush"))
                for _ in range(_RUSH_AT_ONCE)
            ]
            await self._hand_over(changes)

    def _happenings(self, thing: Callable[[], int]) -> Captures:
        return [self._happening(thing()) for _ in range(self._chance.randint(1, 8))]

    def _happening(self, thing: int) -> tuple[Capture, bytes]:
        if thing % _ONE_CUSTOMER_OF == 0:
            return recorded.stored(recorded.again(self._logged_in, subject=f"customer/{thing}"))
        return recorded.stored(recorded.again(self._placed, subject=f"order/{thing}"))

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
