"""The route of each store view, from the settings."""

from dataclasses import replace

from magento_eventbridge.catalog import DOCUMENTED
from magento_eventbridge.catalog.declared import ShopCatalog
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.settings.model import Settings


class Routes:
    """The routes of store views, created once each."""

    def __init__(self, settings: Settings, catalog: ShopCatalog = DOCUMENTED) -> None:
        self._settings = settings
        self.catalog = catalog
        self._known: dict[int, Route] = {}

    def __call__(self, view_id: int) -> Route:
        """Return the route of a store view."""
        if view_id not in self._known:
            route = self._settings.view(view_id).route()
            self._known[view_id] = replace(route, catalog=self.catalog)
        return self._known[view_id]

    def renew(self, settings: Settings) -> set[int]:
        """Use new settings; return the store views whose route has changed."""
        former, self._known, self._settings = self._known, {}, settings
        return {view_id for view_id, route in former.items() if self(view_id) != route}

    def use(self, catalog: ShopCatalog) -> set[int]:
        """Use a new catalog of the shop; return the store views whose route has changed."""
        self.catalog = catalog
        return self.renew(self._settings)

    @property
    def destinations(self) -> set[Destination]:
        """The destinations of all store views."""
        views = (self._settings, *self._settings.stores.values())
        return {view.route().destination for view in views}
