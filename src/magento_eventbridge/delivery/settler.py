"""Record outcomes in the queue, many at a time: acknowledge, return, bury, recover."""

import asyncio
import logging
from collections.abc import Iterable
from typing import NamedTuple

from magento_eventbridge.counting import count
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.outage import Outage
from magento_eventbridge.delivery.ports import Claim, Queue, QueueError
from magento_eventbridge.delivery.reasons import ReasonKind

log = logging.getLogger(__name__)

# In seconds: settling many captures at once costs the queue little more than settling one.
_SETTLES_EVERY = 0.05
# A broker takes a while to confirm a dead letter, and not longer to confirm many.
_BURIES_AT_ONCE = 50
# Of dead letters, when some of them must be recovered.
_READ_AT_ONCE = 1000


class _Burial(NamedTuple):
    claim: Claim
    reason: str
    event_id: str | None
    body: bytes | None  # what is kept, if not the claim's own


class Settler:
    """Collects the outcomes of claims and records them in their queue.

    What cannot be recorded now stays collected and is tried again, which a queue accepts.
    """

    def __init__(self, queue: Queue, backoff: Backoff) -> None:
        """Prepare; `backoff` is between tries while the queue cannot be written to."""
        self._queue = queue
        self._backoff = backoff
        self._acks: list[Claim] = []
        self._burials: list[_Burial] = []
        self._returns: list[tuple[list[Claim], float]] = []
        self._to_recover: set[str] = set()  # IDs of events that were buried by mistake
        self._has_work = asyncio.Event()
        self._settling = asyncio.Lock()

    def ack(self, claims: Iterable[Claim]) -> None:
        """Remove captures that were delivered, or that mean no event."""
        self._acks.extend(claims)
        self._has_work.set()

    def bury(
        self, claim: Claim, reason: str, event_id: str | None, body: bytes | None = None
    ) -> None:
        """Move a capture to the dead letters; `body` is kept in the place of the claim's own."""
        self._burials.append(_Burial(claim, reason, event_id, body))
        self._has_work.set()

    def give_back(self, claims: list[Claim], seconds: float) -> None:
        """Return captures to the queue; they can be claimed again after so many seconds."""
        if self._returns and self._returns[-1][1] == seconds:
            self._returns[-1][0].extend(claims)
        else:
            self._returns.append((list(claims), seconds))
        self._has_work.set()

    def recover(self, event_ids: Iterable[str]) -> None:
        """Let events wait again that were buried by mistake."""
        self._to_recover.update(event_ids)
        self._has_work.set()

    def forget_returns(self) -> None:
        """Return nothing: the claims are void, the queue hands out the captures by itself."""
        self._returns.clear()

    async def run(self) -> None:
        """Record outcomes as they are collected, until cancelled."""
        outage = Outage(
            f"Cannot record in the queue '{self._queue.name}' what was delivered (events that it "
            "never learns of are delivered twice)",
            f"The queue '{self._queue.name}' has recorded what was delivered",
            self._backoff,
        )
        while True:
            await self._has_work.wait()
            await asyncio.sleep(_SETTLES_EVERY)
            self._has_work.clear()
            try:
                await self._settle()
                outage.is_over()
            except QueueError as error:
                await asyncio.sleep(outage.goes_on(error))
                self._has_work.set()
            except Exception as error:
                # A bug of ours; without this loop nothing would ever be acknowledged.
                log.exception("Settling captures in the queue '%s' failed", self._queue.name)
                reason = ReasonKind.INTERNAL_ERROR.reason(type(error).__name__)
                await asyncio.sleep(outage.goes_on(reason))
                self._has_work.set()

    async def settle_now(self) -> bool:
        """Record what is collected; return whether that may have freed space in the queue."""
        is_open = self._acks or self._burials or self._returns or self._to_recover
        if not (is_open or self._settling.locked()):
            return False
        try:
            await self._settle()
        except QueueError:
            return False  # it is reported at the end
        return True

    async def settle_last(self, given_back: list[Claim]) -> None:
        """Record what is collected, and return claims that nothing was done with."""
        try:
            await self._settle()
            if given_back:
                await self._queue.retry(given_back)
        except QueueError as error:
            log.error(
                "Cannot record in the queue '%s' what was delivered: %s. It hands out again what "
                "was not recorded.",
                self._queue.name,
                error,
            )

    async def _settle(self) -> None:
        async with self._settling:
            acks, self._acks = self._acks, []
            burials, self._burials = self._burials, []
            returns, self._returns = self._returns, []
            to_recover, self._to_recover = self._to_recover, set()
            if spared := [burial for burial in burials if burial.event_id in to_recover]:
                burials = [burial for burial in burials if burial.event_id not in to_recover]
                returns.append(([burial.claim for burial in spared], 0.0))
                to_recover -= {burial.event_id for burial in spared}
            try:
                while returns:
                    await self._queue.retry(*returns[0])
                    del returns[0]
                if acks:
                    await self._queue.ack(acks)
                    acks = []
                while burials:
                    await self._bury_some(burials)
                if to_recover:
                    await self._recover(to_recover)
                    to_recover = set()
            finally:
                self._acks.extend(acks)
                self._burials.extend(burials)
                self._returns.extend(returns)
                self._to_recover |= to_recover

    async def _bury_some(self, burials: list[_Burial]) -> None:
        """Bury the first of them; what fails stays in the list, and its error is raised."""
        some = burials[:_BURIES_AT_ONCE]
        errors = await asyncio.gather(
            *(self._queue.bury(burial.claim, burial.reason, burial.body) for burial in some),
            return_exceptions=True,
        )
        failed = [(burial, error) for burial, error in zip(some, errors, strict=True) if error]
        burials[: len(some)] = [burial for burial, _ in failed]
        for _, error in failed:
            raise error

    async def _recover(self, event_ids: set[str]) -> None:
        """Redrive the dead letters of events that were buried by mistake."""
        letters, after = self._queue.dead_letters, 0
        found: list[int] = []
        while len(found) < len(event_ids) and (
            page := await letters.page(_READ_AT_ONCE, after=after, with_bodies=False)
        ):
            found += [letter.id for letter in page if letter.capture_id in event_ids]
            after = page[-1].id
        if found:
            await letters.redrive(found)
            log.warning(
                "Redrove %s of the queue '%s': the settings of their store view are at fault, not "
                "these events",
                count(len(found), "dead letter"),
                self._queue.name,
            )
