"""The audit page: the last audits, what was missing, and the button that sends it."""

import asyncio
import time
from typing import Any
from urllib.parse import quote

from aiohttp import web

from magento_eventbridge.bridge.auditing import GRACE_SECONDS, ledgers_of, repair, run_audit
from magento_eventbridge.console.page_context import PageContext, form_of
from magento_eventbridge.errors import BridgeError

_MISSING_SHOWN = 100
_RATE = 50.0


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        audits: list[tuple[float, dict[str, Any]]] = []
        problem = ""
        try:
            audits = await asyncio.to_thread(ledgers_of(context.bridge.settings).audits)
        except BridgeError as error:
            problem = str(error)
        return context.page(
            request,
            "audit.html",
            audits=audits,
            missing=audits[0][1]["missing"][:_MISSING_SHOWN] if audits else [],
            problem=problem,
            hours=context.bridge.settings.audit.hours,
            at=context.bridge.settings.audit.at,
            done=request.query.get("done", ""),
        )

    async def act(request: web.Request) -> web.StreamResponse:
        form = await form_of(request)
        settings = context.bridge.settings
        since = time.time() - GRACE_SECONDS - settings.audit.hours * 3600
        match form.get("act", [""])[0]:
            case "audit":
                context.record(request, "audits the store")
                done = await _result(run_audit(settings, since))
            case "repair":
                context.record(request, "sends what an audit finds missing")
                done = await _result(_repaired(context, since))
            case _:
                raise web.HTTPBadRequest(text="Name the action: audit or repair.")
        raise web.HTTPSeeOther(f"/audit?done={quote(done)}")

    return [web.get("/audit", show), web.post("/audit", act)]


async def _result(work: Any) -> str:
    """Do the work; return what the page says of it."""
    try:
        result = await work
    except BridgeError as error:
        return f"failed: {' '.join(str(error).split())}"
    return result if isinstance(result, str) else "audited"


async def _repaired(context: PageContext, since: float) -> str:
    """Audit again, as events may have arrived since, and send what is missing."""
    settings = context.bridge.settings
    report = await run_audit(settings, since)
    if report.missing and report.cannot_repair:
        return f"nothing sent: {report.cannot_repair}"
    if not report.missing:
        return "0 sent"
    outcome = await repair(
        settings,
        report,
        rate=_RATE,
        on_progress=lambda _: None,
        is_stopped_by_signals=False,
    )
    await run_audit(settings, since)
    return f"{outcome.sent} sent"
