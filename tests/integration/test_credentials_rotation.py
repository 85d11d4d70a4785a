"""Delivery resumes by itself when refused credentials have been replaced."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from magento_eventbridge.aws.credentials import CredentialsFinder, CredentialsTiming
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.support import recorded
from tests.support.waiting import PATIENCE

NEW_KEY = "AKIANEW"
Json = dict[str, Any]


def the_call(code: str, status: int) -> web.Response:
    return web.json_response({"__type": code, "message": "no"}, status=status)


def each_entry(code: str, entries: int) -> web.Response:
    results = [{"ErrorCode": code, "ErrorMessage": "no"}] * entries
    return web.json_response({"FailedEntryCount": entries, "Entries": results})


@asynccontextmanager
async def bus(refusal: Any) -> AsyncIterator[tuple[str, list[Json]]]:
    """Run a bus that accepts events from the owner of the new key only."""
    accepted: list[Json] = []

    async def put(request: web.Request) -> web.Response:
        entries = json.loads(await request.read())["Entries"]
        if f"Credential={NEW_KEY}/" not in request.headers["authorization"]:
            answer: web.Response = refusal(len(entries))
            return answer
        accepted.extend(entries)
        results = [{"EventId": "id"} for _ in entries]
        return web.json_response({"FailedEntryCount": 0, "Entries": results})

    app = web.Application()
    app.router.add_post("/", put)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", accepted
    finally:
        await runner.cleanup()


REFUSALS = {
    "UnrecognizedClientException": lambda _: the_call("UnrecognizedClientException", 400),
    "InvalidClientTokenId": lambda _: the_call("InvalidClientTokenId", 403),
    "InvalidSignatureException": lambda _: the_call("InvalidSignatureException", 400),
    "ExpiredTokenException": lambda _: the_call("ExpiredTokenException", 400),
    "AccessDeniedException": lambda _: the_call("AccessDeniedException", 400),
    "an entry's AccessDeniedException": lambda n: each_entry("AccessDeniedException", n),
    "an entry's NotAuthorizedForSourceException": lambda n: each_entry(
        "NotAuthorizedForSourceException", n
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_rotated_credentials_file_is_used_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    keys = "[default]\naws_access_key_id = {}\naws_secret_access_key = secret\n"
    file.write_text(keys.format("AKIAOLD"))
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    captures = recorded.orders(12)
    await queue.put(captures)
    sink = EventBridgeSink(CredentialsFinder(CredentialsTiming(between_reloads=0.1)))
    policy = Policy(backoff=Backoff(first=0.02, longest=0.1), poll_seconds=0.02, stop_seconds=5)
    async with bus(refusal) as (url, accepted):
        source = CredentialsSource(type="default")
        route = Route(Destination("eu-west-1", endpoint_url=url, credentials=source), "shop")
        dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, policy)
        running = asyncio.create_task(dispatcher.run())
        try:
            await asyncio.sleep(0.3)
            assert accepted == []
            file.write_text(keys.format(NEW_KEY))
            async with asyncio.timeout(PATIENCE):
                while len(accepted) < len(captures):
                    await asyncio.sleep(0.02)
        finally:
            dispatcher.stop()
            await running
            await sink.close()
    assert (await queue.depth()).dead == 0
    await queue.close()


@pytest.mark.parametrize("access_key", ["AKIAEXAMPLE\n", "AKIAEXAMPLE\r"])
async def test_events_wait_while_a_key_has_a_line_end(tmp_path: Path, access_key: str) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await queue.put(recorded.orders(25))
    sink = EventBridgeSink(CredentialsFinder())
    keys = CredentialsSource(type="keys", access_key=access_key, secret_access_key="secret")
    async with bus(lambda _: the_call("MalformedHeader", 400)) as (url, _):
        route = Route(Destination("eu-west-1", endpoint_url=url, credentials=keys), "shop")
        dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, Policy(stop_seconds=1))
        running = asyncio.create_task(dispatcher.run())
        try:
            async with asyncio.timeout(PATIENCE):
                while not dispatcher.parked:
                    await asyncio.sleep(0.02)
        finally:
            dispatcher.stop()
            await running
            await sink.close()
    assert "credentials.access_key ends with a line end" in dispatcher.parked[0]
    depth = await queue.depth()
    assert (depth.captures, depth.dead) == (25, 0)
    await queue.close()
