"""The doctor page: the checks of `doctor`, run on request, and a test of notifications."""

import asyncio
import time

from aiohttp import web

from magento_eventbridge.bridge.notifying import message_of_test
from magento_eventbridge.console.page_context import PageContext
from magento_eventbridge.settings.notifications import CHANNELS


def routes(context: PageContext) -> list[web.RouteDef]:
    """Return the page's routes."""

    async def show(request: web.Request) -> web.StreamResponse:
        checked_at, findings = context.findings or (None, [])
        tested_at, results = context.notification_test or (None, {})
        return context.page(
            request,
            "doctor.html",
            findings=findings,
            checked_at=checked_at,
            is_well=all(finding.is_well for finding in findings),
            senders=context.bridge.notifier.senders,
            channel_settings=CHANNELS.values(),
            tested_at=tested_at,
            results=results,
        )

    async def check(request: web.Request) -> web.StreamResponse:
        # The checks call AWS: they run on request, not whenever the page is loaded.
        context.record(request, "runs the checks")
        context.findings = (time.time(), await context.examine())
        raise web.HTTPSeeOther("/doctor")

    async def notify(request: web.Request) -> web.StreamResponse:
        senders = context.bridge.notifier.senders
        names = ", ".join(sender.channel.name for sender in senders)
        context.record(request, "sent a test notification by %s", names or "no channel")
        message = message_of_test(context.bridge.settings)
        problems = await asyncio.gather(*(sender.test(message) for sender in senders))
        results = {
            sender.channel.name: problem for sender, problem in zip(senders, problems, strict=True)
        }
        context.notification_test = (time.time(), results)
        raise web.HTTPSeeOther("/doctor#notifications")

    return [
        web.get("/doctor", show),
        web.post("/doctor", check),
        web.post("/doctor/notifications", notify),
    ]
