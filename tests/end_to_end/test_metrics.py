"""What operators see of the installed command: metrics, health, log."""

import asyncio
import json
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from magento_eventbridge.inlets.client import HandOverError, HandOverOptions, hand_over
from tests.end_to_end.test_serve_outbox import settings as outbox_settings
from tests.support import recorded
from tests.support.mariadb import Outbox
from tests.support.process import COMMAND, SECRET, Serving, environment, serving
from tests.support.put_events import Behaviour, Refuse, Stall, Take, put_events
from tests.support.waiting import PATIENCE

ENABLED = {"METRICS__ENABLED": "1", "METRICS__PORT": "0"}


class Figures:
    """The answer of /metrics, by name and labels."""

    def __init__(self, text: str) -> None:
        self.samples = [
            (sample.name.removeprefix("magento_eventbridge_"), sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def of(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels; fails when there is none."""
        found = self.values(name, **labels)
        assert found, f"no {name} {labels} among {sorted({n for n, *_ in self.samples})}"
        return sum(found)

    def values(self, name: str, **labels: str) -> list[float]:
        return [
            value
            for other, given, value in self.samples
            if other == name and labels.items() <= given.items()
        ]


async def _url(log: Path) -> str:
    async with asyncio.timeout(PATIENCE):
        while True:
            seen = re.findall(r"Metrics and health are at (\S+)", _text(log))
            if seen:
                return str(seen[-1])
            await asyncio.sleep(0.02)


def _text(log: Path) -> str:
    return log.read_text() if log.exists() else ""


class Watched:
    """A running bridge, with the addresses of its metrics and health."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self._http = http

    async def figures(self) -> Figures:
        async with self._http.get(f"{self.url}/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return Figures(await answer.text())

    async def until(self, name: str, value: float, **labels: str) -> Figures:
        async with asyncio.timeout(PATIENCE):
            while True:
                figures = await self.figures()
                if sum(figures.values(name, **labels)) == value:
                    return figures
                await asyncio.sleep(0.05)

    async def ready(self) -> tuple[int, Mapping[str, Any]]:
        async with self._http.get(f"{self.url}/health/ready") as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Watched]:
    async with aiohttp.ClientSession() as http:
        yield Watched(await _url(folder / "bridge.log"), http)


@asynccontextmanager
async def bridge_of(
    folder: Path, endpoint: str, **settings: str
) -> AsyncIterator[tuple[Serving, Watched]]:
    async with (
        serving(folder, endpoint, **ENABLED, **settings) as bridge,
        watched(folder) as seen,
    ):
        yield bridge, seen


async def test_the_way_of_events_is_counted(tmp_path: Path) -> None:
    def script(number: int, entries: list[dict[str, Any]]) -> Behaviour:
        if number == 0:
            return Refuse("InternalException", 500)
        return Take({0: "ThrottlingException"}) if number == 1 else Take()

    off = {"EVENTS__ORDER__PLACED": "0"}
    refused = recorded.of("admin-login-fail", "backend_auth_user_login_failed") | {"event": "new"}
    orders = [body for _, body in recorded.orders(20)]
    failed = recorded.of("admin-login-fail", "backend_auth_user_login_failed")
    logins = [json.dumps(recorded.again(failed)).encode() for _ in range(30)]
    lines = [*orders, *logins, json.dumps(refused).encode(), b"{}"]
    async with put_events(script) as endpoint:
        async with bridge_of(tmp_path, endpoint.url, **off) as (bridge, seen):
            await hand_over(bridge.url, SECRET, lines)
            verdicts = {"detail_type": "UserLoginFailed", "verdict": "delivered"}
            got = await seen.until("events_total", 30, **verdicts)
    assert got.of("captures_received_total", inlet="http") == 51
    assert got.of("captures_rejected_total", inlet="http") == 1
    assert got.of("inlet_requests_total", status="202") == 2
    assert got.of("captures_claimed_total", queue="sqlite") == 51
    assert got.of("events_total", detail_type="OrderPlaced", verdict="switched_off") == 20
    assert got.of("events_total", detail_type="unknown", verdict="bury") == 1
    assert got.of("events_total", verdict="retry") == 1
    assert got.of("events_total", verdict="rest") >= 1
    retried = got.of("events_total", verdict="retry") + got.of("events_total", verdict="rest")
    assert got.of("retries_total", queue="sqlite") == retried
    assert got.of("captures_passed_over_total") == 20
    assert got.of("captures_buried_total") == 1
    assert got.of("journal_dropped_total") == 0
    assert got.of("put_events_calls_total", status="500") == 1
    calls = got.of("put_events_calls_total")
    assert got.of("put_events_seconds_count") == calls
    assert got.of("put_events_seconds_bucket", le="+Inf") == calls
    assert got.of("put_events_seconds_sum") > 0
    assert got.of("event_seconds_count") == 30
    assert got.of("billed_chunks_total") == 30
    assert got.of("info") == 1
    assert got.of("process_resident_memory_bytes") > 1e6


async def test_chunks_of_64_kb_are_billed_each(tmp_path: Path) -> None:
    failed = recorded.of("admin-login-fail", "backend_auth_user_login_failed")
    failed["snapshot"]["username"] = "x" * 100_000
    async with put_events() as endpoint, bridge_of(tmp_path, endpoint.url) as (bridge, seen):
        await hand_over(bridge.url, SECRET, [json.dumps(failed).encode()])
        await seen.until("billed_chunks_total", 2)


async def test_what_waits_and_what_is_parked_is_reported(tmp_path: Path) -> None:
    async with put_events(lambda *_: Refuse("AccessDeniedException")) as endpoint:
        async with bridge_of(tmp_path, endpoint.url) as (bridge, seen):
            await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(30)])
            got = await seen.until("destination_parked", 1)
            assert got.of("destination_in_trouble") == 1
            assert got.of("destination_waiting") == 30
            assert got.of("queue_up", queue="sqlite") == 1
            got = await seen.until("queue_depth", 30)
            assert got.of("queue_oldest_seconds") > 0
            assert got.of("dead_letters") == 0
            status, health = await seen.ready()
            # A restart would not help, so the bridge is ready, and reports what is wrong.
            assert status == 200
            (reason,) = health["destinations in trouble"].values()
            assert "AccessDeniedException" in reason


async def test_calls_in_flight_are_reported(tmp_path: Path) -> None:
    async with put_events(lambda *_: Stall(1.5)) as endpoint:
        async with bridge_of(tmp_path, endpoint.url, DELIVERY__CALLS_AT_ONCE="3") as (
            bridge,
            seen,
        ):
            await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(50)])
            await seen.until("destination_calls_in_flight", 3)


async def test_a_spool_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    async with put_events() as endpoint, bridge_of(tmp_path, endpoint.url) as (_, seen):
        assert (await seen.ready())[0] == 200
        # Another process holds the file's write lock: the spool does not answer.
        other = sqlite3.connect(tmp_path / "spool.sqlite", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        await asyncio.sleep(1.1)
        status, health = await seen.ready()
        assert status == 503
        assert health["faults"] == {"sqlite": "no answer within 3 s"}
        other.execute("ROLLBACK")
        other.close()
        async with asyncio.timeout(PATIENCE):
            while (await seen.ready())[0] != 200:
                await asyncio.sleep(0.1)


async def test_a_removed_spool_is_reported_by_inlet_health_and_log(tmp_path: Path) -> None:
    bodies = [body for _, body in recorded.orders(2)]
    async with put_events() as endpoint, bridge_of(tmp_path, endpoint.url) as (bridge, watched):
        await hand_over(bridge.url, SECRET, bodies[:1])
        (tmp_path / "spool.sqlite").unlink()
        with pytest.raises(HandOverError, match="503 .*was removed while in use"):
            await hand_over(bridge.url, SECRET, bodies[1:], HandOverOptions(tries=1))
        await asyncio.sleep(1.1)  # a check is cached for a second
        status, health = await watched.ready()
        assert status == 503
        assert "was removed while in use" in health["faults"]["sqlite"]
        assert "spool.sqlite was removed while in use. Nothing is accepted" in bridge.log


async def test_a_backup_copied_over_the_open_spool_is_reported_by_inlet_health_and_log(
    tmp_path: Path,
) -> None:
    spool, backup = tmp_path / "spool.sqlite", tmp_path / "backup.sqlite"

    def new_bodies() -> list[bytes]:
        return [body for _, body in recorded.orders(20)]

    async with put_events() as endpoint, bridge_of(tmp_path, endpoint.url) as (bridge, watched):
        for copy in (backup, tmp_path / "later"):
            await hand_over(bridge.url, SECRET, new_bodies())
            with closing(sqlite3.connect(spool)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copyfile(spool, copy)
            await asyncio.sleep(1.1)  # the file is looked at each second
        shutil.copyfile(backup, spool)
        with pytest.raises(HandOverError, match="503 .*overwritten with older or other content"):
            await hand_over(bridge.url, SECRET, new_bodies(), HandOverOptions(tries=1))
        await asyncio.sleep(1.1)  # a check is cached for a second
        status, health = await watched.ready()
        assert status == 503
        assert "overwritten with older or other content" in health["faults"]["sqlite"]
        assert "Stop the bridge, then put the right file there. Nothing is" in bridge.log


async def test_an_outbox_whose_database_is_unavailable_is_reported_without_an_inlet(
    tmp_path: Path, outbox: Outbox
) -> None:
    async with put_events() as endpoint:
        given = {**outbox_settings(outbox), **ENABLED, "INLET__ENABLED": "0"}
        for name, status in (("", 200), ("away", 503)):
            (tmp_path / "bridge.log").unlink(missing_ok=True)
            database = given["OUTBOX__DATABASE"] + name
            env = environment(tmp_path, endpoint.url, **{**given, "OUTBOX__DATABASE": database})
            process = await asyncio.create_subprocess_exec(COMMAND, "serve", env=env)
            try:
                async with watched(tmp_path) as seen:
                    async with asyncio.timeout(PATIENCE):
                        while (await seen.ready())[1]["faults"].get("bridge"):
                            await asyncio.sleep(0.05)
                    got, health = await seen.ready()
                    assert got == status, health
                    assert ("outbox" in health["faults"]) == (status == 503)
                    await seen.until("queue_up", float(status == 200), queue="outbox")
            finally:
                process.terminate()
                assert await process.wait() == 0


async def test_nobody_listens_unless_asked_to(tmp_path: Path) -> None:
    async with put_events() as endpoint, serving(tmp_path, endpoint.url) as bridge:
        assert "Metrics and health" not in bridge.log


async def test_every_line_about_an_event_has_its_id_in_the_json_log(tmp_path: Path) -> None:
    def script(number: int, _: list[dict[str, Any]]) -> Behaviour:
        codes = ["ThrottlingException", "MalformedDetail"]
        return Take({0: codes[number]}) if number < 2 else Take()

    failed = recorded.of("admin-login-fail", "backend_auth_user_login_failed")
    unknown = recorded.again(failed, event="some_event_of_tomorrow")
    settings = {"LOG__FORMAT": "json", "LOG__LEVEL": "debug"}
    async with put_events(script) as endpoint:
        async with serving(tmp_path, endpoint.url, **settings) as bridge:
            seen = [json.dumps(failed).encode(), json.dumps(unknown).encode()]
            await hand_over(bridge.url.rstrip('"}'), SECRET, seen)  # of a line of JSON
            async with asyncio.timeout(PATIENCE):
                while bridge.log.count("is now a dead letter") < 2:
                    await asyncio.sleep(0.05)
            assert await bridge.stop() == 0
            lines = [json.loads(line) for line in bridge.log.splitlines()]
    about = [line for line in lines if re.match(r"Event |A capture is now", line["message"])]
    assert len(about) >= 6
    assert {line["event_id"] for line in about} == {failed["id"], unknown["id"]}
    assert all("event_id" not in line for line in lines if line not in about)
