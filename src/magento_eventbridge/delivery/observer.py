"""The port for observers of delivery: journal, metrics, traces."""

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
    """A capture that was settled without a call.

    Attributes:
        at: in seconds since the epoch.
        capture: None when the claim's body is no capture.
        detail_type: empty when it is not known which event it means.
        reason: why it is a dead letter; None when its event is switched off or left out.
        is_left_out: whether the pattern of its declaration leaves it out.
    """

    at: float
    claim: Claim
    capture: Capture | None
    detail_type: str
    reason: str | None
    is_left_out: bool = False


class Observer(Protocol):
    """Called at once by the loop that delivers: it must neither block nor raise."""

    def called(self, call: Call) -> None:
        """Record a call."""
        ...

    def ended(self, end: Settlement) -> None:
        """Record what was settled without a call."""
        ...


class Observers(tuple[Observer, ...]):
    """Several observers, called in their order."""

    __slots__ = ()

    def called(self, call: Call) -> None:
        """Pass a call to all."""
        for observer in self:
            observer.called(call)

    def ended(self, end: Settlement) -> None:
        """Pass a settlement to all."""
        for observer in self:
            observer.ended(end)
