"""Publish copies of messages; they are safe in a queue when this returns."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp import encode

from magento_eventbridge.queues.amqp.connection import AmqpConnection

# In seconds: a broker that confirms nothing for longer counts as unavailable.
_ANSWER_SECONDS = 30
_PERSISTENT = 2
# In bytes, of a frame of 128 kB: room is left for reasons and other properties.
_HEADERS_FIT = 100_000
_LARGEST_FLOAT = 3.4e38

OURS = "eventbridge-"
"""The prefix of headers that the bridge adds to a message."""
_COPY = f"{OURS}copy"
_RENEWAL = f"{OURS}renewal"
_HEADERS_NOT_COPIED = ("x-", OURS)


class Publisher:
    """Publishes copies of messages on a channel of its own, opened when it is needed."""

    def __init__(self, connection: AmqpConnection) -> None:
        self._connection = connection
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()

    async def copy(
        self, queue: str, delivered: DeliveredMessage, added: Mapping[str, str | int]
    ) -> None:
        """Publish a copy with headers of ours to a queue; it is safe there when this returns.

        Raises:
            QueueError: the broker refused it, or is unavailable.
        """
        await self._publish(queue, delivered, added)

    async def renew(self, queue: str, delivered: DeliveredMessage) -> None:
        """Publish a copy that takes the place of the message; otherwise as `copy`."""
        await self._publish(queue, delivered, {_RENEWAL: 1})

    async def _publish(
        self, queue: str, delivered: DeliveredMessage, added: Mapping[str, str | int]
    ) -> None:
        channel = await self._opened()
        with self._connection.explained():
            await publish(channel, "", queue, delivered, added)

    async def _opened(self) -> AbstractChannel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._connection.channel()
            return self._channel


# The messages of each channel that wait for their confirmation, by their IDs.
_unconfirmed: WeakKeyDictionary[AbstractChannel, dict[str, asyncio.Event]] = WeakKeyDictionary()


@asynccontextmanager
async def _only_one_of(channel: AbstractChannel, message_id: str | None) -> AsyncIterator[None]:
    """Wait until no other message with this ID is being published on the channel.

    The broker returns what no queue takes, and then confirms it. The client finds out by the ID
    which message came back: of two with one ID, it would take one for safe that is in no queue.
    """
    unconfirmed = _unconfirmed.setdefault(channel, {})
    if not message_id:  # the client gives it a unique one
        yield
        return
    while other := unconfirmed.get(message_id):
        await other.wait()
    confirmed = unconfirmed[message_id] = asyncio.Event()
    try:
        yield
    finally:
        del unconfirmed[message_id]
        confirmed.set()


async def publish(
    channel: AbstractChannel,
    exchange: str,
    routing_key: str,
    delivered: DeliveredMessage,
    added: Mapping[str, str | int] | None = None,
    body: bytes | None = None,
) -> None:
    """Publish a copy of a message, with its own headers (not the broker's) and those added.

    Its body is the message's own unless another is given.

    It is in a queue, on disk, when this returns.
    """
    properties = delivered.header.properties
    added = added or {}
    # A renewal takes the place of the message; any other copy is a message of its own.
    copy = copy_of(delivered) if _RENEWAL in added else secrets.token_hex(8)
    headers = {**_copied(properties.headers or {}), _COPY: copy, **added}
    async with _only_one_of(channel, properties.message_id):
        await channel.basic_publish(
            delivered.body if body is None else body,
            exchange=exchange,
            routing_key=routing_key,
            properties=spec.Basic.Properties(
                headers=headers,
                message_id=properties.message_id,
                content_type=properties.content_type,
                delivery_mode=_PERSISTENT,
            ),
            mandatory=True,
            timeout=_ANSWER_SECONDS,
        )


def _copied(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message's own headers as the client encodes them, the small ones first.

    All headers of a message are one frame. What cannot be encoded, or does not fit, is left out:
    the body matters.
    """
    sizes: list[tuple[int, str]] = []
    encodable: dict[str, Any] = {}
    for name, value in headers.items():
        if name.startswith(_HEADERS_NOT_COPIED):
            continue
        with contextlib.suppress(TypeError, ValueError, ArithmeticError, RecursionError):
            encodable[name] = _encodable(value)
            sizes.append((len(encode.encode_table_value(encodable[name])) + len(name) * 4, name))
    copied: dict[str, Any] = {}
    left = _HEADERS_FIT
    for size, name in sorted(sizes):
        left -= size
        if left < 0:
            break
        copied[name] = encodable[name]
    return copied


def _encodable(value: Any) -> Any:
    """Return a header's value as the client encodes it: it decodes bytes, but encodes arrays."""
    match value:
        case bytes():
            return bytearray(value)
        case float() if abs(value) > _LARGEST_FLOAT:  # the client encodes no larger ones
            return str(value)
        case dict():
            return {name: _encodable(member) for name, member in value.items()}
        case list():
            return [_encodable(member) for member in value]
    return value


def copy_of(delivered: DeliveredMessage) -> str:
    """Return what distinguishes a copy from other copies of the same message; empty: no copy."""
    copy = (delivered.header.properties.headers or {}).get(_COPY)
    return copy if isinstance(copy, str) else ""


def is_copy(delivered: DeliveredMessage) -> bool:
    """Whether the bridge itself published a message."""
    return _COPY in (delivered.header.properties.headers or {})


def is_renewal(delivered: DeliveredMessage) -> bool:
    """Whether a message is a copy that took the place of a returned one."""
    return _RENEWAL in (delivered.header.properties.headers or {})
