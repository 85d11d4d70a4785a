"""A digest of what a detail says about its entity: the same for the same state. Pure."""

import hashlib

import msgspec

# These differ between two events about the same state; documented details have only the first two.
_OF_THE_EVENT = ("metadata", "tracking", "previous", "updatedAt")
_SIZE = 8
_decoder = msgspec.json.Decoder(dict)


def state_of(detail: str, identifier: str) -> bytes:
    """Return the digest of a detail's fields, without those of the event itself.

    Args:
        detail: as JSON text, with its metadata after the fields of the event.
        identifier: its `metadata.id`.
    """
    fields, metadata, _ = detail.partition(f',"metadata":{{"id":"{identifier}"')
    if not metadata or '"previous":' in fields or '"updatedAt":' in fields:
        content = _decoder.decode(detail)
        for name in _OF_THE_EVENT:
            content.pop(name, None)
        fields = msgspec.json.encode(content).decode()
    return hashlib.blake2b(fields.encode(), digest_size=_SIZE).digest()
