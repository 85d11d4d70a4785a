"""The recording sink: keeps what it is given, and answers as AWS would or as a test wants."""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.ports import Limits
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, EntryResult, ResultCodes
from magento_eventbridge.sinks.eventbridge.codes import CLASSIC

_LIMITS = Limits(max_entries=10, max_bytes=1_000_000)


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call of `put`: where to, with which entries, and how it was answered."""

    destination: Destination
    entries: tuple[Entry, ...]
    answer: Answer


class RecordingSink:
    """Records every call; accepts its entries, unless `answer_next` said something else.

    Its limits and its error codes are those of EventBridge.
    """

    def __init__(self, limits: Limits = _LIMITS, codes: ResultCodes = CLASSIC) -> None:
        self.limits = limits
        self.codes = codes
        self.calls: list[RecordedCall] = []
        self.is_closed = False
        self._answers: deque[Answer] = deque()

    def answer_next(self, *answers: Answer) -> None:
        """Answer the next calls so, one call each; later calls are accepted again."""
        self._answers.extend(answers)

    @property
    def accepted(self) -> list[Entry]:
        """The entries that were accepted, in the order of the calls."""
        return [
            entry
            for call in self.calls
            for entry, result in zip(call.entries, call.answer.results or (), strict=False)
            if result.event_id is not None
        ]

    @property
    def details(self) -> list[dict[str, Any]]:
        """The details of the accepted entries."""
        return [json.loads(entry.detail) for entry in self.accepted]

    @property
    def detail_types(self) -> list[str]:
        """The detail-types of the accepted entries."""
        return [entry.detail_type for entry in self.accepted]

    async def put(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        """Record a call and answer it."""
        if self._answers:
            answer = self._answers.popleft()
        else:
            number = len(self.accepted)
            results = (EntryResult(f"recorded-{number + at}") for at in range(len(entries)))
            answer = Answer(status=200, results=tuple(results))
        self.calls.append(RecordedCall(destination, tuple(entries), answer))
        return answer

    async def close(self) -> None:
        """Nothing is open; remember that it was closed."""
        self.is_closed = True
