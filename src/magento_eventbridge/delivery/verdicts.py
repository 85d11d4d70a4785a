"""What a sink's answer means for each entry of a call: answer in, verdicts out, no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from msgspec import Struct


class Fate(Enum):
    """What happens to an entry next."""

    DELIVERED = "delivered"
    RETRY = "retry"  # only this entry failed: try it again, its neighbours go on
    REST = "rest"  # the destination failed: let it rest, then try again
    PARK = "park"  # the configuration is wrong: keep everything, ask a person to act
    ISOLATE = "isolate"  # the call was refused for one of its entries: send each alone
    BURY = "bury"  # it can never be delivered


class Verdict(NamedTuple):
    """One entry's fate, why, and under which id the bus knows it once delivered."""

    fate: Fate
    reason: str = ""
    event_id: str | None = None


class EntryResult(Struct, frozen=True):
    """What the answer says about one entry: an id, or an error."""

    event_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one call.

    Either `results`, one for each entry in its order, or an error of the whole call. `status` is
    the HTTP status, 0 when no answer came at all; `retry_after` is in seconds.
    """

    status: int
    results: Sequence[EntryResult] | None = None
    error_code: str | None = None
    error_message: str | None = None
    retry_after: float | None = None

    @property
    def error(self) -> str:
        """The error in one line."""
        code = self.error_code or (f"HTTP {self.status}" if self.status else "no answer")
        return f"{code}: {self.error_message}" if self.error_message else code


@dataclass(frozen=True)
class ResultCodes:
    """Which of a bus's error codes mean what; every other code of an entry means bury."""

    retryable: frozenset[str]
    parking: frozenset[str]


_TOO_MANY_REQUESTS = 429
_REQUEST_TIMEOUT = 408


def judge(entries: int, answer: Answer, codes: ResultCodes) -> list[Verdict]:
    """Return the verdict on each of a call's entries, in their order."""
    if answer.results is not None:
        if len(answer.results) == entries:
            return [
                Verdict(Fate.DELIVERED, "", result.event_id)
                if result.error_code is None
                else _judge_failed_entry(result, result.error_code, codes)
                for result in answer.results
            ]
        reason = f"the answer has {len(answer.results)} results for {entries} entries"
        return [Verdict(Fate.REST, reason)] * entries
    return [Verdict(_judge_call(entries, answer, codes), answer.error)] * entries


def _judge_failed_entry(result: EntryResult, code: str, codes: ResultCodes) -> Verdict:
    reason = f"{code}: {result.error_message}" if result.error_message else code
    if code in codes.retryable:
        return Verdict(Fate.RETRY, reason)
    if code in codes.parking:
        return Verdict(Fate.PARK, reason)
    return Verdict(Fate.BURY, reason)


def _judge_call(entries: int, answer: Answer, codes: ResultCodes) -> Fate:
    if answer.error_code in codes.parking:
        return Fate.PARK
    if answer.error_code in codes.retryable or answer.status in (
        _TOO_MANY_REQUESTS,
        _REQUEST_TIMEOUT,
    ):
        return Fate.REST
    if not 400 <= answer.status < 500:
        return Fate.REST
    # One entry may be the cause of the refusal: its neighbours must not suffer for it.
    return Fate.ISOLATE if entries > 1 else Fate.BURY
