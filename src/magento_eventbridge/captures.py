"""Captures: what the store recorded of one Magento event, before it becomes an event for AWS.

The agent writes captures, queues store them unchanged, and the dispatcher reads them. This module
defines the format; `docs/captures.md` describes it.
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

# 9999-12-31T23:59:59Z: later times cannot be written as a date.
_LATEST_TIME = 253402300799.0
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"
# msgspec's message for a value that is not allowed; the value may be personal or secret.
_VALUE = re.compile(r"(?<=Invalid enum value) .*(?= - at )", re.DOTALL)


class InvalidCaptureError(ValueError):
    """The text is not a capture; the message says what is wrong, and where."""


# Fields that a newer agent adds are ignored.


class Versions(Struct, frozen=True):
    """The versions of the software that wrote the capture."""

    module: str | None = None
    php: str | None = None
    magento: str | None = None


class Context(Struct, frozen=True):
    """The circumstances of the event: the source of a detail's `tracking`."""

    transport: Literal["HTTP", "SHELL"]
    hostname: str | None = None
    time: int | None = None  # milliseconds since the epoch
    view_id: int | None = field(name="store_id", default=None)
    version: Versions = Versions()
    user: dict[str, Any] | None = None
    ip: str | None = None
    user_agent: str | None = None
    impersonated_by: int | None = None  # the admin user who is logged in as the customer


class ViewCodes(Struct, frozen=True):
    """The codes of a store view and its website, where `options.detail` is `full`."""

    code: str | None = None
    website_code: str | None = None


class Redacted(Struct, frozen=True, omit_defaults=True):
    """What privacy settings did to a capture that became a dead letter.

    Attributes:
        removed: the paths of the fields that its event must not have.
        hashed: the paths of the fields that are digests in `detail`.
        event: the documented or declared name of its event.
        detail: the finished detail; None: it must be translated from what is left.
    """

    removed: tuple[str, ...] = ()
    hashed: tuple[str, ...] = ()
    event: str | None = None
    detail: dict[str, Any] | None = None


class Capture(Struct, frozen=True):
    """One Magento event, a snapshot of the thing it is about, and its context.

    `subject` names the thing (`order/000000123`): captures with the same store view and subject
    are sent in the order in which they happened. `original` has the former values of the fields
    that a save changed.
    """

    id: Annotated[str, Meta(pattern=_UUID)]
    event: Annotated[str, Meta(min_length=1, max_length=128)]
    time: Annotated[float, Meta(ge=0, le=_LATEST_TIME)]  # seconds since the epoch
    version: Literal[1] = 1
    area: str | None = None
    view_id: Annotated[int, Meta(ge=0, le=2**31)] = field(name="store_id", default=0)
    subject: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    queued: bool = False  # it came through Magento's message queue
    is_new: bool = False
    original: dict[str, Any] = {}
    snapshot: dict[str, Any] = {}
    context: Context | None = None
    view: ViewCodes | None = None
    declared: Annotated[str, Meta(min_length=1, max_length=128)] | None = None  # an own event
    paths: dict[str, Any] = {}  # the values of declared fields, by their paths
    origin: Literal["backfill", "repair"] | None = None  # from the store's tables, not the agent
    redacted: Redacted | None = None  # it was a dead letter while privacy settings applied

    @property
    def order_key(self) -> str:
        """The key of captures whose order is kept: the subject, or the capture alone."""
        return f"{self.view_id}/{self.subject}" if self.subject else self.id


_decoder = msgspec.json.Decoder(Capture)


def read_capture(text: bytes | str) -> Capture:
    """Read one capture from its JSON text.

    Raises:
        InvalidCaptureError: with the first error and its place (`$.id`).
    """
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidCaptureError(_VALUE.sub("", str(error))) from None
    except RecursionError:
        raise InvalidCaptureError("JSON is nested too deep") from None


def without_content(capture: Capture) -> Capture:
    """Return a capture without what takes memory: several times as much as its text."""
    return Capture(
        id=capture.id,
        event=capture.event,
        time=capture.time,
        view_id=capture.view_id,
        subject=capture.subject,
    )
