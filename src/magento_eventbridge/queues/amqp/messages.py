"""A message that this bridge holds: what distinguishes it from others, its store view, its text."""

import hashlib
import pickle
import zlib
from dataclasses import dataclass, field

import msgspec
from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage

from magento_eventbridge.catalog.messages import capture_text
from magento_eventbridge.queues.amqp.publishing import copy_of

# How much of a content helps to compress others: zlib looks no further back.
_DICTIONARY_BYTES = 32_768


@dataclass(frozen=True, slots=True)
class _Packed:
    """The content of a message, compressed with the help of the content of another."""

    data: bytes
    dictionary: bytes


@dataclass(eq=False, slots=True)
class HeldMessage:
    """A message that this bridge holds: in the buffer, claimed, or postponed.

    Its content may be compressed; it is then read again whenever it is asked for.
    """

    key: str
    number: int  # its place in the order of arrival
    view_id: int
    channel: AbstractChannel  # that it arrived by
    consumer: str  # the tag of the consumer that received it
    tags: list[int]  # of its deliveries by the channel
    _content: tuple[bytes, DeliveredMessage] | _Packed = field(repr=False)
    is_claimed: bool = False

    @property
    def text(self) -> bytes:
        """The capture's text."""
        return self._unpacked[0]

    @property
    def delivered(self) -> DeliveredMessage:
        """The message as it arrived."""
        return self._unpacked[1]

    @property
    def packed_size(self) -> int:
        """The size of its compressed content in bytes; 0 if it is not compressed."""
        return len(self._content.data) if isinstance(self._content, _Packed) else 0

    def arrived_again(self, delivered: DeliveredMessage, tag: int) -> None:
        """Record that the broker sent it once more, perhaps by another channel."""
        if self.channel is not delivered.channel:
            self.channel = delivered.channel
            self.tags = []
        self.tags.append(tag)
        self.consumer = consumer_of(delivered)
        if not isinstance(self._content, _Packed):
            self._content = (self._content[0], delivered)

    def pack(self, dictionary: bytes = b"") -> bytes:
        """Compress the content; return what can help to compress similar messages.

        Args:
            dictionary: what another message returned; empty: none.
        """
        if isinstance(self._content, _Packed):
            return self._content.dictionary
        delivered = self._content[1]
        data = pickle.dumps((delivered.header, delivered.body))
        dictionary = dictionary or data[-_DICTIONARY_BYTES:]
        compressor = zlib.compressobj(1, zdict=dictionary)
        self._content = _Packed(compressor.compress(data) + compressor.flush(), dictionary)
        return dictionary

    def unpack(self) -> None:
        """Keep the content as it is, not compressed."""
        self._content = self._unpacked

    @property
    def _unpacked(self) -> tuple[bytes, DeliveredMessage]:
        content = self._content
        if not isinstance(content, _Packed):
            return content
        decompressor = zlib.decompressobj(zdict=content.dictionary)
        data = decompressor.decompress(content.data) + decompressor.flush()
        header, body = pickle.loads(data)  # noqa: S301 (written by `pack`, in this process)
        delivery = spec.Basic.Deliver(delivery_tag=self.tags[-1] if self.tags else 0)
        text = capture_text(body, str(header.properties.message_id or ""))
        return text, DeliveredMessage(delivery, header, body, self.channel)


def consumer_of(delivered: DeliveredMessage) -> str:
    """Return the tag of the consumer that received a message."""
    delivery = delivered.delivery
    return (delivery.consumer_tag or "") if isinstance(delivery, spec.Basic.Deliver) else ""


def read_message(delivered: DeliveredMessage) -> tuple[str, int, bytes]:
    """Return what distinguishes a message from others, its store view and its capture's text.

    Two messages are the same only if their content is: two captures may have one ID. A copy that
    the bridge published on purpose is another message, until the broker redelivers it.
    """
    message_id = str(delivered.header.properties.message_id or "")
    text = capture_text(delivered.body, message_id)
    try:
        identity = _decoder.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        identity = _Identity()
    digest = hashlib.sha256(text).hexdigest()
    key = f"{identity.id or message_id} {digest} {copy_of(delivered)}"
    return key, identity.store_id, text


class _Identity(msgspec.Struct):
    """The fields of a capture that the queue needs."""

    id: str = ""
    store_id: int = 0


_decoder = msgspec.json.Decoder(_Identity)
