"""The installed command, from HTTP in to PutEvents out, and the errors that end it."""

import asyncio
import json
import os
import signal
from functools import partial
from pathlib import Path

import aiohttp

from magento_eventbridge.demo import store_day
from magento_eventbridge.inlets.client import hand_over
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from tests.support import recorded
from tests.support.process import COMMAND, SECRET, environment, serving, started
from tests.support.put_events import Refuse, Stall, Take, put_events, takes_all
from tests.support.waiting import PATIENCE


async def test_the_store_day_arrives_as_expected(tmp_path: Path) -> None:
    captures = store_day.captures()
    async with put_events() as endpoint, serving(tmp_path, endpoint.url) as bridge:
        await hand_over(bridge.url, SECRET, [capture.line for capture in captures])
        await endpoint.until_taken(sum(c.total() for c in store_day.expected().values()))
        assert await bridge.stop() == 0
        arrived = [(entry["DetailType"], json.loads(entry["Detail"])) for entry in endpoint.taken]
        assert store_day.compare(arrived).is_right
        assert "ERROR" not in bridge.log
        assert "a-test-secret-key" not in bridge.log
        assert SECRET not in bridge.log


async def test_sigterm_gives_back_what_it_cannot_finish(tmp_path: Path) -> None:
    async with put_events(lambda *_: Stall(0.3)) as endpoint:
        async with serving(tmp_path, endpoint.url, DELIVERY__CALLS_AT_ONCE="2") as bridge:
            await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(200)])
            while endpoint.calls < 2:
                await asyncio.sleep(0.01)
            assert await bridge.stop() == 0
        delivered = len(set(endpoint.ids))
        assert 20 <= delivered < 200
        queue = SqliteQueue(tmp_path / "spool.sqlite")
        assert (await queue.depth()).captures == 200 - delivered
        await queue.close()


async def test_health_is_reported_while_it_runs(tmp_path: Path) -> None:
    async with put_events() as endpoint, serving(tmp_path, endpoint.url) as bridge:
        async with aiohttp.ClientSession() as http:
            for name in ("live", "ready"):
                async with http.get(f"{bridge.url}/health/{name}") as answer:
                    assert (answer.status, await answer.json()) == (200, {"status": name})
            bridge.process.send_signal(signal.SIGHUP)  # as programs that rotate logs do
            while "SIGHUP changes nothing" not in bridge.log:
                await asyncio.sleep(0.02)
            async with http.get(f"{bridge.url}/health/ready") as answer:
                assert answer.status == 200


async def test_a_closed_terminal_stops_it_in_order(tmp_path: Path) -> None:
    ours, its = os.openpty()
    env = environment(tmp_path, "http://127.0.0.1:1")
    log = tmp_path / "bridge.log"
    async with started(COMMAND, "serve", env=env, preexec_fn=partial(os.login_tty, its)) as process:
        os.close(its)
        async with asyncio.timeout(60):
            while not log.exists() or "Listening for captures" not in log.read_text():
                await asyncio.sleep(0.02)
            os.close(ours)
            assert await process.wait() == 0
    assert "Stopped: 0 delivered" in log.read_text()


async def test_dry_run_writes_down_what_the_documentation_shows(tmp_path: Path) -> None:
    message = recorded.of("admin-login-fail", "backend_auth_user_login_failed")
    settings = {"OPTIONS__DRY_RUN_MODE": "1", "OPTIONS__TRACKING": "0", "CREDENTIALS__TYPE": "env"}
    async with put_events() as endpoint, serving(tmp_path, endpoint.url, **settings) as bridge:
        await hand_over(bridge.url, SECRET, [json.dumps(message).encode()])
        async with asyncio.timeout(PATIENCE):
            while "sent with id" not in bridge.log:
                await asyncio.sleep(0.02)
        assert not endpoint.calls
        log = bridge.log
    lines = log[log.index("[DryRun]") :].splitlines()
    assert lines[0] == "[DryRun] Sending event 'UserLoginFailed' with data: Array"
    assert lines[1:3] == ["(", "    [username] => clerk"]
    assert "            [async] => " in lines
    identifier = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
    assert (
        f"report.DEBUG: [DryRun] Event 'UserLoginFailed' sent with id '{identifier}' [] []" in log
    )
    assert "report.DEBUG: Event 'User/LoginFailed' captured, executing.. [] []" in log


async def test_replay_hands_a_file_to_a_running_bridge(tmp_path: Path) -> None:
    file = tmp_path / "captures.ndjson"
    file.write_bytes(b"\n".join([*(body for _, body in recorded.orders(3)), b"no capture"]))
    async with put_events() as endpoint, serving(tmp_path, endpoint.url) as bridge:
        replay = ("replay", str(file), "--url", bridge.url)
        status, out, _ = await _command(tmp_path, endpoint.url, *replay)
        assert (status, out.splitlines()[0]) == (1, "3 accepted, 1 rejected")
        assert out.splitlines()[1].startswith("line 4: JSON is malformed")
        await endpoint.until_taken(3)
        status, out, _ = await _command(tmp_path, endpoint.url, *replay, "--json")
        assert json.loads(out)["accepted"] == 3
    status, _, err = await _command(tmp_path, endpoint.url, *replay)
    assert (status, "cannot reach" in err, "Traceback" in err) == (1, True, False)


async def test_consume_drains_and_stops(tmp_path: Path) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await queue.put(recorded.orders(30))
    await queue.close()
    async with put_events() as endpoint:
        for arguments, message in (
            (["--max-messages", "10"], "10 delivered, 0 passed over, 0 buried"),
            ([], "20 delivered, 0 passed over, 0 buried"),
        ):
            status, out, _ = await _command(tmp_path, endpoint.url, "consume", *arguments)
            assert (status, out.strip()) == (0, message)
        assert len(endpoint.ids) == 30


async def test_a_wrong_source_makes_no_dead_letters_however_often_it_is_consumed(
    tmp_path: Path,
) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await queue.put(recorded.orders(30))
    async with put_events() as endpoint:
        endpoint.script = lambda _, entries: Take(
            dict.fromkeys(range(len(entries)), "InvalidArgument")
        )
        for arguments, message in (
            (["--max-messages", "6"], "0 delivered, 0 passed over, 6 buried"),
            ([], "0 delivered, 0 passed over, 0 buried"),
            ([], "0 delivered, 0 passed over, 0 buried"),
        ):
            status, out, _ = await _command(tmp_path, endpoint.url, "consume", *arguments)
            assert (status, out.strip()) == (0, message)
        depth = await queue.depth()
        assert (depth.captures, depth.dead) == (30, 0)
        endpoint.script = takes_all
        status, out, _ = await _command(tmp_path, endpoint.url, "consume")
        assert (status, out.strip()) == (0, "30 delivered, 0 passed over, 0 buried")
    await queue.close()
    assert not (tmp_path / "refusals-sqlite.json").exists()


async def test_doctor_distinguishes_a_bus_that_answers_from_one_that_does_not(
    tmp_path: Path,
) -> None:
    async with put_events(lambda *_: Take({0: "MalformedDetail"})) as endpoint:
        status, out, _ = await _command(tmp_path, endpoint.url, "doctor")
        assert status == 0, out
        assert "answers in" in out
        assert "AKIA…TEST, found by keys" in out
        assert "a-test-secret-key" not in out
        endpoint.script = lambda *_: Refuse("AccessDeniedException")
        status, out, _ = await _command(tmp_path, endpoint.url, "doctor", "--json")
        assert status == 1
        findings = {f["name"]: f for f in json.loads(out)["findings"]}
        assert "AccessDeniedException" in findings["bus of all store views"]["message"]


async def test_send_test_shows_what_aws_answers(tmp_path: Path) -> None:
    async with put_events() as endpoint:
        status, out, _ = await _command(tmp_path, endpoint.url, "send-test", "CartProductAdded")
        assert (status, "delivered, id " in out) == (0, True)
        (detail,) = endpoint.details
        assert (detail["sku"], detail["metadata"]["test"]) == ("abc-123", True)
        endpoint.script = lambda *_: Refuse("ResourceNotFoundException")
        status, out, _ = await _command(tmp_path, endpoint.url, "send-test")
        assert status == 1
        assert "NOT delivered: ResourceNotFoundException" in out


async def test_errors_are_reported_in_words(tmp_path: Path) -> None:
    for settings, status, message in (
        ({"INLET__SECRETS": ""}, 2, "inlet.secrets: the HTTP inlet needs a secret"),
        ({"INLET__SECRETS": "short"}, 2, "at least 16 characters (from environment)"),
        ({"OPTIONS__REGOIN": "x"}, 2, "options.regoin: there is no such setting"),
        ({"SPOOL__PATH": "/proc/spool.sqlite"}, 1, "/proc/spool.sqlite"),
        ({"LOG__FILE": "/proc/bridge.log"}, 1, "cannot write the log /proc/bridge.log"),
        ({"INLET__HOST": "192.0.2.1"}, 1, "cannot listen on 192.0.2.1:0"),
    ):
        code, _, err = await _command(tmp_path, "http://127.0.0.1:9", "serve", settings=settings)
        assert (code, message in err) == (status, True), err
        assert "Traceback" not in err


async def _command(
    folder: Path, endpoint: str, *arguments: str, settings: dict[str, str] | None = None
) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        env=environment(folder, endpoint, **(settings or {})),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode, out.decode(), err.decode()
