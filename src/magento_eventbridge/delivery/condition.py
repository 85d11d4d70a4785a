"""Whether a destination takes events, rests, or waits for a person: answers in, next state out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.verdicts import Fate, Verdict

# A destination may ask for a pause, but for no longer than this, in seconds.
_LONGEST_PAUSE = 300.0
_NEVER = float("-inf")
_PARKING = (Fate.PARK, Fate.SUSPECT)


class Change(Enum):
    """What a person should know of an answer."""

    RESTING = "the destination takes no events for now"
    PARKED = "the destination refuses all events until a person acts"
    RESUMED = "the destination takes events again"


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of a destination; times in seconds of a monotonic clock.

    Attributes:
        problem: why it takes no events now; None when it does.
        is_parked: whether a person must act.
        failures: failures in a row; calls that were in flight together count as one.
        failed_at: when the last failure was seen.
        rests_until: no call begins before that.
        reported_at: when a person was last asked to act.
    """

    problem: str | None = None
    is_parked: bool = False
    failures: int = 0
    failed_at: float = _NEVER
    rests_until: float = 0.0
    reported_at: float = _NEVER

    def waits_for_answer(self, in_flight: int) -> bool:
        """Return whether the next call depends on the answer to one in flight.

        A destination with a problem is tried by one call at a time, until one succeeds.
        """
        return self.problem is not None and in_flight > 0

    def after(
        self,
        verdicts: Sequence[Verdict],
        *,
        began: float,
        now: float,
        policy: Policy,
        chance: float,
        retry_after: float = 0.0,
    ) -> tuple["Condition", tuple[Change, ...]]:
        """Return the condition after a call, and what changed.

        Args:
            verdicts: on the call's entries.
            began, now: when the call began and when it was answered.
            chance: 0 to 1, spreads the delays.
            retry_after: the pause that the destination asked for, in seconds.
        """
        refusal = next((v.reason for v in verdicts if v.fate in _PARKING), None)
        if refusal is not None:
            reported, changes = self._reported(now, policy)
            parked = reported._set_back(began, now, policy, chance)
            return replace(parked, problem=refusal, is_parked=True), changes
        if verdicts[0].fate is Fate.THROTTLE and self.problem is None:
            return self, ()
        if any(v.fate in (Fate.REST, Fate.THROTTLE) for v in verdicts):
            resting = self._set_back(began, now, policy, chance, retry_after)
            is_news = self.problem is None or self.is_parked
            changes = (Change.RESTING,) if is_news else ()
            return replace(resting, problem=verdicts[0].reason, is_parked=False), changes
        return self._resumed()

    def _reported(self, now: float, policy: Policy) -> tuple["Condition", tuple[Change, ...]]:
        if now - self.reported_at < policy.reminder_seconds:
            return self, ()
        return replace(self, reported_at=now), (Change.PARKED,)

    def _set_back(
        self, began: float, now: float, policy: Policy, chance: float, at_least: float = 0.0
    ) -> "Condition":
        failures = self.failures + 1 if began >= self.failed_at else self.failures
        delay = max(policy.backoff.delay(failures, chance), min(at_least, _LONGEST_PAUSE))
        return replace(self, failures=failures, failed_at=now, rests_until=now + delay)

    def _resumed(self) -> tuple["Condition", tuple[Change, ...]]:
        if self.problem is not None:
            return Condition(), (Change.RESUMED,)
        return Condition(reported_at=self.reported_at), ()
