"""Overload: refusals are prompt, and what was accepted is delivered."""

import asyncio
import sqlite3
import time
from collections import Counter
from pathlib import Path

import aiohttp

from magento_eventbridge.inlets.signatures import signed_headers
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from tests.faults.bridges import PATIENT, Bridge
from tests.faults.ledger import Ledger
from tests.faults.sources import Captures, Inlet, Source, free_port, until_there
from tests.support import recorded
from tests.support.process import SECRET
from tests.support.put_events import Stall, put_events

# More than the bridge keeps in memory for one bus and claims at once; for a broker, more than
# the prefetch.
_BACKLOG = 4500
_BACKLOG_OF_BROKER = 1500


async def test_an_inlet_at_its_limit_refuses_and_loses_nothing(tmp_path: Path) -> None:
    source = Inlet(tmp_path / "spool.sqlite")
    ledger = Ledger()
    answers: Counter[int] = Counter()
    refused: list[Captures] = []

    async def hand_over(session: aiohttp.ClientSession, captures: Captures) -> None:
        body = b"\n".join(text for _, text in captures)
        headers = {"Content-Type": "application/x-ndjson", **signed_headers(SECRET, body)}
        url = f"http://127.0.0.1:{source.port}/v1/captures"
        ledger.hand_over(captures)
        async with session.post(url, data=body, headers=headers) as answer:
            answers[answer.status] += 1
            if answer.status == 202:
                ledger.promise(captures)
                return
            assert answer.status in (429, 503), await answer.text()
            assert int(answer.headers["Retry-After"]) > 0
            refused.append(captures)

    async with put_events(witness=ledger.witness) as bus:
        settings = {**source.settings, **PATIENT, "INLET__MAX_WAITING_BYTES": "150000"}
        many = aiohttp.TCPConnector(limit=0)
        async with (
            Bridge(tmp_path / "one", bus.url, settings) as bridge,
            aiohttp.ClientSession(connector=many) as session,
        ):
            await bridge.start()
            await bridge.until_written("Listening for captures")
            many_orders = recorded.orders(4000)
            loads = [many_orders[start : start + 10] for start in range(0, 4000, 10)]
            flood = asyncio.gather(*(hand_over(session, load) for load in loads))
            async with session.get(f"http://127.0.0.1:{source.port}/health/live") as answer:
                assert answer.status == 200
            await flood
            print(dict(answers))
            await until_there(source, ledger)
            await bridge.stop()
    assert answers[202] > 10
    assert answers[429] > 10
    account = ledger.account()
    assert account.is_right, account
    nothing_of_it = {capture.id for captures in refused for capture, _ in captures}
    assert nothing_of_it.isdisjoint(bus.ids), "what was refused was not taken in part"


async def test_a_dead_bus_of_one_store_view_holds_up_no_other(
    source: Source, tmp_path: Path
) -> None:
    backlog = _BACKLOG_OF_BROKER if source.name == "amqp" else _BACKLOG
    living = recorded.orders(200, view_id=1)
    async with put_events() as bus, put_events(lambda *_: Stall(600)) as dead:
        settings = {**source.settings, "STORES__2__OPTIONS__ENDPOINT_URL": dead.url}
        async with Bridge(tmp_path / "one", bus.url, settings) as bridge:
            await bridge.start()
            await bridge.until_written("Delivering what is in")
            await _put_all(source, recorded.orders(backlog, view_id=2))
            await bridge.until_written("No delivery to")
            began = time.monotonic()
            await _put_all(source, living)
            await bus.until_taken(200)
            took = time.monotonic() - began
            async with asyncio.timeout(10):
                while await source.left() > backlog:
                    await asyncio.sleep(0.05)
            await bridge.stop()
    assert await source.left() == backlog
    print(f"{source.name}: {took:.2f} s for 200 events")
    # RabbitMQ delivers in order: the dead bus's messages are set aside, some hundreds at a time.
    assert took < (15 if source.name == "amqp" else 5)
    assert Counter(bus.ids) == Counter(capture.id for capture, _ in living)
    assert not dead.taken


async def _put_all(source: Source, captures: Captures) -> None:
    for start in range(0, len(captures), 500):
        await source.put(captures[start : start + 500])


async def test_memory_stays_flat_however_long_the_backlog(tmp_path: Path) -> None:
    short, long = tmp_path / "short.sqlite", tmp_path / "long.sqlite"
    await _fill(short, 10_000)
    await _fill(long, 100_000)
    few, many = [await _memory(tmp_path, spool) for spool in (short, long)]
    print(f"{few / 1e6:.0f} MB with 10,000 waiting, {many / 1e6:.0f} MB with 100,000")
    assert many < few * 1.1 + 4e6


async def _fill(spool: Path, count: int) -> None:
    queue = SqliteQueue(spool)
    await queue.put(recorded.orders(1000))
    await queue.close()
    connection = sqlite3.connect(spool)
    for _ in range(count // 1000 - 1):
        connection.execute(
            "INSERT INTO captures (store_id, time, body) "
            "SELECT store_id, time, body FROM captures LIMIT 1000"
        )
    connection.commit()
    connection.close()


async def _memory(folder: Path, spool: Path) -> int:
    """Return the bytes of memory of a bridge that holds as many events of a dead bus as it may."""
    source = Inlet(spool)
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with Bridge(folder / spool.stem, nowhere, source.settings) as bridge:
        await bridge.start()
        await bridge.until_written("No delivery to")
        await asyncio.sleep(1.5)
        assert bridge.process
        status = _status(bridge.process.pid)
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _status(process: int) -> str:
    return Path(f"/proc/{process}/status").read_text()
