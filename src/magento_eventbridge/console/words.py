"""Plain words for people: what a reason means and what to do, times, lengths of time."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from magento_eventbridge.catalog import BY_DETAIL_TYPE, MAGENTO_EVENTS

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WHOSE = re.compile(rf"^\S+ {_UUID.pattern}: ")
_NUMBER = re.compile(r"\d+")

NONE = "\N{EN DASH}"
"""What people read where there is nothing to tell."""

VERDICTS = {
    "delivered": "delivered",
    "waiting": "waiting",
    "parked": "parked",
    "dead": "dead letter",
    "off": "switched off",
}
"""What people read for each verdict of the journal."""


@dataclass(frozen=True)
class Explanation:
    """What a reason means, and what to do about it."""

    title: str
    remedy: str


_PERMISSION = Explanation(
    "AWS does not permit it",
    "Give the credentials the permission events:PutEvents on the bus. Delivery then resumes by "
    "itself. The doctor shows which credentials are used.",
)
_CREDENTIALS = Explanation(
    "AWS does not accept the credentials",
    "Mend the credentials in the settings or in the environment, and restart the bridge if they "
    "stand in its own settings. The doctor shows which ones are used.",
)
_BUS = Explanation(
    "The bus does not exist",
    "Make the bus in AWS, or mend options.event_bus or options.region. Delivery then resumes.",
)
_BUSY = Explanation(
    "AWS asks to slow down", "Nothing to do: the events wait and are tried again by themselves."
)
_AWAY = Explanation(
    "AWS does not answer",
    "Nothing to do if it is short: the events wait and are tried again. If it lasts, look at this "
    "machine's network and at options.endpoint_url.",
)
_REFUSED = Explanation(
    "AWS refuses this event",
    "Read the code. If it can be mended, redrive; else drop. Other events are not held up.",
)
_LACKING = Explanation(
    "The capture lacks what the event must say",
    "Mend what writes captures. Redrive with a version that can read it, or drop it.",
)

_EXPLANATIONS = (
    (
        "unknown Magento event",
        Explanation(
            "No event of the catalog",
            "The agent is newer than the bridge: upgrade the bridge, then redrive. Or drop it.",
        ),
    ),
    (
        "too large",
        Explanation(
            "Too large for the bus",
            "If the bus takes more, raise delivery.max_entry_bytes and redrive. Else drop it.",
        ),
    ),
    (
        "not a capture",
        Explanation(
            "Not a capture",
            "Something else than this version's captures is in the queue: upgrade the bridge, then "
            "redrive. Or drop it.",
        ),
    ),
    (
        "buried by the broker",
        Explanation(
            "RabbitMQ buried it",
            "A policy of the queue (age, length, deliveries) led it there: mend it, then redrive.",
        ),
    ),
    (
        "put there by another program",
        Explanation("Put there by another program", "Redrive to deliver it, or drop it."),
    ),
    (
        "internal fault",
        Explanation(
            "A fault of the bridge",
            "The log has a traceback: report it. Redrive with a version that mends it.",
        ),
    ),
    (
        "CredentialsNotFound",
        Explanation(
            "There are no credentials",
            "Set them, or check the way in which they are to be found (credentials.type). The "
            "doctor says what was looked for.",
        ),
    ),
    ("RegionUnknown", Explanation("AWS has no such region", "Mend options.region.")),
    ("AccessDenied", _PERMISSION),
    ("NotAuthorized", _PERMISSION),
    ("ResourceNotFoundException", _BUS),
    ("Throttling", _BUSY),
    ("TooManyRequests", _BUSY),
    ("RequestLimitExceeded", _BUSY),
    ("LimitExceeded", _BUSY),
    ("HTTP 429", _BUSY),
    ("HTTP 5", _AWAY),
    ("no answer", _AWAY),
    ("Internal", _AWAY),
    ("ServiceUnavailable", _AWAY),
    ("RequestTimeout", _AWAY),
)
_OF_CREDENTIALS = re.compile(
    r"^(Expired|UnrecognizedClient|InvalidClientToken|InvalidSignature|SignatureDoesNotMatch|"
    r"IncompleteSignature|MissingAuthentication|OptInRequired)"
)


def explain(reason: str) -> Explanation:
    """Say what a verdict's or a dead letter's reason means, and what to do."""
    told = without_whose(reason)
    for beginning, explanation in _EXPLANATIONS:
        if told.startswith(beginning):
            return explanation
    if _OF_CREDENTIALS.match(told):
        return _CREDENTIALS
    # A fault of translation begins with the event's own name, a refusal with AWS's code.
    if told.partition(":")[0] in BY_DETAIL_TYPE.keys() | MAGENTO_EVENTS:
        return _LACKING
    return _REFUSED


def without_whose(reason: str) -> str:
    """Give a reason without the event that it begins with, as `OrderPlaced 019a…: `."""
    return _WHOSE.sub("", reason)


def kind_of(reason: str) -> str:
    """Give what reasons of one kind have in common: neither ids nor figures."""
    return _NUMBER.sub("#", _UUID.sub("#", without_whose(reason)))


def when(at: float | None) -> str:
    """Write a time as logs and `dead-letters` do: UTC, to the second."""
    if at is None:
        return NONE
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def clock(at: float) -> str:
    """Write the hour and minute, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def duration(seconds: float | None) -> str:
    """Write a length of time with one unit or two: `12 ms`, `3.5 s`, `2 h 5 min`."""
    if seconds is None:
        return NONE
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s" if seconds < 10 else f"{seconds:.0f} s"
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
    """Write the upper bound of a latency; the last one is none."""
    return "more than 1 h" if seconds == float("inf") else duration(seconds)


def number(value: float) -> str:
    """Write a number with its thousands apart."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def count(value: int, thing: str) -> str:
    """Write how many of a thing, as `1 event` or `1,200 events`."""
    return f"{value:,} {thing}" if value == 1 else f"{value:,} {thing}s"
