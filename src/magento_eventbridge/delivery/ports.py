"""The ports of delivery: what the dispatcher needs of a queue and of a sink."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.delivery.claim_check import ClaimCheck
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, ResultCodes
from magento_eventbridge.errors import BridgeError

BYTES_PER_PAGE = 16_000_000
"""A page of dead letters ends with the letter that reaches this size: each may have megabytes."""
LONGEST_DELAY = 3600.0
"""In seconds: no capture is returned to its queue for longer."""


class QueueError(BridgeError):
    """The queue cannot do this now: disk full, database unavailable. Nothing is lost."""


class Claim(NamedTuple):
    """A capture that a queue handed out, until its outcome is recorded.

    `handle` has a meaning for its queue only; `body` is the capture's JSON text as it came. A
    deferred claim has no body until it is recalled. Others may have an empty one, which is no
    capture.
    """

    handle: object
    body: bytes
    is_deferred: bool = False

    def deferred(self) -> "Claim":
        """Return it without its body."""
        return Claim(self.handle, b"", is_deferred=True)

    def __repr__(self) -> str:
        """Show it without its body, which holds personal data."""
        return f"Claim({self.handle!r})"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A capture that could not be delivered, and why.

    `id` is the queue's own number for it; `buried_at` is in seconds since the epoch.
    """

    id: int
    capture_id: str
    event: str
    view_id: int
    reason: str
    buried_at: float
    body: bytes = field(repr=False)

    @classmethod
    def of(
        cls, number: int, view_id: int, reason: str, buried_at: float, body: bytes
    ) -> "DeadLetter":
        """Create one from what a queue keeps; a body that is no capture has no id and no event."""
        try:
            capture = read_capture(body)
        except InvalidCaptureError:
            return cls(number, "?", "?", view_id, reason, buried_at, body)
        return cls(number, capture.id, capture.event, view_id, reason, buried_at, body)


def that_fit_a_page(letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """Return the first of some dead letters, read no further than a page is large."""
    page: list[DeadLetter] = []
    size = 0
    for letter in letters:
        page.append(letter)
        size += len(letter.body)
        if size >= BYTES_PER_PAGE:
            break
    return page


class DeadLetters(Protocol):
    """The captures of a queue that can never be delivered as they are."""

    async def count(self) -> int:
        """Return how many there are."""
        ...

    async def page(
        self, limit: int, *, after: int = 0, with_bodies: bool = True
    ) -> list[DeadLetter]:
        """Read up to `limit`, oldest first, those with a greater id than `after`.

        Fewer, but at least one, where they are large: `BYTES_PER_PAGE`. Without `with_bodies` a
        queue may leave the bodies out, and return more.
        """
        ...

    async def find(self, letter: int) -> DeadLetter | None:
        """Read one by its id."""
        ...

    async def redrive(self, letters: Sequence[int] | None) -> int:
        """Put letters (None: all) back into the queue; return how many there were."""
        ...

    async def drop(self, letters: Sequence[int] | None) -> int:
        """Delete letters (None: all) for good; return how many there were."""
        ...


@dataclass(frozen=True, slots=True)
class Depth:
    """How much a queue holds, waiting or claimed, and when the oldest happened (epoch seconds)."""

    captures: int
    oldest: float | None
    dead: int


class Queue(Protocol):
    """A durable place that hands out captures and records the outcome of each.

    Captures come out in the order in which they went in. A claimed one is handed out to nobody
    else until its outcome is recorded or its claimant is gone.
    """

    @property
    def name(self) -> str:
        """The name in settings and logs, such as `sqlite`."""
        ...

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        """Claim up to `limit` waiting captures, except those of the store views named."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return as soon as there may be something to claim, at the latest after `seconds`."""
        ...

    async def ack(self, claims: Sequence[Claim]) -> None:
        """Remove captures that were delivered, or that mean no event."""
        ...

    async def retry(self, claims: Sequence[Claim], delay: float = 0.0) -> None:
        """Return captures to the queue; they can be claimed again after `delay` seconds.

        No delay is longer than `LONGEST_DELAY`.
        """
        ...

    async def defer(self, claims: Sequence[Claim]) -> None:
        """Keep captures claimed that wait behind many others of their subject.

        Their bodies are not needed until they are recalled; what waits behind them in the queue
        must not be held up by them.
        """
        ...

    async def recall(self, claims: Sequence[Claim]) -> list[Claim]:
        """Read claimed captures again, in their order: deferred claims have no body.

        One that is no longer in the queue is left out.
        """
        ...

    def holds_claims(self) -> bool:
        """Return whether this bridge surely still holds what it claimed: a local check, no I/O.

        It is False after a pause, or when the queue was unavailable for longer than claims live.
        Nothing may be sent then until `confirm` has returned True.
        """
        ...

    async def confirm(self) -> bool:
        """Return whether this bridge still holds what it claimed; confirm the claims if so.

        After False all earlier claims are void, others may have delivered them: to settle one
        changes nothing.
        """
        ...

    async def bury(self, claim: Claim, reason: str, body: bytes | None = None) -> None:
        """Move a capture that can never be delivered to the dead letters.

        Args:
            body: the capture as the dead letter keeps it, without private fields; None: as it
                came.
        """
        ...

    async def depth(self) -> Depth:
        """Return how much there is to deliver."""
        ...

    @property
    def dead_letters(self) -> DeadLetters:
        """The captures that it buried."""
        ...

    async def close(self) -> None:
        """Return what is still claimed to the queue; close files and connections."""
        ...


@dataclass(frozen=True)
class Limits:
    """What a bus accepts in one call; `max_bytes` for each entry and for their sum.

    Attributes:
        claim_check: how the sink makes larger entries smaller; None: it does not.
    """

    max_entries: int
    max_bytes: int
    claim_check: ClaimCheck | None = None


@runtime_checkable
class SharedQueue(Protocol):
    """A queue whose claims wait for other bridges: for longer than for an answer."""

    @property
    def waits_for_others(self) -> bool:
        """Whether it does not claim before it knows which other bridges are alive."""
        ...


@runtime_checkable
class LimitedQueue(Protocol):
    """A queue that hands out a limited number of captures, as a broker does."""

    @property
    def prefetch(self) -> int:
        """How many captures it hands out at once."""
        ...

    def let_pass(self, views: Collection[int]) -> None:
        """Let captures of other store views pass those of these, from the next claim on.

        Nothing leaves for their destination, so they could be all that is handed out.
        """
        ...


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
        """Send entries in one call. A failure of network or AWS is an answer, not an exception."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
