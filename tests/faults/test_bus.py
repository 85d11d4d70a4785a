"""A bus that fails for long, and credentials that expire: everything waits, and is delivered."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.faults.bridges import PATIENT, Bridge
from tests.faults.ledger import Ledger
from tests.faults.sources import Inlet, free_port, hand_over, until_there
from tests.support import recorded
from tests.support.instance import instance_metadata
from tests.support.put_events import Behaviour, Json, Refuse, Take, put_events

KEYS = CredentialsSource(type="keys", access_key="AKIATEST", secret_access_key="a-test-secret")

# More failures than a delay can be doubled before it overflows a float.
MANY = 1100


@pytest.mark.parametrize("fails_as_a_whole", [True, False])
async def test_no_number_of_failures_is_too_many(tmp_path: Path, fails_as_a_whole: bool) -> None:
    captures = recorded.orders(3)

    def script(number: int, entries: list[Json]) -> Behaviour:
        if number >= MANY:
            return Take()
        if fails_as_a_whole:
            return Refuse("ServiceUnavailable", 503)
        return Take(dict.fromkeys(range(len(entries)), "InternalFailure"))

    async with put_events(script) as bus:
        queue = SqliteQueue(tmp_path / "spool.sqlite")
        await queue.put(captures)
        sink = EventBridgeSink(CredentialsFinder())
        destination = Destination(region="eu-west-1", endpoint_url=bus.url, credentials=KEYS)
        route = Route(destination=destination, source="shop.example.com")
        policy = Policy(
            backoff=Backoff(first=0.0001, longest=0.0005), calls_per_second=100_000, calls_at_once=1
        )
        dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, policy)
        await dispatcher.run(until_empty=True)
        await sink.close()
        await queue.close()
    assert bus.calls >= MANY
    assert Counter(bus.ids) == Counter(capture.id for capture, _ in captures)


async def test_aws_away_for_long_and_bridges_killed_meanwhile(
    tmp_path: Path, chance: random.Random, rounds: int
) -> None:
    port = free_port()
    source = Inlet(tmp_path / "spool.sqlite")
    ledger = Ledger()
    captures = recorded.orders(300)
    async with Bridge(tmp_path / "one", f"http://127.0.0.1:{port}", source.settings) as bridge:
        for start in range(0, 300, 100):
            await bridge.start()
            await bridge.until_written("Listening for captures")
            await hand_over(source, ledger, captures[start : start + 100])
            await bridge.until_written("No delivery to")
            await asyncio.sleep(chance.uniform(0, 0.3 * rounds))
            if start < 200:
                await bridge.kill()
        assert await source.left() == 300
        async with put_events(port=port, witness=ledger.witness):
            # Pauses have grown to a minute at most.
            await until_there(source, ledger, seconds=75)
        await bridge.stop()
    account = ledger.account()
    print(account)
    assert account.is_right, account
    assert not account.duplicates, "nothing was in flight when a bridge was killed"


async def test_credentials_that_expire_in_the_middle(tmp_path: Path) -> None:
    ledger = Ledger()
    captures = recorded.orders(400)
    valid = {"ASIAFIRST"}

    def knows_the_valid(number: int, _: list[Json]) -> Behaviour:
        signed_by = bus.headers[number]["authorization"]
        is_known = any(f"Credential={key}/" in signed_by for key in valid)
        return Take() if is_known else Refuse("ExpiredTokenException")

    source = Inlet(tmp_path / "spool.sqlite")
    async with (
        instance_metadata() as instance,
        put_events(witness=ledger.witness) as bus,
    ):
        bus.script = knows_the_valid
        instance.access_key = "ASIAFIRST"
        settings = {**source.settings, **PATIENT, "CREDENTIALS__TYPE": "ec2"}
        variables = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": instance.url}
        async with Bridge(tmp_path / "one", bus.url, settings, variables=variables) as bridge:
            await bridge.start()
            await bridge.until_written("Listening for captures")
            await hand_over(source, ledger, captures[:200])
            await until_there(source, ledger)
            valid.clear()
            await hand_over(source, ledger, captures[200:])
            await bridge.until_written("PARKED")
            assert await source.left() == 200
            instance.access_key = "ASIASECOND"
            valid.add("ASIASECOND")
            await until_there(source, ledger)
            await bridge.stop()
            assert "resumes" in bridge.output
    account = ledger.account()
    assert account.is_right, account
    assert not account.duplicates
