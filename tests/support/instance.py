"""The metadata service of an EC2 instance that has a role; it speaks version 2 only."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aiohttp import web

_ROLE = "/latest/meta-data/iam/security-credentials/"
_VALID_FOR = timedelta(hours=1)


class Instance:
    """The requests, and the answers."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.access_key: str | None = None  # None: a different one each time

    async def token(self, request: web.Request) -> web.Response:
        self.asked.append("token")
        assert request.headers["X-aws-ec2-metadata-token-ttl-seconds"]
        return web.Response(text="a-token")

    async def metadata(self, request: web.Request) -> web.Response:
        if request.headers.get("X-aws-ec2-metadata-token") != "a-token":
            return web.Response(status=401)
        self.asked.append(request.path)
        if request.path == _ROLE:
            return web.Response(text="shop-role")
        credentials = {
            "Code": "Success",
            "AccessKeyId": self.access_key or f"ASIA{len(self.asked)}",
            "SecretAccessKey": "secret",
            "Token": "session",
            "Expiration": (datetime.now(UTC) + _VALID_FOR).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return web.Response(text=json.dumps(credentials))


@asynccontextmanager
async def instance_metadata() -> AsyncIterator[Instance]:
    """Run the service on the loopback while the context lasts."""
    instance = Instance()
    app = web.Application()
    app.router.add_put("/latest/api/token", instance.token)
    app.router.add_get(_ROLE, instance.metadata)
    app.router.add_get(_ROLE + "{role}", instance.metadata)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    instance.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield instance
    finally:
        await runner.cleanup()
