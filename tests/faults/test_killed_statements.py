"""Statements and connections of a bridge that are killed at any moment lose and reorder nothing."""

import asyncio
import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest

from tests.faults.bridges import Bridge
from tests.faults.sources import Source
from tests.support import recorded
from tests.support.mariadb import Server
from tests.support.put_events import put_events, takes_all

_EVENTS = 10
_LEAST_EVENTS = 300
_LEAST_KILLS = 10
_BRIDGE = "killed"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", ["outbox", "magento-db"], indirect=True)
async def test_killed_statements_lose_and_reorder_nothing(source: Source, tmp_path: Path) -> None:
    if not isinstance(source.service, Server):
        pytest.skip("the connections of this database are not the tests' to kill")
    create_user(source.service)
    settings = {**source.settings, "OUTBOX__USER": _BRIDGE, "OUTBOX__PASSWORD": _BRIDGE}
    expected: defaultdict[str | None, list[str]] = defaultdict(list)
    async with (
        put_events(takes_all) as endpoint,
        Bridge(tmp_path / "bridge", endpoint.url, settings) as bridge,
    ):
        await bridge.start()
        await bridge.until_written("Delivering what is in")
        with killing(source.service) as kills:
            count = 0
            while count < _LEAST_EVENTS or len(kills) < _LEAST_KILLS:
                captures = recorded.orders(_EVENTS)
                await source.put(captures)
                count += len(captures)
                for capture, _ in captures:
                    expected[capture.order_key].append(capture.id)
                await asyncio.sleep(0.05)
        async with asyncio.timeout(120):
            while len(set(endpoint.ids)) < count or await source.left():
                await asyncio.sleep(0.1)
        assert "Traceback" not in bridge.output
        await bridge.stop()
    arrived = list(dict.fromkeys(endpoint.ids))
    for ids in expected.values():
        mine = set(ids)
        assert [event for event in arrived if event in mine] == ids


def create_user(server: Server) -> None:
    """Create a user for the bridge alone, whose connections are found by its name."""
    server.as_root(
        f"CREATE OR REPLACE USER {_BRIDGE}@'%' IDENTIFIED BY '{_BRIDGE}'",
        f"GRANT ALL ON *.* TO {_BRIDGE}@'%'",
    )


@contextmanager
def killing(server: Server) -> Iterator[list[str]]:
    """Kill statements and connections of the bridge in a thread; yield what was killed."""
    kills: list[str] = []
    ended = threading.Event()
    thread = threading.Thread(target=kill, args=(server, ended, kills))
    thread.start()
    try:
        yield kills
    finally:
        ended.set()
        thread.join()


def kill(server: Server, ended: threading.Event, kills: list[str]) -> None:
    """Kill what runs when it is seen, mostly statements, and now and then an idle connection."""
    chance = random.Random(1)
    query = f"SELECT id, command FROM information_schema.processlist WHERE user = '{_BRIDGE}'"
    with server.root() as root:
        cursor = root.cursor()
        while not ended.wait(chance.uniform(0, 0.003)):
            cursor.execute(query)
            for number, command in cursor.fetchall():
                if command == "Query" or chance.random() < 0.01:
                    kind = chance.choice(["QUERY", "QUERY", "CONNECTION"])
                    try:
                        cursor.execute(f"KILL {kind} {number}")
                        kills.append(kind)
                    except pymysql.MySQLError:
                        continue  # it has ended meanwhile
