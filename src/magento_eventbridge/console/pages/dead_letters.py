"""The dead letters page: dead letters and parked events by reason, to redrive or drop."""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from urllib.parse import urlencode

from aiohttp import web

from magento_eventbridge.console.groups import DeadLetterGroup, grouped
from magento_eventbridge.console.letters import (
    LetterFilter,
    LetterRow,
    letters_of,
    matching,
    page_matching,
)
from magento_eventbridge.console.page_context import PageContext, form_of
from magento_eventbridge.console.queries import LARGEST_ROW, number
from magento_eventbridge.counting import count
from magento_eventbridge.delivery.ports import Queue, QueueError
from magento_eventbridge.delivery.reasons import explain, without_event
from magento_eventbridge.journal.archive import JournalError
from magento_eventbridge.visible_text import indented

_ACTED_ON_AT_ONCE = 500
_FAULTS_SHOWN = 20
_ON_A_PAGE = 50
# What may be reported as done: an address must not say anything else in the page's name.
_DONE = re.compile(r"none|[0-9]{1,18}-(redriven|dropped)")


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        if any(request.query.get(name) for name in ("queue", "kind", "q")):
            return await _list(context, request)
        return await _page(context, request)

    async def act(request: web.Request) -> web.StreamResponse:
        return await _act(context, request)

    async def one(request: web.Request) -> web.StreamResponse:
        queue = context.queue(request.match_info["queue"])
        dead = await context.letters(queue)
        letter = await dead.find(int(request.match_info["id"]))
        if letter is None:
            raise web.HTTPNotFound(text="This dead letter no longer exists.")
        route = context.bridge.settings.view(letter.view_id).route()
        return context.page(
            request,
            "dead_letter.html",
            letter=letter,
            row=LetterRow.of(letter),
            queue=queue.name,
            explanation=explain(letter.reason),
            capture=indented(route.shown_capture(letter.body.decode(errors="replace"))),
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
    """Show the dead letters of all queues, by reason."""
    groups: list[DeadLetterGroup] = []
    totals: dict[str, int] = {}
    unread: list[QueueError] = []
    for queue in context.bridge.queues:
        try:
            dead = await context.letters(queue)
            groups += await grouped(queue.name, dead)
            totals[queue.name] = await dead.count()
        except QueueError as error:
            unread.append(error)
    read = sum(group.count for group in groups)
    try:
        faults = [] if context.journal_problem else await context.archived().faults(_FAULTS_SHOWN)
    except JournalError:
        faults = []  # parked destinations are known even without a journal
    await context.depths(refresh=True)
    parked = [problem for problem in (await context.state()).problems if problem.is_parked]
    known = {problem.reason for problem in parked}
    return context.page(
        request,
        "dead_letters.html",
        groups=groups,
        total=sum(totals.values()),
        read=read,
        unread=unread,
        parked=parked,
        now=time.time(),
        faults=[f for f in faults if f.verdict == "parked" and f.reason not in known],
        done=_done(request),
        queues=list(totals),
    )


async def _list(context: PageContext, request: web.Request) -> web.Response:
    """Show the dead letters of one queue that match a filter, page by page."""
    filter_ = LetterFilter(request.query.get("kind", ""), request.query.get("q", "").strip())
    queue = await _chosen_queue(context, request.query.get("queue", ""), filter_)
    after = number(request.query.get("after", ""), LARGEST_ROW) or 0
    found: list[LetterRow] = []
    matches, is_all = 0, True
    if queue:
        dead = await context.letters(queue)
        letters, matches, is_all = await page_matching(
            dead, filter_.matches, _ON_A_PAGE + 1, after=after
        )
        found = [LetterRow.of(letter) for letter in letters]
    given = {"queue": queue.name if queue else "", "kind": filter_.kind, "q": filter_.text}
    following = ""
    if len(found) > _ON_A_PAGE:
        found = found[:_ON_A_PAGE]
        following = urlencode({**given, "after": found[-1].letter.id})
    await context.depths(refresh=True)
    reason = found[0].letter.reason if found and filter_.kind else ""
    return context.page(
        request,
        "dead_letter_list.html",
        found=found,
        given=given,
        filter=urlencode(given),
        reason=without_event(reason) if reason else "",
        explanation=explain(reason) if reason else None,
        count_=matches,
        is_all=is_all,
        following=following,
        is_first=after == 0,
        queues=[queue.name for queue in context.bridge.queues],
        done=_done(request),
    )


async def _chosen_queue(context: PageContext, name: str, filter_: LetterFilter) -> Queue | None:
    """Return the named queue, or the first one with a dead letter that matches."""
    if name:
        return context.queue(name)
    for queue in context.bridge.queues:
        with suppress(QueueError):  # that queue's own page reports it
            if await matching(await context.letters(queue), filter_.matches, 1):
                return queue
    return next(iter(context.bridge.queues), None)


async def _act(context: PageContext, request: web.Request) -> web.StreamResponse:
    """Redrive or drop the selected dead letters, those that match, or all of a queue."""
    form = await form_of(request)

    def field(name: str) -> str:
        return form.get(name, [""])[0]

    queue = context.queue(field("queue"))
    dead = await context.letters(queue)
    action, _, scope = field("act").partition("-")
    filter_ = LetterFilter(field("kind"), field("q"))
    letters: list[int] | None
    match scope:
        case "selected":
            ids = (number(text, LARGEST_ROW) for text in form.get("letter", []))
            letters = [id_ for id_ in ids if id_ is not None]
        case "kind" | "match":
            # What was buried after the question is not part of the answer.
            through = number(field("through"), LARGEST_ROW) or LARGEST_ROW
            letters = [
                letter.id
                async for letter in letters_of(dead)
                if letter.id <= through and filter_.matches(letter)
            ]
        case "all":
            letters = None
        case _:
            raise web.HTTPBadRequest(text="Name the dead letters: selected, kind, match or all.")
    back = {"queue": queue.name, "kind": filter_.kind, "q": filter_.text} if field("list") else {}
    if letters == []:
        raise web.HTTPSeeOther(_back(back, "none"))
    if action == "redrive":
        redriven = await _in_parts(dead.redrive, letters)
        context.record(request, "redrove %s of %s", count(redriven, "dead letter"), queue.name)
        raise web.HTTPSeeOther(_back(back, f"{redriven}-redriven"))
    if action != "drop":
        raise web.HTTPBadRequest(text="Name the action: redrive or drop.")
    present = await dead.count() if letters is None else len(letters)
    expected = number(field("expected"), LARGEST_ROW)
    has_grown = letters is None and expected is not None and present > expected
    if field("confirmed") != "yes" or has_grown:
        return context.page(
            request,
            "confirm_drop.html",
            count_=present,
            has_grown=has_grown,
            through=max(letters or [0]),
            queue=queue.name,
            act=f"{action}-{scope}",
            kind=filter_.kind,
            text=filter_.text,
            is_list=bool(back),
            back=_back(back, ""),
            letters=letters if scope == "selected" else [],
        )
    dropped = await _in_parts(dead.drop, letters)
    context.record(request, "dropped %s of %s", count(dropped, "dead letter"), queue.name)
    raise web.HTTPSeeOther(_back(back, f"{dropped}-dropped"))


def _done(request: web.Request) -> str:
    """Return what was done just now, as this page itself reports it."""
    done = request.query.get("done", "")
    return done if _DONE.fullmatch(done) else ""


def _back(to: dict[str, str], done: str) -> str:
    query = urlencode({**to, "done": done} if done else to)
    return f"/dead-letters?{query}" if query else "/dead-letters"


async def _in_parts(
    act: Callable[[Sequence[int] | None], Awaitable[int]], letters: list[int] | None
) -> int:
    """Act on the letters in parts, each small enough for one database statement."""
    if letters is None:
        return await act(None)
    done = 0
    for start in range(0, len(letters), _ACTED_ON_AT_ONCE):
        done += await act(letters[start : start + _ACTED_ON_AT_ONCE])
    return done


async def _download(context: PageContext, request: web.Request) -> web.StreamResponse:
    """Send the captures, one a line, in the format of `replay`."""
    filter_ = LetterFilter(request.query.get("kind", ""), request.query.get("q", ""))
    queue = context.queue(request.query.get("queue", ""))
    dead = await context.letters(queue)
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/x-ndjson",
            "Content-Disposition": f'attachment; filename="dead-letters-{queue.name}.ndjson"',
        }
    )
    await response.prepare(request)
    async for letter in letters_of(dead):
        if filter_.matches(letter):
            await response.write(letter.body.replace(b"\n", b" ") + b"\n")
    await response.write_eof()
    return response
