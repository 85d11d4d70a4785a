"""Queue mode: which of Magento's queues are consumed, and their options in env.php."""

from typing import Any

import pytest

from magento_eventbridge.magento.connections import ConnectionSettingsError, amqp_of
from magento_eventbridge.magento.consumers_runner import ConsumersRunner, consumers_runner_of
from magento_eventbridge.magento.env_php import Deployment
from magento_eventbridge.magento.php.values import Computed, Constant, PhpFileError
from magento_eventbridge.magento.store_settings import queue_layer
from magento_eventbridge.settings.layers import Layer, load
from magento_eventbridge.settings.model import Settings

TOPIC = "aws.eventbridge.events.send"
SECRET = "hunter2"


def deployment(**env: Any) -> Deployment:
    return Deployment(env=dict[Any, Any](env), config={})


def of_store(**env: Any) -> Layer:
    given = deployment(**env)
    return queue_layer(amqp_of(given), consumers_runner_of(given))


def settings(*layers: Layer, **own: Any) -> Settings:
    return load([*layers, Layer("test", own)])[0]


# Which queues


@pytest.mark.parametrize(
    ("own", "queues"),
    [
        ({}, []),
        ({"options": {"queue_mode": True}}, []),
        ({"options": {"queue_mode": True}, "outbox": {"enabled": True}}, ["magento-db"]),
        ({"stores": {"2": {"options": {"queue_mode": True}}}, "amqp": {"host": "mq"}}, ["amqp"]),
        ({"amqp": {"host": "mq"}, "outbox": {"enabled": True}}, []),
        ({"amqp": {"host": "mq", "enabled": True}}, ["amqp"]),
        ({"magento_db": {"enabled": True}}, ["magento-db"]),
        (
            {
                "options": {"queue_mode": True},
                "outbox": {"enabled": True},
                "amqp": {"host": "mq", "enabled": ""},
                "magento_db": {"enabled": False},
            },
            ["amqp"],
        ),
    ],
)
def test_queues_are_drained_in_queue_mode_or_when_set(own, queues):
    assert settings(**own).queues_of_queue_mode == queues


# Options in env.php


def test_the_broker_is_that_of_the_store():
    given = {
        "host": "mq",
        "user": "shop",
        "password": SECRET,
        "virtualhost": "/shop",
        "ssl": "true",
        "ssl_options": {
            "cafile": "/ca.pem",
            "local_cert": "/our.pem",
            "local_pk": "/our.key",
            "verify_peer": True,
            "verify_peer_name": False,
            "passphrase": SECRET,
        },
    }
    layer = of_store(queue={"amqp": given})
    amqp = settings(layer).amqp
    assert (amqp.host, amqp.port, amqp.user, amqp.virtual_host) == ("mq", 5671, "shop", "/shop")
    assert amqp.password and amqp.password.get_secret_value() == SECRET
    assert [str(file) for file in (amqp.tls_ca, amqp.tls_certificate, amqp.tls_key)] == [
        "/ca.pem",
        "/our.pem",
        "/our.key",
    ]
    assert (amqp.tls, amqp.tls_verify, amqp.tls_verify_host) == (True, True, False)
    assert SECRET not in repr((layer, settings(layer)))


def test_options_of_tls_do_not_count_without_tls():
    given = {"host": "mq", "ssl_options": {"cafile": "/ca.pem"}}
    amqp = settings(of_store(queue={"amqp": given})).amqp
    assert (amqp.tls, amqp.tls_ca, amqp.port) == (False, None, 5672)


def test_a_store_without_a_broker_has_none():
    assert settings(of_store()).amqp.host is None


def test_the_consumers_runner_is_that_of_the_store():
    runner = {"max_messages": 5, "cron_run": True, "consumers": [TOPIC]}
    found = settings(of_store(cron_consumers_runner=_php(runner))).cron_consumers_runner
    assert (found.cron_run, found.max_messages, found.consumers) == (True, 5, (TOPIC,))


def test_what_the_store_does_not_say_of_consumers_is_the_default():
    assert consumers_runner_of(deployment()) == ConsumersRunner()
    found = settings(of_store()).cron_consumers_runner
    assert (found.cron_run, found.max_messages, found.consumers) == (True, 0, ())


def test_the_bridges_own_settings_go_before_the_stores():
    layer = of_store(cron_consumers_runner=_php({"cron_run": False, "max_messages": "7"}))
    found = settings(layer, cron_consumers_runner={"cron_run": True}).cron_consumers_runner
    assert (found.cron_run, found.max_messages) == (True, 7)


@pytest.mark.parametrize("given", ["many", True, -1, 1.5])
def test_an_invalid_number_of_messages_is_reported(given):
    with pytest.raises(ConnectionSettingsError, match="max_messages is no number"):
        consumers_runner_of(deployment(cron_consumers_runner={"max_messages": given}))


@pytest.mark.parametrize(
    "given",
    [
        Constant("RUNNER"),
        {"cron_run": Computed("env.php, line 3")},
        {"cron_run": Constant("RUN")},
        {"consumers": {0: Computed("line 4")}},
        {"consumers": Constant("CONSUMERS")},
    ],
)
def test_values_that_cannot_be_read_are_reported(given):
    with pytest.raises(PhpFileError):
        consumers_runner_of(deployment(cron_consumers_runner=given))


def _php(array: dict[str, Any]) -> dict[Any, Any]:
    """Return lists as PHP arrays, keyed by numbers."""
    return {
        key: dict(enumerate(value)) if isinstance(value, list) else value
        for key, value in array.items()
    }
