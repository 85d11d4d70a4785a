"""A digest of what a detail says about its entity: the same for the same state. Pure."""

import re
import zlib

import msgspec

# These differ between two events about the same state; documented details have only the first two.
_OF_THE_EVENT = ("metadata", "tracking", "previous", "updatedAt")
_METADATA = ',"metadata":{"id":"'
# Full details say it in their metadata; elsewhere it does no harm.
_OF_FULL = '"version":'
# As text: a quote inside of a value is escaped, so a value is never taken for a key.
_TEXT = r'"(?:[^"\\]|\\.)*"'
_LATER_FIELDS = re.compile(
    rf',"updatedAt":(?:{_TEXT}|null)|,"previous":\{{(?:{_TEXT}|[^"{{}}])*\}}'
)
_decoder = msgspec.json.Decoder(dict)


def state_of(detail: str, own_fields: frozenset[str] = frozenset()) -> int:
    """Return the digest of a detail's documented fields; never 0.

    Those of the event itself are left out, and those that the shop adds: not all of them are in
    the rows that an audit compares.

    It is a checksum, as a cryptographic digest would cost three times as much: two states that
    follow each other are the same to it once in four thousand million times.

    Args:
        detail: as JSON text, with its metadata after the fields of the event.
        own_fields: the names of the fields that the shop adds.
    """
    fields, found, rest = detail.rpartition(_METADATA)
    if own_fields or not found:  # what follows the fields is not known
        content = _decoder.decode(detail)
        for name in (*_OF_THE_EVENT, *own_fields):
            content.pop(name, None)
        fields = msgspec.json.encode(content)[:-1].decode()
    elif _OF_FULL in rest:
        fields = _LATER_FIELDS.sub("", fields)
    return zlib.crc32(fields.encode()) or 1
