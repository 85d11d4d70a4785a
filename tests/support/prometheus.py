"""A real Prometheus that watches one bridge with the rules of `deploy/`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml

from tests.support.programs import free_ports, program
from tests.support.waiting import PATIENCE


class Prometheus:
    """A client for a running Prometheus."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = url
        self._http = http

    async def ask(self, path: str, **words: str) -> Any:
        """Return the data of an answer of its HTTP API; raises on a refusal."""
        async with self._http.get(f"{self._url}/api/v1/{path}", params=words) as answer:
            record = await answer.json()
        assert record["status"] == "success", (words, record)
        return record["data"]

    async def values(self, query: str) -> list[float]:
        """Return the current values of a query, one for each series."""
        data = await self.ask("query", query=query)
        return [float(series["value"][1]) for series in data["result"]]

    async def rules(self) -> list[dict[str, Any]]:
        """Return the alerting rules, with their state and whether they could be evaluated."""
        groups = (await self.ask("rules"))["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def state(self, alert: str) -> str:
        """Return the state of an alert: inactive, pending or firing."""
        [state] = [rule["state"] for rule in await self.rules() if rule["name"] == alert]
        return str(state)

    async def until_in(self, alert: str, *states: str, seconds: float = PATIENCE) -> None:
        """Wait until an alert is in one of these states."""
        async with asyncio.timeout(seconds):
            while await self.state(alert) not in states:
                await asyncio.sleep(0.2)


@asynccontextmanager
async def prometheus(folder: Path, metrics: str, rules: Path) -> AsyncIterator[Prometheus]:
    """Run a Prometheus that scrapes this address several times a second."""
    command = program("prometheus", "prometheus")
    [port] = free_ports(1)
    file = folder / "prometheus.yml"
    job = {
        "job_name": "magento-eventbridge",
        "static_configs": [{"targets": [urlsplit(metrics).netloc]}],
    }
    often = {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"}
    file.write_text(
        yaml.safe_dump({"global": often, "scrape_configs": [job], "rule_files": [str(rules)]})
    )
    log = folder / "prometheus.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            command,
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stderr=errors,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as http:
            await _until_ready(http, url, process, log)
            yield Prometheus(url, http)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _until_ready(
    http: aiohttp.ClientSession, url: str, process: asyncio.subprocess.Process, log: Path
) -> None:
    async with asyncio.timeout(30):
        while True:
            assert process.returncode is None, _log_text(log)
            try:
                async with http.get(f"{url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)


def _log_text(log: Path) -> str:
    return log.read_text()
