"""The audit page: the last audits, what was missing, and the button that sends it."""

import asyncio
from typing import Any

from aiohttp import web

from magento_eventbridge.bridge.auditing import ledgers_of
from magento_eventbridge.console.page_context import PageContext, form_of
from magento_eventbridge.errors import BridgeError

_MISSING_SHOWN = 100
# In seconds: most audits end within this time, so that their result is in the answer.
_ANSWERS_WITHIN = 2.0


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""
    work = context.audit_work

    async def values() -> dict[str, Any]:
        audits: list[tuple[float, dict[str, Any]]] = []
        problem = ""
        try:
            audits = await asyncio.to_thread(ledgers_of(context.bridge.settings).audits)
        except BridgeError as error:
            problem = str(error)
        return {
            "audits": audits,
            "missing": audits[0][1]["missing"][:_MISSING_SHOWN] if audits else [],
            "notes": audits[0][1]["notes"] if audits else [],
            "problem": problem,
            "work": work,
        }

    async def show(request: web.Request) -> web.StreamResponse:
        audit = context.bridge.settings.audit
        return context.page(request, "audit.html", hours=audit.hours, at=audit.at, **await values())

    async def live(request: web.Request) -> web.StreamResponse:
        return context.page(request, "audit_live.html", **await values())

    async def act(request: web.Request) -> web.StreamResponse:
        form = await form_of(request)
        settings = context.bridge.settings
        match form.get("act", [""])[0]:
            case "audit" | "repair" if work.is_running:
                pass  # the page says what is running
            case "audit":
                context.record(request, "audits the store")
                work.start_audit(settings)
            case "repair":
                context.record(request, "sends what an audit finds missing")
                work.start_repair(settings)
            case "stop":
                context.record(request, "stops an audit")
                await work.stop()
            case _:
                raise web.HTTPBadRequest(text="Name the action: audit, repair or stop.")
        await work.wait(_ANSWERS_WITHIN)
        raise web.HTTPSeeOther("/audit")

    return [web.get("/audit", show), web.get("/audit/live", live), web.post("/audit", act)]
