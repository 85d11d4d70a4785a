"""The destinations pages: a list of destinations and views, and all about one destination."""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from magento_eventbridge.aws.credentials import CredentialsInUse
from magento_eventbridge.console import charts
from magento_eventbridge.console.bridge_status import problems_of
from magento_eventbridge.console.page_context import PARTLY_PARKED, PageContext
from magento_eventbridge.delivery.reasons import Explanation, explain
from magento_eventbridge.delivery.routing import CredentialsSource, Destination
from magento_eventbridge.journal.archive import Counts, JournalError

_FAILURES_SHOWN = 10
_KINDS_SHOWN = 20
_CODES_SHOWN = 20
_LATELY = 360  # seconds: the figures of the present


@dataclass(frozen=True)
class Credentials:
    """How a destination's credentials are found, and which ones are in use; None: none yet."""

    source: CredentialsSource
    in_use: CredentialsInUse | None


@dataclass(frozen=True)
class FailureCode:
    """A code with which tries failed, its number of times, and when it was last counted."""

    code: str
    tries: int
    last_at: int

    @property
    def explanation(self) -> Explanation:
        """What it means, and what to do."""
        return explain(self.code)


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        name = request.query.get("name", "")
        if not name:
            return context.page(request, "destinations.html", **_overview(context))
        return context.page(request, "destination.html", **await _values(context, request, name))

    async def live(request: web.Request) -> web.StreamResponse:
        name = request.query.get("name", "")
        values = await _values(context, request, name)
        return context.page(request, "destination_live.html", **values)

    return [web.get("/destinations", show), web.get("/destinations/live", live)]


def _overview(context: PageContext) -> dict[str, Any]:
    events = context.bridge.catalog.events
    views = []
    for view_id, title in context.views().items():
        route = context.bridge.settings.view(view_id).route()
        views.append((view_id, title, route, sum(map(route.is_on, events))))
    return {"rows": context.destination_rows(), "views": views, "events": len(events)}


async def _values(context: PageContext, request: web.Request, name: str) -> dict[str, Any]:
    now = time.time()
    span = charts.SPANS.get(request.query.get("span", "hour"), charts.SPANS["hour"])
    statuses = [status for status in context.statuses() if str(status.destination) == name]
    known = [one for one in context.bridge.destinations if str(one) == name]
    known += [status.destination for status in statuses if status.destination not in known]
    if not known and not await _was_used(context, name):
        raise web.HTTPNotFound(text="The bridge knows no such destination.")
    values: dict[str, Any] = {
        "name": name,
        "now": now,
        "span": span,
        "spans": charts.SPANS.values(),
        "path_of_span": f"/destinations?{urlencode({'name': name})}&span=",
        "destination": known[0] if known else None,
        "views": context.views_of(name),
        "in_memory": sum(status.in_memory for status in statuses),
        "calls": sum(status.calls for status in statuses),
        "is_used": bool(statuses),
        "problems": problems_of(statuses, now - time.monotonic()),
        "refused": [refused for status in statuses for refused in status.refused],
        "offset": now - time.monotonic(),
        "credentials": _credentials(context, known),
        "partly_parked": PARTLY_PARKED,
        "failed_lately": 0,
        "journal_fault": "",
        "width": charts.WIDTH,
        "height": charts.HEIGHT,
    }
    try:
        archive = context.archived()
        counts = await archive.counts(
            span.start(now), in_quarters=span.is_in_quarters, destination=name
        )
        lately = await archive.counts(now - _LATELY, destination=name)
        failures = await archive.last_failures(name, _FAILURES_SHOWN)
        kinds = await archive.waiting_kinds(name, _KINDS_SHOWN)
    except JournalError as error:
        return values | {"journal_fault": str(error)}
    outcomes = context.last_minute(now, name)
    return values | {
        "figures": charts.figures(counts, span, now, {"destination": name}),
        "latency_now": charts.latency_of(lately),
        "last_minute": outcomes.delivered,
        "failed_lately": outcomes.failed,
        "codes": _codes(counts),
        "failures": failures,
        "kinds": kinds,
    }


async def _was_used(context: PageContext, name: str) -> bool:
    """Return whether the journal has events of a destination that the settings no longer name."""
    try:
        return await context.archived().has_destination(name)
    except JournalError:
        return False


def _credentials(context: PageContext, destinations: list[Destination]) -> list[Credentials]:
    sources = dict.fromkeys(one.credentials for one in destinations if not one.dry_run)
    return [Credentials(source, context.bridge.credentials.in_use(source)) for source in sources]


def _codes(counts: list[Counts]) -> list[FailureCode]:
    """Return the codes of failed tries, the most frequent first."""
    tries: dict[str, int] = {}
    last_at: dict[str, int] = {}
    for one in counts:
        if one.kind == "code":
            for code, events in one.events.items():
                tries[code] = tries.get(code, 0) + events
                last_at[code] = max(last_at.get(code, 0), one.start)
    codes = [FailureCode(code, number, last_at[code]) for code, number in tries.items()]
    return sorted(codes, key=lambda one: -one.tries)[:_CODES_SHOWN]
