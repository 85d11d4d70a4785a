"""The route of each store view, from the settings."""

from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.settings.model import Settings


class Routes:
    """The routes of store views, made once for each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[int, Route] = {}

    def __call__(self, store_id: int) -> Route:
        """Give the route of a store view."""
        if store_id not in self._known:
            self._known[store_id] = self._settings.store(store_id).route()
        return self._known[store_id]

    def renew(self, settings: Settings) -> set[int]:
        """Go by other settings; gives the store views whose route is another one now."""
        former, self._known, self._settings = self._known, {}, settings
        return {store_id for store_id, route in former.items() if self(store_id) != route}

    @property
    def destinations(self) -> set[Destination]:
        """Where events may go."""
        views = (self._settings, *self._settings.stores.values())
        return {view.route().destination for view in views}
