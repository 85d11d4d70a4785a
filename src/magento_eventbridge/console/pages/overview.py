"""The overview page: status, throughput, latency and problems."""

import time
from typing import Any

from aiohttp import web

from magento_eventbridge.console import charts
from magento_eventbridge.console.page_context import PageContext, form_of
from magento_eventbridge.journal.archive import JournalError

_FAULTS_SHOWN = 5
_LATELY = 360  # seconds: the figures of the present


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        return context.page(request, "overview.html", **await _values(context, request))

    async def live(request: web.Request) -> web.StreamResponse:
        return context.page(request, "overview_live.html", **await _values(context, request))

    async def try_now(request: web.Request) -> web.StreamResponse:
        destination = (await form_of(request)).get("destination", [""])[0]
        tried = [dispatcher.try_now(destination) for dispatcher in context.bridge.dispatchers]
        if any(tried):
            context.record(request, "tries %s now", destination)
        goal = (await form_of(request)).get("back", ["/"])[0]
        raise web.HTTPSeeOther(
            goal if goal.startswith("/destinations?") or goal == "/dead-letters" else "/"
        )

    return [
        web.get("/", show),
        web.get("/overview/live", live),
        web.post("/destinations/try", try_now),
    ]


async def _values(context: PageContext, request: web.Request) -> dict[str, Any]:
    now = time.time()
    span = charts.SPANS.get(request.query.get("span", "hour"), charts.SPANS["hour"])
    dead = await context.dead_faults()
    values: dict[str, Any] = {
        "now": now,
        "state": await context.state(),
        "queues": await context.depths(),
        "destinations": context.destination_rows(),
        "span": span,
        "spans": charts.SPANS.values(),
        "path_of_span": "/?span=",
        "journal": context.bridge.journal,
        "journal_fault": "",
        "width": charts.WIDTH,
        "height": charts.HEIGHT,
    }
    try:
        archive = context.archived()
        counts = await archive.counts(span.start(now), in_quarters=span.is_in_quarters)
        lately = await archive.counts(now - _LATELY)
        faults = [] if context.journal_problem else await archive.faults(_FAULTS_SHOWN)
        known = {problem.reason for problem in values["state"].problems}
    except JournalError as error:
        return values | {"journal_fault": str(error), "faults": dead}
    return values | {
        "figures": charts.figures([one for one in counts if one.kind != "memory"], span, now),
        "latency_now": charts.latency_of(lately),
        "last_minute": context.last_minute(now).delivered,
        "faults": [*(fault for fault in faults if fault.reason not in known), *dead],
    }
