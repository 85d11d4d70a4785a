"""The doctor page: the checks of `doctor`, run on request."""

import time

from aiohttp import web

from magento_eventbridge.console.page_context import PageContext


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        checked_at, findings = context.findings or (None, [])
        return context.page(
            request,
            "doctor.html",
            findings=findings,
            checked_at=checked_at,
            is_well=all(finding.is_well for finding in findings),
        )

    async def check(request: web.Request) -> web.StreamResponse:
        # The checks call AWS: they run on request, not whenever the page is loaded.
        context.record(request, "runs the checks")
        context.findings = (time.time(), await context.examine())
        raise web.HTTPSeeOther("/doctor")

    return [web.get("/doctor", show), web.post("/doctor", check)]
