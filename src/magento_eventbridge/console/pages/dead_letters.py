"""The dead letters page: dead letters and parked events by reason, to redrive or drop."""

import json
import logging
from typing import Any

from aiohttp import web

from magento_eventbridge.console.groups import grouped, letters_of
from magento_eventbridge.console.page_context import SESSION, PageContext, form_of
from magento_eventbridge.console.queries import LARGEST_ROW, number
from magento_eventbridge.delivery.reasons import explain, pattern_of
from magento_eventbridge.journal.archive import JournalError

log = logging.getLogger(__name__)

_ACTED_ON_AT_ONCE = 500
_FAULTS_SHOWN = 20


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        return await _page(context, request)

    async def act(request: web.Request) -> web.StreamResponse:
        return await _act(context, request)

    async def one(request: web.Request) -> web.StreamResponse:
        queue = context.queue(request.match_info["queue"])
        letter = await queue.dead_letters.find(int(request.match_info["id"]))
        if letter is None:
            raise web.HTTPNotFound(text="This dead letter no longer exists.")
        privacy = context.bridge.settings.view(letter.view_id).route().privacy
        return context.page(
            request,
            "dead_letter.html",
            letter=letter,
            queue=queue.name,
            explanation=explain(letter.reason),
            capture=_pretty(privacy.of_capture(letter.body.decode(errors="replace"))),
        )

    async def download(request: web.Request) -> web.StreamResponse:
        return await _download(context, request)

    return [
        web.get("/dead-letters", show),
        web.post("/dead-letters", act),
        web.get("/dead-letters.ndjson", download),
        web.get(r"/dead-letters/{queue}/{id:\d{1,18}}", one),
    ]


async def _page(context: PageContext, request: web.Request) -> web.Response:
    groups = [group for queue in context.bridge.queues for group in await grouped(queue)]
    totals = {queue.name: await queue.dead_letters.count() for queue in context.bridge.queues}
    read = sum(len(group.letters) for group in groups)
    try:
        faults = await context.archived().faults(_FAULTS_SHOWN)
    except JournalError:
        faults = []  # parked destinations are known even without a journal
    destinations = [
        destination_status
        for dispatcher in context.bridge.dispatchers
        for destination_status in dispatcher.destinations
        if destination_status.is_parked
    ]
    problems = {destination_status.problem for destination_status in destinations}
    await context.depths(refresh=True)
    return context.page(
        request,
        "dead_letters.html",
        groups=groups,
        total=sum(totals.values()),
        read=read,
        destinations=destinations,
        faults=[f for f in faults if f.verdict == "parked" and f.reason not in problems],
        done=request.query.get("done", ""),
        queues=list(totals),
    )


async def _act(context: PageContext, request: web.Request) -> web.StreamResponse:
    """Redrive or drop the selected dead letters, those of one kind, or all of a queue."""
    form = await form_of(request)
    queue = context.queue(form.get("queue", [""])[0])
    action, _, scope = form.get("act", [""])[0].partition("-")
    kind = form.get("kind", [""])[0]
    letters: list[int] | None
    match scope:
        case "selected":
            ids = (number(text, LARGEST_ROW) for text in form.get("letter", []))
            letters = [id_ for id_ in ids if id_ is not None]
        case "kind":
            letters = [
                letter.id async for letter in letters_of(queue) if pattern_of(letter.reason) == kind
            ]
        case "all":
            letters = None
        case _:
            raise web.HTTPBadRequest(text="Name the dead letters: selected, kind or all.")
    if letters == []:
        raise web.HTTPSeeOther("/dead-letters?done=none")
    if action == "redrive":
        count = await _in_parts(queue.dead_letters.redrive, letters)
        log.info("Console: %s redrove %d of %s", request[SESSION].user, count, queue.name)
        raise web.HTTPSeeOther(f"/dead-letters?done={count}-redriven")
    if action != "drop":
        raise web.HTTPBadRequest(text="Name the action: redrive or drop.")
    if form.get("confirmed") != ["yes"]:
        count = await queue.dead_letters.count() if letters is None else len(letters)
        return context.page(
            request,
            "confirm_drop.html",
            count_=count,
            queue=queue.name,
            act=f"{action}-{scope}",
            kind=kind,
            letters=letters if scope == "selected" else [],
        )
    count = await _in_parts(queue.dead_letters.drop, letters)
    log.warning("Console: %s dropped %d of %s", request[SESSION].user, count, queue.name)
    raise web.HTTPSeeOther(f"/dead-letters?done={count}-dropped")


async def _in_parts(act: Any, letters: list[int] | None) -> int:
    """Act on the letters in parts, each small enough for one database statement."""
    if letters is None:
        return int(await act(None))
    done = 0
    for start in range(0, len(letters), _ACTED_ON_AT_ONCE):
        done += await act(letters[start : start + _ACTED_ON_AT_ONCE])
    return done


async def _download(context: PageContext, request: web.Request) -> web.StreamResponse:
    """Send the captures, one a line, in the format of `replay`."""
    kind = request.query.get("kind", "")
    queue = context.queue(request.query.get("queue", ""))
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/x-ndjson",
            "Content-Disposition": f'attachment; filename="dead-letters-{queue.name}.ndjson"',
        }
    )
    await response.prepare(request)
    async for letter in letters_of(queue):
        if not kind or pattern_of(letter.reason) == kind:
            await response.write(letter.body.replace(b"\n", b" ") + b"\n")
    await response.write_eof()
    return response


def _pretty(capture: str) -> str:
    try:
        return json.dumps(json.loads(capture), indent=2, ensure_ascii=False)
    except ValueError:
        return capture
