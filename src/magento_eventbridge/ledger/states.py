"""A digest of what a detail says about its entity: the same for the same state. Pure."""

import hashlib
from typing import Any

import msgspec

# These differ between two events about the same state.
_OF_THE_EVENT = ("metadata", "tracking", "previous", "updatedAt")
_SIZE = 8


def state_of(detail: str | bytes) -> bytes:
    """Return the digest of a detail's fields, without those of the event itself."""
    content: dict[str, Any] = msgspec.json.decode(detail)
    for name in _OF_THE_EVENT:
        content.pop(name, None)
    return hashlib.blake2b(msgspec.json.encode(content), digest_size=_SIZE).digest()
