"""The events pages: the live tail, the search, and all that is known of one event."""

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from aiohttp import web

from magento_eventbridge.console.page_context import PageContext, form_of
from magento_eventbridge.console.queries import LARGEST_ROW, LARGEST_VIEW, number
from magento_eventbridge.console.words import VERDICTS, when
from magento_eventbridge.counting import count
from magento_eventbridge.journal.archive import Exported, JournalError, Query
from magento_eventbridge.visible_text import indented

_TIMES = ("since", "until", "tried_since", "tried_until", "failed_since", "failed_until")
_FIELDS = ("q", "type", "verdict", "store", *_TIMES, "destination", "everywhere")
_IN_FORM = frozenset({"q", "type", "verdict", "store", "since", "until"})
_TITLES = {
    "q": "text",
    "type": "detail-type",
    "verdict": "verdict",
    "store": "store view",
    "since": "from",
    "until": "until",
    "tried_since": "last try from",
    "tried_until": "last try until",
    "failed_since": "failed try from",
    "failed_until": "failed try until",
    "destination": "destination",
    "everywhere": "whole text",
}
_MOST_COUNTED = 10_000
_MOST_SENT_AGAIN = 10_000
_ON_A_PAGE = 50
_DOWNLOADED_AT_ONCE = 200
# How often a tail reads the journal, in seconds, and how many events it sends at a time.
_READS_EVERY = 0.25
_AT_A_TIME = 50
# Keeps proxies from closing a quiet tail as idle.
_KEEP_ALIVE_EVERY = 15.0


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        given = _given(request)
        query, faults = _query(given)
        # Taken before the search: what is written meanwhile is sent twice rather than not at all.
        since = time.time() - 1
        before = request.query.get("before", "")
        found = await context.archived().search(
            query, _ON_A_PAGE + 1, before=number(before, LARGEST_ROW)
        )
        older = ""
        if len(found) > _ON_A_PAGE:
            found = found[:_ON_A_PAGE]
            older = urlencode({**given, "before": found[-1].seq})
        matches: int | None = None
        if given and not before and not older:
            matches = len(found)  # all of them: counting would search once more
        elif given:
            matches = await context.archived().count(query, _MOST_COUNTED + 1)
        return context.page(
            request,
            "events.html",
            found=found,
            given=dict.fromkeys(_FIELDS, "") | given | dict.fromkeys(faults, ""),
            kept_filter={name: given[name] for name in given if name not in _IN_FORM},
            is_search=bool(given),
            fault="; ".join(faults.values()),
            chips=_chips(given),
            matches=matches,
            most_counted=_MOST_COUNTED,
            done=request.query.get("done", "")[:9],
            filter=urlencode(given),
            since=since,
            is_first=not before,
            older=older,
            kept=context.bridge.settings.journal,
            detail_types=[event.detail_type for event in context.bridge.catalog.events],
            verdicts=VERDICTS,
            views=context.views(),
            now=time.time(),
        )

    async def tail(request: web.Request) -> web.StreamResponse:
        return await _tail(context, request)

    async def download(request: web.Request) -> web.StreamResponse:
        return await _download(context, request)

    async def one(request: web.Request) -> web.StreamResponse:
        record = await context.archived().find(request.match_info["id"])
        if record is None:
            raise web.HTTPNotFound(
                text="The journal does not have this event: it is too old, or delivery has not "
                "tried it yet."
            )
        summary = record.summary
        pattern = {"source": [summary.source], "detail-type": [summary.detail_type]}
        return context.page(
            request,
            "event.html",
            event=summary,
            attempts=record.attempts,
            detail=indented(record.detail or ""),
            capture=indented(record.capture or ""),
            pattern=json.dumps(pattern, indent=2, ensure_ascii=False),
            done=request.query.get("done", ""),
            personal_data=context.bridge.settings.journal.personal_data,
        )

    async def send_one_again(request: web.Request) -> web.StreamResponse:
        identifier = request.match_info["id"]
        record = await context.archived().find(identifier)
        if record is None or record.summary.verdict != "delivered" or not record.capture:
            raise web.HTTPNotFound(text="The journal has no such delivered event any more.")
        if context.bridge.settings.journal.personal_data != "keep":
            raise web.HTTPBadRequest(text="The journal keeps no complete captures.")
        await context.bridge.send_again([record.capture.encode()])
        context.record(request, "sends event %s again", identifier)
        raise web.HTTPSeeOther(f"/events/{quote(identifier)}?done=1")

    async def send_again(request: web.Request) -> web.StreamResponse:
        form = await form_of(request)
        given = {name: form[name][0] for name in _FIELDS if form.get(name, [""])[0]}
        query, faults = _query(given)
        if not given or faults:
            raise web.HTTPBadRequest(text="Search first: the filter says which events are sent.")
        # What was delivered after the question is not part of the answer.
        asked_at = _asked_at(form) or time.time()
        query = replace(query, tried_until=min(query.tried_until or asked_at, asked_at))
        bodies = await context.archived().captures(query, _MOST_SENT_AGAIN)
        back = urlencode(given)
        if not bodies:
            raise web.HTTPSeeOther(f"/events?{back}&done=none")
        if form.get("confirmed") != ["yes"]:
            return context.page(
                request,
                "confirm_send_again.html",
                count_=len(bodies),
                is_cut=len(bodies) == _MOST_SENT_AGAIN,
                asked_at=asked_at,
                given=given,
                filter=back,
            )
        await context.bridge.send_again(bodies)
        context.record(request, "sends %s again: %s", count(len(bodies), "event"), back)
        raise web.HTTPSeeOther(f"/events?{back}&done={len(bodies)}")

    return [
        web.post("/events/send-again", send_again),
        web.post("/events/{id:.+}/send-again", send_one_again),
        web.get("/events", show),
        web.get("/events.ndjson", download),
        web.get("/events/tail", tail),
        web.get("/events/{id:.+}", one),
    ]


async def _download(context: PageContext, request: web.Request) -> web.StreamResponse:
    """Send the events that match, one JSON object a line, in the order of their first try."""
    query, faults = _query(_given(request))
    if faults:
        raise web.HTTPBadRequest(text="; ".join(faults.values()))
    archive = context.archived()
    page = await archive.export(query, _DOWNLOADED_AT_ONCE)  # an error is answered with a page
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/x-ndjson",
            "Content-Disposition": 'attachment; filename="events.ndjson"',
        }
    )
    await response.prepare(request)
    while page:
        await response.write(b"".join(_line(event) for event in page))
        page = await archive.export(query, _DOWNLOADED_AT_ONCE, after=page[-1].summary.seq)
    await response.write_eof()
    return response


def _line(event: Exported) -> bytes:
    summary = event.summary
    value = {
        "id": summary.id,
        "detailType": summary.detail_type,
        "source": summary.source,
        "subject": summary.subject,
        "storeId": summary.view_id,
        "destination": summary.destination,
        "happenedAt": when(summary.happened_at),
        "changedAt": when(summary.changed_at),
        "verdict": summary.verdict,
        "reason": summary.reason,
        "tries": summary.tries,
        "eventId": summary.event_id,
        "detail": json.loads(event.detail) if event.detail else None,
    }
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


async def _tail(context: PageContext, request: web.Request) -> web.StreamResponse:
    """Send new results as server-sent events until the browser disconnects."""
    query, _ = _query(_given(request))
    try:
        since = float(request.query.get("from", ""))
    except ValueError:
        since = time.time()
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    with suppress(ConnectionResetError):  # the browser has left the page
        await _follow(context, response, query, since)
    return response


async def _follow(
    context: PageContext, response: web.StreamResponse, query: Query, since: float
) -> None:
    sent_at = 0.0
    while not context.is_closing:
        try:
            changed = await context.archived().changed(query, since, _AT_A_TIME)
        except JournalError:
            changed = []  # the page explains it when it is loaded again
        for event in changed:
            since = max(since, event.changed_at)
            row = context.part("event_row.html", event=event, now=time.time())
            lines = "".join(f"data: {line}\n" for line in row.splitlines() if line.strip())
            await response.write(f"event: row\n{lines}\n".encode())
        if changed or time.monotonic() - sent_at > _KEEP_ALIVE_EVERY:
            sent_at = time.monotonic()
            await response.write(b": here\n\n")
        await asyncio.sleep(_READS_EVERY)


def _asked_at(form: dict[str, list[str]]) -> float | None:
    """Return when the person was asked to confirm; None: they were not.

    Raises:
        web.HTTPBadRequest: it is no time.
    """
    text = form.get("asked_at", [""])[0]
    try:
        return float(text) if text else None
    except ValueError:
        raise web.HTTPBadRequest(text="The form has a time that cannot be read.") from None


def _given(request: web.Request) -> dict[str, str]:
    return {name: value for name in _FIELDS if (value := request.query.get(name, "").strip())}


def _query(given: dict[str, str]) -> tuple[Query, dict[str, str]]:
    """Return the search form's query, and the error of each field that cannot be read."""
    faults = {}
    times: dict[str, float | None] = {}
    for name in _TIMES:
        try:
            times[name] = _time(given.get(name, ""))
        except (ValueError, OverflowError):
            faults[name] = f"'{given[name]}' is not a time; write it as 2026-11-23 17:13"
    store = given.get("store", "")
    query = Query(
        text=given.get("q", ""),
        detail_type=given.get("type", ""),
        verdict=given.get("verdict", ""),
        view_id=number(store, LARGEST_VIEW),
        destination=given.get("destination", ""),
        **times,
        everywhere=bool(given.get("everywhere")),
    )
    return query, faults


def _chips(given: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return each condition's title and value, and the filter without it."""
    return [
        (
            _TITLES[name],
            "yes" if name == "everywhere" else value,
            urlencode({other: given[other] for other in given if other != name}),
        )
        for name, value in given.items()
    ]


def _time(text: str) -> float | None:
    """Parse a time as browsers and people write it, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() if text else None
