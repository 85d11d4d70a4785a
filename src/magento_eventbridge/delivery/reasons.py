"""Why a capture waits or is a dead letter: the kinds of reasons, and how to explain one to people.

A reason is kept as text, `code: details`. The code is either one of `ReasonKind`, or AWS's own
error code, or the name of an event whose detail could not be created.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from magento_eventbridge.catalog import BY_DETAIL_TYPE, MAGENTO_EVENTS

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_EVENT = re.compile(rf"^\S+ {_UUID.pattern}: ")
_NUMBER = re.compile(r"\d+")
_EVENT_NAMES = BY_DETAIL_TYPE.keys() | MAGENTO_EVENTS


@dataclass(frozen=True)
class Explanation:
    """What a reason means, and what to do about it."""

    title: str
    remedy: str


class ReasonKind(Enum):
    """The kinds of reasons: how its text begins, what it means, what to do."""

    UNKNOWN_EVENT = (
        ("unknown Magento event",),
        "Unknown Magento event",
        "The agent is newer than the bridge: upgrade the bridge, then redrive. Or drop it.",
    )
    TOO_LARGE = (
        ("too large",),
        "Too large for the bus",
        "If the bus accepts more, raise delivery.max_entry_bytes. Otherwise set "
        "claim_check.bucket, and the largest arrays of such events are stored in S3. Then redrive, "
        "or drop it.",
    )
    NOT_STORED = (
        ("not stored",),
        "The arrays of a large event cannot be stored in S3",
        "Check claim_check.bucket and the permission s3:PutObject on it; the doctor tries it. The "
        "event waits, delivery resumes by itself; other events are not held up.",
    )
    NOT_A_CAPTURE = (
        ("not a capture",),
        "Not a capture",
        "The queue holds something that this version cannot read: upgrade the bridge, then "
        "redrive. Or drop it.",
    )
    BURIED_BY_BROKER = (
        ("buried by the broker",),
        "RabbitMQ moved it to the dead letters",
        "A policy of the queue (age, length, deliveries) moved it there: fix the policy, then "
        "redrive.",
    )
    FOREIGN = (
        ("put there by another program",),
        "Put there by another program",
        "Redrive to deliver it, or drop it.",
    )
    # "no answer: internal fault" was written by 0.1.0.
    INTERNAL_ERROR = (
        ("internal fault", "no answer: internal fault"),
        "A bug in the bridge",
        "The log has a traceback: report it. Redrive with a version that fixes it.",
    )
    UNEXPECTED_ANSWER = (
        ("unexpected answer",),
        "Something other than EventBridge answers",
        "Check options.endpoint_url and what is between this machine and AWS: a proxy, a firewall, "
        "a load balancer. The events wait; delivery resumes by itself.",
    )
    UNKNOWN_CODE = (
        ("unknown code",),
        "AWS answers with a code that this version does not know",
        "Look the code up in AWS's documentation and upgrade the bridge. The events wait and are "
        "tried again.",
    )
    VIEW_REFUSED = (
        ("one event after the other is refused",),
        "AWS refuses every event of a store view",
        "The settings are at fault, not the events: check options.source, detail_types, "
        "options.event_bus and options.resources of the store view. Its events wait; delivery "
        "resumes by itself.",
    )
    NO_CREDENTIALS = (
        ("CredentialsNotFound",),
        "There are no credentials",
        "Set them, or check where they are looked up (credentials.type). The doctor shows what "
        "was tried.",
    )
    BAD_CREDENTIALS = (
        (
            "Expired",
            "UnrecognizedClient",
            "InvalidClientToken",
            "InvalidSignature",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "MissingAuthentication",
            "OptInRequired",
        ),
        "AWS does not accept the credentials",
        "Fix the credentials in the settings or in the environment, and restart the bridge if they "
        "are in its own settings. The doctor shows which ones are used.",
    )
    UNKNOWN_REGION = (("RegionUnknown",), "AWS has no such region", "Fix options.region.")
    UNUSABLE_ENDPOINT = (
        ("EndpointUnusable",),
        "The global endpoint cannot be used from here",
        "The reason says what to change: usually a package to install beside the bridge. Restart "
        "the bridge then; its events wait.",
    )
    NO_PERMISSION = (
        ("AccessDenied", "NotAuthorized"),
        "AWS does not permit it",
        "Give the credentials the permission events:PutEvents on the bus. Delivery then resumes by "
        "itself. The doctor shows which credentials are used.",
    )
    NO_BUS = (
        ("ResourceNotFoundException",),
        "The bus does not exist",
        "Create the bus in AWS, or fix options.event_bus or options.region. Delivery then resumes.",
    )
    THROTTLED = (
        ("Throttling", "TooManyRequests", "RequestLimitExceeded", "LimitExceeded", "HTTP 429"),
        "AWS asks to slow down",
        "Nothing to do: the events wait and are retried by themselves.",
    )
    NO_ANSWER = (
        ("no answer", "RequestTimeout", "HTTP 502", "HTTP 504"),
        "AWS does not answer",
        "Nothing to do if it is short: the events wait and are retried. If it lasts, check this "
        "machine's network and options.endpoint_url.",
    )
    FAILURE_OF_AWS = (
        ("HTTP 5", "Internal", "ServiceUnavailable"),
        "AWS has a problem of its own",
        "Nothing to do: the events wait and are retried. If it lasts, see "
        "health.aws.amazon.com and check options.endpoint_url.",
    )
    INCOMPLETE_CAPTURE = (
        (),  # begins with the name of the event
        "The capture lacks what the event needs",
        "Fix the program that writes the captures. Redrive with a version that can read it, or "
        "drop it.",
    )
    REFUSED = (
        (),  # begins with any other code of AWS
        "AWS refuses this event",
        "The code says why. If the cause can be fixed, redrive; otherwise drop. Other events are "
        "not held up.",
    )

    def __init__(self, codes: tuple[str, ...], title: str, remedy: str) -> None:
        self.codes = codes
        self.explanation = Explanation(title, remedy)

    @property
    def code(self) -> str:
        """How a reason of this kind begins."""
        return self.codes[0]

    def reason(self, details: object) -> str:
        """Return the text of a reason of this kind."""
        return f"{self.code}: {details}"


def kind_of(reason: str) -> ReasonKind:
    """Return the kind of a reason's text."""
    text = without_event(reason)
    for kind in ReasonKind:
        if text.startswith(kind.codes or ("\0",)):
            return kind
    if text.partition(":")[0] in _EVENT_NAMES:
        return ReasonKind.INCOMPLETE_CAPTURE
    return ReasonKind.REFUSED


def explain(reason: str) -> Explanation:
    """Return what a verdict's or a dead letter's reason means, and what to do."""
    return kind_of(reason).explanation


def without_event(reason: str) -> str:
    """Return a reason without the event that it begins with, as `OrderPlaced 019a…: `."""
    return _EVENT.sub("", reason)


@lru_cache(maxsize=1_000)  # thousands of dead letters have few reasons
def pattern_of(reason: str) -> str:
    """Return what reasons of one kind have in common: without ids and numbers."""
    return _NUMBER.sub("#", _UUID.sub("#", without_event(reason)))
