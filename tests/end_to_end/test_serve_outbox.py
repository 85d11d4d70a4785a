"""The installed command over the outbox in a store's database."""

import asyncio
import json
import time
from pathlib import Path

from magento_eventbridge.queues.mysql.outbox import OutboxQueue
from tests.support import recorded
from tests.support.mariadb import Outbox
from tests.support.process import COMMAND, environment, serving
from tests.support.put_events import put_events
from tests.support.waiting import PATIENCE


def settings(outbox: Outbox, **more: str) -> dict[str, str]:
    options = outbox.options
    return {
        "OUTBOX__ENABLED": "1",
        "OUTBOX__HOST": options.host,
        "OUTBOX__PORT": str(options.port),
        "OUTBOX__DATABASE": options.database,
        "OUTBOX__USER": options.user,
        "OUTBOX__PASSWORD": options.password,
        "OUTBOX__TABLE_PREFIX": options.table_prefix,
        **more,
    }


async def ran(folder: Path, endpoint: str, outbox: Outbox, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *words,
        env=environment(folder, endpoint, **settings(outbox)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    return out.decode()


async def test_serve_delivers_what_the_store_commits_and_reports_to_the_store(
    tmp_path: Path, outbox: Outbox
) -> None:
    captures = recorded.orders(50)
    async with put_events() as endpoint:
        async with serving(tmp_path, endpoint.url, **settings(outbox)) as bridge:
            outbox.put(captures)
            await endpoint.until_taken(50)
            query = "SELECT status FROM {bridges} WHERE status LIKE '%last_delivery_at\": 1%'"
            async with asyncio.timeout(PATIENCE):
                while not (rows := await asyncio.to_thread(outbox.ask, query)):
                    await asyncio.sleep(0.1)
            assert await bridge.stop() == 0
            assert "ERROR" not in bridge.log
            assert outbox.options.password not in bridge.log
        assert set(endpoint.ids) == {capture.id for capture, _ in captures}
    status = json.loads(str(rows[0][0]))
    assert time.time() - status["last_delivery_at"] < 30
    assert (status["backlog"], status["dead"], status["parked"]) == (0, 0, [])
    assert status["credentials"] == "AKIA…TEST, found by keys"
    assert outbox.ask("SELECT COUNT(*) FROM {outbox}") == ((0,),)


async def test_commands_work_on_the_outbox(tmp_path: Path, outbox: Outbox) -> None:
    outbox.put(recorded.orders(3))
    queue = OutboxQueue(outbox.options)
    (claim,) = await queue.claim(1)
    await queue.bury(claim, "for a test")
    await queue.close()
    async with put_events() as endpoint:

        async def run(*words: str) -> str:
            return await ran(tmp_path, endpoint.url, outbox, *words)

        assert "outbox: 2 captures wait, 1 dead letter" in await run("doctor")
        assert "for a test" in await run("dead-letters", "list", "--queue", "outbox")
        assert await run("dead-letters", "redrive", "--all", "--queue", "outbox") == "1 redriven\n"
        output = await run("consume", "--queue", "outbox")
    assert output == "3 delivered, 0 passed over, 0 buried\n"
