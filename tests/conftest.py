"""Fixtures that several kinds of tests share, the event loop of all tests, the random seed."""

import asyncio
import os
import random
import signal
from collections.abc import Callable

import botocore.session
import uvloop

from tests.support.magento_broker import magento_broker
from tests.support.magento_queue import magento_queue
from tests.support.mariadb import mariadb, outbox
from tests.support.rabbitmq import rabbitmq
from tests.support.shop import shop

__all__ = ["magento_broker", "magento_queue", "mariadb", "outbox", "rabbitmq", "shop"]


SEED_VARIABLE = "FAULTS_SEED"


def pytest_configure() -> None:
    """Choose the random seed of the fault tests, once for all processes of a run."""
    os.environ.setdefault(SEED_VARIABLE, str(random.randrange(10**9)))


def pytest_report_header() -> str:
    """Print the seed, so that a failed run can be repeated."""
    return f"to repeat: {SEED_VARIABLE}={os.environ[SEED_VARIABLE]}"


def pytest_sessionstart() -> None:
    """Stop servers and remove their folders on SIGTERM, as on Ctrl-C, also in the background."""
    # A shell lets what it starts in the background ignore Ctrl-C, and so would our commands.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Each session of botocore reads its descriptions of services again: a third of the time of
    # the tests that use it.
    loader = botocore.session.create_loader()
    botocore.session.create_loader = lambda *_: loader


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on the event loop that the bridge uses."""
    return {"uvloop": uvloop.new_event_loop}
