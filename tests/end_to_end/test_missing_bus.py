"""An endpoint that answers PutEvents to a missing bus with ids: the commands say it is missing."""

import asyncio
import json
from pathlib import Path

from magento_eventbridge.inlets.client import hand_over
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from tests.support import recorded
from tests.support.process import COMMAND, SECRET, environment, serving
from tests.support.put_events import Refuse, Take, put_events
from tests.support.waiting import PATIENCE

BUS = {"OPTIONS__EVENT_BUS": "shop-typo"}


async def run(folder: Path, url: str, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        env=environment(folder, url, **BUS),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode or 0, out.decode(), err.decode()


async def test_doctor_and_send_test_say_that_the_bus_is_missing(tmp_path: Path) -> None:
    async with put_events(lambda *_: Take({0: "MalformedDetail"})) as endpoint:
        endpoint.missing.add("shop-typo")
        status, out, _ = await run(tmp_path, endpoint.url, "doctor", "--json")
        findings = {f["name"]: f for f in json.loads(out)["findings"]}
        assert status == 1
        assert findings["bus of all store views"]["state"] == "fail"
        assert "bus 'shop-typo' in eu-west-1" in findings["bus of all store views"]["message"]
        assert "does not exist" in findings["bus of all store views"]["message"]
        endpoint.script = lambda *_: Take()
        status, out, _ = await run(tmp_path, endpoint.url, "send-test")
        assert status == 1
        assert "NOT delivered" in out
        assert "does not exist" in out
        assert endpoint.taken == []


async def test_without_the_permission_they_warn_that_nothing_is_known(tmp_path: Path) -> None:
    async with put_events(lambda *_: Take({0: "MalformedDetail"})) as endpoint:
        endpoint.describes = Refuse("AccessDeniedException")
        status, out, _ = await run(tmp_path, endpoint.url, "doctor", "--json")
        findings = {f["name"]: f for f in json.loads(out)["findings"]}
        assert status == 0
        assert findings["bus of all store views"]["state"] == "ok"
        unknown = findings["existence of the bus of all store views"]
        assert unknown["state"] == "warn"
        assert "not known whether" in unknown["message"]
        endpoint.script = lambda *_: Take()
        status, out, err = await run(tmp_path, endpoint.url, "send-test")
        assert (status, "delivered, id" in out) == (0, True)
        assert "not known whether" in " ".join(err.split())


async def test_serve_says_at_its_start_that_the_bus_is_missing_and_delivers_nothing(
    tmp_path: Path,
) -> None:
    async with put_events() as endpoint:
        endpoint.missing.add("shop-typo")
        async with serving(tmp_path, endpoint.url, **BUS) as bridge:
            async with asyncio.timeout(PATIENCE):
                while "Its events wait until it exists" not in bridge.log:
                    await asyncio.sleep(0.02)
            await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(20)])
            async with asyncio.timeout(PATIENCE):
                while "PARKED: bus 'shop-typo'" not in bridge.log:
                    await asyncio.sleep(0.02)
            assert endpoint.taken == []
            endpoint.missing.clear()
            await endpoint.until_taken(20, seconds=70)
            assert await bridge.stop() == 0
            assert "Traceback" not in bridge.log
        queue = SqliteQueue(tmp_path / "spool.sqlite")
        depth = await queue.depth()
        assert (depth.captures, depth.dead) == (0, 0)
        await queue.close()
