"""The login page: log in and out."""

from urllib.parse import quote, urlsplit

from aiohttp import web

from magento_eventbridge.console.access import AccessError
from magento_eventbridge.console.page_context import SESSION, PageContext, form_of


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        if request[SESSION].user:
            raise web.HTTPSeeOther("/")
        return _page(context, request, _safe(request.query.get("next", "/")))

    async def log_in(request: web.Request) -> web.StreamResponse:
        form = await form_of(request)
        goal = _safe(form.get("next", ["/"])[0])
        try:
            session = await context.access.log_in(request[SESSION], form.get("password", [""])[0])
        except AccessError as error:
            return _page(context, request, goal, str(error), status=429)
        if session is None:
            return _page(context, request, goal, "The password is wrong.", status=401)
        request[SESSION] = session
        return web.Response(status=303, headers={"Location": goal})

    async def log_out(request: web.Request) -> web.StreamResponse:
        context.access.log_out(request[SESSION])
        raise web.HTTPSeeOther("/login")

    return [web.get("/login", show), web.post("/login", log_in), web.post("/logout", log_out)]


def login_path_for(request: web.Request) -> str:
    """Return the address of the login page that leads back to the requested page."""
    return f"/login?next={quote(request.path_qs)}" if request.path != "/" else "/login"


def _page(
    context: PageContext, request: web.Request, goal: str, fault: str = "", *, status: int = 200
) -> web.Response:
    return context.page(request, "login.html", status=status, next=goal, fault=fault)


def _safe(goal: str) -> str:
    """Accept only addresses within the console."""
    parts = urlsplit(goal)
    is_ours = goal.startswith("/") and not goal.startswith(("//", "/\\"))
    return goal if is_ours and not parts.netloc else "/"
