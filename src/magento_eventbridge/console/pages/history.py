"""The history page: what happened to one order, cart, customer or product, in order."""

import time

from aiohttp import web

from magento_eventbridge.console.letters import LetterFilter, LetterRow, matching
from magento_eventbridge.console.page_context import PageContext
from magento_eventbridge.journal.archive import Summary

_MOST_EVENTS = 500
_MOST_RELATED = 12
_MOST_LETTERS = 50


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        thing = request.query.get("of", "").strip()
        if not thing:
            return context.page(request, "history.html", thing="", events=[])
        archive = context.archived()
        events = await archive.history(thing, _MOST_EVENTS)
        return context.page(
            request,
            "history.html",
            thing=thing,
            events=events,
            is_cut=len(events) == _MOST_EVENTS,
            related=await archive.related(thing, _MOST_RELATED),
            letters=await _letters(context, thing, events),
            order_link=await _order_link(context, thing, events),
            now=time.time(),
        )

    return [web.get("/history", show)]


async def _letters(
    context: PageContext, thing: str, events: list[Summary]
) -> list[tuple[str, LetterRow]]:
    """Return the dead letters about the thing that the journal no longer has."""
    known = {event.id for event in events}
    filter_ = LetterFilter(text=thing)
    return [
        (queue.name, LetterRow.of(letter))
        for queue in context.bridge.queues
        for letter in await matching(queue, filter_.matches, _MOST_LETTERS)
        if letter.capture_id not in known
    ]


async def _order_link(context: PageContext, thing: str, events: list[Summary]) -> str:
    """Return the address of the order's page in Magento's admin; empty: it is not known."""
    admin = context.bridge.settings.console.magento_admin_url
    if not admin:
        return ""
    for event in reversed(events):
        if (event.subject or "").startswith("order/"):
            record = await context.archived().find(event.id)
            if record and (identifier := record.order_entity_id):
                return f"{admin.rstrip('/')}/sales/order/view/order_id/{identifier}"
    return ""
