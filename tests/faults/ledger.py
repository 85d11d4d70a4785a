"""The ledger: what was handed over and promised, beside what the bus got. It trusts nobody."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from magento_eventbridge.captures import Capture

# In seconds. The bridge tells a queue twenty times a second what was delivered; a machine that
# does much else at once takes longer. Who is killed may have that much left to tell.
UNTOLD_FOR = 1.5
# A call of one who was killed may still be in the bus's ears, which are as slow as the machine.
UNDER_WAY_FOR = 1.0


@dataclass(frozen=True)
class Arrival:
    """An event on the bus."""

    id: str
    at: float  # by the clock of the ledger
    is_answered: bool  # whether the caller was there to hear that it was taken


@dataclass(frozen=True)
class Account:
    """What came of it all."""

    promised: int
    arrived: int
    buried: int
    lost: list[str]
    invented: list[str]
    duplicates: Counter[str]  # by what explains them
    unexplained: list[str]
    out_of_order: list[str]
    kills: list[float]

    @property
    def is_right(self) -> bool:
        """Whether everything that was promised came, nothing else, in order, once or excused."""
        return not (self.lost or self.invented or self.unexplained or self.out_of_order)

    def __str__(self) -> str:
        """Tell it in a line, with some names where something is wrong."""
        excuses = ", ".join(f"{count} {why}" for why, count in sorted(self.duplicates.items()))
        told = (
            f"{self.promised} promised, {self.arrived} arrived, {self.buried} dead letters; "
            f"duplicates: {excuses or 'none'}"
        )
        for name in ("lost", "invented", "unexplained", "out_of_order"):
            if wrong := getattr(self, name):
                told += f"; {len(wrong)} {name.upper()}: {wrong[:5]}"
        if self.unexplained:
            told += f"; kills: {', '.join(f'{at:.2f}' for at in self.kills)}"
        return told


@dataclass
class Ledger:
    """Written by those who hand over and by the bus, never by the bridge."""

    clock: Callable[[], float] = time.monotonic
    arrivals: list[Arrival] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)  # by the bus, for good
    _subjects: dict[str, str] = field(default_factory=dict)  # in the order of handing over
    _arrived: set[str] = field(default_factory=set)
    _promised: set[str] = field(default_factory=set)
    _again: Counter[str] = field(default_factory=Counter)
    _claimed_twice: Counter[str] = field(default_factory=Counter)
    _crashes: list[tuple[float, float]] = field(default_factory=list)

    # What those tell who hand over

    def hand_over(self, captures: Iterable[tuple[Capture, bytes]]) -> None:
        """Note what is about to be handed over: from now on it may arrive."""
        for capture, _ in captures:
            self._subjects[capture.id] = capture.order_key

    def promise(self, captures: Iterable[tuple[Capture, bytes]]) -> None:
        """Note what was taken for certain: it must arrive."""
        self._promised.update(capture.id for capture, _ in captures)

    def hand_over_again(self, captures: Iterable[tuple[Capture, bytes]]) -> None:
        """Note what is handed over once more, because nobody said whether it was taken."""
        self._again.update(capture.id for capture, _ in captures)

    # What the bus tells

    def witness(self, entries: list[dict[str, Any]], is_answered: bool) -> None:
        """Note what the bus took."""
        now = self.clock()
        for entry in entries:
            number = json.loads(entry["Detail"])["metadata"]["id"]
            self.arrivals.append(Arrival(number, now, is_answered))
            self._arrived.add(number)

    # What those tell who do harm

    def crash(self, since: float | None = None) -> None:
        """Note that a bridge was killed; what it could not tell since then is forgotten with it."""
        now = self.clock()
        self._crashes.append(((now if since is None else since) - UNTOLD_FOR, now))

    def forget_claims(self) -> None:
        """Note that a server has forgotten who had what: the same may be handed out to another."""
        told = self.clock() - UNTOLD_FOR
        settled = {arrival.id for arrival in self.arrivals if arrival.at < told}
        self._claimed_twice.update(self._subjects.keys() - settled)

    # What is asked

    @property
    def waiting(self) -> int:
        """How many were promised and have not arrived."""
        return len(self._promised - self._arrived - self.refused)

    @property
    def promised(self) -> int:
        """How many were promised."""
        return len(self._promised)

    def has_come(self, number: str) -> bool:
        """Whether an event was on the bus already."""
        return number in self._arrived

    def account(self, buried: Sequence[str] = (), *, is_ordered: bool = True) -> Account:
        """Compare.

        Args:
            buried: the ids of dead letters.
            is_ordered: whether events about one thing must have come in their order.
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
            # One that stalls may be taken after its own repetition was.
            unheard = sum(not arrival.is_answered for arrival in arrivals)
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
        """Give those that came, for the first time, after one that was handed over later."""
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
