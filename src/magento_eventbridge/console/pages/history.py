"""The history page: what happened to one order, cart, customer or product, in order."""

import time

from aiohttp import web

from magento_eventbridge.console.letters import LetterFilter, LetterRow, matching
from magento_eventbridge.console.page_context import PageContext
from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.journal.archive import Summary

_MOST_EVENTS = 200
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
        letters, unread = await _letters(context, thing, events)
        return context.page(
            request,
            "history.html",
            thing=thing,
            events=events,
            is_cut=len(events) == _MOST_EVENTS,
            related=await archive.related(thing, _MOST_RELATED),
            letters=letters,
            unread=unread,
            order_link=await _order_link(context, thing, events),
            now=time.time(),
        )

    return [web.get("/history", show)]


async def _letters(
    context: PageContext, thing: str, events: list[Summary]
) -> tuple[list[tuple[str, LetterRow]], list[str]]:
    """Return dead letters that the journal no longer has, and queues that cannot be read."""
    known = {event.id for event in events}
    filter_ = LetterFilter(text=thing)
    rows: list[tuple[str, LetterRow]] = []
    unread: list[str] = []
    for queue in context.bridge.queues:
        try:
            letters = await matching(await context.letters(queue), filter_.matches, _MOST_LETTERS)
        except QueueError:
            unread.append(queue.name)
            continue
        rows += [(queue.name, LetterRow.of(one)) for one in letters if one.capture_id not in known]
    return rows, unread


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
