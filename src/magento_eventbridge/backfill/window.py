"""Times on the command line: dates, times of day, and ages such as `24h`. Pure."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from magento_eventbridge.errors import BridgeError

_AGE = re.compile(r"(\d{1,6})\s*([smhdw])")
# In seconds since the epoch. No entity of a store is older than the first; the last is as far as
# databases and calendars go.
_FIRST, _LAST = 0.0, 253_402_300_799.0
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class WindowError(BridgeError):
    """An option of backfill or audit does not make sense; nothing was sent."""

    exit_status = 2


def moment(option: str, text: str, zone: tzinfo, now: float) -> float:
    """Return a time in seconds since the epoch.

    Args:
        option: its name, for the message.
        text: an age (`24h`), a date or a time in ISO 8601.
        zone: of a date that names none.
        now: in seconds since the epoch.

    Raises:
        WindowError: it is none of these.
    """
    if match := _AGE.fullmatch(text.strip()):
        return max(now - timedelta(**{_UNITS[match[2]]: int(match[1])}).total_seconds(), _FIRST)
    try:
        found = datetime.fromisoformat(text.strip())
        at = (found if found.tzinfo else found.replace(tzinfo=zone)).timestamp()
        return min(max(at, _FIRST), _LAST)
    except (ValueError, OverflowError):
        raise WindowError(
            f"{option} {text}: should be a date (2026-11-23), a time (2026-11-23T08:00, "
            "2026-11-23T08:00+01:00) or an age (24h, 7d)"
        ) from None


def has_no_zone(text: str) -> bool:
    """Return whether a text is a date or time that names no zone."""
    try:
        return datetime.fromisoformat(text.strip()).tzinfo is None
    except ValueError:
        return False


def is_known_zone(name: str) -> bool:
    """Return whether this system knows a time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name, or UTC if this system does not know it."""
    return ZoneInfo(name) if is_known_zone(name) else UTC


def check_times(since: str | None, until: str | None) -> None:
    """Check texts for a time range before the store's time zone is known.

    Raises:
        WindowError: one of them is no time.
    """
    for option, text in (("--since", since), ("--until", until)):
        if text is not None:
            moment(option, text, UTC, 0)


def window(
    since: str | None, until: str | None, zone: tzinfo, now: float
) -> tuple[float | None, float | None]:
    """Return the bounds of a time range.

    Raises:
        WindowError: a bound cannot be read, or the range ends before it begins.
    """
    first = moment("--since", since, zone, now) if since is not None else None
    last = moment("--until", until, zone, now) if until is not None else None
    if first is not None and last is None and first > now:
        raise WindowError(f"--since {since} is in the future: nothing has happened since")
    if first is not None and last is not None and first >= last:
        raise WindowError(f"--since {since} is not before --until {until}: the range is empty")
    return first, last
