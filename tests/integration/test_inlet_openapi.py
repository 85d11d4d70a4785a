"""The inlet behaves as its OpenAPI document says, whatever is sent to it."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
import uvloop
from hypothesis import HealthCheck, settings
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from magento_eventbridge.inlets.http import Inlet
from magento_eventbridge.inlets.signatures import signed_headers
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from tests.integration.test_inlet import SECRET, options

schema = schemathesis.openapi.from_path(Path(__file__).parents[2] / "docs/inlet.openapi.yaml")


@schemathesis.serializer("application/x-ndjson")
def _lines(_: object, value: object) -> bytes:
    return str(value).encode(errors="replace")


# Shared by all examples, which do not affect each other.
quickly = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Signed(AuthBase):
    """Signs any request."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else body
        assert isinstance(content, bytes)
        request.headers.update(signed_headers(SECRET, content))
        return request


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an inlet over a real spool, on a loop in a thread of its own."""
    folder = tmp_path_factory.mktemp("inlet")
    listening = threading.Event()
    content: list[str] = []
    ends: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        queue = SqliteQueue(folder / "spool.sqlite")
        inlet = Inlet(options(), queue)
        await inlet.open()
        end = asyncio.Event()
        ends.append((asyncio.get_running_loop(), end))
        content.append(inlet.url)
        listening.set()
        await end.wait()
        await inlet.close()
        await queue.close()

    thread = threading.Thread(target=lambda: uvloop.run(serve()))
    thread.start()
    assert listening.wait(10)
    yield content[0]
    loop, end = ends[0]
    loop.call_soon_threadsafe(end.set)
    thread.join()


@schema.parametrize()
@quickly
def test_it_answers_as_documented(case: Any, url: str) -> None:
    case.call_and_validate(base_url=url, checks=CHECKS, auth=Signed())


@schema.parametrize()
@quickly
def test_it_answers_strangers_as_documented(case: Any, url: str) -> None:
    case.call_and_validate(base_url=url, checks=CHECKS)
