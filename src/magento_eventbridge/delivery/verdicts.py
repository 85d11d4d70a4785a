"""What a sink's answer means for each entry of a call: answer in, verdicts out, no I/O.

Only a code that AWS documents as an entry's own fault makes it a dead letter. All else waits: it is
tried again, or a person is asked to act, according to what the answer says.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from msgspec import Struct

from magento_eventbridge.delivery.reasons import ReasonKind


class Fate(Enum):
    """What happens to an entry next."""

    DELIVERED = "delivered"
    RETRY = "retry"  # only this entry failed: try it again, its neighbours go on
    THROTTLE = "throttle"  # the destination asks for fewer calls: go on, but slower
    REST = "rest"  # the destination failed: let it rest, then try again
    PARK = "park"  # the configuration is wrong: keep everything, ask a person to act
    DENY = "deny"  # the entry's source and detail-type are not permitted: its kind waits apart
    HOLD = "hold"  # its store view's events are refused one by one: the view waits apart
    WAIT = "wait"  # an answer to an entry that nobody documents: it waits, and the log names it
    SUSPECT = "suspect"  # nobody documents this answer to a call: park, then send each alone
    ISOLATE = "isolate"  # the call was refused for one of its entries: send each alone
    BURY = "bury"  # it can never be delivered


class Verdict(NamedTuple):
    """One entry's fate, why, and under which id the bus knows it once delivered."""

    fate: Fate
    reason: str = ""
    event_id: str | None = None


class EntryResult(Struct, frozen=True):
    """What the answer says about one entry: an id, or an error; neither is no proof of delivery."""

    event_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one call.

    Either `results`, one for each entry in its order, or an error of the whole call.

    Attributes:
        status: the HTTP status; 0 when no answer came at all.
        error_code: AWS's code; None when the answer has none, as that of a proxy.
        error_message: what it says, or why no answer came.
        retry_after: the pause that it asks for, in seconds.
        answered_by: what an answer without a code looks like: `nginx, text/html: '<html>…'`.
        is_local: the destination was not called, so the answer says nothing about it.
    """

    status: int
    results: Sequence[EntryResult] | None = None
    error_code: str | None = None
    error_message: str | None = None
    retry_after: float | None = None
    answered_by: str | None = None
    is_local: bool = False

    @property
    def error(self) -> str:
        """The error in one line."""
        code = self.error_code or (f"HTTP {self.status}" if self.status else "no answer")
        text = self.answered_by or self.error_message
        return f"{code}: {text}" if text else code


@dataclass(frozen=True)
class ResultCodes:
    """What a bus's error codes mean, as AWS documents them.

    Attributes:
        entry_faults: the entry can never be delivered.
        denied_entries: the entry's source or detail-type is not permitted.
        call_faults: one entry of the call may be at fault.
        throttling: too many calls.
        unavailable: other failures that pass by themselves.
        unauthorized: credentials, permissions or bus are wrong, for all entries.
    """

    entry_faults: frozenset[str] = frozenset()
    denied_entries: frozenset[str] = frozenset()
    call_faults: frozenset[str] = frozenset()
    throttling: frozenset[str] = frozenset()
    unavailable: frozenset[str] = frozenset()
    unauthorized: frozenset[str] = frozenset()

    @property
    def transient(self) -> frozenset[str]:
        """What passes by itself."""
        return self.throttling | self.unavailable


_BAD_REQUEST = 400
_REQUEST_TIMEOUT = 408
_TOO_LARGE = 413
_TOO_MANY_REQUESTS = 429


def judge(entries: int, answer: Answer, codes: ResultCodes) -> list[Verdict]:
    """Return the verdict on each of a call's entries, in their order."""
    if answer.results is not None:
        if len(answer.results) == entries:
            return [_judge_entry(result, codes) for result in answer.results]
        reason = f"the answer has {len(answer.results)} results for {entries} entries"
        return [Verdict(Fate.REST, reason)] * entries
    return [_judge_call(entries, answer, codes)] * entries


def is_throttled(answer: Answer, codes: ResultCodes) -> bool:
    """Return whether the answer asks for fewer calls, for all entries or for one of them."""
    if answer.results is None:
        return answer.status == _TOO_MANY_REQUESTS or answer.error_code in codes.throttling
    return any(result.error_code in codes.throttling for result in answer.results)


def blames_entries(answer: Answer, faults: Collection[str]) -> bool:
    """Return whether AWS refuses the call for what its entries are, by these codes.

    It does so with two statuses only: with any other, something else answered.
    """
    return answer.error_code in faults and answer.status in (_BAD_REQUEST, _TOO_LARGE)


def _judge_entry(result: EntryResult, codes: ResultCodes) -> Verdict:
    code = result.error_code
    if code is None:
        if result.event_id is not None:
            return Verdict(Fate.DELIVERED, "", result.event_id)
        reason = ReasonKind.UNEXPECTED_ANSWER.reason("neither an event id nor an error code")
        return Verdict(Fate.WAIT, reason)
    reason = f"{code}: {result.error_message}" if result.error_message else code
    if code in codes.entry_faults:
        return Verdict(Fate.BURY, reason)
    if code in codes.denied_entries or code in codes.unauthorized:
        return Verdict(Fate.DENY, reason)
    if code in codes.transient:
        return Verdict(Fate.RETRY, reason)
    return Verdict(Fate.WAIT, ReasonKind.UNKNOWN_CODE.reason(reason))


def _judge_call(entries: int, answer: Answer, codes: ResultCodes) -> Verdict:
    code, status = answer.error_code, answer.status
    if code in codes.unauthorized or code in codes.denied_entries:
        return Verdict(Fate.PARK, answer.error)
    if code in codes.transient or status in (_TOO_MANY_REQUESTS, _REQUEST_TIMEOUT):
        return Verdict(Fate.REST, answer.error)
    if blames_entries(answer, codes.call_faults | codes.entry_faults):
        # One entry may be the cause of the refusal: its neighbours must not suffer for it.
        return Verdict(Fate.ISOLATE if entries > 1 else Fate.BURY, answer.error)
    if status == 0 or status >= 500:
        return Verdict(Fate.REST, answer.error)
    if status == _TOO_LARGE and entries > 1:
        return Verdict(Fate.ISOLATE, answer.error)  # a proxy's limit: smaller calls may pass
    kind = ReasonKind.UNKNOWN_CODE if code else ReasonKind.UNEXPECTED_ANSWER
    return Verdict(Fate.SUSPECT, kind.reason(answer.error))
