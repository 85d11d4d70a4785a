"""How many messages a bridge may hold of a queue, by their sizes and by how it uses them."""

# Messages that a queue may send at first, as they may be very large; if no more than so many may be
# held anyway, all of them.
_FIRST = 2
_FEW = 20
# What a bridge may hold of a queue, in bytes: 1000 messages of 16 kB.
_BYTES = 16_000_000
# How much the size of a message counts when the next one arrives: the largest of the last matter.
_DECAY = 0.75
# In seconds: how often room that was not used is given up.
_UNUSED_AFTER = 5.0


class Room:
    """How many messages a bridge may hold of a queue: more while it uses them and they are small.

    Pure; times in seconds of a monotonic clock.
    """

    def __init__(self, most: int) -> None:
        """Prepare; no more than `most` may be held, however small they are."""
        self.most = most
        self._first = self.size = most if most <= _FEW else _FIRST
        self._least = self._first  # for messages that wait so long that others must pass
        self._bytes = 0.0  # of a message, lately
        self._peak = 0  # the most that were held lately
        self._peak_since = 0.0

    @property
    def are_small(self) -> bool:
        """Whether messages are so small that all the room may be used."""
        return self._bytes * self.most <= _BYTES

    def arrived(self, size: int) -> None:
        """Take a message's size in bytes into account."""
        self._bytes = max(size, self._bytes * _DECAY)

    def adapt(self, held: int, now: float, *, is_full: bool, is_stuck: bool = False) -> None:
        """Adapt the room to what is held.

        Args:
            held: how many messages are held now.
            now: the time.
            is_full: whether they use all the room.
            is_stuck: whether they have waited for a while, and others wait behind them. Then there
                is room for others whatever their size. The limits of delivery count bytes, so that
                what exceeds these stays in the buffer; then the bridge is not stuck.
        """
        if is_stuck:
            self._least = min(self.most, 2 * max(held, self.size))
        elif 4 * held < self._least:
            self._least = self._first
        fitting = self.most if self.are_small else int(_BYTES / self._bytes)
        largest = min(self.most, max(fitting, self._least))
        self._peak = max(self._peak, held)
        if self.size >= 2 * largest or (self.size > largest == self._first):
            self.size = largest
        elif is_full and self.size < largest:
            self.size = min(2 * self.size, largest)
        elif now - self._peak_since > _UNUSED_AFTER:
            if 4 * self._peak < self.size:
                self.size = max(self._first, self.size // 4)
            self._peak, self._peak_since = 0, now
