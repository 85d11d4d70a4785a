"""A store's configuration, read from its files and from tables in a real database."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from magento_eventbridge.bridge.queues import open_queue, renew_login, when_login_refused
from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.magento.database import DatabaseError, database_options
from magento_eventbridge.magento.installation import AGENT, ORIGINAL
from magento_eventbridge.magento.live_store import LiveStore, LiveStoreOptions, Reading, follow
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.layers import Layer
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.tls import TlsOptions
from tests.support import recorded
from tests.support.mariadb import Server
from tests.support.shop import Shop
from tests.support.waiting import PATIENCE


@pytest.fixture
async def store(shop: Shop) -> AsyncIterator[LiveStore]:
    store = LiveStore(shop.root, [], {})
    yield store
    await store.close()


def own(shop: Shop, **values: Any) -> LiveStore:
    return LiveStore(shop.root, [Layer("a file", values)], {})


async def read(store: LiveStore) -> Settings:
    reading = await store.read()
    await store.close()
    return reading.settings


async def test_the_root_alone_is_enough(shop: Shop, store: LiveStore) -> None:
    shop.add_view(2, "german")
    shop.save("options/event_bus", "german", "stores", 2)
    reading = await store.read()
    settings, origins = reading.settings, reading.origins

    assert settings.outbox.enabled
    assert database_options(settings.outbox) == shop.outbox.options
    assert settings.options.source == "store.example.com"
    assert settings.credentials.type == "keys"
    assert [settings.view(view).options.event_bus for view in (1, 2)] == [None, "german"]
    assert settings.inlet.secrets == ()
    assert origins.of("outbox.password") == "env.php"
    assert origins.of("options.region") == "core_config_data, default"
    assert origins.of("stores.2.options.event_bus") == "core_config_data, store view 2"
    assert origins.of("inlet.port") == "default"


async def test_the_bridges_own_settings_win_value_by_value(shop: Shop) -> None:
    store = own(
        shop, outbox={"user": "shop", "tls_verify_host": False}, options={"region": "eu-south-1"}
    )
    reading = await store.read()
    await store.close()
    assert reading.settings.outbox.user == "shop"
    assert reading.settings.outbox.database == shop.outbox.options.database
    assert reading.settings.options.region == "eu-south-1"
    assert reading.settings.options.source == "store.example.com"
    assert [reading.origins.of(name) for name in ("outbox.user", "outbox.database")] == [
        "a file",
        "env.php",
    ]


async def test_who_says_where_the_database_is_need_not_deny_the_stores_socket(shop: Shop) -> None:
    options = shop.outbox.options
    shop.write_env_php(host="'/nowhere/mysqld.sock'")
    settings = await read(own(shop, outbox={"host": options.host, "port": options.port}))
    assert settings.outbox.unix_socket is None


async def test_localhost_is_the_servers_socket_as_in_php(
    shop: Shop,
) -> None:
    shop.write_env_php(host="'localhost'")
    folder = shop.outbox.server.folder
    if folder is None:
        pytest.skip("the server is not ours: where its socket is, is not known")
    sockets = ("/nowhere/mysqld.sock", str(folder / "socket"))
    store = LiveStore(shop.root, [], {}, LiveStoreOptions(sockets=sockets))
    settings = (await store.read()).settings
    await store.close()
    assert settings.outbox.unix_socket == folder / "socket"
    for name, value in (("host", "db"), ("port", 3307)):
        elsewhere = [Layer("a file", {"outbox": {name: value}})]
        store = LiveStore(shop.root, elsewhere, {}, LiveStoreOptions(sockets=sockets))
        assert store.reach()[0].outbox.unix_socket is None


async def test_a_store_without_a_socket_on_this_machine_is_reached_by_its_port(
    shop: Shop,
) -> None:
    shop.write_env_php(host="'localhost'")
    store = LiveStore(shop.root, [], {}, LiveStoreOptions(sockets=()))
    outbox = store.reach()[0].outbox
    assert (outbox.host, outbox.port, outbox.unix_socket) == ("localhost", 3306, None)


async def test_the_agents_secret_opens_the_inlet(shop: Shop, store: LiveStore) -> None:
    shop.save("agent/secret", "a-secret-of-the-agent")
    reading = await store.read()
    assert [secret.get_secret_value() for secret in reading.settings.inlet.secrets] == [
        "a-secret-of-the-agent"
    ]
    assert reading.origins.of("inlet.secrets") == "core_config_data, default"


async def test_a_change_is_noticed_and_nothing_else(shop: Shop, store: LiveStore) -> None:
    await store.read()
    assert await store.read_if_changed() is None
    shop.run("UPDATE {core_config_data} SET value = 'x' WHERE path = 'design/theme/theme_id'")
    assert await store.read_if_changed() is None

    shop.save("options/source", "new.example.com")
    reading = await store.read_if_changed()
    assert reading
    assert reading.settings.options.source == "new.example.com"

    shop.run("DELETE FROM {core_config_data} WHERE path = 'aws_eventbridge/options/source'")
    reading = await store.read_if_changed()
    assert reading
    assert reading.settings.options.source == "shop.example.com"

    shop.config_php.write_text(
        "<?php return ['system' => ['default' => ['aws_eventbridge' => ['options' => "
        "['region' => 'eu-north-1']]]]];"
    )
    reading = await store.read_if_changed()
    assert reading
    assert reading.settings.options.region == "eu-north-1"
    assert await store.read_if_changed() is None


@pytest.mark.parametrize("content", [None, "<?php return [];"])
async def test_a_configuration_that_is_missing_for_a_moment_changes_nothing(
    shop: Shop, store: LiveStore, content: str | None
) -> None:
    """Events went to another bus while a deployment replaced it."""
    former = shop.config_php.read_text()
    await store.read()
    shop.config_php.unlink()
    if content:
        shop.config_php.write_text(content)
    for _ in range(2):
        with pytest.raises(SettingsError, match="config.php: it is missing or empty"):
            await store.read_if_changed()
    shop.config_php.write_text(former)
    assert await store.read_if_changed() is None


async def test_a_database_that_moved_is_followed(shop: Shop, store: LiveStore) -> None:
    await store.read()
    shop.write_env_php(dbname="'elsewhere'")
    with pytest.raises(DatabaseError, match="elsewhere"):
        await store.read_if_changed()
    shop.write_env_php()
    assert await store.read_if_changed() is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": "decrypt('x')"}, "a function call: cannot be read without running PHP"),
        (
            {"host": "''", "dbname": "''"},
            "/app/etc/env.php: db/connection/default/dbname is missing",
        ),
        ({"table_prefix": "'a-b'"}, "outbox.table_prefix: may have letters, digits and _ only"),
    ],
)
async def test_what_cannot_be_used_is_reported(
    shop: Shop, store: LiveStore, changes: Mapping[str, str], message: str
) -> None:
    shop.write_env_php(**changes)
    with pytest.raises(SettingsError, match=message.replace("(", r"\(")):
        await store.read()


async def test_a_value_that_nobody_needs_may_be_computed(shop: Shop) -> None:
    shop.write_env_php(password="decrypt('x')")
    settings = await read(own(shop, outbox={"password": shop.outbox.options.password}))
    assert settings.options.source == "store.example.com"


async def test_a_folder_that_is_no_store_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"app/etc/env\.php: No such file"):
        await LiveStore(tmp_path, [], {}).read()


async def test_a_wrong_prefix_is_reported(shop: Shop, store: LiveStore) -> None:
    shop.write_env_php(table_prefix="'other_'")
    with pytest.raises(DatabaseError, match="is this the store's database, and its table prefix"):
        await store.read()


async def test_a_login_plugin_whose_package_is_missing_is_reported(shop: Shop) -> None:
    with shop.outbox.server.root() as root, root.cursor() as cursor:
        cursor.execute("INSTALL SONAME 'auth_ed25519'")
        try:
            cursor.execute(
                "CREATE USER 'modern'@'%' IDENTIFIED VIA ed25519 USING PASSWORD('a-password')"
            )
            shop.write_env_php(username="'modern'", password="'a-password'")
            store = LiveStore(shop.root, [], {})
            with pytest.raises(DatabaseError, match="'modern' logs in by a plugin .* PyNaCl"):
                await store.read()
            await store.close()
        finally:
            cursor.execute("DROP USER IF EXISTS 'modern'@'%'")
            cursor.execute("UNINSTALL SONAME 'auth_ed25519'")


@pytest.mark.parametrize("password", ["café", "5€", "😀"])
async def test_a_password_beyond_ascii_is_sent_as_php_sends_it(shop: Shop, password: str) -> None:
    shop.outbox.server.as_root(
        "SET NAMES utf8mb4",
        f"CREATE USER 'accents'@'%' IDENTIFIED BY '{password}'",
        f"GRANT ALL ON {shop.outbox.options.database}.* TO 'accents'@'%'",
    )
    try:
        shop.write_env_php(username="'accents'", password=f"'{password}'")
        assert (await read(LiveStore(shop.root, [], {}))).outbox.user == "accents"
    finally:
        shop.outbox.server.as_root("DROP USER 'accents'@'%'")


@pytest.mark.parametrize("host", ["a..b", "a" * 64])
async def test_a_host_that_is_no_host_name_is_reported(shop: Shop, host: str) -> None:
    shop.write_env_php(host=f"'{host}'")
    with pytest.raises(DatabaseError, match="the host is no host name"):
        await read(LiveStore(shop.root, [], {}))


async def test_what_is_installed_is_found(shop: Shop, store: LiveStore) -> None:
    found = await store.installation()
    assert str(found.versions[ORIGINAL]) == "1.0.0"
    assert AGENT not in found.versions
    assert found.missing_tables == []
    assert found.cron_idle is not None
    assert found.cron_idle > 0
    shop.run("UPDATE {cron_schedule} SET executed_at = UTC_TIMESTAMP() WHERE schedule_id = 1")
    assert (await store.installation()).cron_runs
    shop.run("DELETE FROM {cron_schedule}")
    found = await store.installation()
    assert found.cron_idle is None
    assert not found.cron_runs


async def test_what_becomes_unreadable_is_reported_once_and_the_former_stays(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    store = LiveStore(shop.root, [], {}, LiveStoreOptions(check_seconds=0.02))
    applied: list[Reading] = []

    async def apply(reading: Reading) -> None:
        applied.append(reading)

    await store.read()
    following = asyncio.create_task(follow(store, apply))
    try:
        shop.save("options/tracking", "perhaps")
        async with asyncio.timeout(PATIENCE):
            while "must be 1 or 0" not in caplog.text:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert caplog.text.count("must be 1 or 0") == 1
        assert applied == []

        shop.save("options/tracking", "0")
        async with asyncio.timeout(PATIENCE):
            while not applied:
                await asyncio.sleep(0.01)
        assert not applied[0].settings.options.tracking
        assert "can be used again" in caplog.text
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await store.close()


async def test_a_refused_login_lets_the_store_be_read_again_at_once(shop: Shop) -> None:
    """Also where `env.php` itself did not change, but a variable that it reads."""
    server, user = shop.outbox.server, "refused"
    ask = server.as_root

    database = shop.outbox.options.database
    ask(
        f"CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED BY 'old'",
        f"GRANT ALL ON `{database}`.* TO '{user}'@'%'",
    )
    shop.write_env_php(username=f"'{user}'", password="getenv('DB_PASSWORD')")
    environment = {"DB_PASSWORD": "old"}
    options = LiveStoreOptions(check_seconds=3600, rest_seconds=0.05)
    store = LiveStore(shop.root, [], environment, options)
    settings = (await store.read()).settings
    queue = open_queue(settings, "outbox")
    when_login_refused(queue, store.check_again)

    async def apply(reading: Reading) -> None:
        assert renew_login(queue, reading.settings)

    shop.outbox.put(recorded.orders(1))
    assert await queue.claim(0) == []
    following = asyncio.create_task(follow(store, apply))
    try:
        ask(f"ALTER USER '{user}'@'%' IDENTIFIED BY 'new'", f"KILL USER '{user}'")
        with pytest.raises(QueueError, match="Access denied"):
            await queue.claim(1)
        environment["DB_PASSWORD"] = "new"
        claims: list[Claim] = []
        async with asyncio.timeout(PATIENCE):
            while not claims:
                with contextlib.suppress(QueueError):
                    claims = await queue.claim(1)
                await asyncio.sleep(0.05)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await queue.close()
        await store.close()
        ask(f"DROP USER '{user}'@'%'")


async def test_looking_again_costs_three_queries(shop: Shop, store: LiveStore) -> None:
    def count() -> int:
        ((_, queries),) = shop.outbox.ask("SHOW GLOBAL STATUS LIKE 'Com_select'")
        return int(str(queries))

    await store.read()
    before = count()
    await store.read_if_changed()
    assert (
        count() - before <= 3 + 1
    )  # our own, and, with a server of another test, only a few others


def test_database_options_are_those_of_the_settings(mariadb: Server) -> None:
    tls = TlsOptions(enabled=True, ca_folder=Path("/cas"), ciphers="HIGH", verify=False)
    options = replace(mariadb.options, tls=tls)
    names = ("host", "port", "database", "user", "password", "table_prefix")
    values = {name: getattr(options, name) for name in names}
    values |= {"tls": True, "tls_ca_folder": "/cas", "tls_ciphers": "HIGH", "tls_verify": False}
    assert database_options(Settings.model_validate({"outbox": values}).outbox) == options


# Queue mode


def add_to_env_php(shop: Shop, queue: str, more: str = "") -> None:
    text = shop.env_php.read_text()
    before = "'consumers_wait_for_messages' => 0\n    ],"
    assert before in text
    shop.env_php.write_text(text.replace(before, f"{queue}],{more}"))


async def test_a_store_in_queue_mode_says_which_queues_and_how(
    shop: Shop, store: LiveStore
) -> None:
    add_to_env_php(
        shop,
        "'amqp' => ['host' => 'mq', 'port' => '5673', 'user' => 'u', 'password' => 'p']",
        "'cron_consumers_runner' => ['max_messages' => 5, 'cron_run' => true,"
        " 'consumers' => ['aws.eventbridge.events.send']],",
    )
    assert (await store.read()).settings.queues_of_queue_mode == []
    shop.save("options/queue_mode", "1")
    reading = await store.read()
    assert reading.settings.queues_of_queue_mode == ["magento-db", "amqp"]
    assert (reading.settings.amqp.host, reading.settings.amqp.port) == ("mq", 5673)
    assert reading.settings.cron_consumers_runner.max_messages == 5
    assert reading.origins.of("amqp.host") == "env.php"
    changed = own(shop, amqp={"enabled": False}, magento_db={"queue": "other"})
    settings = await read(changed)
    assert settings.queues_of_queue_mode == ["magento-db"]
    assert settings.magento_db.queue == "other"


async def test_a_fault_about_the_queue_is_one_in_queue_mode_only(
    shop: Shop, store: LiveStore
) -> None:
    add_to_env_php(shop, "'amqp' => ['host' => 'mq', 'password' => secret('mq')]")
    assert (await store.read()).settings.amqp.host is None
    shop.save("options/queue_mode", "1")
    with pytest.raises(SettingsError, match=r"env\.php, line \d+: a function call"):
        await store.read()
