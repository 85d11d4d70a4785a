"""The commands `backfill` and `audit` as processes, on a store with sales."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import magento_eventbridge.cli as command_line
from magento_eventbridge.observability.log import ROOT
from tests.support.process import COMMAND, environment, started
from tests.support.shop import Shop


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Commands:
    """Runs commands on one store, with one folder for the bridge's files."""

    def __init__(self, shop: Shop, folder: Path, endpoint: str, **settings: str) -> None:
        options = shop.outbox.options
        self.environment = environment(
            folder,
            endpoint,
            OUTBOX__ENABLED="true",
            OUTBOX__HOST=options.host,
            OUTBOX__PORT=str(options.port),
            OUTBOX__USER=options.user,
            OUTBOX__PASSWORD=options.password,
            OUTBOX__DATABASE=options.database,
            OUTBOX__TABLE_PREFIX=options.table_prefix,
            INLET__ENABLED="false",
            **settings,
        )

    def started(self, *words: str) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
        pipe = asyncio.subprocess.PIPE
        return started(COMMAND, *words, env=self.environment, stdout=pipe, stderr=pipe)

    async def run(self, *words: str) -> Result:
        async with self.started(*words) as process:
            out, err = await process.communicate()
        return Result(process.returncode or 0, out.decode(), err.decode())


Here = Callable[..., Result]


@pytest.fixture
def here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Result]]:
    """Run a command in this process: a process of its own takes seconds to start."""
    # Every later test of this process would have a lower priority, too.
    monkeypatch.setattr(os, "nice", lambda _: 0)
    logger = logging.getLogger(ROOT)
    before = (logger.handlers[:], logger.level, logger.propagate)

    def run(commands: Commands, *words: str) -> Result:
        for name, value in commands.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["magento-eventbridge", *words])
        status = 0
        try:
            command_line.main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    yield run
    for handler in set(logger.handlers) - set(before[0]):
        handler.close()
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])
