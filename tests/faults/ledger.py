"""The ledger: compares what was handed over and accepted with what the bus received."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from magento_eventbridge.captures import Capture

# In seconds. The bridge acknowledges twenty times a second; on a busy machine
# this takes longer. A killed bridge may leave that much unacknowledged.
UNTOLD_FOR = 1.5
# A call of a killed bridge may still be in the bus's sockets.
UNDER_WAY_FOR = 1.0


@dataclass(frozen=True)
class Arrival:
    """An event on the bus."""

    id: str
    at: float  # by the ledger's clock
    is_answered: bool  # whether the caller was still connected when the event was accepted


@dataclass(frozen=True)
class Account:
    """The result of a comparison."""

    promised: int
    arrived: int
    buried: int
    lost: list[str]
    invented: list[str]
    duplicates: Counter[str]  # by their explanation
    unexplained: list[str]
    out_of_order: list[str]
    kills: list[float]

    @property
    def is_right(self) -> bool:
        """Whether exactly the accepted captures arrived, in order, all duplicates explained."""
        return not (self.lost or self.invented or self.unexplained or self.out_of_order)

    def __str__(self) -> str:
        """Return a summary in one line, with some ids where something is wrong."""
        excuses = ", ".join(f"{count} {why}" for why, count in sorted(self.duplicates.items()))
        text = (
            f"{self.promised} promised, {self.arrived} arrived, {self.buried} dead letters; "
            f"duplicates: {excuses or 'none'}"
        )
        for name in ("lost", "invented", "unexplained", "out_of_order"):
            if wrong := getattr(self, name):
                text += f"; {len(wrong)} {name.upper()}: {wrong[:5]}"
        if self.unexplained:
            text += f"; kills: {', '.join(f'{at:.2f}' for at in self.kills)}"
        return text


@dataclass
class Ledger:
    """Filled in by the senders and by the bus, never by the bridge."""

    clock: Callable[[], float] = time.monotonic
    arrivals: list[Arrival] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)  # refused by the bus, permanently
    is_ending: bool = False  # whether a bridge was asked to end
    _subjects: dict[str, str] = field(default_factory=dict)  # in the order of the hand-over
    _arrived: set[str] = field(default_factory=set)
    _promised: set[str] = field(default_factory=set)
    _unheard: Counter[str] = field(default_factory=Counter)
    _again: Counter[str] = field(default_factory=Counter)
    _claimed_twice: Counter[str] = field(default_factory=Counter)
    _crashes: list[tuple[float, float]] = field(default_factory=list)

    # Called by senders

    def hand_over(self, captures: Iterable[tuple[Capture, bytes]]) -> None:
        """Record captures about to be handed over: from now on they may arrive."""
        for capture, _ in captures:
            self._subjects[capture.id] = capture.order_key

    def promise(self, captures: Iterable[tuple[Capture, bytes]]) -> None:
        """Record captures that were accepted: they must arrive."""
        self._promised.update(capture.id for capture, _ in captures)

    def hand_over_again(self, captures: Iterable[tuple[Capture, bytes]]) -> None:
        """Record captures that are sent again because the first answer was lost."""
        self._again.update(capture.id for capture, _ in captures)

    # Called by the bus

    def witness(self, entries: list[dict[str, Any]], is_answered: bool) -> None:
        """Record what the bus accepted."""
        now = self.clock()
        for entry in entries:
            number = _id(entry)
            self.arrivals.append(Arrival(number, now, is_answered))
            self._arrived.add(number)

    def unheard(self, entries: list[dict[str, Any]]) -> None:
        """Record that the caller hung up just after the answer: it may have come too late.

        Not while a bridge ends: it hangs up after the last answers, which it must have heard.
        """
        if not self.is_ending:
            self._unheard.update(_id(entry) for entry in entries)

    # Called by those who cause faults

    def crash(self, since: float | None = None) -> None:
        """Record that a bridge was killed: its last deliveries may not have been acknowledged."""
        now = self.clock()
        self._crashes.append(((now if since is None else since) - UNTOLD_FOR, now))

    def forget_claims(self) -> None:
        """Record that a server lost its claims: it may hand the same captures out again."""
        text = self.clock() - UNTOLD_FOR
        settled = {arrival.id for arrival in self.arrivals if arrival.at < text}
        self._claimed_twice.update(self._subjects.keys() - settled)

    # Called by tests

    @property
    def waiting(self) -> int:
        """The number of accepted captures that have not arrived."""
        return len(self._promised - self._arrived - self.refused)

    @property
    def promised(self) -> int:
        """The number of accepted captures."""
        return len(self._promised)

    def has_come(self, number: str) -> bool:
        """Whether an event has arrived."""
        return number in self._arrived

    def account(self, buried: Sequence[str] = (), *, is_ordered: bool = True) -> Account:
        """Compare what was accepted with what arrived.

        Args:
            buried: the ids of dead letters.
            is_ordered: whether events of one subject must have arrived in their order.
        """
        arrived = self._arrived
        duplicates, unexplained = self._duplicates()
        known = set(self._subjects)
        return Account(
            promised=len(self._promised),
            arrived=len(arrived),
            buried=len(set(buried)),
            lost=sorted(self._promised - arrived - set(buried)),
            invented=sorted((arrived - known) | (set(buried) - self.refused)),
            duplicates=duplicates,
            unexplained=unexplained,
            out_of_order=self._out_of_order() if is_ordered else [],
            kills=[at for _, at in self._crashes],
        )

    def _duplicates(self) -> tuple[Counter[str], list[str]]:
        by_id: dict[str, list[Arrival]] = {}
        for arrival in self.arrivals:
            by_id.setdefault(arrival.id, []).append(arrival)
        explained: Counter[str] = Counter()
        unexplained: list[str] = []
        for number, arrivals in by_id.items():
            again, claimed_twice = self._again[number], self._claimed_twice[number]
            # A stalled call may be accepted after its own repetition.
            unheard = self._unheard[number] + sum(not each.is_answered for each in arrivals)
            for former, latter in pairwise(arrivals):
                if unheard:
                    unheard -= 1
                    explained["whose answer was lost"] += 1
                elif self._is_in_flight(former):
                    explained["in flight at a kill"] += 1
                elif again:
                    again -= 1
                    explained["handed over twice"] += 1
                elif claimed_twice:
                    claimed_twice -= 1
                    explained["with two bridges when the server ended"] += 1
                else:
                    unexplained.append(f"{number} at {former.at:.2f} and {latter.at:.2f}")
        return explained, unexplained

    def _is_in_flight(self, arrival: Arrival) -> bool:
        return any(begin <= arrival.at <= killed + UNDER_WAY_FOR for begin, killed in self._crashes)

    def _out_of_order(self) -> list[str]:
        """Return the events that first arrived after one that was handed over later."""
        places = {number: place for place, number in enumerate(self._subjects)}
        last: dict[str, int] = {}
        seen: set[str] = set()
        wrong: list[str] = []
        for arrival in self.arrivals:
            if arrival.id in seen or arrival.id not in places:
                continue
            seen.add(arrival.id)
            subject, place = self._subjects[arrival.id], places[arrival.id]
            if place < last.get(subject, -1):
                wrong.append(arrival.id)
            last[subject] = max(place, last.get(subject, -1))
        return wrong


def _id(entry: dict[str, Any]) -> str:
    return str(json.loads(entry["Detail"])["metadata"]["id"])
