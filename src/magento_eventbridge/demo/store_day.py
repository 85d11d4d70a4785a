"""A recorded day of a real store: its captures, and the events that they must yield."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from magento_eventbridge.catalog.event import DetailLevel


@dataclass(frozen=True)
class Recorded:
    """A capture and the action of a person or a program that it was part of."""

    action: str
    capture_id: str
    line: bytes


@dataclass(frozen=True)
class Outcome:
    """What of the expected events arrived: each figure counts events."""

    expected: int
    delivered: int
    detail_types: int
    lost: int
    unexpected: int

    @property
    def is_right(self) -> bool:
        """Whether all that was expected arrived, and nothing else."""
        return self.delivered == self.expected and not self.lost and not self.unexpected

    def __str__(self) -> str:
        return (
            f"delivered {self.delivered} of {self.expected} events "
            f"({self.detail_types} detail-types), {self.lost} lost, {self.unexpected} unexpected"
        )


def captures(level: DetailLevel = "documented") -> list[Recorded]:
    """Return the captures of the day in the order in which they happened.

    With full details, actions follow that were recorded in a store with `options.detail` = `full`.
    """
    recorded = []
    for text in _texts("store_day{}.ndjson", level):
        for line in text.splitlines():
            entry = json.loads(line)
            capture = entry["capture"]
            body = json.dumps(capture, ensure_ascii=False, separators=(",", ":")).encode()
            recorded.append(Recorded(entry["action"], capture["id"], body))
    return recorded


def expected(level: DetailLevel = "documented") -> dict[str, Counter[str]]:
    """Return, for each action, how many events of each detail-type it must yield.

    Written down from what each action does, not computed from the catalog.
    """
    return {
        action: Counter(events)
        for text in _texts("store_day{}_expected.json", level)
        for action, events in json.loads(text).items()
    }


def _texts(name: str, level: DetailLevel) -> Iterator[str]:
    for part in ("", "_full") if level == "full" else ("",):
        yield files(__package__).joinpath(name.format(part)).read_text(encoding="utf-8")


def compare(
    details: Iterable[tuple[str, Mapping[str, Any]]], level: DetailLevel = "documented"
) -> Outcome:
    """Compare what arrived, as (detail-type, detail), with what had to."""
    actions = {recorded.capture_id: recorded.action for recorded in captures(level)}
    arrived: dict[str, Counter[str]] = {}
    seen: set[str] = set()
    strangers = 0
    for detail_type, detail in details:
        identifier = detail["metadata"]["id"]
        if identifier not in actions or identifier in seen:
            strangers += 1
            continue
        seen.add(identifier)
        arrived.setdefault(actions[identifier], Counter())[detail_type] += 1

    due = expected(level)
    delivered, lost, unexpected = 0, 0, strangers
    for action in due.keys() | arrived.keys():
        want, got = due.get(action, Counter()), arrived.get(action, Counter())
        delivered += (want & got).total()
        lost += (want - got).total()
        unexpected += (got - want).total()
    return Outcome(
        expected=sum(events.total() for events in due.values()),
        delivered=delivered,
        detail_types=len({name for events in arrived.values() for name in events}),
        lost=lost,
        unexpected=unexpected,
    )
