"""Mark up texts, so that a line breaks between the parts of a name and not within one."""

import re
from functools import lru_cache

from markupsafe import Markup, escape

# A word stays in one line up to this length: so much fits into every column.
_FITS = 24
# Browsers break a line at white space and hyphens by themselves.
_WORD = re.compile(r"(\S+)")
_PART = re.compile(r"[^/_.:@]*[/_.:@]+|[^/_.:@]+?(?=[A-Z][a-z])|[^/_.:@]+")
_CODE = re.compile(r"`([^`]+)`")


def breakable(text: object) -> Markup:
    """Return a text with places for line breaks in its long names, addresses and ARNs."""
    return _marked(str(text))


@lru_cache(maxsize=1_000)  # lists repeat the same names
def _marked(text: str) -> Markup:
    pieces = _WORD.split(text)  # every second one is a word
    return Markup("").join(
        _word(piece) if place % 2 else escape(piece) for place, piece in enumerate(pieces)
    )


def code_marks(text: str) -> Markup:
    """Return a text whose parts in backticks are code."""
    parts = _CODE.split(text)  # every second one is code
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def _word(word: str) -> Markup:
    if len(word) <= _FITS:
        return _whole(word)
    return Markup("<wbr>").join(_whole(part) for part in _PART.findall(word))


def _whole(part: str) -> Markup:
    if "-" in part and len(part) <= _FITS:
        return Markup('<span class="whole">{}</span>').format(part)
    return escape(part)
