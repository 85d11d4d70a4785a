"""The route of each store view, from the settings."""

from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.settings.model import Settings


class Routes:
    """The routes of store views, created once each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[int, Route] = {}

    def __call__(self, view_id: int) -> Route:
        """Return the route of a store view."""
        if view_id not in self._known:
            self._known[view_id] = self._settings.view(view_id).route()
        return self._known[view_id]

    def renew(self, settings: Settings) -> set[int]:
        """Use new settings; return the store views whose route has changed."""
        former, self._known, self._settings = self._known, {}, settings
        return {view_id for view_id, route in former.items() if self(view_id) != route}

    @property
    def destinations(self) -> set[Destination]:
        """The destinations of all store views."""
        views = (self._settings, *self._settings.stores.values())
        return {view.route().destination for view in views}
