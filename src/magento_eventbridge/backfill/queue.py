"""Entities of the store's tables as a queue: the dispatcher delivers them like any other."""

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol, cast

from magento_eventbridge.backfill.kinds import Kind
from magento_eventbridge.backfill.progress import Progress, ProgressError
from magento_eventbridge.backfill.rows import CHUNK, StoreTables
from magento_eventbridge.backfill.snapshots import Origin, RowError, Rows, body_of, capture_of
from magento_eventbridge.captures import Capture
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.outage import Outage
from magento_eventbridge.delivery.ports import Claim, DeadLetters, Depth, QueueError
from magento_eventbridge.magento.database import DatabaseError, may_pass

LiveEventsWait = Callable[[], Awaitable[bool]]
"""Returns whether live events wait for their delivery."""

# In seconds: so much of the rate is handed out at once, so that calls hold several events.
_AT_ONCE = 0.2
_LIVE_AGAIN = 0.25
_MOST_RETURNED = 5000
# What a value that no store should have may cause.
_BROKEN_ROWS = (ArithmeticError, LookupError, AttributeError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True)
class Job:
    """What is sent.

    Attributes:
        kind: of the entities.
        detail_type: what they are sent as.
        rate: events a second.
        limit: entities at most; None: all.
        origin: the mark in the metadata.
    """

    kind: Kind
    detail_type: str
    rate: float = 50.0
    limit: int | None = None
    origin: Origin = "backfill"

    def capture(self, rows: Rows) -> Capture:
        """Return the capture of an entity.

        Raises:
            RowError: its rows do not make an event.
        """
        return capture_of_rows(self.kind, rows, self.detail_type, self.origin)


def capture_of_rows(
    kind: Kind, rows: Rows, detail_type: str, origin: Origin, *, version: str = ""
) -> Capture:
    """Return the capture of an entity, however broken its rows are.

    Raises:
        RowError: its rows do not make an event.
    """
    try:
        return capture_of(kind, rows, detail_type, origin, version=version)
    except RowError:
        raise
    except _BROKEN_ROWS as error:
        raise RowError(f"its rows cannot be read: {error or type(error).__name__}") from None


class Entity(NamedTuple):
    """An entity to send; `capture` may raise RowError."""

    key: int
    name: str
    capture: Callable[[], Capture]


class Source(Protocol):
    """Where entities come from, and where it is recorded which are settled.

    Attributes:
        position: entities up to this key are settled.
        passed: how many of them were wanted.
    """

    position: int
    passed: int

    def batches(self, after: int) -> AsyncIterator[list[Entity]]:
        """Yield the entities after a key, in order."""
        ...

    def advance(self, position: int, passed: int) -> None:
        """Record that all entities up to a key are settled."""
        ...

    def leave_out(self, entity: str, reason: str) -> None:
        """Record an entity that cannot be sent."""
        ...


class StoredEntities:
    """The entities of a job, from the store's tables; progress is kept in a file."""

    def __init__(self, tables: StoreTables, job: Job, progress: Progress) -> None:
        self.position, self.passed = progress.position, progress.passed
        self._tables = tables
        self._job = job
        self._progress = progress

    async def batches(self, after: int) -> AsyncIterator[list[Entity]]:
        """Yield the entities after a key, in order."""
        job, selection = self._job, self._progress.selection
        async for keys in self._tables.keys(job.kind, selection, after=after):
            for start in range(0, len(keys), CHUNK):
                found = await self._tables.entities(job.kind, keys[start : start + CHUNK])
                yield [
                    Entity(
                        int(rows.main[job.kind.key]),
                        name_of(job.kind, rows),
                        partial(job.capture, rows),
                    )
                    for rows in found
                ]

    def advance(self, position: int, passed: int) -> None:
        """Record that all entities up to a key are settled."""
        self._progress.advance(position, passed)
        self.position, self.passed = position, passed

    def leave_out(self, entity: str, reason: str) -> None:
        """Record an entity that cannot be sent."""
        self._progress.leave_out(entity, reason)


def name_of(kind: Kind, rows: Rows) -> str:
    """Return what people know an entity as: its number, or else its key."""
    key = rows.main[kind.key]
    number = rows.main.get(kind.number) if kind.number == "increment_id" else None
    return f"{kind.scope} {number} (id {key})" if number else f"{kind.scope} id {key}"


class EntityQueue:
    """Hands out the captures of entities in the order of their keys, at a limited rate.

    Attributes:
        taken: entities handed out or left out, since the run began.
    """

    name = "backfill"

    def __init__(
        self,
        source: Source,
        live_events_wait: LiveEventsWait | None = None,
        *,
        rate: float = 50.0,
        limit: int | None = None,
    ) -> None:
        self.taken = source.passed
        self.waits_for_live_events = False
        self._source = source
        self._rate = rate
        self._limit = limit
        self._live_events_wait = live_events_wait
        self._read_up_to = source.position
        self._chunk: list[Entity] = []
        self._batches: AsyncIterator[list[Entity]] | None = None
        self._names: dict[int, str] = {}
        self._is_exhausted = False
        self._bodies: dict[int, bytes] = {}  # by key: claimed or returned, not settled
        self._ordinals: dict[int, int] = {}  # the same keys, in order
        self._returned: list[tuple[float, int]] = []
        self._allowed = 0.0
        self._counted_at = time.monotonic()
        self._stopping = asyncio.Event()
        self._outage = Outage(
            "Cannot read the store's tables", "The store's tables can be read again", Backoff()
        )

    def stop(self) -> None:
        """Hand out nothing more."""
        self._stopping.set()

    @property
    def is_complete(self) -> bool:
        """Whether every wanted entity is settled."""
        return self._is_exhausted and not self._bodies

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        """Claim entities: as many as the rate allows now, after waiting for it.

        While the store's database is unavailable, it waits.
        """
        if without_views or len(self._returned) > _MOST_RETURNED:
            await self._pause(_AT_ONCE)
            return []
        while True:
            try:
                return await self._claim_some(min(limit, await self._until_allowed()))
            except DatabaseError as error:
                if self._stopping.is_set():
                    return []
                if not may_pass(error):
                    raise QueueError(str(error)) from error
                await self._pause(self._outage.goes_on(error))

    async def _claim_some(self, allowed: int) -> list[Claim]:
        claims: list[Claim] = []
        while len(claims) < allowed and self._returned and self._returned[0][0] <= time.monotonic():
            key = heapq.heappop(self._returned)[1]
            claims.append(Claim(key, self._bodies[key]))
        try:
            while len(claims) < allowed and await self._fill():
                if claim := await self._claim(self._chunk.pop(0)):
                    claims.append(claim)
            self._outage.is_over()
        except DatabaseError:
            self._batches, self._chunk = None, []
            if not claims:
                raise
        self._allowed -= len(claims)
        return claims

    async def _claim(self, entity: Entity) -> Claim | None:
        """Claim one entity; one whose rows are broken is left out."""
        self._read_up_to = key = entity.key
        self.taken += 1
        try:
            body = body_of(entity.capture())
        except (RowError, *_BROKEN_ROWS) as error:
            reason = str(error) or type(error).__name__
            await self._record(lambda: self._source.leave_out(entity.name, reason))
            return None
        self._bodies[key], self._ordinals[key] = body, self.taken
        self._names[key] = entity.name
        return Claim(key, body)

    async def _fill(self) -> bool:
        """Read the next entities when there are none; return whether there are any."""
        if self._stopping.is_set():
            return False
        if self._limit is not None and self.taken >= self._limit:
            self._is_exhausted = True
            return False
        while not self._chunk and not self._is_exhausted:
            self._batches = self._batches or self._source.batches(self._read_up_to)
            try:
                self._chunk = await anext(self._batches)
            except StopAsyncIteration:
                self._is_exhausted = True
        return bool(self._chunk)

    async def _until_allowed(self) -> int:
        """Wait for the rate, and while live events wait; return how many may be handed out."""
        at_once = max(1.0, self._rate * _AT_ONCE)
        while not self._stopping.is_set():
            if self._live_events_wait and await self._live_events_wait():
                self.waits_for_live_events = True
                self._counted_at = time.monotonic()
                await self._pause(_LIVE_AGAIN)
                continue
            self.waits_for_live_events = False
            now = time.monotonic()
            self._allowed += (now - self._counted_at) * self._rate
            self._allowed, self._counted_at = min(self._allowed, at_once), now
            if self._allowed >= at_once:
                return int(self._allowed)
            await self._pause((at_once - self._allowed) / self._rate)
        return 0

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def wait(self, seconds: float) -> None:
        """Return at the latest after `seconds`."""
        await self._pause(seconds)

    async def ack(self, claims: Sequence[Claim]) -> None:
        """Record entities as settled."""
        for claim in claims:
            key = _key(claim)
            self._bodies.pop(key, None)
            self._ordinals.pop(key, None)
            self._names.pop(key, None)
        await self._record(self._advance)

    def _advance(self) -> None:
        first = next(iter(self._ordinals.items()), None)
        if first is None:
            self._source.advance(self._read_up_to, self.taken)
        else:
            self._source.advance(first[0] - 1, first[1] - 1)

    async def retry(self, claims: Sequence[Claim], delay: float = 0.0) -> None:
        """Hand entities out again after `delay` seconds."""
        due = time.monotonic() + delay
        for claim in claims:
            if _key(claim) in self._bodies:
                heapq.heappush(self._returned, (due, _key(claim)))

    async def defer(self, claims: Sequence[Claim]) -> None:
        """Keep their bodies: there is no other place to read them from."""

    async def recall(self, claims: Sequence[Claim]) -> list[Claim]:
        """Return claimed entities with their bodies."""
        return [Claim(of.handle, self._bodies[_key(of)]) for of in claims]

    def holds_claims(self) -> bool:
        """Nobody else claims them: the progress file is locked."""
        return True

    async def confirm(self) -> bool:
        """Nobody else claims them: the progress file is locked."""
        return True

    async def bury(self, claim: Claim, reason: str, body: bytes | None = None) -> None:
        """Leave an entity out, and record why."""
        entity = self._names.get(_key(claim), "")
        await self._record(lambda: self._source.leave_out(entity, reason))
        await self.ack([claim])

    async def depth(self) -> Depth:
        """Return how many are handed out and not settled."""
        return Depth(len(self._bodies), None, 0)

    @property
    def dead_letters(self) -> DeadLetters:
        """There are none: what cannot be sent is in the progress file."""
        raise QueueError("a backfill has no dead letters; it lists what it left out")

    async def close(self) -> None:
        """Close nothing: tables and progress belong to the run."""

    async def _record(self, write: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(write)
        except ProgressError as error:
            raise QueueError(str(error)) from error


def _key(claim: Claim) -> int:
    return cast("int", claim.handle)
