"""Decide when to send which message: problems are grouped, repeated rarely, and end. Pure.

A problem waits for others before it is sent; after a message nothing is sent for a while, so that
a hundred problems are a few messages. A problem that ends before it was sent is not mentioned.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from magento_eventbridge.notifications.message import Message, Problem


@dataclass(frozen=True)
class DigestTimes:
    """How soon and how often, in seconds.

    Attributes:
        group: how long the first problem waits for others.
        pause: the least time between two messages.
        settle: how long a problem must be over before it counts as recovered.
        repeat: how often lasting problems are mentioned again.
    """

    group: float = 30.0
    pause: float = 300.0
    settle: float = 60.0
    repeat: float = 86_400.0


class Digest:
    """What was reported, and what is still to be reported."""

    def __init__(self, bridge: str, times: DigestTimes | None = None) -> None:
        self._bridge = bridge
        self._times = times or DigestTimes()
        self._waiting: dict[str, Problem] = {}
        self._reported: dict[str, Problem] = {}
        self._over_since: dict[str, float] = {}
        self._first_at: float | None = None
        self._sent_at = float("-inf")

    def next_message(self, present: Iterable[Problem], now: float) -> Message | None:
        """Return what is to be sent now, if anything.

        Args:
            present: the problems that last, and what has happened since the last call.
            now: in seconds of a monotonic clock.
        """
        current = {problem.key: problem for problem in present}
        self._add(current, now)
        recovered = self._recovered(current, now)
        if now - self._sent_at < self._times.pause:
            return None
        is_due = self._first_at is not None and now - self._first_at >= self._times.group
        is_repeated = bool(self._reported) and now - self._sent_at >= self._times.repeat
        if not (is_due or is_repeated or recovered):
            return None
        for problem in recovered:
            del self._reported[problem.key], self._over_since[problem.key]
        new = tuple(self._waiting.values()) if is_due or recovered else ()
        remaining = tuple(self._reported.values())
        self._reported |= {problem.key: problem for problem in new if problem.is_lasting}
        if new:
            self._waiting, self._first_at = {}, None
        self._sent_at = now
        return Message(self._bridge, new, tuple(recovered), remaining)

    def _add(self, current: dict[str, Problem], now: float) -> None:
        for key, problem in current.items():
            if key in self._reported:
                self._reported[key] = problem
            else:
                self._waiting[key] = problem
        for key in [k for k, one in self._waiting.items() if one.is_lasting and k not in current]:
            del self._waiting[key]
        if not self._waiting:
            self._first_at = None
        elif self._first_at is None:
            self._first_at = now

    def _recovered(self, current: dict[str, Problem], now: float) -> list[Problem]:
        """Return the reported problems that have been over for long enough."""
        for key in self._reported:
            if key in current:
                self._over_since.pop(key, None)
            else:
                self._over_since.setdefault(key, now)
        return [
            self._reported[key]
            for key, since in self._over_since.items()
            if now - since >= self._times.settle
        ]
