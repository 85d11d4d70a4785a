"""The login page: log in by a link or a password, and log out."""

import logging
from urllib.parse import quote

from aiohttp import web

from magento_eventbridge.console.access import AccessError, Session
from magento_eventbridge.console.page_context import SESSION, PageContext, form_of

log = logging.getLogger(__name__)


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        goal = _safe(request.query.get("next", "/"))
        token = request.query.get("token", "")
        # A link counts for those who are logged in, too: it may be of another role. Opening it does
        # not use it up, since chat programs and mail filters open links to show or check them.
        if visitor := context.access.visitor_of(token):
            return context.page(request, "login_link.html", next=goal, token=token, visitor=visitor)
        if request[SESSION].user:
            raise web.HTTPSeeOther(goal)
        return _refused(context, request, goal) if token else _page(context, request, goal)

    async def log_in(request: web.Request) -> web.StreamResponse:
        form = await form_of(request)
        goal = _safe(form.get("next", ["/"])[0])
        if token := form.get("token", [""])[0]:
            session = context.access.follow_link(request[SESSION], token)
            if session is None:
                return _refused(context, request, goal)
            _enter(request, session, "a link")
            return web.Response(status=303, headers={"Location": goal})
        try:
            session = await context.access.log_in(request[SESSION], form.get("password", [""])[0])
        except AccessError as error:
            answer = _page(context, request, goal, str(error), status=429)
            answer.force_close()  # somebody with the right one may need its place
            return answer
        if session is None:
            log.warning("Console: a wrong password from %s", request.remote)
            return _page(context, request, goal, "The password is wrong.", status=401)
        _enter(request, session, "a password")
        return web.Response(status=303, headers={"Location": goal})

    async def log_out(request: web.Request) -> web.StreamResponse:
        context.access.log_out(request[SESSION])
        raise web.HTTPSeeOther("/login")

    return [web.get("/login", show), web.post("/login", log_in), web.post("/logout", log_out)]


def _enter(request: web.Request, session: Session, way: str) -> None:
    request[SESSION] = session
    log.info(
        "Console: %s logged in by %s as %s, from %s",
        session.user,
        way,
        session.role,
        request.remote,
    )


def login_path_for(request: web.Request) -> str:
    """Return the address of the login page that leads back to the requested page."""
    return f"/login?next={quote(request.path_qs)}" if request.path != "/" else "/login"


def _refused(context: PageContext, request: web.Request, goal: str) -> web.Response:
    fault = "This link was used already, or is older than ten minutes. Create a new one."
    return _page(context, request, goal, fault, status=401)


def _page(
    context: PageContext, request: web.Request, goal: str, fault: str = "", *, status: int = 200
) -> web.Response:
    return context.page(request, "login.html", status=status, next=goal, fault=fault)


def _safe(goal: str) -> str:
    """Accept only addresses within the console."""
    # Browsers take two slashes for a host's beginning, and remove control characters before.
    is_ours = goal.startswith("/") and not goal.startswith(("//", "/\\")) and goal.isprintable()
    return goal if is_ours else "/"
