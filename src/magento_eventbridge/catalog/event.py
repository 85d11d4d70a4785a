"""Define an event of the catalog: its names, and how a capture becomes its detail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog.snapshot import Json
from magento_eventbridge.events.detail import Detail
from magento_eventbridge.events.union import CLASSES

DetailLevel = Literal["documented", "full"]
"""How much a detail says: the fields of the reference documentation, or more beside them."""


# The fields of snapshots with the key of the row, by scope.
_KEYS = {
    "order": "entity_id",
    "invoice": "entity_id",
    "creditmemo": "entity_id",
    "shipment": "entity_id",
    "customer": "id",
    "newsletter": "subscriber_id",
}
_KEY_DIGITS = 19


class TranslationError(ValueError):
    """The capture's snapshot lacks something that the event's detail needs."""


def always(_: Capture) -> bool:
    """Apply to every capture of the event's Magento events."""
    return True


def nothing(_: Capture) -> Json:
    """Return no fields: a full detail of the event is the documented one."""
    return {}


@dataclass(frozen=True, kw_only=True)
class EventDefinition:
    """One documented event.

    Attributes:
        detail_type: its name on the bus, as the reference documentation has it.
        config_path: the store's setting that switches it on.
        magento_events: the captured Magento events that can mean it.
        detail: the model of its detail.
        translate: returns the detail of a capture.
        applies: returns whether a capture of one of its Magento events means it.
        sample: a detail as consumers see it, without metadata.
        add_full: returns what a full detail has beside, or in the place of, documented fields.
        full_sample: the same of the sample.
        own_fields: the names of the fields that the shop adds to it.
        unordered: why it needs no place among the events of its subject; empty: it keeps its place.
        description: of an own event: when it is sent; empty: its class says so.
    """

    detail_type: str
    config_path: str
    magento_events: tuple[str, ...]
    detail: type[Detail]
    translate: Callable[[Capture], Json]
    sample: Mapping[str, Any]
    applies: Callable[[Capture], bool] = always
    add_full: Callable[[Capture], Json] = nothing
    full_sample: Mapping[str, Any] = field(default_factory=dict)
    own_fields: frozenset[str] = frozenset()
    unordered: str = ""
    description: str = ""

    @cached_property
    def when(self) -> str:
        """One sentence: when it is sent."""
        return self.description or " ".join((CLASSES[self.detail_type].__doc__ or "").split())

    @cached_property
    def is_ordered(self) -> bool:
        """Whether it keeps its place among the events of its subject."""
        return not self.unordered

    @cached_property
    def scope(self) -> str:
        """The part of the shop that it is about, as `order`."""
        return self.config_path.split("/")[1].removeprefix("events_")

    @cached_property
    def label(self) -> str:
        """Its name in the original module's log, as `User/LoginFailed`."""
        words = self.config_path.split("/")[-1].split("_")
        return f"{self.scope.capitalize()}/{''.join(word.capitalize() for word in words)}"

    def entity_of(self, capture: Capture) -> str:
        """Return the key of the row that the event is about; empty: it is about none."""
        if self._key is None:
            return ""
        text = str(capture.snapshot.get(self._key))
        return text if text.isascii() and text.isdecimal() and len(text) < _KEY_DIGITS else ""

    @cached_property
    def _key(self) -> str | None:
        return _KEYS.get(self.scope)

    def order_key_of(self, capture: Capture) -> str:
        """Return the key of captures whose order is kept: the capture alone if it needs none."""
        return capture.order_key if self.is_ordered else capture.id

    def sample_at(self, level: DetailLevel) -> Json:
        """Return a sample of the detail of one level, without metadata."""
        return {**self.sample, **(self.full_sample if level == "full" else {})}

    def detail_of(self, capture: Capture, level: DetailLevel = "documented") -> Json:
        """Return the detail of a capture as JSON values, without metadata and tracking.

        Raises:
            TranslationError: with what is missing or wrong in the snapshot.
        """
        try:
            detail = self.translate(capture)
            return {**detail, **self.add_full(capture)} if level == "full" else detail
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
