"""Fixtures that several kinds of tests share."""

from tests.support.mariadb import mariadb, outbox
from tests.support.rabbitmq import rabbitmq
from tests.support.shop import shop

__all__ = ["mariadb", "outbox", "rabbitmq", "shop"]
