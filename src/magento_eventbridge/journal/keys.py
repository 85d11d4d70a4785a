"""The words by which people look for events: order numbers, SKUs, e-mail addresses, subjects."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import chain

import msgspec

_MEMBER = (
    r"(increment_id|sku|email|customer_email|subscriber_email|username|track_number"
    r'|quote_id|customer_id)"\s*:\s*(?:"((?:[^"\\]|\\.){1,120})"|(\d{1,20}))'
)
# Fields of captures. A pattern that begins with one character is searched fastest.
_FIELD = re.compile(f'"{_MEMBER}')
# The same at the end of a declared path such as `order.increment_id`; few captures have any.
_DECLARED = re.compile(f"[./]{_MEMBER}")
# Numbers that are rarely unique in a shop are kept with the kind of thing that they name.
_KINDS = {"quote_id": "cart", "customer_id": "customer"}


def as_key(word: str) -> str:
    """Return a word as it is compared.

    Neither its case matters nor how its letters are encoded, neither invisible characters from a
    copied text nor the number sign of `#000000123`.
    """
    if not word.isascii():
        letters = unicodedata.normalize("NFKC", word).casefold()
        word = "".join(each for each in letters if unicodedata.category(each) != "Cf")
    key = word.strip().lower()
    return key.lstrip("#") or key


def keys_of(subject: str | None, event_id: str | None, capture: str) -> set[str]:
    """Return the words by which an event is found."""
    found = {as_key(word) for word in _words(subject, capture)}
    if event_id:
        found.add(as_key(event_id))
    found.discard("")
    return found


def is_thing(key: str) -> bool:
    """Return whether a key names one thing, such as `order/000000123` or an e-mail address."""
    return "/" in key or "@" in key


def _words(subject: str | None, capture: str) -> Iterator[str]:
    if subject:
        yield subject
        yield subject.partition("/")[2]
    declared = _DECLARED.finditer(capture) if '"paths"' in capture else ()
    for match in chain(_FIELD.finditer(capture), declared):
        name, text, digits = match.groups()
        value = digits or (_decoded(text) if "\\" in text else text)
        if kind := _KINDS.get(name):
            yield f"{kind}/{value}"
        else:
            yield value


def _decoded(text: str) -> str:
    try:
        return msgspec.json.decode(f'"{text}"', type=str)
    except msgspec.DecodeError:  # such as half a surrogate pair, which cannot be kept
        return text
