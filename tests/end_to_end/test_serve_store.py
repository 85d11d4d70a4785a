"""The installed command with the store's folder as its only setting."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from magento_eventbridge.magento.installation import ORIGINAL
from tests.support import recorded
from tests.support.magento_broker import MagentoBroker
from tests.support.magento_queue import queue_tables
from tests.support.mariadb import Server
from tests.support.process import COMMAND, Serving, started
from tests.support.put_events import Behaviour, Json, PutEvents, Refuse, Take, put_events
from tests.support.shop import CONFIG_PHP, Shop
from tests.support.waiting import PATIENCE

# A running bridge reads the store's configuration every five seconds.
NOTICES_WITHIN = 30.0


def bare_environment(shop: Shop) -> dict[str, str]:
    """Return an environment without AWS's variables, and with the place of the bridge's files."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MAGENTO_EVENTBRIDGE_", "CONFIG__"))
    }
    return {**kept, "MAGENTO_EVENTBRIDGE_SPOOL__PATH": str(shop.root / "spool.sqlite")}


@pytest.fixture
async def endpoint(shop: Shop) -> AsyncIterator[PutEvents]:
    """A bus that the store's own configuration names."""
    async with put_events() as endpoint:
        shop.save("options/dry_run_mode", "0")
        shop.save("options/endpoint_url", endpoint.url)
        yield endpoint


@asynccontextmanager
async def serving(
    shop: Shop, *words: str, until: str = "Delivering what is in"
) -> AsyncIterator[Serving]:
    log = shop.root / "var/log/aws-eventbridge.log"
    async with started(
        COMMAND,
        *("serve", "--magento-root", str(shop.root), *words),
        env=bare_environment(shop),
        stderr=asyncio.subprocess.PIPE,
    ) as process:
        bridge = Serving(process, log, "")
        async with asyncio.timeout(PATIENCE):
            while not (log.exists() and until in bridge.log):
                assert process.returncode is None, await process.communicate()
                await asyncio.sleep(0.02)
        yield bridge
        assert await bridge.stop() == 0


async def ran(shop: Shop, *words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *words,
        *("--magento-root", str(shop.root)),
        env=bare_environment(shop),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def until(is_so: Callable[[], Any], seconds: float = NOTICES_WITHIN) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.02)


def orders(shop: Shop, count: int, view_id: int = 1) -> list[str]:
    captures = recorded.orders(count, view_id=view_id)
    shop.outbox.put(captures)
    return [capture.id for capture, _ in captures]


async def test_each_store_view_goes_its_way_and_a_change_is_followed(
    shop: Shop, endpoint: PutEvents
) -> None:
    shop.add_view(2, "german")
    shop.save("options/event_bus", "german-bus", "stores", 2)
    shop.save("options/source", "german.example.com", "stores", 2)
    async with serving(shop) as bridge:
        orders(shop, 3, view_id=1)
        orders(shop, 2, view_id=2)
        await endpoint.until_taken(5)
        assert where(endpoint.taken) == {
            ("store.example.com", None),
            ("german.example.com", "german-bus"),
        }

        shop.save("options/source", "moved.example.com")
        shop.save("events_order/placed", "0", "stores", 2)
        await until(lambda: "has changed and is used" in bridge.log)
        del endpoint.taken[:]
        orders(shop, 2, view_id=2)
        orders(shop, 3, view_id=1)
        await endpoint.until_taken(3)
        await until(lambda: shop.outbox.ask("SELECT COUNT(*) FROM {outbox}") == ((0,),))
        assert where(endpoint.taken) == {("moved.example.com", None)}
        assert "No HTTP inlet: neither inlet.secrets nor the store has a secret" in bridge.log
        assert "ERROR" not in bridge.log
        assert "example-not-a-secret" not in bridge.log


def where(entries: list[Json]) -> set[tuple[str, str | None]]:
    return {(entry["Source"], entry.get("EventBusName")) for entry in entries}


async def test_corrected_credentials_in_the_admin_resume_a_parked_bus(
    shop: Shop, endpoint: PutEvents
) -> None:
    def knows_one_key(number: int, _: list[Json]) -> Behaviour:
        signed_by = endpoint.headers[number]["authorization"]
        return Take() if "AKIAMENDED" in signed_by else Refuse("UnrecognizedClientException")

    endpoint.script = knows_one_key
    expected = orders(shop, 40)
    async with serving(shop) as bridge:
        await until(lambda: "PARKED" in bridge.log)
        assert endpoint.taken == []
        shop.save("credentials/access_key", "AKIAMENDED")
        await endpoint.until_taken(40, NOTICES_WITHIN)
        await until(lambda: shop.outbox.ask("SELECT COUNT(*) FROM {outbox}") == ((0,),))
        assert sorted(endpoint.ids) == sorted(expected)
        query = "SELECT status FROM {bridges}"
        await until(lambda: "AKIA…NDED" in json.loads(status(shop, query))["credentials"])
        assert json.loads(status(shop, query))["parked"] == []


def status(shop: Shop, query: str) -> str:
    ((text,),) = shop.outbox.ask(query)
    return str(text)


async def test_a_configuration_that_breaks_stays_as_it_was(shop: Shop, endpoint: PutEvents) -> None:
    async with serving(shop) as bridge:
        whole = shop.env_php.read_text()
        shop.env_php.write_text(whole[: len(whole) // 2])
        await until(lambda: "The store's configuration cannot be used" in bridge.log)
        orders(shop, 3)
        await endpoint.until_taken(3)
        shop.env_php.write_text(whole)
        await until(lambda: "can be used again" in bridge.log)
        assert bridge.log.count("cannot be used") == 1


async def test_the_agents_secret_opens_the_inlet(shop: Shop, endpoint: PutEvents) -> None:
    shop.save("agent/secret", "a-secret-of-the-agent")
    captures = shop.root / "captures.ndjson"
    captures.write_bytes(b"\n".join(body for _, body in recorded.orders(4)))
    spool = {"spool.path": str(shop.root / "spool.sqlite"), "inlet.port": "0"}
    words = [word for name, value in spool.items() for word in ("--set", f"{name}={value}")]
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *("serve", "--magento-root", str(shop.root), *words),
        env=bare_environment(shop),
    )
    try:
        log = shop.root / "var/log/aws-eventbridge.log"
        listening = re.compile(r"Listening for captures at (\S+)")
        await until(lambda: log.exists() and listening.search(log.read_text()))
        found = listening.search(log.read_text())
        assert found
        code, out, _ = await ran(shop, "replay", str(captures), "--url", found[1])
        assert (code, out) == (0, "4 accepted, 0 rejected\n")
        await endpoint.until_taken(4)

        shop.save("agent/secret", "another-secret-of-the-agent")
        await until(lambda: "has changed and is used" in log.read_text())
        captures.write_bytes(b"\n".join(body for _, body in recorded.orders(3)))
        code, out, _ = await ran(shop, "replay", str(captures), "--url", found[1])
        assert (code, out) == (0, "3 accepted, 0 rejected\n")
        assert "next start" not in log.read_text()
    finally:
        process.terminate()
        assert await process.wait() == 0


def with_a_spool(shop: Shop) -> list[str]:
    settings = {"spool.path": str(shop.root / "spool.sqlite"), "inlet.port": "0"}
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


async def test_a_secret_that_is_saved_while_running_opens_the_inlet(
    shop: Shop, endpoint: PutEvents
) -> None:
    captures = shop.root / "captures.ndjson"
    captures.write_bytes(b"\n".join(body for _, body in recorded.orders(4)))
    async with serving(shop, *with_a_spool(shop)) as bridge:
        await until(lambda: "No HTTP inlet" in bridge.log)
        shop.save("agent/secret", "a-secret-of-the-agent")
        listening = re.compile(r"Listening for captures at (\S+)")
        await until(lambda: listening.search(bridge.log))
        found = listening.search(bridge.log)
        assert found
        code, out, _ = await ran(shop, "replay", str(captures), "--url", found[1])
        assert (code, out) == (0, "4 accepted, 0 rejected\n")
        await endpoint.until_taken(4)


async def test_queue_mode_that_is_switched_on_while_running_is_followed(
    shop: Shop, endpoint: PutEvents
) -> None:
    prefix = shop.outbox.options.table_prefix
    with queue_tables(shop.outbox.server, prefix) as queue:
        async with serving(shop) as bridge:
            orders(shop, 2)
            await endpoint.until_taken(2)
            shop.save("options/queue_mode", "1")
            queue.put(recorded.orders(3))
            await endpoint.until_taken(5, NOTICES_WITHIN)
            assert "Delivering what is in Magento's queue (magento-db)" in bridge.log


@pytest.mark.parametrize("place", ["env.php", "TOML"])
async def test_a_rotated_database_password_needs_no_restart(
    shop: Shop, endpoint: PutEvents, tmp_path: Path, place: str
) -> None:
    server, user = shop.outbox.server, "rotating"
    ask = server.as_root
    ask(f"CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED BY 'old'")
    ask(f"GRANT ALL ON `{shop.outbox.options.database}`.* TO '{user}'@'%'")
    file = tmp_path / "bridge.toml"

    def write(password: str) -> None:
        if place == "env.php":
            file.write_text("")
            shop.write_env_php(username=f"'{user}'", password=f"'{password}'")
        else:
            file.write_text(f'[outbox]\nuser = "{user}"\npassword = "{password}"\n')

    write("old")
    prefix = shop.outbox.options.table_prefix
    with queue_tables(server, prefix) as queue:
        shop.save("options/queue_mode", "1")
        async with serving(shop, "--config", str(file), until="(magento-db)") as bridge:
            orders(shop, 2)
            await endpoint.until_taken(2)
            ask(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'new'")
            ask(f"KILL USER '{user}'")
            await until(lambda: "Access denied for user" in bridge.log)
            write("new")
            orders(shop, 2)
            queue.put(recorded.orders(3))
            await endpoint.until_taken(7, NOTICES_WITHIN)
            assert "next start" not in bridge.log
    ask(f"DROP USER '{user}'@'%'")


async def test_a_broker_is_followed_through_a_new_password_and_out_of_env_php(
    shop: Shop, endpoint: PutEvents, magento_broker: MagentoBroker
) -> None:
    options, control = magento_broker.options, magento_broker.broker.control
    control("add_user", "rotating", "old")
    control("set_permissions", "rotating", ".*", ".*", ".*")

    def write(password: str | None) -> None:
        shop.write_env_php()
        if password is not None:
            text = shop.env_php.read_text()
            before = "'consumers_wait_for_messages' => 0"
            assert before in text
            broker = (
                f"'amqp' => ['host' => '{options.host}', 'port' => '{options.port}', "
                f"'user' => 'rotating', 'password' => '{password}', 'virtualhost' => '/']"
            )
            shop.env_php.write_text(text.replace(before, broker))

    write("old")
    words = ("--set", f"amqp.queue={options.queue}", "--set", "magento_db.enabled=false")
    shop.save("options/queue_mode", "1")
    async with serving(shop, *words, until="Magento's queue (amqp)") as bridge:
        await magento_broker.put(recorded.orders(2))
        await endpoint.until_taken(2)
        control("change_password", "rotating", "new")
        control("close_all_connections", "a test")
        await until(lambda: "it refuses the login" in bridge.log)
        write("new")
        await magento_broker.put(recorded.orders(2))
        await endpoint.until_taken(4, NOTICES_WITHIN)
        write(None)
        await until(lambda: "delivery from RabbitMQ ends" in bridge.log)
        await magento_broker.put(recorded.orders(1))
        orders(shop, 1)  # the other queue goes on
        await endpoint.until_taken(5)
        assert await magento_broker.count() == 1
        write("new")
        await endpoint.until_taken(6, NOTICES_WITHIN)
    control("delete_user", "rotating")


async def test_a_bridge_that_starts_before_its_database_waits_for_it(
    mariadb: Server, shop: Shop, endpoint: PutEvents
) -> None:
    if mariadb.folder is None:
        pytest.skip("the server is not ours to stop")
    expected = orders(shop, 5)
    mariadb.stop()
    try:
        async with serving(shop, until="Cannot read the store's configuration") as bridge:
            await asyncio.sleep(3)
            assert bridge.log.count("Cannot read") == 1
            await asyncio.to_thread(mariadb.start)
            await endpoint.until_taken(5)
            assert "The store's configuration has been read." in bridge.log
            assert set(endpoint.ids) == set(expected)

            mariadb.kill()
            await until(lambda: "Cannot read the queue 'outbox'" in bridge.log)
            await asyncio.sleep(4)
            assert bridge.log.count("Cannot read the queue 'outbox'") == 1
            await asyncio.to_thread(mariadb.start)
            await until(lambda: "The queue 'outbox' can be read again" in bridge.log)
    finally:
        if mariadb.process and mariadb.process.poll() is not None:
            mariadb.start()


async def test_a_bridge_that_waits_for_its_database_can_be_stopped(shop: Shop) -> None:
    shop.write_env_php(host="'127.0.0.1:1'")
    async with serving(shop, until="Cannot read the store's configuration") as bridge:
        assert await bridge.stop() == 0


async def test_commands_go_by_the_store(shop: Shop, endpoint: PutEvents) -> None:
    orders(shop, 3)
    assert (await ran(shop, "consume"))[:2] == (0, "3 delivered, 0 passed over, 0 buried\n")
    code, out, _ = await ran(shop, "send-test")
    assert (code, "OrderPlaced of store.example.com delivered" in out) == (0, True)
    assert (await ran(shop, "dead-letters", "list"))[:2] == (0, "No dead letters.\n")
    shop.write_env_php(host="'127.0.0.1:1'")
    code, out, err = await ran(shop, "consume")
    assert (code, out) == (1, "")
    assert "127.0.0.1:1/magento: cannot connect" in err


async def test_doctor_looks_at_everything(shop: Shop, endpoint: PutEvents) -> None:
    shop.add_view(2, "german")
    shop.save("options/event_bus", "german-bus", "stores", 2)
    shop.save("events_order/saved", "0", "stores", 2)  # OrderCreated and OrderUpdated
    code, out, _ = await ran(shop, "doctor")
    lines = {line[6:].partition(":")[0]: line for line in out.splitlines()}
    assert code == 0, out
    assert lines["store"].startswith("ok")
    assert "answers, prefix 't" in lines["database"]
    assert lines["agent"] == "ok    agent: MagentoEventBridge_Agent is enabled"
    assert "eventbridge_dead_letter" in lines["tables"]
    assert lines["cron"].startswith("warn")
    assert lines["original module"] == (
        f"ok    original module: {ORIGINAL} 1.0.0 was set up, is not enabled"
    )
    assert "german-bus" in lines["store view 2 'german'"]
    assert "35 of 37 events on" in lines["store view 2 'german'"]
    assert "37 of 37 events on" in lines["store view 1 'default'"]
    assert "source store.example.com (core_config_data, default), bus" in out
    assert lines["credentials of all store views"].startswith("ok")
    assert lines["bus of store view 2"].startswith("ok")
    assert re.search(r"stores\.2\.options\.event_bus +german-bus +core_config_data, store", out)
    assert re.search(r"outbox\.user +shop +env\.php", out)
    assert "example-not-a-secret" not in out
    assert shop.outbox.options.password not in out


@pytest.mark.parametrize(
    ("spoil", "name", "message"),
    [
        (lambda shop: shop.env_php.unlink(), "store", "No such file"),
        (
            lambda shop: shop.write_env_php(password="vault('db')"),
            "store",
            "line 36: a function call",
        ),
        (lambda shop: shop.write_env_php(host="'127.0.0.1:1'"), "database", "cannot connect"),
        (lambda shop: shop.config_php.unlink(), "agent", "is not in config.php"),
        (
            lambda shop: shop.config_php.write_text(
                CONFIG_PHP.replace("Agent' => 1", "Agent' => 0")
            ),
            "agent",
            "module:enable MagentoEventBridge_Agent",
        ),
        (
            lambda shop: shop.save("credentials/secret_access_key", "0:2:YWJj"),
            "store's configuration",
            "encrypted with mcrypt",
        ),
    ],
)
async def test_doctor_says_what_is_wrong_with_a_store(
    shop: Shop, spoil: Callable[[Shop], None], name: str, message: str
) -> None:
    spoil(shop)
    code, out, err = await ran(shop, "doctor", "--json")
    assert (code, err) == (1, "")
    (found,) = [one for one in json.loads(out)["findings"] if one["name"] == name and not one["ok"]]
    assert message in found["message"]
    assert found["state"] == "fail"


async def test_doctor_warns_of_the_original_beside_the_agent_and_of_values_it_cannot_open(
    shop: Shop,
) -> None:
    shop.config_php.write_text(CONFIG_PHP.replace("'Magento_Store'", f"'{ORIGINAL}'"))
    shop.save("credentials/external_id", "0:2:YWJj")
    shop.save("credentials/type", "ec2")
    shop.run("UPDATE {cron_schedule} SET executed_at = UTC_TIMESTAMP()")
    code, out, _ = await ran(shop, "doctor")
    assert code == 0, out
    assert f"warn  original module: {ORIGINAL} is enabled beside the agent: each event" in out
    assert "warn  encryption: not opened, and not needed: aws_eventbridge/credentials/ext" in out
    assert "ok    cron: the store's cron last ran a job" in out


async def test_doctor_says_where_events_go_when_the_message_queue_is_artemis(shop: Shop) -> None:
    text = shop.env_php.read_text()
    shop.env_php.write_text(
        text.replace("'queue' => [", "'queue' => ['stomp' => ['host' => 'artemis'],", 1)
    )
    _, out, _ = await ran(shop, "doctor")
    assert "ok    message queue: is in ActiveMQ Artemis (STOMP)" in out
    shop.env_php.write_text(
        text.replace("'queue' => [", "'queue' => ['default_connection' => Q,", 1)
    )
    code, out, _ = await ran(shop, "doctor")
    assert code == 1
    assert re.search("FAIL  message queue: .*env.php, line [0-9]+: the constant Q: cannot be", out)


def test_recorded_tables_hold_no_secret_of_anybody() -> None:
    text = (Path(__file__).parents[1] / "support/store_tables.sql").read_text()
    assert re.findall(r"secret_access_key','([^']*)'", text) == ["example-not-a-secret"]
