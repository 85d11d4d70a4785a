"""Find, describe and filter dead letters: what each is about, and which match a search."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cached_property

from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.catalog import TranslationError, event_of
from magento_eventbridge.delivery.ports import DeadLetter, DeadLetters
from magento_eventbridge.delivery.reasons import pattern_of

_READ_AT_ONCE = 500
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
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
        if not self._words:
            return True
        about = f"{letter.reason} {letter.id}".lower()
        if self.text.isascii():  # thousands of letters are searched: their bytes, not their texts
            body = letter.body.lower()
            return all(word.encode() in body or word in about for word in self._words)
        text = f"{_unescaped(letter.body.decode(errors='replace')).lower()} {about}"
        return all(word in text for word in self._words)

    @cached_property
    def _words(self) -> list[str]:
        return self.text.lower().split()


def _unescaped(text: str) -> str:
    r"""Return a JSON text with the letters that it escapes: PHP writes `\u00fc` for `ü`."""
    units = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


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


async def page_matching(
    dead: DeadLetters, matches: Callable[[DeadLetter], bool], limit: int, *, after: int = 0
) -> tuple[list[DeadLetter], int, bool]:
    """Return a page of the dead letters that match, how many match, and whether all were counted.

    The page has up to `limit` letters with a greater id than `after`, oldest first.
    """
    found: list[DeadLetter] = []
    read = count = 0
    async for letter in letters_of(dead):
        read += 1
        if matches(letter):
            count += read <= _COUNTED_AT_MOST
            if letter.id > after and len(found) < limit:
                found.append(letter)
        if read >= _COUNTED_AT_MOST and len(found) == limit:
            return found, count, False
    return found, count, read <= _COUNTED_AT_MOST
