"""The `memory` queue: captures in this process only, for tests."""

import asyncio
import itertools
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from magento_eventbridge.captures import Capture, read_capture
from magento_eventbridge.delivery.ports import Claim, DeadLetter, Depth, that_fit_a_page


@dataclass(frozen=True, slots=True)
class _Stored:
    """A capture in the queue, with what a queue knows about it without reading its body."""

    view_id: int
    time: float
    body: bytes


class MemoryQueue:
    """Captures in memory: the promises of a real queue, except that nothing outlives the process.

    After `close` it can be used again, as if another process had opened a real queue: what was
    claimed and not settled comes out again.
    """

    name = "memory"

    def __init__(self) -> None:
        self.dead_letters = MemoryDeadLetters(self._put_back)
        self._captures: dict[int, _Stored] = {}
        self._claimed: set[int] = set()
        self._postponed: dict[int, float] = {}  # until when, on the monotonic clock
        self._last_number = 0
        self._news = asyncio.Event()

    async def put(self, captures: Sequence[tuple[Capture, bytes]]) -> None:
        """Add captures with their JSON texts, as an inlet does."""
        for capture, body in captures:
            self._add(_Stored(capture.view_id, capture.time, body))

    async def put_json(self, *texts: bytes | str) -> None:
        """Add captures, each given as JSON text.

        Raises:
            InvalidCaptureError: a text is no capture; none was added.
        """
        bodies = [text.encode() if isinstance(text, str) else text for text in texts]
        await self.put([(read_capture(body), body) for body in bodies])

    async def check(self) -> None:
        """Memory can always be written."""

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        """Claim up to `limit` waiting captures, except those of the store views named."""
        self._news.clear()
        now = time.monotonic()
        claims: list[Claim] = []
        for number, stored in self._captures.items():
            if len(claims) == limit:
                break
            waits = number in self._claimed or self._postponed.get(number, now) > now
            if not waits and stored.view_id not in without_views:
                claims.append(Claim(number, stored.body))
        for claim in claims:
            number = _number(claim)
            self._claimed.add(number)
            self._postponed.pop(number, None)
        return claims

    async def wait(self, seconds: float) -> None:
        """Return as soon as there may be something to claim, at the latest after `seconds`."""
        due = [until for number, until in self._postponed.items() if number not in self._claimed]
        if due:
            # A timer may end within the millisecond before.
            seconds = min(seconds, max(0.0, min(due) - time.monotonic()) + 0.001)
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    async def ack(self, claims: Sequence[Claim]) -> None:
        """Remove captures that were delivered, or that mean no event."""
        for claim in claims:
            self._remove(_number(claim))

    async def retry(self, claims: Sequence[Claim], delay: float = 0.0) -> None:
        """Return captures to the queue; they can be claimed again after `delay` seconds."""
        for claim in claims:
            number = _number(claim)
            self._claimed.discard(number)
            if delay:
                self._postponed[number] = time.monotonic() + delay
        self._news.set()

    async def defer(self, claims: Sequence[Claim]) -> None:
        """Keep captures claimed without their bodies; they hold up nothing here."""

    async def recall(self, claims: Sequence[Claim]) -> list[Claim]:
        """Read claimed captures again, in their order; one that is gone is left out."""
        numbers = sorted(_number(claim) for claim in claims)
        return [
            Claim(number, self._captures[number].body)
            for number in numbers
            if number in self._captures
        ]

    def holds_claims(self) -> bool:
        """Return True: nobody else can take them."""
        return True

    async def confirm(self) -> bool:
        """Return True, as `holds_claims`."""
        return True

    async def bury(self, claim: Claim, reason: str, body: bytes | None = None) -> None:
        """Move a capture that can never be delivered to the dead letters."""
        stored = self._remove(_number(claim))
        if stored is not None:
            self.dead_letters.add(stored.view_id, reason, stored.body if body is None else body)

    async def depth(self) -> Depth:
        """Return how much there is to deliver."""
        oldest = min((stored.time for stored in self._captures.values()), default=None)
        return Depth(len(self._captures), oldest, await self.dead_letters.count())

    async def close(self) -> None:
        """Return what is still claimed to the queue."""
        self._claimed.clear()
        self._postponed.clear()

    def _add(self, stored: _Stored) -> None:
        self._last_number += 1
        self._captures[self._last_number] = stored
        self._news.set()

    def _remove(self, number: int) -> _Stored | None:
        self._claimed.discard(number)
        self._postponed.pop(number, None)
        return self._captures.pop(number, None)

    def _put_back(self, letter: DeadLetter) -> None:
        try:
            happened = read_capture(letter.body).time
        except ValueError:  # no capture: its dead letter is the only time that is known
            happened = letter.buried_at
        self._add(_Stored(letter.view_id, happened, letter.body))


class MemoryDeadLetters:
    """The dead letters of a queue in memory."""

    def __init__(self, put_back: Callable[[DeadLetter], None]) -> None:
        self._put_back = put_back
        self._letters: dict[int, DeadLetter] = {}
        self._last_number = 0

    def add(self, view_id: int, reason: str, body: bytes) -> None:
        """Keep a capture that was buried."""
        self._last_number += 1
        number = self._last_number
        self._letters[number] = DeadLetter.of(number, view_id, reason, time.time(), body)

    async def count(self) -> int:
        """Return how many there are."""
        return len(self._letters)

    async def page(
        self, limit: int, *, after: int = 0, with_bodies: bool = True
    ) -> list[DeadLetter]:
        """Read up to `limit`, oldest first, those with a greater id than `after`."""
        letters = (letter for number, letter in self._letters.items() if number > after)
        return that_fit_a_page(itertools.islice(letters, limit))

    async def find(self, letter: int) -> DeadLetter | None:
        """Read one by its id."""
        return self._letters.get(letter)

    async def redrive(self, letters: Sequence[int] | None) -> int:
        """Put letters (None: all) back into the queue; return how many there were."""
        removed = self._take(letters)
        for letter in removed:
            self._put_back(letter)
        return len(removed)

    async def drop(self, letters: Sequence[int] | None) -> int:
        """Delete letters (None: all) for good; return how many there were."""
        return len(self._take(letters))

    def _take(self, letters: Sequence[int] | None) -> list[DeadLetter]:
        wanted = self._letters.keys() if letters is None else self._letters.keys() & set(letters)
        return [self._letters.pop(number) for number in sorted(wanted)]


def _number(claim: Claim) -> int:
    if not isinstance(claim.handle, int):
        raise TypeError(f"{claim!r} is no claim of this queue")
    return claim.handle
