"""A capture: what the store saw of one Magento event, raw, before it means anything to AWS.

The agent writes captures, queues keep them as they came, the dispatcher reads them. The format
is described for its readers and writers in `docs/captures.md`; this module is its definition.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
)

# 9999-12-31T23:59:59Z: later times cannot be written as a date.
_LATEST_TIME = 253402300799.0


class InvalidCaptureError(ValueError):
    """The text is not a capture; the message says what is wrong with it, and where."""


def _lower_uuid(value: str) -> str:
    return value.lower()


CaptureId = Annotated[
    str,
    Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"),
    AfterValidator(_lower_uuid),
]


class _Part(BaseModel):
    # Fields that a newer agent adds are no fault: an older bridge passes over them.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Versions(_Part):
    """Which software made the capture."""

    module: str | None = None
    php: str | None = None
    magento: str | None = None


class Context(_Part):
    """Who and what was at work when the event happened; the source of a detail's `tracking`."""

    transport: Literal["HTTP", "SHELL"]
    hostname: str | None = None
    time: int | None = None  # milliseconds since the epoch
    store_id: int | None = None
    version: Versions = Versions()
    user: dict[str, JsonValue] | None = None
    ip: str | None = None
    user_agent: str | None = None


class Capture(_Part):
    """One Magento event, a snapshot of the thing it is about, and its context.

    `subject` names the thing (`order/000000123`): captures with the same store and subject are
    handed to the bus in the order in which they happened. `original` has the former values of
    the fields that a save changed.
    """

    version: Literal[1] = 1
    id: CaptureId
    event: Annotated[str, Field(min_length=1, max_length=128)]
    time: Annotated[float, Field(ge=0, le=_LATEST_TIME)]  # seconds since the epoch
    area: str | None = None
    store_id: Annotated[int, Field(ge=0, le=2**31)] = 0
    subject: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    queued: bool = False  # it came through Magento's message queue
    is_new: bool = False
    original: dict[str, Any] = {}
    snapshot: dict[str, Any] = {}
    context: Context | None = None

    @property
    def order_key(self) -> str:
        """What the capture keeps its place among: its subject, or nothing but itself."""
        return f"{self.store_id}/{self.subject}" if self.subject else self.id


def read_capture(text: bytes | str) -> Capture:
    """Read one capture from its JSON text.

    Raises:
        InvalidCaptureError: with every fault in it named by its place.
    """
    try:
        return Capture.model_validate_json(text)
    except ValidationError as error:
        raise InvalidCaptureError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    # `include_input` stays off: the value at fault may be personal or secret.
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc']) or 'capture'}: {fault['msg']}"
        for fault in faults
    )
