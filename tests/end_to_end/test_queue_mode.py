"""The installed command over Magento's own queues: from cron, as a service, and several at once."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from magento_eventbridge.magento.database import DatabaseOptions
from magento_eventbridge.queues.amqp.connection import AmqpOptions
from tests.support import recorded
from tests.support.magento_broker import MagentoBroker
from tests.support.magento_queue import MagentoQueue
from tests.support.process import COMMAND, Serving, environment, serving
from tests.support.put_events import Take, put_events
from tests.support.waiting import PATIENCE

TOPIC = "aws.eventbridge.events.send"
COMPLETE, NEW = 4, 2


def of_database(options: DatabaseOptions) -> dict[str, str]:
    return {
        "OUTBOX__HOST": options.host,
        "OUTBOX__PORT": str(options.port),
        "OUTBOX__DATABASE": options.database,
        "OUTBOX__USER": options.user,
        "OUTBOX__PASSWORD": options.password,
        "OUTBOX__TABLE_PREFIX": options.table_prefix,
    }


def of_broker(options: AmqpOptions, **more: str) -> dict[str, str]:
    return {
        "AMQP__HOST": options.host,
        "AMQP__PORT": str(options.port),
        "AMQP__USER": options.user,
        "AMQP__PASSWORD": options.password,
        "AMQP__QUEUE": options.queue,
        **more,
    }


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str


async def ran(folder: Path, endpoint: str, settings: dict[str, str], *words: str) -> Ran:
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *words,
        env=environment(folder, endpoint, **settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    return Ran(process.returncode or 0, out.decode(), err.decode())


# For cron


async def test_consume_drains_so_many_of_the_database_and_stops(
    tmp_path: Path, magento_queue: MagentoQueue
) -> None:
    magento_queue.put(recorded.orders(12))
    settings = of_database(magento_queue.options)
    async with put_events() as endpoint:
        words = ("consume", "--queue", "magento-db", "--max-messages", "5")
        done = await ran(tmp_path, endpoint.url, settings, *words)
        assert (done.status, done.out) == (0, "5 delivered, 0 passed over, 0 buried\n")
        assert magento_queue.statuses == [COMPLETE] * 5 + [NEW] * 7
        more = settings | {"CRON_CONSUMERS_RUNNER__MAX_MESSAGES": "4"}
        done = await ran(tmp_path, endpoint.url, more, "consume", "--queue", "magento-db", "--json")
        assert json.loads(done.out) == {"delivered": 4, "passed_over": 0, "buried": 0}
        done = await ran(tmp_path, endpoint.url, settings, "consume", "--queue", "magento-db")
        assert done.out == "3 delivered, 0 passed over, 0 buried\n"


async def test_consume_drains_more_than_a_bridge_may_have_at_once(
    tmp_path: Path, magento_broker: MagentoBroker
) -> None:
    await magento_broker.put(recorded.orders(300))
    settings = of_broker(magento_broker.options, AMQP__PREFETCH="10")
    async with put_events() as endpoint:
        done = await ran(tmp_path, endpoint.url, settings, "consume", "--queue", "amqp")
        assert done.out == "300 delivered, 0 passed over, 0 buried\n"


async def test_consume_drains_so_many_of_the_broker_and_stops(
    tmp_path: Path, magento_broker: MagentoBroker
) -> None:
    await magento_broker.put(recorded.orders(12))
    settings = of_broker(magento_broker.options)
    async with put_events() as endpoint:
        words = ("consume", "--queue", "amqp", "--max-messages", "5")
        done = await ran(tmp_path, endpoint.url, settings, *words)
        assert (done.status, done.out) == (0, "5 delivered, 0 passed over, 0 buried\n")
        assert await magento_broker.count() == 7
        done = await ran(tmp_path, endpoint.url, settings, "consume", "--queue", "amqp")
        assert done.out == "7 delivered, 0 passed over, 0 buried\n"


@pytest.mark.parametrize("reason", [{}, {"declared": "OfAShopThatIsNotKnownHere"}])
async def test_messages_that_must_wait_and_fill_a_bridge_let_the_others_pass(
    tmp_path: Path, magento_broker: MagentoBroker, reason: dict[str, str]
) -> None:
    added = recorded.of("cart-add", "sales_quote_item_save_after") | reason
    waiting = [recorded.stored(recorded.again(added, subject=f"cart/{n}")) for n in range(30)]
    await magento_broker.put(waiting + recorded.orders(5))
    code, kind = "NotAuthorizedForDetailTypeException", "CartProductAdded"
    settings = of_broker(magento_broker.options, AMQP__PREFETCH="10")
    async with put_events() as endpoint:
        endpoint.script = lambda _, entries: Take(
            {place: code for place, entry in enumerate(entries) if entry["DetailType"] == kind}
        )
        done = await ran(tmp_path, endpoint.url, settings, "consume", "--queue", "amqp")
    assert done.out == "5 delivered, 0 passed over, 0 buried\n"
    assert await magento_broker.count() + await magento_broker.count(".set-aside") == 30


@pytest.mark.parametrize(
    ("runner", "output"),
    [
        ({"CRON_CONSUMERS_RUNNER__CRON_RUN": "false"}, "cron_run is off"),
        (
            {"CRON_CONSUMERS_RUNNER__CONSUMERS": "async.operations.all"},
            f"consumers does not name {TOPIC}",
        ),
    ],
)
async def test_consume_obeys_the_stores_consumers_runner(
    tmp_path: Path, magento_queue: MagentoQueue, runner: dict[str, str], output: str
) -> None:
    magento_queue.put(recorded.orders(1))
    settings = of_database(magento_queue.options)
    async with put_events() as endpoint:
        words = ("consume", "--queue", "magento-db")
        done = await ran(tmp_path, endpoint.url, settings | runner, *words)
        assert (done.status, done.out) == (0, "0 delivered, 0 passed over, 0 buried\n")
        assert output in done.err
        named = {"CRON_CONSUMERS_RUNNER__CONSUMERS": f"async.operations.all {TOPIC}"}
        done = await ran(tmp_path, endpoint.url, settings | named, *words)
    assert done.out == "1 delivered, 0 passed over, 0 buried\n"


async def test_a_broker_that_nobody_names_is_asked_for(tmp_path: Path) -> None:
    done = await ran(tmp_path, "http://127.0.0.1:9", {}, "consume", "--queue", "amqp")
    assert done.status == 2
    assert "amqp.host" in done.err
    assert "Traceback" not in done.err


# As a service


async def test_serve_delivers_from_the_queues_of_a_store_in_queue_mode(
    tmp_path: Path, magento_queue: MagentoQueue, magento_broker: MagentoBroker
) -> None:
    by_database, by_broker = recorded.orders(20), recorded.orders(20)
    settings = {
        **of_database(magento_queue.options),
        **of_broker(magento_broker.options),
        "OPTIONS__QUEUE_MODE": "1",
        "MAGENTO_DB__ENABLED": "1",
    }
    async with put_events() as endpoint:
        async with serving(tmp_path, endpoint.url, **settings) as bridge:
            magento_queue.put(by_database)
            await magento_broker.put(by_broker)
            await endpoint.until_taken(40)
            await magento_broker.publish(['["{}"]'])
            async with asyncio.timeout(PATIENCE):
                while not await magento_broker.count(".dead-letters"):
                    await asyncio.sleep(0.05)
            assert await bridge.stop() == 0
            assert magento_broker.options.password not in bridge.log
            assert magento_queue.options.password not in bridge.log
        assert Counter(endpoint.ids) == Counter(
            capture.id for capture, _ in by_database + by_broker
        )

        async def run(*words: str) -> str:
            return (await ran(tmp_path, endpoint.url, settings, *words)).out

        output = await run("doctor")
        assert "magento-db: 0 captures wait, 0 dead letters" in output
        assert "amqp: 0 captures wait, 1 dead letter" in output
        (letter,) = json.loads(await run("dead-letters", "list", "--queue", "amqp", "--json"))
        assert letter["reason"] == "not a capture: Expected `object`, got `array`"
        number = str(letter["id"])
        assert (
            '["{}"]'
            in json.loads(await run("dead-letters", "show", number, "--queue", "amqp", "--json"))[
                "capture"
            ]
        )
        redriven = await run("dead-letters", "redrive", number, "--queue", "amqp")
        assert redriven == "1 redriven\n"
        assert await run("consume", "--queue", "amqp") == "0 delivered, 0 passed over, 1 buried\n"
        dropped = await run("dead-letters", "drop", "--all", "--yes", "--queue", "amqp")
        assert dropped == "1 dropped\n"


@pytest.mark.timeout(300)
async def test_rotated_passwords_in_the_settings_file_need_no_restart(
    tmp_path: Path, magento_queue: MagentoQueue, magento_broker: MagentoBroker
) -> None:
    server, user = magento_queue.server, "rotating-file"
    control = magento_broker.broker.control
    ask = server.as_root

    file = tmp_path / "bridge.toml"

    def write(password: str) -> None:
        file.write_text(
            f'[outbox]\nuser = "{user}"\npassword = "{password}"\n'
            f'[amqp]\nuser = "{user}"\npassword = "{password}"\n'
        )

    database = magento_queue.options.database
    ask(
        f"CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED BY 'old'",
        f"GRANT ALL ON `{database}`.* TO '{user}'@'%'",
    )
    control("add_user", user, "old")
    control("set_permissions", user, ".*", ".*", ".*")
    write("old")
    settings = {
        **of_database(magento_queue.options),
        **of_broker(magento_broker.options, AMQP__ENABLED="1"),
        "MAGENTO_DB__ENABLED": "1",
        "CONFIG": str(file),
    }
    for name in ("OUTBOX__USER", "OUTBOX__PASSWORD", "AMQP__USER", "AMQP__PASSWORD"):
        del settings[name]
    async with put_events() as endpoint, serving(tmp_path, endpoint.url, **settings) as bridge:
        magento_queue.put(recorded.orders(1))
        await magento_broker.put(recorded.orders(1))
        await endpoint.until_taken(2, 60)
        ask(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'new'", f"KILL USER '{user}'")
        control("change_password", user, "new")
        control("close_all_connections", "a test")
        async with asyncio.timeout(PATIENCE):
            while not ("Access denied" in bridge.log and "refuses the login" in bridge.log):
                await asyncio.sleep(0.05)
        file.write_text("[outbox\n")  # half written
        async with asyncio.timeout(PATIENCE):
            while "the settings cannot be read again" not in bridge.log:
                await asyncio.sleep(0.05)
        write("new")
        magento_queue.put(recorded.orders(1))
        await magento_broker.put(recorded.orders(1))
        await endpoint.until_taken(4, 60)
    ask(f"DROP USER '{user}'@'%'")
    control("delete_user", user)


async def test_doctor_fails_on_a_queue_that_drops_what_comes_back(
    tmp_path: Path, magento_broker: MagentoBroker
) -> None:
    await magento_broker.delete()
    await magento_broker.declare({"x-queue-type": "quorum", "x-delivery-limit": 0})
    await magento_broker.put(recorded.orders(2))
    settings = of_broker(magento_broker.options, AMQP__ENABLED="1")
    async with put_events() as endpoint:
        done = await ran(tmp_path, endpoint.url, settings, "doctor")
        assert done.status == 1
        assert "has a delivery limit of 0: it drops each message" in done.out
        done = await ran(tmp_path, endpoint.url, settings, "consume", "--queue", "amqp")
        assert done.status == 1
        assert "has a delivery limit of 0" in done.err
    assert await magento_broker.count() == 2


# Several bridges at once


@asynccontextmanager
async def three_bridges(
    folder: Path, endpoint: str, settings: dict[str, str]
) -> AsyncIterator[list[Serving]]:
    async with AsyncExitStack() as stack:
        bridges = []
        for number in range(3):
            own = folder / str(number)
            own.mkdir()
            source = {"OPTIONS__SOURCE": f"bridge-{number}"}
            bridge = serving(own, endpoint, **settings, **source)
            bridges.append(await stack.enter_async_context(bridge))
        yield bridges


@pytest.mark.parametrize("queue", ["amqp", "magento-db"])
async def test_of_three_bridges_one_may_be_killed(
    tmp_path: Path, queue: str, request: pytest.FixtureRequest
) -> None:
    captures = recorded.orders(3000)
    if queue == "amqp":
        broker: MagentoBroker = request.getfixturevalue("magento_broker")
        settings = of_broker(broker.options, AMQP__ENABLED="1", AMQP__PREFETCH="200")
        await broker.put(captures)
    else:
        tables: MagentoQueue = request.getfixturevalue("magento_queue")
        settings = {**of_database(tables.options), "MAGENTO_DB__ENABLED": "1"}
        await asyncio.to_thread(tables.put, captures)
    async with put_events() as endpoint:
        async with three_bridges(tmp_path, endpoint.url, settings) as bridges:
            await endpoint.until_taken(1000)
            killed = max(range(3), key=lambda number: shares(endpoint.taken)[f"bridge-{number}"])
            await bridges[killed].kill()
            async with asyncio.timeout(PATIENCE):
                while len(set(endpoint.ids)) < 3000:
                    await asyncio.sleep(0.05)
    assert set(endpoint.ids) == {capture.id for capture, _ in captures}
    sources: dict[str, set[str]] = {}
    for entry in endpoint.taken:
        identifier = json.loads(entry["Detail"])["metadata"]["id"]
        sources.setdefault(identifier, set()).add(entry["Source"])
    twice = [identifier for identifier, count in Counter(endpoint.ids).items() if count > 1]
    # What the killed bridge had delivered but not yet acknowledged.
    assert all(f"bridge-{killed}" in sources[identifier] for identifier in twice)
    assert len(twice) <= (200 if queue == "amqp" else 1000)


def shares(entries: list[dict[str, str]]) -> Counter[str]:
    return Counter(entry["Source"] for entry in entries)
