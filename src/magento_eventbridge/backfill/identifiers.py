"""Ids of backfilled events: the same entity has the same id in every run. Pure."""

import hashlib
import uuid

_LATEST = 2**48 - 1


def identifier(time: float, view_id: int, entity: str, event: str, version: str = "") -> str:
    """Return a UUIDv7 made of an event's time and a digest of what the event is about.

    Neither a clock nor `updated_at` is part of it: a second run has the same ids.

    Args:
        time: when the event happened, in seconds since the epoch.
        view_id: the store view.
        entity: the thing, as `order/157`.
        event: the detail-type.
        version: distinguishes several states of one entity, for repaired updates.
    """
    milliseconds = min(max(int(time * 1000), 0), _LATEST)
    name = "\n".join((str(view_id), entity, event, version))
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:10], "big")
    high, low = digest >> 68, digest & (2**62 - 1)
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low))
