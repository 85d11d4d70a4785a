"""Fixtures that several kinds of tests share, the loop that all run on, the seed of chance."""

import asyncio
import os
import random
import signal
from collections.abc import Callable

import uvloop

from tests.support.magento_broker import magento_broker
from tests.support.magento_queue import magento_queue
from tests.support.mariadb import mariadb, outbox
from tests.support.rabbitmq import rabbitmq
from tests.support.shop import shop

__all__ = ["magento_broker", "magento_queue", "mariadb", "outbox", "rabbitmq", "shop"]


SEED_VARIABLE = "FAULTS_SEED"


def pytest_configure() -> None:
    """Draw the seed of what fault tests leave to chance, once for all processes of a run."""
    os.environ.setdefault(SEED_VARIABLE, str(random.randrange(10**9)))


def pytest_report_header() -> str:
    """Tell it, whatever comes of the run."""
    return f"to repeat: {SEED_VARIABLE}={os.environ[SEED_VARIABLE]}"


def pytest_sessionstart() -> None:
    """Take servers and their folders along when the tests are asked to end, as on Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Let tests run on the loop that the bridge runs on."""
    return {"uvloop": uvloop.new_event_loop}
