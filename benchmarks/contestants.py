"""The contestants: each delivers `count` events to the endpoint and returns the seconds it took."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks import load
from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.bridge.startup import run_loop
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.observer import Observer
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import Sink
from magento_eventbridge.delivery.routing import Route
from magento_eventbridge.journal.recorder import Recorder, Retention
from magento_eventbridge.observability.counts import DeliveryCounts
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.sinks.custom_bus.sink import CustomBusSink
from magento_eventbridge.sinks.eventbridge.http_client import Endpoint
from magento_eventbridge.sinks.eventbridge.signer import Signer
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink, encode

# Of the loops, and the most of the bridge: by the environment, since a call that takes longer
# leaves room for more.
CALLS_AT_ONCE = int(os.environ.get("BENCHMARK_CALLS_AT_ONCE", "8"))


def bare_loop(url: str, count: int) -> float:
    """Signs and posts prepared calls of ten entries: as fast as this client can be."""
    entries = load.entries(count, url)
    bodies = [encode(entries[start : start + 10]) for start in range(0, count, 10)]
    credentials = Credentials(load.KEYS.access_key, load.KEYS.secret_access_key)
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AWSEvents.PutEvents",
    }

    async def run() -> float:
        waiting = iter(bodies)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

            async def worker() -> None:
                for body in waiting:
                    request = AWSRequest("POST", url, data=body, headers=dict(headers))
                    SigV4Auth(credentials, "events", "eu-west-1").add_auth(request)
                    signed = dict(request.headers.items())
                    async with session.post(url, data=body, headers=signed) as response:
                        await response.read()

            began = time.perf_counter()
            await asyncio.gather(*[worker() for _ in range(CALLS_AT_ONCE)])
            return time.perf_counter() - began

    return uvloop.run(run())


def own_loop(url: str, count: int) -> float:
    """The same with the bridge's own signer and HTTP client."""
    entries = load.entries(count, url)
    bodies = [encode(entries[start : start + 10]) for start in range(0, count, 10)]
    credentials = Credentials(load.KEYS.access_key, load.KEYS.secret_access_key)
    keys = credentials.get_frozen_credentials()
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AWSEvents.PutEvents",
    }

    async def run() -> float:
        waiting = iter(bodies)
        endpoint = Endpoint(url)
        signer = Signer(url, "events", "eu-west-1", headers)

        async def worker() -> None:
            for body in waiting:
                await endpoint.post(signer.sign(body, keys), body)

        began = time.perf_counter()
        await asyncio.gather(*[worker() for _ in range(CALLS_AT_ONCE)])
        seconds = time.perf_counter() - began
        endpoint.close()
        return seconds

    return uvloop.run(run())


def _sink(sink: Sink, route: Route, entries: list[Entry]) -> float:
    """Pass entries that are ready to a sink, in full calls, and nothing else."""
    size = sink.limits.max_entries

    async def run() -> float:
        calls = iter([entries[start : start + size] for start in range(0, len(entries), size)])

        async def worker() -> None:
            for call in calls:
                answer = await sink.put(route.destination, call)
                assert answer.results is not None, answer
                assert all(result.event_id for result in answer.results), answer

        began = time.perf_counter()
        await asyncio.gather(*[worker() for _ in range(CALLS_AT_ONCE)])
        seconds = time.perf_counter() - began
        await sink.close()
        return seconds

    return uvloop.run(run())


def classic_sink(url: str, count: int) -> float:
    """The sink of classic buses alone."""
    return _sink(EventBridgeSink(CredentialsFinder()), load.route(url), load.entries(count, url))


def custom_sink(url: str, count: int) -> float:
    """The sink of Custom Event Buses alone."""
    return _sink(
        CustomBusSink(CredentialsFinder()), load.custom_route(url), load.entries(count, url)
    )


def bridge_to_custom_bus(url: str, count: int) -> float:
    """The same as `bridge`, to a Custom Event Bus."""
    return bridge(url, count, is_custom=True)


def bridge(
    url: str, count: int, journal: Observer | None = None, *, is_custom: bool = False
) -> float:
    """Drains a spool: claim, translate, batch, sign, post, acknowledge."""

    async def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            queue = SqliteQueue(Path(folder) / "spool.sqlite")
            backlog = list(load.captures(count))
            for start in range(0, count, 1000):
                await queue.put(backlog[start : start + 1000])
            del backlog
            sink: Sink = EventBridgeSink(CredentialsFinder())
            route = load.route(url)
            if is_custom:
                sink, route = CustomBusSink(CredentialsFinder()), load.custom_route(url)
            policy = Policy(calls_at_once=CALLS_AT_ONCE, calls_per_second=1_000_000)
            dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, policy, journal)
            began = time.perf_counter()
            await dispatcher.run(until_empty=True)
            seconds = time.perf_counter() - began
            assert dispatcher.totals.delivered == count, dispatcher.totals
            await sink.close()
            await queue.close()
            return seconds

    return run_loop(run())


def bridge_with_metrics(url: str, count: int) -> float:
    """The same, with Prometheus metrics."""
    return bridge(url, count, DeliveryCounts())


def bridge_with_journal(url: str, count: int, retention: Retention | None = None) -> float:
    """The same, with the console's journal, as in `serve`."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Recorder(Path(folder) / "journal.sqlite", retention or Retention())
        journal.open()
        seconds = bridge(url, count, journal)
        journal.close()
    if journal.dropped:
        print(f"the journal kept all but {journal.dropped} of {count} events", file=sys.stderr)
    return seconds


def bridge_with_hashes(url: str, count: int) -> float:
    """The same, with hashed personal data in the journal."""
    return bridge_with_journal(url, count, Retention(personal_data="hash"))


def _client(url: str) -> Any:
    return boto3.client(
        "events",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id=load.KEYS.access_key,
        aws_secret_access_key=load.KEYS.secret_access_key,
    )


def _boto3(url: str, count: int, size: int) -> float:
    client = _client(url)
    ready = [
        {"Source": e.source, "DetailType": e.detail_type, "Detail": e.detail, "Time": e.time}
        for e in load.entries(count, url)
    ]
    client.put_events(Entries=ready[:1])  # opens the connection, loads the models
    began = time.perf_counter()
    for start in range(0, count, size):
        client.put_events(Entries=ready[start : start + size])
    return time.perf_counter() - began


def boto3_ten(url: str, count: int) -> float:
    """Plain boto3, ten entries a call."""
    return _boto3(url, count, 10)


def boto3_one(url: str, count: int) -> float:
    """Plain boto3, one entry a call: what the original module does, in Python."""
    return _boto3(url, count, 1)


ALL: dict[str, Callable[[str, int], float]] = {
    "bare loop": bare_loop,
    "own loop": own_loop,
    "bridge": bridge,
    "bridge to a Custom Event Bus": bridge_to_custom_bus,
    "classic sink": classic_sink,
    "custom sink": custom_sink,
    "bridge with journal": bridge_with_journal,
    "bridge with hashes": bridge_with_hashes,
    "bridge with metrics": bridge_with_metrics,
    "boto3, 10 a call": boto3_ten,
    "boto3, 1 a call": boto3_one,
}

if __name__ == "__main__":
    name, url, count = sys.argv[1:]
    print(ALL[name](url, int(count)))
