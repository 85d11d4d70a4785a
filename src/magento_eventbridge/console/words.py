"""Format times, durations and numbers for people."""

import time

NONE = "\N{EN DASH}"
"""Shown where there is no value."""

VERDICTS = {
    "delivered": "delivered",
    "waiting": "waiting",
    "parked": "parked",
    "dead": "dead letter",
    "off": "switched off",
    "left_out": "left out",
}
"""The text shown for each verdict of the journal."""


def when(at: float | None) -> str:
    """Format a time as logs and `dead-letters` do: UTC, to the second."""
    if at is None:
        return NONE
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))


def second(at: float) -> str:
    """Format hour, minute and second, UTC."""
    return time.strftime("%H:%M:%S", time.gmtime(at))


def clock(at: float) -> str:
    """Format hour and minute, UTC."""
    hour, minute = divmod(int(at) // 60 % 1440, 60)
    return f"{hour:02}:{minute:02}"


def duration(seconds: float | None) -> str:
    """Format a duration with one or two units: `12 ms`, `3.5 s`, `2 h 5 min`."""
    if seconds is None:
        return NONE
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.5:
        return f"{seconds:.1f}".removesuffix(".0") + " s" if seconds < 10 else f"{seconds:.0f} s"
    seconds = max(seconds, 60.0)
    for name, length, next_name, next_length in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if seconds >= length:
            whole, rest = divmod(int(seconds), length)
            part = rest // next_length
            return f"{whole} {name} {part} {next_name}" if part else f"{whole} {name}"
    raise AssertionError


def bound(seconds: float | None) -> str:
    """Format the upper bound of a latency; the last bound is infinite."""
    return "more than 1 d" if seconds == float("inf") else duration(seconds)


def number(value: float) -> str:
    """Format a number with separators between thousands."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"
