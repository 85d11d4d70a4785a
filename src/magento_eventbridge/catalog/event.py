"""The words in which the catalog tells of an event: what it is, and how a capture becomes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog.snapshot import Json
from magento_eventbridge.events.detail import Detail


class TranslationError(ValueError):
    """The capture's snapshot does not hold what the event's detail must say."""


def always(_: Capture) -> bool:
    """Tell of every capture of the event's Magento events."""
    return True


@dataclass(frozen=True, kw_only=True)
class EventDefinition:
    """One documented event.

    Attributes:
        detail_type: its name on the bus, as the reference documentation has it.
        config_path: the store's setting that switches it on.
        magento_events: the captured Magento events that can mean it.
        when: one sentence: when it is sent.
        detail: the model of its detail.
        translate: gives the detail of a capture.
        applies: tells whether a capture of one of its Magento events means it.
        sample: a detail as consumers see it, without metadata.
    """

    detail_type: str
    config_path: str
    magento_events: tuple[str, ...]
    when: str
    detail: type[Detail]
    translate: Callable[[Capture], Json]
    sample: Mapping[str, Any]
    applies: Callable[[Capture], bool] = always

    @property
    def scope(self) -> str:
        """The part of the shop it tells of, as `order`."""
        return self.config_path.split("/")[1].removeprefix("events_")

    @cached_property
    def label(self) -> str:
        """Its name in the original module's log, as `User/LoginFailed`."""
        words = self.config_path.split("/")[-1].split("_")
        return f"{self.scope.capitalize()}/{''.join(word.capitalize() for word in words)}"

    def detail_of(self, capture: Capture) -> Json:
        """Give the detail of a capture, as JSON holds it, without metadata and tracking.

        Raises:
            TranslationError: saying what in the snapshot is missing or wrong.
        """
        try:
            return self.translate(capture)
        except KeyError as error:
            raise TranslationError(
                f"{self.detail_type}: the snapshot has no {error.args[0]!r}"
            ) from None
        except ValueError as error:
            raise TranslationError(f"{self.detail_type}: {error}") from None
        except (AttributeError, TypeError) as error:
            raise TranslationError(
                f"{self.detail_type}: the snapshot has another shape than its event's: {error}"
            ) from None
