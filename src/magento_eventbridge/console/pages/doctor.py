"""The doctor: what must be mended before events arrive."""

import time

from aiohttp import web

from magento_eventbridge.console.page_context import PageContext


def routes(context: PageContext) -> list[web.RouteDef]:
    """Give the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        looked_at, findings = context.findings or (None, [])
        return context.page(
            request,
            "doctor.html",
            findings=findings,
            looked_at=looked_at,
            is_well=all(finding.is_well for finding in findings),
        )

    async def look(_: web.Request) -> web.StreamResponse:
        # It asks AWS, so it is done when somebody says so, and not by whoever loads the page.
        context.findings = (time.time(), await context.examine())
        raise web.HTTPSeeOther("/doctor")

    return [web.get("/doctor", show), web.post("/doctor", look)]
