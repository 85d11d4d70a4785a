"""The settings page: every value and its origin, for all store views and for each."""

from typing import NamedTuple

from aiohttp import web

from magento_eventbridge.catalog import EventDefinition
from magento_eventbridge.console.page_context import PageContext
from magento_eventbridge.console.queries import LARGEST_VIEW, number
from magento_eventbridge.delivery.routing import Route
from magento_eventbridge.doctor.settings_values import SettingValue, values_of
from magento_eventbridge.settings.view import ViewSettings

_ELSEWHERE = ("events", "detail_types", "stores")
_MAY_DIFFER = tuple(ViewSettings.model_fields)

Groups = dict[str, list[SettingValue]]


class EventSwitch(NamedTuple):
    """Whether an event is sent, and where that was set."""

    event: EventDefinition
    is_on: bool
    origin: str


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        settings = context.bridge.settings
        view = number(request.query.get("view", ""), LARGEST_VIEW)
        text = request.query.get("q", "").strip()
        is_changed_only = bool(request.query.get("changed"))
        route = (settings if view is None else settings.view(view)).route()
        groups = _all_groups(context) if view is None else view_groups(context, view)
        toggles = switches(context, route, view)
        shown = [
            switch
            for switch in toggles
            if _matches(f"{switch.event.detail_type} {switch.event.config_path}", text)
            and not (is_changed_only and switch.origin == "default")
        ]
        return context.page(
            request,
            "settings.html",
            groups=_filtered(groups, text, is_changed_only),
            toggles=shown,
            events=len(toggles),
            events_on=sum(switch.is_on for switch in toggles),
            text=text,
            is_changed_only=is_changed_only,
            view=view,
            views=context.views(),
        )

    return [web.get("/settings", show)]


def view_groups(context: PageContext, view: int) -> Groups:
    """Return what may differ from store view to store view, as it is in force for one."""
    own = context.bridge.settings.view(view)
    shared = ViewSettings(**{name: getattr(own, name) for name in _MAY_DIFFER})
    prefix = f"stores.{view}."
    return _grouped(
        [
            value._replace(name=value.name.removeprefix(prefix))
            for value in values_of(shared, context.bridge.origins, prefix)
        ]
    )


def switches(context: PageContext, route: Route, view: int | None) -> list[EventSwitch]:
    """Return the switch of each event, for a store view or for all of them."""
    return [
        EventSwitch(
            event,
            route.is_on(event),
            context.bridge.origins.of(_switch(event.config_path, view)),
        )
        for event in context.bridge.catalog.events
    ]


def _all_groups(context: PageContext) -> Groups:
    settings, origins = context.bridge.settings, context.bridge.origins
    return _grouped([v for v in values_of(settings, origins) if not v.name.startswith("stores.")])


def _grouped(values: list[SettingValue]) -> Groups:
    groups: Groups = {}
    for value in values:
        if value.name in _ELSEWHERE:
            continue  # empty groups
        group = value.name.partition(".")[0] if "." in value.name else "other"
        groups.setdefault(group, []).append(value)
    return groups


def _filtered(groups: Groups, text: str, is_changed_only: bool) -> Groups:
    """Return the settings that match, without the groups that have none."""
    found = {
        group: [
            value
            for value in values
            if _matches(f"{value.name} {value.value} {value.origin}", text)
            and not (is_changed_only and value.origin == "default")
        ]
        for group, values in groups.items()
    }
    return {group: values for group, values in found.items() if values}


def _matches(words: str, text: str) -> bool:
    return all(word in words.lower() for word in text.lower().split())


def _switch(config_path: str, view: int | None) -> str:
    name = f"events.{config_path.removeprefix('aws_eventbridge/events_')}"
    return name if view is None else f"stores.{view}.{name}"
