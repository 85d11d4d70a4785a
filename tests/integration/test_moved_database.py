"""A database that moves while the bridge runs: it delivers from where the captures are now."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.settings.layers import Layer, load
from magento_eventbridge.settings.model import Settings
from tests.support import recorded
from tests.support.mariadb import Outbox, outbox_tables
from tests.support.put_events import put_events
from tests.support.waiting import PATIENCE


async def test_other_tables_are_used_without_a_restart(outbox: Outbox, tmp_path: Path) -> None:
    """As after the move to another server: the former one refuses the login."""
    server, user = outbox.server, "moving"
    server.as_root(
        f"CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED BY 'old'",
        f"GRANT ALL ON `{outbox.options.database}`.* TO '{user}'@'%'",
    )
    with outbox_tables(server) as moved:
        async with put_events() as endpoint:
            now = [replace(outbox, options=replace(outbox.options, user=user, password="old"))]
            read = _reader(now, endpoint.url, tmp_path)
            bridge = Bridge(read(), read_own=read)
            running = asyncio.create_task(bridge.serve())
            before, after = recorded.orders(2), recorded.orders(2)
            outbox.put(before)
            await endpoint.until_taken(2)
            now[0] = replace(moved, options=replace(moved.options, user=user, password="new"))
            server.as_root(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'new'", f"KILL USER '{user}'")
            moved.put(after)
            await endpoint.until_taken(4, seconds=PATIENCE)
            async with asyncio.timeout(PATIENCE):
                while not moved.ask("SELECT status FROM {bridges} WHERE status IS NOT NULL"):
                    await asyncio.sleep(0.1)
            bridge.stop()
            await running
    server.as_root(f"DROP USER '{user}'@'%'")
    assert endpoint.ids == [capture.id for capture, _ in before + after]


def _reader(now: list[Outbox], url: str, folder: Path) -> Callable[[], Settings]:
    """Return what reads the settings, which name the present tables."""

    def read() -> Settings:
        options = now[0].options
        values = {
            "inlet": {"enabled": False},
            "spool": {"path": str(folder / "spool.sqlite")},
            "credentials": {"type": "keys", "access_key": "AKIATEST", "secret_access_key": "key"},
            "options": {"region": "eu-west-1", "source": "shop", "endpoint_url": url},
            "outbox": {
                "enabled": True,
                "host": options.host,
                "port": options.port,
                "database": options.database,
                "user": options.user,
                "password": options.password,
                "table_prefix": options.table_prefix,
            },
        }
        return load([Layer("test", values)])[0]

    return read
