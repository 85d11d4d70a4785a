"""The connection settings of database, broker and keys in env.php."""

from pathlib import Path
from typing import Any

import pytest

from magento_eventbridge.magento.connections import (
    Amqp,
    ConnectionSettingsError,
    Database,
    amqp_of,
    crypt_keys_of,
    database_of,
    queue_connection_not_read,
)
from magento_eventbridge.magento.encryption import DecryptionError
from magento_eventbridge.magento.env_php import Deployment, read_deployment
from magento_eventbridge.magento.php.values import Computed, Constant, PhpFileError
from magento_eventbridge.tls import TlsOptions

STORE = Path(__file__).parents[1] / "fixtures/magento"
SECRET = "hunter2"


def deployment(**env: Any) -> Deployment:
    return Deployment(env=dict[Any, Any](env), config={})


def database(prefix: str = "", **given: Any) -> Database:
    whole = {"host": "db", "dbname": "shop", "username": "me", "password": SECRET, **given}
    return database_of(deployment(db={"table_prefix": prefix, "connection": {"default": whole}}))


def test_the_recorded_stores_database_and_keys():
    recorded = read_deployment(STORE, {})
    assert database_of(recorded) == Database("127.0.0.1", 3306, "magento", "magento", "magento")
    assert amqp_of(recorded) is None
    assert crypt_keys_of(recorded).keys == ("73308d6caba9d4144eed412bae564546",)


@pytest.mark.parametrize(
    ("given", "host", "port", "socket"),
    [
        ({"host": "db"}, "db", 3306, None),
        ({"host": "db:3307"}, "db", 3307, None),
        ({"host": "db", "port": 3308}, "db", 3308, None),
        ({"host": "[::1]:3307"}, "::1", 3307, None),
        ({"host": "[::1]"}, "::1", 3306, None),
        ({"host": "/run/mysqld/mysqld.sock"}, "localhost", 3306, "/run/mysqld/mysqld.sock"),
        ({"host": "::1"}, "::1", 3306, None),
        ({"host": "localhost", "unix_socket": "/m.sock"}, "localhost", 3306, "/m.sock"),
        ({"host": "", "unix_socket": "/m.sock"}, "localhost", 3306, "/m.sock"),
        ({"host": "127.0.0.1", "unix_socket": "/m.sock"}, "127.0.0.1", 3306, None),
        ({"host": None}, "localhost", 3306, None),
    ],
)
def test_a_host_in_all_its_forms(given, host, port, socket):
    found = database(**given)
    assert (found.host, found.port, found.socket) == (host, port, socket)


def test_a_table_prefix_and_an_empty_password():
    found = database("m2_", password=False)
    assert found.table("core_config_data") == "m2_core_config_data"
    assert found.password == ""


def test_another_connection_may_be_the_default():
    found = database_of(
        deployment(
            resource={"default_setup": {"connection": "main"}},
            db={"connection": {"main": {"host": "other", "dbname": "d", "username": "u"}}},
        )
    )
    assert found.host == "other"


@pytest.mark.parametrize(
    "options",
    [
        {1009: "/ca.pem", 1014: False, 1002: "SET NAMES utf8"},
        {
            Constant("PDO::MYSQL_ATTR_SSL_CA"): "/ca.pem",
            Constant("PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT"): False,
            Constant("PDO::MYSQL_ATTR_INIT_COMMAND"): "SET NAMES utf8",
            Constant("PDO::ATTR_TIMEOUT"): 3,
        },
        {
            Constant("Pdo\\Mysql::ATTR_SSL_CA"): "/ca.pem",
            Constant("Pdo\\Mysql::ATTR_SSL_VERIFY_SERVER_CERT"): False,
        },
        {
            Constant("pdo::MYSQL_ATTR_SSL_CA"): "/ca.pem",
            Constant("PDO\\MYSQL::ATTR_SSL_VERIFY_SERVER_CERT"): False,
        },
    ],
)
def test_tls_by_number_and_by_name(options):
    assert database(driver_options=options).tls == TlsOptions(
        enabled=True, ca=Path("/ca.pem"), verify=False
    )


def test_tls_with_everything_and_without():
    everything = {1007: "k", 1008: "c", 1009: "a", 1010: "f", 1011: "ECDHE"}
    assert database(driver_options=everything).tls == TlsOptions(
        True, Path("a"), Path("f"), Path("c"), Path("k"), "ECDHE"
    )
    assert database(driver_options={1014: True, 1009: ""}).tls == TlsOptions()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dbname": ""}, "env.php: db/connection/default/dbname is missing"),
        ({"username": None}, "env.php: db/connection/default/username is missing"),
        ({"host": "db:mysql"}, "env.php: db/connection/default/host: its port is no number"),
        ({"port": "mysql"}, "env.php: db/connection/default/port is no number"),
        ({"password": 1.5}, "env.php: db/connection/default/password is no text"),
    ],
)
def test_a_database_that_cannot_be_reached_is_reported(given, message):
    with pytest.raises(ConnectionSettingsError) as caught:
        database(**given)
    assert str(caught.value) == message


def test_the_broker():
    given = {"host": "mq", "user": "guest", "password": SECRET}
    assert amqp_of(deployment(queue={"amqp": given})) == Amqp("mq", 5672, "guest", SECRET)
    options = {"cafile": "/ca.pem", "verify_peer": True, "nested": {}, 0: "x"}
    more = {"virtualhost": "shop", "ssl": "true", "ssl_options": options}
    assert amqp_of(deployment(queue={"amqp": given | more})) == Amqp(
        "mq", 5671, "guest", SECRET, "shop", TlsOptions(True, Path("/ca.pem"))
    )
    broker = amqp_of(deployment(queue={"amqp": given | {"port": "5673", "ssl": True}}))
    assert broker is not None
    assert (broker.port, broker.tls) == (5673, TlsOptions(enabled=True))


def test_secrets_are_not_shown():
    broker = amqp_of(
        deployment(queue={"amqp": {"host": "mq", "password": SECRET, "ssl_options": {"p": SECRET}}})
    )
    keys = crypt_keys_of(deployment(crypt={"key": SECRET}))
    assert SECRET not in repr((database(), broker, keys))


# What is computed, and constants


COMPUTED = Computed("env.php, line 3: a function call")
CONSTANT = Constant("SETTING", "env.php, line 3")


def test_what_others_say_of_the_database_need_not_be_in_the_file():
    said = ("password", "database", "user", "table_prefix", "host")
    whole = {"host": COMPUTED, "dbname": COMPUTED, "username": COMPUTED, "password": COMPUTED}
    env = deployment(db={"table_prefix": COMPUTED, "connection": {"default": whole}})
    assert database_of(env, said) == Database("localhost", 3306, "", "", "")
    for left_out in said:
        with pytest.raises(PhpFileError, match="line 3: a function call"):
            database_of(env, [name for name in said if name != left_out])


@pytest.mark.parametrize("option", [1009, 1014])
def test_a_computed_option_of_tls_is_reported(option):
    with pytest.raises(PhpFileError, match="line 3: a function call"):
        database(driver_options={option: COMPUTED})
    assert database(driver_options={1002: COMPUTED}).tls == TlsOptions()


def test_a_computed_option_of_the_brokers_tls_is_reported():
    env = deployment(queue={"amqp": {"host": "mq", "ssl_options": {"cafile": COMPUTED}}})
    with pytest.raises(PhpFileError, match="line 3: a function call"):
        amqp_of(env)


def test_computed_keys_are_reported_when_a_value_must_be_decrypted():
    keys = crypt_keys_of(deployment(crypt={"key": COMPUTED}))
    assert keys.reveal("plain") == "plain"
    message = "the key cannot be read: env.php, line 3: a function call"
    with pytest.raises(DecryptionError, match=message):
        keys.reveal("0:3:YWJj")


@pytest.mark.parametrize(
    "options", [CONSTANT, {1009: CONSTANT}, {1009: "/ca", 1014: CONSTANT}, {CONSTANT: "/ca"}]
)
def test_a_constant_does_not_switch_off_the_tls_of_the_database(options):
    with pytest.raises(PhpFileError, match="line 3: the constant SETTING: cannot be read"):
        database(driver_options=options)


@pytest.mark.parametrize(
    "queue",
    [
        CONSTANT,
        {"amqp": CONSTANT},
        {"amqp": {"host": CONSTANT}},
        {"amqp": {"host": "mq", "ssl": CONSTANT}},
        {"amqp": {"host": "mq", "ssl_options": CONSTANT}},
        {"amqp": {"host": "mq", "ssl_options": {"cafile": CONSTANT}}},
        {"amqp": {"host": "mq", "ssl_options": {CONSTANT: "/ca"}}},
        {"amqp": {CONSTANT: "mq"}},
        {CONSTANT: {"host": "mq"}},
    ],
)
def test_a_constant_of_the_broker_is_reported(queue):
    with pytest.raises(PhpFileError, match="line 3: the constant SETTING: cannot be read"):
        amqp_of(deployment(queue=queue))


@pytest.mark.parametrize(("value", "verify"), [(False, False), ("0", False), (1, True), ([], True)])
def test_whether_the_brokers_certificate_is_checked(value, verify):
    given = {"host": "mq", "ssl": "true", "ssl_options": {"verify_peer": value, "capath": "/cas"}}
    broker = amqp_of(deployment(queue={"amqp": given}))
    assert broker is not None
    assert broker.tls == TlsOptions(True, ca_folder=Path("/cas"), verify=verify)


@pytest.mark.parametrize(
    ("queue", "connection"),
    [
        ({}, None),
        ({"amqp": {"host": "mq"}}, None),
        ({"stomp": {"host": "artemis"}}, "stomp"),
        ({"stomp": []}, None),
        ({"stomp": {"host": "artemis"}, "amqp": {"host": "mq"}}, "stomp"),
        ({"stomp": {"host": "artemis"}, "default_connection": "amqp"}, None),
        ({"default_connection": "db", "amqp": {"host": "mq"}}, None),
        ({"default_connection": "stomp"}, "stomp"),
        ({"default_connection": "mine", "connections": {"mine": {"host": "mq"}}}, "mine"),
        ({"default_connection": "sqs"}, "sqs"),
    ],
)
def test_a_queue_that_the_bridge_does_not_read_is_recognized(queue, connection):
    assert queue_connection_not_read(deployment(queue=queue)) == connection


@pytest.mark.parametrize("key", ["default_connection", "stomp"])
@pytest.mark.parametrize("value", [COMPUTED, CONSTANT])
def test_a_name_of_the_queues_connection_that_cannot_be_read_is_reported(key, value):
    with pytest.raises(PhpFileError, match="line 3"):
        queue_connection_not_read(deployment(queue={key: value}))
    both = {"default_connection": "amqp", "stomp": COMPUTED}
    assert queue_connection_not_read(deployment(queue=both)) is None
