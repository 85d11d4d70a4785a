"""The weather of the bus: a seeded random script for the local PutEvents endpoint."""

import json
import random
from collections.abc import Callable

from tests.faults.ledger import Ledger
from tests.support.put_events import Answer, Behaviour, HangUp, Json, Refuse, Stall, Take

ANSWER_SECONDS = 1.0
"""How long the bridges of these tests wait for an answer, in seconds."""

_RETRYABLE = ("ThrottlingException", "InternalFailure", "InternalException")
_ERRORS: tuple[Behaviour, ...] = (
    Refuse("InternalException", 500),
    Refuse("ServiceUnavailable", 503),
    Answer(502, b"<html>Bad Gateway</html>"),
    Answer(200, b'{"FailedEntryCount": 0, "Entries": []}'),
    Answer(200, b"half an ans"),
)
# Answers of proxies and firewalls, and codes that AWS does not document for PutEvents.
_MIDDLE_BOXES: tuple[Behaviour, ...] = (
    *(
        Answer(status, b"<html><h1>Blocked</h1></html>")
        for status in (400, 401, 403, 404, 405, 407, 410, 421, 451)
    ),
    Answer(403),
    Answer(200, b"<html>Sign in to this network</html>"),
    Answer(404, b'{"message": "no Route matched with those values"}'),
    Refuse("UnknownOperationException"),
    Refuse("IncompleteSignatureException"),
    Refuse("InvalidToken", 403),
    Refuse("ThrottledException"),
    Refuse("SlowDown", 503),
    Refuse("PriorRequestNotComplete"),
    Refuse("SomethingThatNobodyKnows"),
)
_FOR_GOOD = "InvalidArgument"
_DENIED = "NotAuthorizedForDetailTypeException"
_LATENCY = 0.05  # seconds

DENIED_DETAIL_TYPE = "CustomerLoggedIn"
"""The events that the bus does not permit at times."""

Condition = Callable[[random.Random, list[Json]], Behaviour]
"""Returns the behaviour for a call with these entries."""


def clear(_: random.Random, __: list[Json]) -> Behaviour:
    return Take()


def throttling(chance: random.Random, _: list[Json]) -> Behaviour:
    return Refuse("ThrottlingException") if chance.random() < 0.5 else Take()


def errors(chance: random.Random, _: list[Json]) -> Behaviour:
    if chance.random() < 0.6:
        return Take()
    return chance.choice(_ERRORS)


def single_failures(chance: random.Random, entries: list[Json]) -> Behaviour:
    return Take(
        {
            position: chance.choice(_RETRYABLE)
            for position in range(len(entries))
            if chance.random() < 0.3
        }
    )


def hang_ups(chance: random.Random, _: list[Json]) -> Behaviour:
    if chance.random() < 0.6:
        return Take()
    return HangUp(after_taking=chance.random() < 0.5)


def stalls(chance: random.Random, _: list[Json]) -> Behaviour:
    lot = chance.random()
    if lot < 0.6:
        return Stall(chance.uniform(0, ANSWER_SECONDS / 5))
    return Stall(ANSWER_SECONDS * 1.5) if lot < 0.7 else Take()


def latency(_: random.Random, __: list[Json]) -> Behaviour:
    return Stall(_LATENCY)


def middle_boxes(chance: random.Random, _: list[Json]) -> Behaviour:
    return chance.choice(_MIDDLE_BOXES) if chance.random() < 0.4 else Take()


def denials(_: random.Random, entries: list[Json]) -> Behaviour:
    return Take(
        {
            position: _DENIED
            for position, entry in enumerate(entries)
            if entry["DetailType"] == DENIED_DETAIL_TYPE
        }
    )


CONDITIONS = (
    clear,
    throttling,
    errors,
    single_failures,
    hang_ups,
    stalls,
    latency,
    middle_boxes,
    denials,
)


class Weather:
    """A script: each condition lasts some calls, then another is chosen at random.

    A few events are refused permanently, each time they arrive: dead letters.
    """

    def __init__(self, chance: random.Random, ledger: Ledger, *, refuses: float = 0.01) -> None:
        """Prepare; `refuses` is the share of events that the bus never accepts."""
        self._chance = chance
        self._ledger = ledger
        self._refuses = refuses
        self._judged: set[str] = set()
        self._condition: Condition = clear
        self._calls_left = 0
        self._is_over = False

    def __call__(self, _: int, entries: list[Json]) -> Behaviour:
        """Return the behaviour for a call."""
        if self._calls_left == 0 and not self._is_over:
            self._condition = self._chance.choice(CONDITIONS)
            self._calls_left = self._chance.randint(2, 12)
        self._calls_left -= 1
        behaviour = self._condition(self._chance, entries)
        return self._refuse_some(behaviour, entries)

    def calm(self) -> None:
        """Answer every call well from now on."""
        self._is_over, self._condition = True, clear

    def _refuse_some(self, behaviour: Behaviour, entries: list[Json]) -> Behaviour:
        """Refuse entries that are permanently refused, whatever happens to the rest of the call."""
        never = {
            position: _FOR_GOOD
            for position, entry in enumerate(entries)
            if self._is_refused(entry["Detail"])
        }
        match behaviour:
            case Take(failing):
                return Take({**failing, **never})
            case Stall(seconds):
                return Stall(seconds, never)
            case HangUp(after_taking=True) if never:
                return HangUp()
        return behaviour

    def _is_refused(self, detail: str) -> bool:
        number = json.loads(detail)["metadata"]["id"]
        if number not in self._judged:
            self._judged.add(number)
            # What arrived before the connection was closed was not refused.
            if not self._ledger.has_come(number) and self._chance.random() < self._refuses:
                self._ledger.refused.add(number)
        return number in self._ledger.refused
