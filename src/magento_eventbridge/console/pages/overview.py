"""The overview page: status, throughput, latency and problems."""

import time
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from magento_eventbridge.console import charts
from magento_eventbridge.console.page_context import PageContext, form_of
from magento_eventbridge.journal.archive import Count, JournalError

_FAULTS_SHOWN = 5


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
        raise web.HTTPSeeOther("/")

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
        "destinations": [
            destination_status
            for dispatcher in context.bridge.dispatchers
            for destination_status in dispatcher.destinations
        ],
        "span": span,
        "spans": charts.SPANS.values(),
        "journal": context.bridge.journal,
        "journal_fault": "",
        "width": charts.WIDTH,
        "height": charts.HEIGHT,
    }
    try:
        archive = context.archived()
        counts = await archive.counts(min(span.start(now), int(now) - 360))
        faults = await archive.faults(_FAULTS_SHOWN)
        known = {problem.reason for problem in values["state"].problems}
    except JournalError as error:
        return values | {"journal_fault": str(error), "faults": dead}
    return values | {
        "rates": charts.rates(counts, span, now),
        "latencies": charts.latencies(counts, span, now),
        "last_minute": _in_last_minute(counts, now),
        "faults": [*(fault for fault in faults if fault.reason not in known), *dead],
    }


def _in_last_minute(counts: Sequence[Count], now: float) -> int:
    """Return the deliveries of 60 s: those of this minute, and a share of the last one's."""
    begun = int(now) // 60 * 60
    still_counts = 1 - (now - begun) / 60
    shares = {begun: 1.0, begun - 60: still_counts}
    delivered = (c.events * shares.get(c.minute, 0.0) for c in counts if c.kind == "scope")
    return round(sum(delivered))
