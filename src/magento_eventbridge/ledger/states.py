"""A digest of what a detail says about its entity: the same for the same state. Pure."""

import re
import zlib

import msgspec

# These differ between two events about the same state; documented details have only the first two.
_OF_THE_EVENT = ("metadata", "tracking", "previous", "updatedAt")
_METADATA = ',"metadata":{"id":"'
_METADATA_OF_FULL = '"version":'
_METADATA_LENGTH = 250
# As text: a quote inside of a value is escaped, so a value is never taken for a key.
_TEXT = r'"(?:[^"\\]|\\.)*"'
_LATER_FIELDS = re.compile(
    rf',"updatedAt":(?:{_TEXT}|null)|,"previous":\{{(?:{_TEXT}|[^"{{}}])*\}}'
)
_decoder = msgspec.json.Decoder(dict)


def state_of(detail: str) -> int:
    """Return the digest of a detail's fields, without those of the event itself; never 0.

    It is a checksum with the length, as a cryptographic digest would cost three times as much: two
    states that follow each other are the same to it once in four thousand million times.

    Args:
        detail: as JSON text, with its metadata after the fields of the event.
    """
    end = detail.rfind(_METADATA)
    if end < 0:  # what follows the fields is not known
        content = _decoder.decode(detail)
        for name in _OF_THE_EVENT:
            content.pop(name, None)
        fields = msgspec.json.encode(content)[:-1].decode()
    else:
        fields = detail[:end]
        if detail.find(_METADATA_OF_FULL, end, end + _METADATA_LENGTH) > 0:
            fields = _LATER_FIELDS.sub("", fields)
    content_bytes = fields.encode()
    return zlib.crc32(content_bytes) << 32 | len(content_bytes)
