"""Events that are too large for the bus: their largest arrays are moved out of the detail. Pure.

The detail keeps all other fields, so that rules still match; in place of an array that was moved it
has an empty one, and `metadata.dataref` says where the arrays are.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from magento_eventbridge.delivery.envelope import Entry, entry_size

Json = dict[str, Any]

# Of the SHA-256, in the object's key: what is stored for an event never changes under its key.
_DIGITS = 16
# More than `metadata.dataref` has beside bucket, prefix, id and paths: names, hash, region, size.
_REFERENCE = 300


class SplitEntry(NamedTuple):
    """An entry that fits, and what was moved out of it.

    Attributes:
        key: of the object that holds the arrays.
        body: a JSON object, from the path of each array to the array.
    """

    entry: Entry
    key: str
    body: bytes


@dataclass(frozen=True)
class ClaimCheck:
    """Where the arrays of large events are stored.

    Attributes:
        prefix: how the key of each object begins.
        region: of the bucket; None: that of the bus.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None

    def split(self, entry: Entry, limit: int, region: str) -> SplitEntry | None:
        """Move as many arrays out of an entry as it takes, the largest first.

        Args:
            limit: in bytes, as AWS counts an entry.
            region: of the bus.

        Returns:
            None if the entry is too large without all its arrays.
        """
        detail: Json = msgspec.json.decode(entry.detail)
        about = detail.get("metadata")
        if not isinstance(about, dict):
            return None
        moved: Json = {}
        excess = entry.size + self._longest_reference(entry) - limit
        for found in sorted(_arrays(detail), key=lambda found: found.gain, reverse=True):
            if excess <= 0 or found.gain <= 0:
                break
            moved[found.path] = found.array
            found.parent[found.name] = []
            excess -= found.gain
        body = msgspec.json.encode(moved)
        digest = hashlib.sha256(body).hexdigest()
        key = f"{self.prefix}{entry.id}-{digest[:_DIGITS]}.json"
        about["dataref"] = {
            "bucket": self.bucket,
            "key": key,
            "region": self.region or region,
            "bytes": len(body),
            "sha256": digest,
            "fields": sorted(moved),
        }
        text = msgspec.json.encode(detail).decode()
        size = entry_size(entry.source, entry.detail_type, text, entry.resources, timed=True)
        if size > limit:
            return None
        return SplitEntry(msgspec.structs.replace(entry, detail=text, size=size), key, body)

    def _longest_reference(self, entry: Entry) -> int:
        """Return how many bytes `metadata.dataref` takes at most, without its paths."""
        names = (self.bucket, self.prefix, self.region or "", entry.id)
        return _REFERENCE + sum(len(msgspec.json.encode(name)) for name in names)


class _Array(NamedTuple):
    path: str
    parent: Json
    name: str
    array: list[Any]
    gain: int  # how many bytes the detail has less without it


def _arrays(members: Json, path: str = "") -> Iterator[_Array]:
    """Return the arrays that are not within another array; a path names its fields with dots."""
    for name, value in members.items():
        if not name or "." in name or (not path and name == "metadata"):
            continue  # no path could name it
        here = f"{path}.{name}" if path else name
        if isinstance(value, list) and value:
            in_detail = len(msgspec.json.encode(value)) - len("[]")
            in_reference = len(msgspec.json.encode(here)) + len(",")
            yield _Array(here, members, name, value, in_detail - in_reference)
        elif isinstance(value, dict):
            yield from _arrays(value, here)
