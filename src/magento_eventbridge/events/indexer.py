"""Indexer events: an index changed its state."""

from typing import Annotated, Literal

from magento_eventbridge.events.detail import Detail, Part, former, full_only
from magento_eventbridge.events.event import DETAIL_TYPE, EventBridgeEvent


class PreviousState(Part):
    """The former values of the fields that changed; only these are present."""

    status: str | None = former()


class IndexerState(Detail):
    """An index and its state: `valid`, `invalid`, `working` or `suspended`."""

    index: str
    status: str
    previous: PreviousState | None = full_only()


class StateSaved(EventBridgeEvent[IndexerState]):
    """An index changed its state; once for each change."""

    detail_type: Annotated[Literal["StateSaved"], DETAIL_TYPE]
