"""What the dispatcher asks of a queue and of a sink; every implementation is one file elsewhere."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, ResultCodes


class QueueError(Exception):
    """The queue cannot do this now: its disk is full, its database away. Nothing is lost."""


class Claim(NamedTuple):
    """A capture that a queue handed out, until it is told what became of it.

    `handle` means something to its queue only; `body` is the capture's JSON text as it came.
    """

    handle: object
    body: bytes

    def __repr__(self) -> str:
        """Name it without its body, which is personal."""
        return f"Claim({self.handle!r})"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A capture that could not be delivered, and why.

    `id` is the queue's own number of it; `buried_at` is in seconds since the epoch.
    """

    id: int
    capture_id: str
    event: str
    store_id: int
    reason: str
    buried_at: float
    body: bytes = field(repr=False)

    @classmethod
    def of(
        cls, number: int, store_id: int, reason: str, buried_at: float, body: bytes
    ) -> "DeadLetter":
        """Make one of what a queue keeps; a body that is no capture has neither id nor event."""
        try:
            capture = read_capture(body)
        except InvalidCaptureError:
            return cls(number, "?", "?", store_id, reason, buried_at, body)
        return cls(number, capture.id, capture.event, store_id, reason, buried_at, body)


class DeadLetters(Protocol):
    """What a queue keeps of captures that can never be delivered as they are."""

    async def count(self) -> int:
        """How many there are."""
        ...

    async def page(self, limit: int, *, after: int = 0) -> list[DeadLetter]:
        """Read up to `limit`, oldest first, those with a greater id than `after`."""
        ...

    async def find(self, letter: int) -> DeadLetter | None:
        """Read one by its id."""
        ...

    async def redrive(self, letters: Sequence[int] | None) -> int:
        """Put letters (None: all) back into the queue; gives how many there were."""
        ...

    async def drop(self, letters: Sequence[int] | None) -> int:
        """Delete letters (None: all) for good; gives how many there were."""
        ...


@dataclass(frozen=True, slots=True)
class Depth:
    """What a queue holds: waiting or claimed, and when the oldest of it happened (epoch)."""

    captures: int
    oldest: float | None
    dead: int


class Queue(Protocol):
    """A durable place that hands out captures and is told what became of each.

    Captures come out in the order in which they went in. One that was claimed is out for nobody
    else until it is told of or its claimant is gone.
    """

    @property
    def name(self) -> str:
        """The name in settings and logs, as `sqlite`."""
        ...

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        """Claim up to `limit` captures that wait, passing over those of the stores named."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return as soon as there may be something to claim, at the latest after `seconds`."""
        ...

    async def ack(self, claims: Sequence[Claim]) -> None:
        """Forget captures that were delivered, or that mean nothing worth telling."""
        ...

    async def retry(self, claims: Sequence[Claim], delay: float = 0.0) -> None:
        """Give captures back; they come out again after `delay` seconds."""
        ...

    async def bury(self, claim: Claim, reason: str) -> None:
        """Move a capture that can never be delivered to the dead letters."""
        ...

    async def depth(self) -> Depth:
        """Tell how much there is to do."""
        ...

    @property
    def dead_letters(self) -> DeadLetters:
        """What it buried."""
        ...

    async def close(self) -> None:
        """Give back what is still claimed, and let go of files and connections."""
        ...


@dataclass(frozen=True)
class Limits:
    """What a bus takes in one call; `max_bytes` for each entry and for their sum."""

    max_entries: int
    max_bytes: int


class Sink(Protocol):
    """Where entries go."""

    @property
    def limits(self) -> Limits:
        """What one call may hold."""
        ...

    @property
    def codes(self) -> ResultCodes:
        """What its error codes mean."""
        ...

    async def put(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        """Send entries in one call. Never raises for what the network or AWS does: it answers."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
