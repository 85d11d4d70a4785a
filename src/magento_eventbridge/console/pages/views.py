"""The page of a store view: its settings with their origin, its destination, its last events."""

import time

from aiohttp import web

from magento_eventbridge.console.page_context import PageContext
from magento_eventbridge.console.pages.settings import switches, view_groups
from magento_eventbridge.console.queries import LARGEST_VIEW, number
from magento_eventbridge.journal.archive import JournalError, Query

_EVENTS_SHOWN = 10


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        view = number(request.match_info["view"], LARGEST_VIEW) or 0
        route = context.bridge.settings.view(view).route()
        toggles = switches(context, route, view)
        events, fault = [], ""
        try:
            events = await context.archived().search(Query(view_id=view), _EVENTS_SHOWN)
        except JournalError as error:
            fault = str(error)
        return context.page(
            request,
            "view.html",
            view=view,
            title=context.views().get(view, str(view)),
            is_named=view in context.views(),
            route=route,
            is_in_queue_mode=context.bridge.settings.view(view).options.queue_mode,
            groups=view_groups(context, view),
            switched_off=[switch for switch in toggles if not switch.is_on],
            events_on=sum(switch.is_on for switch in toggles),
            events=events,
            journal_fault=fault,
            now=time.time(),
        )

    return [web.get(r"/views/{view:\d{1,20}}", show)]
