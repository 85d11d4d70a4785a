"""Quorum queues with a low delivery limit: kills while AWS is unavailable lose nothing."""

import asyncio
import json
import random
import time
from pathlib import Path

import pytest

from tests.faults.bridges import Bridge
from tests.faults.sources import Exchange
from tests.support import recorded
from tests.support.magento_broker import MagentoBroker
from tests.support.put_events import PutEvents, Refuse, put_events, takes_all

_EVENTS = 300
_SECONDS = 120.0
_ROUNDS = 3


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("limit", "by_policy"),
    [(0, False), (0, True), (1, True), (1, False), (2, False), (4, True), (20, True)],
)
async def test_kills_while_aws_is_unavailable_lose_nothing(
    magento_broker: MagentoBroker, tmp_path: Path, limit: int, by_policy: bool
) -> None:
    name = magento_broker.options.queue
    await magento_broker.delete()
    arguments: dict[str, str | int] = {"x-queue-type": "quorum"}
    if by_policy:
        policy = json.dumps({"delivery-limit": limit})
        pattern = f"^{name.replace('.', '[.]')}"
        magento_broker.broker.control("set_policy", name, pattern, policy, "--apply-to", "queues")
    else:
        arguments["x-delivery-limit"] = limit
    await magento_broker.declare(arguments)
    captures = recorded.orders(_EVENTS)
    await magento_broker.put(captures)
    is_refused = limit == 0
    async with put_events(lambda *_: Refuse("InternalFailure", 500)) as endpoint:
        settings = Exchange(magento_broker).settings
        async with Bridge(tmp_path / "bridge", endpoint.url, settings) as bridge:
            await bridge.start()
            if is_refused:
                await bridge.until_written("has a delivery limit of 0")
            else:
                await _until_consumed(magento_broker)
            await bridge.kill()
            await bridge.start()
            await bridge.until_written("Delivering what is in")
            await asyncio.sleep(0.5)
            await bridge.kill()
            endpoint.script = takes_all
            await bridge.start()
            if is_refused:
                await bridge.until_written("has a delivery limit of 0")
                assert await magento_broker.count() == _EVENTS
            else:
                await _until_delivered(endpoint, {capture.id for capture, _ in captures})
            await bridge.stop()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("limit", "is_exact"), [(1, False), (2, True)])
async def test_kills_of_several_bridges_at_any_moment_lose_nothing(
    magento_broker: MagentoBroker, tmp_path: Path, limit: int, is_exact: bool
) -> None:
    """Bridges start together on a queue with messages; most kills come while AWS is unavailable."""
    name = magento_broker.options.queue
    await magento_broker.delete()
    pattern = f"^{name.replace('.', '[.]')}{'$' if is_exact else ''}"
    policy = json.dumps({"delivery-limit": limit})
    magento_broker.broker.control("set_policy", name, pattern, policy, "--apply-to", "queues")
    await magento_broker.declare({"x-queue-type": "quorum"})
    expected: set[str] = set()
    chance = random.Random(limit)
    async with put_events(lambda *_: Refuse("InternalFailure", 500)) as endpoint:
        settings = Exchange(magento_broker).settings
        async with (
            Bridge(tmp_path / "first", endpoint.url, settings) as first,
            Bridge(tmp_path / "second", endpoint.url, settings) as second,
        ):
            for _ in range(_ROUNDS):
                captures = recorded.orders(_EVENTS // _ROUNDS)
                expected |= {capture.id for capture, _ in captures}
                await magento_broker.put(captures)
                await asyncio.gather(first.start(), second.start())
                await first.until_written("Delivering what is in")
                for bridge in chance.sample([first, second], 2):
                    await asyncio.sleep(chance.uniform(0.0, 1.0))
                    await bridge.kill()
            endpoint.script = takes_all
            await asyncio.gather(first.start(), second.start())
            await _until_delivered(endpoint, expected)
            await asyncio.gather(first.stop(), second.stop())


async def _until_consumed(broker: MagentoBroker) -> None:
    async with asyncio.timeout(_SECONDS):
        while await broker.count():
            await asyncio.sleep(0.05)


async def _until_delivered(endpoint: PutEvents, expected: set[str]) -> None:
    until = time.monotonic() + _SECONDS
    while missing := expected - set(endpoint.ids):
        assert time.monotonic() < until, f"{len(missing)} are missing"
        await asyncio.sleep(0.05)
