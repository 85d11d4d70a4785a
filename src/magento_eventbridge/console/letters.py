"""Find, describe and filter dead letters: what each is about, and which match a search."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.catalog import TranslationError, event_of
from magento_eventbridge.delivery.ports import DeadLetter, DeadLetters
from magento_eventbridge.delivery.reasons import pattern_of

_READ_AT_ONCE = 500
_COUNTED_AT_MOST = 10_000


@dataclass(frozen=True)
class LetterRow:
    """A dead letter in a list, with the event that it would be and the thing that it is about."""

    letter: DeadLetter
    detail_type: str
    subject: str

    @classmethod
    def of(cls, letter: DeadLetter) -> "LetterRow":
        """Describe a dead letter as far as its capture can be read."""
        try:
            capture = read_capture(letter.body)
        except InvalidCaptureError:
            return cls(letter, "", "")
        try:
            event = event_of(capture)
        except TranslationError:
            event = None
        name = event.detail_type if event else capture.declared or ""
        return cls(letter, name, capture.subject or "")


@dataclass(frozen=True)
class LetterFilter:
    """Conditions on dead letters; empty ones do not apply.

    Attributes:
        kind: of the reason.
        text: words that capture or reason contain.
    """

    kind: str = ""
    text: str = ""

    def matches(self, letter: DeadLetter) -> bool:
        """Return whether a dead letter meets all conditions."""
        if self.kind and pattern_of(letter.reason) != self.kind:
            return False
        if not self.text:
            return True
        text = f"{letter.body.decode(errors='replace')} {letter.reason} {letter.id}".lower()
        return all(word in text for word in self.text.lower().split())


async def letters_of(dead: DeadLetters, *, after: int = 0) -> AsyncIterator[DeadLetter]:
    """Read all dead letters of a queue, oldest first, those with a greater id than `after`."""
    while letters := await dead.page(_READ_AT_ONCE, after=after):
        for letter in letters:
            yield letter
        after = letters[-1].id


async def matching(
    dead: DeadLetters, matches: Callable[[DeadLetter], bool], limit: int, *, after: int = 0
) -> list[DeadLetter]:
    """Return up to `limit` dead letters that match, oldest first."""
    found: list[DeadLetter] = []
    async for letter in letters_of(dead, after=after):
        if matches(letter):
            found.append(letter)
            if len(found) == limit:
                break
    return found


async def count_matching(
    dead: DeadLetters, matches: Callable[[DeadLetter], bool]
) -> tuple[int, bool]:
    """Count the dead letters that match; also return whether all were read."""
    read = count = 0
    async for letter in letters_of(dead):
        count += matches(letter)
        read += 1
        if read == _COUNTED_AT_MOST:
            return count, False
    return count, True
