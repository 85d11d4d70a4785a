"""The tests' broker is private and real."""

import socket
import ssl

import pytest

from tests.support.rabbitmq import Broker

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"


def test_it_speaks_amqp(rabbitmq: Broker) -> None:
    with socket.create_connection((rabbitmq.host, rabbitmq.port), timeout=5) as connection:
        connection.sendall(PROTOCOL_HEADER)
        assert b"RabbitMQ" in connection.recv(1000)


def test_it_speaks_amqp_over_tls(rabbitmq: Broker) -> None:
    if rabbitmq.tls_port is None:
        pytest.skip("the named broker's TLS port is not known")
    context = ssl.create_default_context(cafile=str(rabbitmq.ca))
    with socket.create_connection((rabbitmq.host, rabbitmq.tls_port), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname=rabbitmq.host) as connection:
            connection.sendall(PROTOCOL_HEADER)
            assert b"RabbitMQ" in connection.recv(1000)


def test_what_is_durable_outlives_a_crash(rabbitmq: Broker) -> None:
    rabbitmq.control("add_vhost", "shop-of-a-test")
    rabbitmq.kill()
    with pytest.raises(OSError):
        socket.create_connection((rabbitmq.host, rabbitmq.port), timeout=5)
    rabbitmq.start()
    assert "shop-of-a-test" in rabbitmq.control("list_vhosts")
    rabbitmq.control("delete_vhost", "shop-of-a-test")
