"""Dead letters by the kind of their reason."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from magento_eventbridge.delivery.ports import DeadLetter, Queue
from magento_eventbridge.delivery.reasons import (
    Explanation,
    explain,
    pattern_of,
    without_event,
)

# Letters that are looked at to group them, of each queue, and those that are shown of a group.
_LOOKED_AT = 2_000
_SHOWN = 10
_READ_AT_ONCE = 500


@dataclass
class DeadLetterGroup:
    """Dead letters of one queue that have one kind of reason."""

    queue: str
    kind: str
    reason: str
    explanation: Explanation
    letters: list[DeadLetter] = field(default_factory=list)

    @property
    def last_at(self) -> float:
        """When the latest was buried, in seconds since the epoch."""
        return max(letter.buried_at for letter in self.letters)

    @property
    def shown(self) -> list[DeadLetter]:
        """The first of them."""
        return self.letters[:_SHOWN]


async def letters_of(queue: Queue) -> AsyncIterator[DeadLetter]:
    """Read all of a queue, oldest first."""
    after = 0
    while letters := await queue.dead_letters.page(_READ_AT_ONCE, after=after):
        for letter in letters:
            yield letter
        after = letters[-1].id


async def grouped(queue: Queue) -> list[DeadLetterGroup]:
    """Group a queue's letters, the largest group first."""
    groups: dict[str, DeadLetterGroup] = {}
    looked_at = 0
    async for letter in letters_of(queue):
        kind = pattern_of(letter.reason)
        if kind not in groups:
            reason = without_event(letter.reason)
            groups[kind] = DeadLetterGroup(queue.name, kind, reason, explain(letter.reason))
        groups[kind].letters.append(letter)
        looked_at += 1
        if looked_at == _LOOKED_AT:
            break
    return sorted(groups.values(), key=lambda group: -len(group.letters))
