"""Group dead letters by the kind of their reason."""

from dataclasses import dataclass, field

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
    letters: list[DeadLetter] = field(default_factory=list)

    @property
    def last_at(self) -> float:
        """The time of the latest dead letter, in seconds since the epoch."""
        return max(letter.buried_at for letter in self.letters)

    @property
    def shown(self) -> list[LetterRow]:
        """The letters that the page shows: the first ones."""
        return [LetterRow.of(letter) for letter in self.letters[:_SHOWN]]


async def grouped(queue: str, dead: DeadLetters) -> list[DeadLetterGroup]:
    """Group the dead letters of a queue, the largest group first."""
    groups: dict[str, DeadLetterGroup] = {}
    read = 0
    async for letter in letters_of(dead):
        kind = pattern_of(letter.reason)
        if kind not in groups:
            reason = without_event(letter.reason)
            groups[kind] = DeadLetterGroup(queue, kind, reason, explain(letter.reason))
        groups[kind].letters.append(letter)
        read += 1
        if read == _READ_AT_MOST:
            break
    return sorted(groups.values(), key=lambda group: -len(group.letters))
