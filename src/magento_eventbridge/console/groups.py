"""Group dead letters by the kind of their reason."""

from dataclasses import dataclass, field, replace

from magento_eventbridge.console.letters import LetterRow, letters_of
from magento_eventbridge.delivery.ports import DeadLetter, DeadLetters
from magento_eventbridge.delivery.reasons import (
    Explanation,
    explain,
    pattern_of,
    without_event,
)

# How many letters of each queue are read to group them, and how many of a group are shown.
_READ_AT_MOST = 2_000
_SHOWN = 10


@dataclass
class DeadLetterGroup:
    """The dead letters of one queue with the same kind of reason."""

    queue: str
    kind: str
    reason: str
    explanation: Explanation
    count: int = 0
    last_at: float = 0.0
    """The time of the latest dead letter, in seconds since the epoch."""
    shown: list[LetterRow] = field(default_factory=list)
    """The letters that the page shows: the first ones."""

    def add(self, letter: DeadLetter) -> None:
        """Count a dead letter of the group; its body is not kept."""
        self.count += 1
        self.last_at = max(self.last_at, letter.buried_at)
        if len(self.shown) < _SHOWN:
            row = LetterRow.of(letter)
            self.shown.append(replace(row, letter=replace(letter, body=b"")))


async def grouped(queue: str, dead: DeadLetters) -> list[DeadLetterGroup]:
    """Group the dead letters of a queue, the largest group first."""
    groups: dict[str, DeadLetterGroup] = {}
    read = 0
    async for letter in letters_of(dead):
        kind = pattern_of(letter.reason)
        if kind not in groups:
            reason = without_event(letter.reason)
            groups[kind] = DeadLetterGroup(queue, kind, reason, explain(letter.reason))
        groups[kind].add(letter)
        read += 1
        if read == _READ_AT_MOST:
            break
    return sorted(groups.values(), key=lambda group: -group.count)
