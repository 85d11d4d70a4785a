"""What waits for one destination, and which entries may share the next call."""

import heapq
import itertools
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from magento_eventbridge.delivery.apart import Apart, Group
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.ports import Claim, Limits

# Probes of many groups must not take the calls of a slow destination from what it accepts: so many
# other calls come between two, if there are any to make.
_CALLS_BETWEEN_PROBES = 9


class Pending(Struct, eq=False):
    """An entry that waits for its turn, with the claim that it came from."""

    claim: Claim
    entry: Entry
    order_key: str
    event_id: str  # the capture's id
    label: str  # what the log calls the event, as `Order/Placed`
    view_id: int = 0
    number: int = 0  # its place in the order in which captures were claimed
    event: str = ""  # its documented detail-type
    entity: str = ""  # the key of the row that it is about; empty: it is about none
    own_fields: frozenset[str] = frozenset()  # the fields that the shop adds to its detail
    failures: int = 0
    alone: bool = False  # a call with other entries was refused: it is sent alone
    settings_proven: bool = False  # it was held, and then an event of its view was accepted
    probes: Group | None = None  # it is sent to try whether its group is still refused


class Lane:
    """The entries bound for one destination, in order.

    Of entries with the same order key only the first is ever in flight: the others wait until
    it is settled, however often it is tried. Entries of other keys go ahead of them. Entries of a
    group that the destination refuses are `apart`: they are not counted among those of the lane.

    Of a key with very many entries only the first are kept. The others are deferred: just their
    claims are kept, until half as many are recalled from the queue.

    Attributes:
        apart: the entries that wait apart.
        most_of_a_key: how many entries of a key are kept behind its first.
    """

    def __init__(self, limits: Limits, most_of_a_key: int = 100) -> None:
        self.apart = Apart()
        self.most_of_a_key = most_of_a_key
        self._limits = limits
        self._ready: deque[Pending] = deque()
        self._postponed: list[tuple[float, int, Pending]] = []
        self._behind: dict[str, deque[Pending]] = {}  # by key; the key's first is not in here
        self._deferred: dict[str, deque[Claim]] = {}  # by key; empty while the last are recalled
        self._recalled: set[str] = set()  # keys of which claims are being recalled
        self._tie = itertools.count()
        self._size = 0
        self._bytes = 0
        self._deferred_size = 0
        self._calls_since_probe = _CALLS_BETWEEN_PROBES

    def __len__(self) -> int:
        """Return how many entries it holds, those in flight among them."""
        return self._size

    @property
    def bytes(self) -> int:
        """The size of its entries in bytes."""
        return self._bytes

    @property
    def fills_a_call(self) -> bool:
        """Whether enough is ready for a call with as many entries as one may have."""
        return len(self._ready) >= self._limits.max_entries

    def add(self, pending: Pending) -> None:
        """Add an entry behind all others."""
        self._size += 1
        self._bytes += pending.entry.size
        line = self._behind.get(pending.order_key)
        if line is None:
            self._behind[pending.order_key] = deque()
            self._ready.append(pending)
        else:
            line.append(pending)

    @property
    def deferred(self) -> int:
        """How many claims are deferred."""
        return self._deferred_size

    def defers(self, key: str) -> bool:
        """Return whether further claims of a key must be deferred."""
        return key in self._deferred or len(self._behind.get(key, ())) >= self.most_of_a_key

    def defer(self, key: str, claim: Claim) -> None:
        """Keep a claim behind all others of its key."""
        self._deferred.setdefault(key, deque()).append(claim)
        self._deferred_size += 1

    def take_recalls(self) -> list[tuple[str, list[Claim]]]:
        """Take the claims that should be recalled now: keys of which few entries are left."""
        recalls = []
        at_once = max(1, self.most_of_a_key // 2)
        few = self.most_of_a_key - at_once
        for key, claims in self._deferred.items():
            if key not in self._recalled and len(self._behind.get(key, ())) <= few:
                some = [claims.popleft() for _ in range(min(at_once, len(claims)))]
                self._recalled.add(key)
                self._deferred_size -= len(some)
                recalls.append((key, some))
        return recalls

    def end_recall(self, key: str, not_recalled: Sequence[Claim] = ()) -> None:
        """Record that the claims taken last were added; those that could not be read wait on."""
        self._recalled.discard(key)
        claims = self._deferred.get(key)
        if claims is None:
            return  # cleared meanwhile
        claims.extendleft(reversed(not_recalled))
        self._deferred_size += len(not_recalled)
        if not claims:
            del self._deferred[key]

    def clear_deferred(self) -> list[Claim]:
        """Remove and return all deferred claims, each key's in order."""
        claims = [claim for some in self._deferred.values() for claim in some]
        self._deferred.clear()
        self._deferred_size = 0
        return claims

    def waiting_of(self, key: str) -> int:
        """Return how many entries of a key it holds, the one in flight among them."""
        line = self._behind.get(key)
        return 0 if line is None else 1 + len(line)

    def take(self, now: float, *, tries_destination: bool = False) -> list[Pending]:
        """Take the entries of the next call: as many as are ready and fit, possibly none.

        Args:
            tries_destination: the destination has a problem, and nothing else is sent until this
                call is answered. So it must not wait for S3, as a large entry may, if others are
                ready.
        """
        while self._postponed and self._postponed[0][0] <= now:
            self._ready.append(heapq.heappop(self._postponed)[2])
        is_turn = not self._ready or self._calls_since_probe >= _CALLS_BETWEEN_PROBES
        if is_turn and (probe := self.apart.take_probe(now, self._limits.max_bytes)):
            self._calls_since_probe = 0
            return [probe]
        batch: list[Pending] = []
        passed_over: list[Pending] = []
        size = 0
        while self._ready and len(batch) < self._limits.max_entries:
            pending = self._ready[0]
            if group := self.apart.group_of(pending):
                self._ready.popleft()
                self.move_apart(group, pending)
                continue
            if tries_destination and pending.entry.size > self._limits.max_bytes:
                passed_over.append(self._ready.popleft())
                continue
            size += pending.entry.size
            if batch and (pending.alone or size > self._limits.max_bytes):
                break
            batch.append(self._ready.popleft())
            if pending.alone:
                break
        if passed_over and not batch:
            batch.append(passed_over.pop(0))
        self.put_back(passed_over)
        self._calls_since_probe += bool(batch)
        return batch

    def settle(self, pending: Pending) -> None:
        """Remove an entry that is delivered or buried; the next of its key becomes ready."""
        self._size -= 1
        self._bytes -= pending.entry.size
        line = self._behind[pending.order_key]
        if line:
            self._ready.appendleft(line.popleft())
        else:
            del self._behind[pending.order_key]

    def move_apart(self, group: Group, pending: Pending) -> None:
        """Let an entry that was taken wait with its group; the next of its key becomes ready."""
        self.settle(pending)
        self.apart.add(group, pending)

    def release(self, group: Group) -> list[Pending]:
        """End the separate wait of a group and return its entries, which are added again.

        Entries of the same keys that were added meanwhile are placed behind them.
        """
        released = self.apart.release(group)
        for pending in sorted([*released, *self._take_out(released)], key=_number):
            self.add(pending)
        return released

    def _take_out(self, others: Sequence[Pending]) -> list[Pending]:
        """Remove and return the entries of the same keys that are not in flight or postponed."""
        keys = {pending.order_key for pending in others}
        taken = [pending for pending in self._ready if pending.order_key in keys]
        if taken:
            self._ready = deque(each for each in self._ready if each.order_key not in keys)
        for head in list(taken):
            taken.extend(self._behind.pop(head.order_key))
        for key in keys & self._behind.keys():  # their first entry is in flight or postponed
            taken.extend(self._behind[key])
            self._behind[key].clear()
        self._size -= len(taken)
        self._bytes -= sum(pending.entry.size for pending in taken)
        return taken

    def put_back(self, batch: list[Pending]) -> None:
        """Put entries that were taken back to the front, in their order."""
        self._ready.extendleft(reversed(batch))

    def postpone(self, pending: Pending, until: float) -> None:
        """Let an entry that was taken wait until then, and those of its key with it."""
        heapq.heappush(self._postponed, (until, next(self._tie), pending))

    def next_due(self) -> float | None:
        """Return when the next entry may be taken: 0 for at once, None while there is none."""
        if self._ready:
            return 0.0
        probe = self.apart.next_probe()
        if not self._postponed:
            return probe
        due = self._postponed[0][0]
        return due if probe is None else min(due, probe)

    def take_surplus(self, most: int) -> list[Claim]:
        """Remove and return the claims beyond so many: the last of each key, none in flight."""
        if self._size <= most:
            return []
        kept, deferred = self.clear(), self.clear_deferred()
        room = max(0, most - self._size)
        surplus = kept[room:]
        for pending in kept[:room]:
            self.add(pending)
        return [*(pending.claim for pending in surplus), *deferred]

    def clear(self) -> list[Pending]:
        """Remove and return everything that is not in flight, in the order of the queue."""
        heads = [*self._ready, *(pending for _, _, pending in self._postponed)]
        cleared: list[Pending] = []
        for head in heads:
            cleared.append(head)
            cleared.extend(self._behind.pop(head.order_key))
        # What waits behind an entry in flight can be given back before that one is settled.
        for line in self._behind.values():
            cleared.extend(line)
            line.clear()
        self._ready.clear()
        self._postponed.clear()
        self._size -= len(cleared)
        self._bytes -= sum(pending.entry.size for pending in cleared)
        return sorted([*cleared, *self.apart.drain()], key=_number)


def _number(pending: Pending) -> int:
    return pending.number
