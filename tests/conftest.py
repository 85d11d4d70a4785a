"""Fixtures that several kinds of tests share."""

from tests.support.magento_broker import magento_broker
from tests.support.magento_queue import magento_queue
from tests.support.mariadb import mariadb, outbox
from tests.support.rabbitmq import rabbitmq

__all__ = ["magento_broker", "magento_queue", "mariadb", "outbox", "rabbitmq"]
