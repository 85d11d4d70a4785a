"""Fixtures that several kinds of tests share."""

import signal

from tests.support.mariadb import mariadb, outbox
from tests.support.rabbitmq import rabbitmq
from tests.support.shop import shop

__all__ = ["mariadb", "outbox", "rabbitmq", "shop"]


def pytest_sessionstart() -> None:
    """Take servers and their folders along when the tests are asked to end, as on Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
