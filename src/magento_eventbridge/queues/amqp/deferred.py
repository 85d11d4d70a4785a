"""The messages that wait behind many others of their subject, kept small."""

from collections import Counter
from collections.abc import Iterable

from aiormq.abc import DeliveredMessage

from magento_eventbridge.queues.amqp.messages import HeldMessage

# How many may be deferred, and the size of their compressed contents in bytes. What exceeds this
# waits in the broker.
_MOST = 100_000
_MOST_BYTES = 64_000_000


class Deferred:
    """Deferred messages: the broker waits for their acknowledgement, their contents are compressed.

    The first one helps to compress the others: messages about one thing are much alike.
    """

    def __init__(self) -> None:
        self._messages: set[HeldMessage] = set()
        self._by_consumer: Counter[str] = Counter()
        self._bytes = 0
        self._dictionary = b""

    def __len__(self) -> int:
        return len(self._messages)

    def of(self, consumer: str) -> int:
        """Return how many of them a consumer received, by its tag."""
        return self._by_consumer[consumer]

    @property
    def is_full(self) -> bool:
        """Whether as much is deferred as memory allows."""
        return len(self._messages) >= _MOST or self._bytes >= _MOST_BYTES

    def add(self, messages: Iterable[HeldMessage]) -> None:
        """Compress messages that wait for long."""
        for message in messages:
            if message not in self._messages:
                if not self._messages:
                    self._dictionary = b""
                self._dictionary = message.pack(self._dictionary)
                self._messages.add(message)
                self._by_consumer[message.consumer] += 1
                self._bytes += message.packed_size

    def discard(self, messages: Iterable[HeldMessage]) -> None:
        """Record that messages, if they were deferred, no longer are; they stay compressed."""
        for message in messages:
            if message in self._messages:
                self._messages.remove(message)
                self._count_consumer(message.consumer, -1)
                self._bytes -= message.packed_size

    def arrived_again(self, message: HeldMessage, delivered: DeliveredMessage, tag: int) -> None:
        """Record that the broker sent a message, deferred or not, once more."""
        is_deferred = message in self._messages
        if is_deferred:
            self._count_consumer(message.consumer, -1)
        message.arrived_again(delivered, tag)
        if is_deferred:
            self._count_consumer(message.consumer, 1)

    def clear(self) -> None:
        """Forget all of them."""
        self._messages.clear()
        self._by_consumer.clear()
        self._bytes = 0

    def _count_consumer(self, consumer: str, change: int) -> None:
        self._by_consumer[consumer] += change
        if not self._by_consumer[consumer]:
            del self._by_consumer[consumer]
