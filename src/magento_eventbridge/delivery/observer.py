"""What delivery tells of its work to whoever keeps a journal of it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from magento_eventbridge.captures import Capture
from magento_eventbridge.delivery.lane import Pending
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, Verdict


class Call(NamedTuple):
    """One call to a destination; `verdicts` are those on the batch, in its order.

    Attributes:
        at: when it was answered, in seconds since the epoch.
        seconds: how long it took.
    """

    at: float
    seconds: float
    destination: Destination
    batch: Sequence[Pending]
    verdicts: Sequence[Verdict]
    answer: Answer


class Settlement(NamedTuple):
    """The end of a capture that came without a call.

    Attributes:
        at: in seconds since the epoch.
        capture: None when the claim's body is no capture.
        detail_type: empty when it is not known which event it means.
        reason: why it is a dead letter; None when its event is switched off.
    """

    at: float
    claim: Claim
    capture: Capture | None
    detail_type: str
    reason: str | None


class Observer(Protocol):
    """Is told of everything at once, by the loop that delivers: it may not block, nor raise."""

    def called(self, call: Call) -> None:
        """Take note of a call."""
        ...

    def ended(self, end: Settlement) -> None:
        """Take note of an end without a call."""
        ...


class Observers(tuple[Observer, ...]):
    """Several journals that are told the same, in their order."""

    __slots__ = ()

    def called(self, call: Call) -> None:
        """Tell all of a call."""
        for journal in self:
            journal.called(call)

    def ended(self, end: Settlement) -> None:
        """Tell all of an end without a call."""
        for journal in self:
            journal.ended(end)
