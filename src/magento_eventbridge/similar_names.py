"""Propose the known name that is most like an unknown one."""

import difflib
from collections.abc import Iterable

_SIMILAR = 0.6


def most_similar(name: str, known: Iterable[str], similarity: float = _SIMILAR) -> str | None:
    """Return the most similar known name, or None.

    Args:
        name: the unknown one; its case does not matter.
        known: all that there are.
        similarity: how similar one must be, from 0 to 1.
    """
    by_lower = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), by_lower, 1, similarity)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], similarity: float = _SIMILAR) -> str:
    """Return the most similar known name as the end of a sentence, or nothing."""
    found = most_similar(name, known, similarity)
    return f"; did you mean '{found}'?" if found else ""
