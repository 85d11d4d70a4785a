"""A message that this bridge holds: what distinguishes it from others, its store view, its text."""

import hashlib
from dataclasses import dataclass, field

import msgspec
from aiormq.abc import DeliveredMessage

from magento_eventbridge.catalog.messages import capture_text


@dataclass(eq=False)
class HeldMessage:
    """A message that this bridge holds: in the buffer, claimed, or postponed."""

    key: str
    number: int  # its place in the order of arrival
    view_id: int
    text: bytes
    delivered: DeliveredMessage
    tags: list[int] = field(default_factory=list)  # of the channel that it arrived by
    is_claimed: bool = False
    is_deferred: bool = False


def read_message(delivered: DeliveredMessage) -> tuple[str, int, bytes]:
    """Return what distinguishes a message from others, its store view and its capture's text.

    Two messages are the same only if their content is: two captures may have one ID.
    """
    message_id = str(delivered.header.properties.message_id or "")
    text = capture_text(delivered.body, message_id)
    try:
        identity = _decoder.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        identity = _Identity()
    digest = hashlib.sha256(text).hexdigest()
    return f"{identity.id or message_id} {digest}", identity.store_id, text


class _Identity(msgspec.Struct):
    """The fields of a capture that the queue needs."""

    id: str = ""
    store_id: int = 0


_decoder = msgspec.json.Decoder(_Identity)
