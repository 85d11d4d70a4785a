"""What waits to be written into the journal: what comes next, and what is left out."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.verdicts import Fate

# What part of the usual number of events is written while some are left out anyway.
_PART_WHEN_TOO_MANY = 4


class Note(NamedTuple):
    """A call or settlement to write, with its size in memory and its number of events."""

    size: int
    events: int
    of: Call | Settlement


class WaitingNotes:
    """The notes to write, oldest first.

    When too much waits, events delivered at the first try are left out. As long as this is enough,
    fewer events are written at once: the list is incomplete anyway, and the time of the processor
    belongs to delivery. Events with a problem that come faster are written at the full rate.

    Pure.
    """

    def __init__(self, most_bytes: int, events_at_once: int, bytes_at_once: int) -> None:
        """Prepare.

        Args:
            most_bytes: how much may wait.
            events_at_once: after how many events `next` takes no more.
            bytes_at_once: after how many bytes it takes no more.
        """
        self._most_bytes = most_bytes
        self._events_at_once = events_at_once
        self._bytes_at_once = bytes_at_once
        self._notes: deque[Note] = deque()
        self._leaves_out = False  # and what remains is not too much

    def __bool__(self) -> bool:
        return bool(self._notes)

    def add(self, notes: Iterable[Note]) -> None:
        """Let notes wait behind the others."""
        self._notes.extend(notes)

    def leave_out(self) -> list[Note]:
        """When too much waits, remove and return the oldest notes of plain successes."""
        too_much = sum(note.size for note in self._notes) - self._most_bytes
        self._leaves_out = too_much > 0
        if not self._leaves_out:
            return []
        left_out: list[Note] = []
        kept: deque[Note] = deque()
        for note in self._notes:
            if too_much > 0 and _is_plain_success(note.of):
                left_out.append(note)
                too_much -= note.size
            else:
                kept.append(note)
        self._notes = kept
        self._leaves_out = too_much <= 0
        return left_out

    def next(self) -> list[Note]:
        """Remove and return the notes to write next."""
        notes: list[Note] = []
        events = size = 0
        part = _PART_WHEN_TOO_MANY if self._leaves_out else 1
        most = max(1, self._events_at_once // part)
        while self._notes and events < most and size < self._bytes_at_once:
            notes.append(note := self._notes.popleft())
            events += note.events
            size += note.size
        return notes


def _is_plain_success(note: Call | Settlement) -> bool:
    """Return whether all events were delivered at the first try."""
    return isinstance(note, Call) and all(
        verdict.fate is Fate.DELIVERED and not pending.failures
        for pending, verdict in zip(note.batch, note.verdicts, strict=True)
    )
