"""From declarations to the catalog of the shop."""

from collections.abc import Iterable
from functools import partial

from magento_eventbridge.catalog import EVENTS, event_of
from magento_eventbridge.catalog.declared import Declaration, ShopCatalog
from magento_eventbridge.catalog.matching import matches


def catalog_of(declarations: Iterable[Declaration], *, is_known: bool = True) -> ShopCatalog:
    """Return the catalog of a shop that declares these; not known: captures of own events wait."""
    declared = tuple(declarations)
    return ShopCatalog(
        EVENTS,
        event_of,
        declared,
        {
            declaration.name: partial(matches, declaration.pattern)
            for declaration in declared
            if declaration.pattern is not None
        },
        is_known=is_known,
    )
