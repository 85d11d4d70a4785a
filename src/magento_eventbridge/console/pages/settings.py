"""The settings page: every value and its origin, for all store views and for each."""

from aiohttp import web

from magento_eventbridge.console.page_context import PageContext
from magento_eventbridge.console.queries import LARGEST_VIEW, number
from magento_eventbridge.doctor.settings_values import SettingValue, values_of
from magento_eventbridge.settings.view import ViewSettings

_ELSEWHERE = ("events", "detail_types", "stores")
_MAY_DIFFER = tuple(ViewSettings.model_fields)


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        settings, origins = context.bridge.settings, context.bridge.origins
        asked = request.query.get("view", "")
        view = number(asked, LARGEST_VIEW)
        if view is None:
            values = [v for v in values_of(settings, origins) if not v.name.startswith("stores.")]
        else:
            prefix = f"stores.{view}."
            own = settings.view(view)
            shared = ViewSettings(**{name: getattr(own, name) for name in _MAY_DIFFER})
            values = [
                value._replace(name=value.name.removeprefix(prefix))
                for value in values_of(shared, origins, prefix)
            ]
        route = (settings if view is None else settings.view(view)).route()
        return context.page(
            request,
            "settings.html",
            groups=_grouped(values),
            toggles=[
                (
                    event,
                    event.config_path not in route.switched_off,
                    origins.of(_switch(event.config_path, view)),
                )
                for event in context.bridge.catalog.events
            ],
            route=route,
            view=view,
            views=context.views(),
        )

    return [web.get("/settings", show)]


def _grouped(values: list[SettingValue]) -> dict[str, list[SettingValue]]:
    groups: dict[str, list[SettingValue]] = {}
    for value in values:
        if value.name in _ELSEWHERE:
            continue  # empty groups
        group = value.name.partition(".")[0] if "." in value.name else "other"
        groups.setdefault(group, []).append(value)
    return groups


def _switch(config_path: str, view: int | None) -> str:
    name = f"events.{config_path.removeprefix('aws_eventbridge/events_')}"
    return name if view is None else f"stores.{view}.{name}"
