"""The catalog page: each event with its sample and schema, and a button that sends a test event."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import uuid_utils
from aiohttp import web

from magento_eventbridge.bridge.sinks import Sinks
from magento_eventbridge.catalog import EventDefinition
from magento_eventbridge.catalog.schema import detail_schema, fields
from magento_eventbridge.console.page_context import PageContext, form_of
from magento_eventbridge.console.queries import LARGEST_VIEW, number
from magento_eventbridge.delivery.envelope import full_metadata, metadata, sample_entry
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Fate, Verdict


@dataclass(frozen=True)
class Trial:
    """A test event, and the answer of AWS."""

    verdict: Verdict
    seconds: float
    identifier: str
    destination: Destination

    @property
    def is_delivered(self) -> bool:
        """Whether the bus took it."""
        return self.verdict.fate is Fate.DELIVERED


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        route = context.bridge.settings.route()
        events = context.bridge.catalog.events
        return context.page(
            request,
            "catalog.html",
            scopes=[(scope, list(of)) for scope, of in groupby(events, lambda e: e.scope)],
            route=route,
        )

    async def one(request: web.Request) -> web.StreamResponse:
        return _page(context, request, _event(context, request))

    async def send(request: web.Request) -> web.StreamResponse:
        event = _event(context, request)
        store = (await form_of(request)).get("store", ["0"])[0]
        view_id = number(store, LARGEST_VIEW) or 0
        context.record(
            request, "sends a test event, %s of store view %d", event.detail_type, view_id
        )
        return _page(context, request, event, await _try(context, event, view_id), view_id)

    return [
        web.get("/catalog", show),
        web.get("/catalog/{detail_type}", one),
        web.post("/catalog/{detail_type}", send),
    ]


async def _try(context: PageContext, event: EventDefinition, view_id: int) -> Trial:
    settings = context.bridge.settings
    route = settings.view(view_id).route()
    identifier = str(uuid_utils.uuid7())
    entry = sample_entry(event, route, identifier, time.time())
    sinks = Sinks(settings)
    began = time.monotonic()
    try:
        verdict = await sinks.try_out(route, entry)
    finally:
        await sinks.close()
    return Trial(verdict, time.monotonic() - began, identifier, route.destination)


def _page(
    context: PageContext,
    request: web.Request,
    event: EventDefinition,
    trial: Trial | None = None,
    view_id: int = 0,
) -> web.Response:
    route = context.bridge.settings.route()
    about = metadata("019aa1f8-5c2b-7d0e-9f3a-4b1c2d3e4f50", 1_795_453_984, queued=False)
    if route.detail == "full":
        about |= full_metadata(None)
    name = route.detail_type(event.detail_type)
    return context.page(
        request,
        "catalog_event.html",
        event=event,
        name=name,
        fields=fields(event, route.detail),
        sample=_json({**event.sample_at(route.detail), "metadata": about}),
        schema=_json(detail_schema(event, route.detail)),
        pattern=_json({"source": [route.source], "detail-type": [name]}),
        is_on=route.is_on(event),
        trial=trial,
        view_id=view_id,
        views=context.views(),
    )


def _event(context: PageContext, request: web.Request) -> EventDefinition:
    event = context.bridge.catalog.by_name.get(request.match_info["detail_type"])
    if event is None:
        raise web.HTTPNotFound(text="The catalog has no such event.")
    return event


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
