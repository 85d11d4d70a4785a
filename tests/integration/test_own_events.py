"""Own events: delivered, left out by a condition, waiting for declarations."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import uuid_utils

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.captures import read_capture
from magento_eventbridge.catalog.declared import ShopCatalog
from magento_eventbridge.declarations import reading
from magento_eventbridge.declarations.catalogs import catalog_of
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.support.put_events import PutEvents, put_events

KEYS = CredentialsSource(type="keys", access_key="AKIATEST", secret_access_key="a-test-secret")
POLICY = Policy(backoff=Backoff(first=0.02, longest=0.1), poll_seconds=0.02, stop_seconds=5)
DECLARED = """<config><event name="PriceChanged" subject="product">
    <on event="catalog_product_save_after" object="product"/>
    <pattern>{"price": [{"numeric": [">", 10]}]}</pattern>
    <field name="price" path="price" type="number"/>
</event></config>"""


def captured(declared: str, price: Any) -> bytes:
    body = {
        "id": str(uuid_utils.uuid7()),
        "event": "catalog_product_save_after",
        "time": time.time(),
        "declared": declared,
        "paths": {"price": price},
    }
    return json.dumps(body).encode()


class Shop:
    """A queue with captures, and the catalog in use."""

    def __init__(self, queue: SqliteQueue, endpoint: PutEvents, catalog: ShopCatalog) -> None:
        self.catalog = catalog
        destination = Destination(region="eu-west-1", endpoint_url=endpoint.url, credentials=KEYS)
        self._route = Route(destination=destination, source="shop")
        self._endpoint = endpoint
        self._sink = EventBridgeSink(CredentialsFinder())
        self.settled: list[Settlement] = []
        self.dispatcher = Dispatcher(queue, self.route, lambda _: self._sink, POLICY, self)

    def called(self, call: Call) -> None:
        """Ignore a call: the endpoint records it."""

    def ended(self, end: Settlement) -> None:
        self.settled.append(end)

    def route(self, _: int) -> Route:
        return Route(self._route.destination, "shop", catalog=self.catalog)

    async def run(self) -> None:
        await self.dispatcher.run(until_empty=True)
        await self._sink.close()


async def put(queue: SqliteQueue, *bodies: bytes) -> None:
    await queue.put([(read_capture(body), body) for body in bodies])


async def test_an_own_event_is_delivered_unless_its_pattern_leaves_it_out(tmp_path: Path) -> None:
    (tmp_path / "events.xml").write_text(DECLARED)
    catalog = reading.read_files([tmp_path / "events.xml"]).catalog()
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await put(queue, captured("PriceChanged", "12.5000"), captured("PriceChanged", 9))
    async with put_events() as endpoint:
        shop = Shop(queue, endpoint, catalog)
        await shop.run()
        (entry,) = endpoint.taken
    assert entry["DetailType"] == "PriceChanged"
    assert json.loads(entry["Detail"])["price"] == 12.5
    totals = shop.dispatcher.totals
    assert (totals.delivered, totals.left_out, totals.buried) == (1, 1, 0)
    (end,) = shop.settled
    assert (end.detail_type, end.reason, end.is_left_out) == ("PriceChanged", None, True)


async def test_an_own_event_that_is_not_declared_becomes_a_dead_letter_that_says_so(
    tmp_path: Path,
) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await put(queue, captured("Gone", 1))
    async with put_events() as endpoint:
        await Shop(queue, endpoint, catalog_of(())).run()
    (letter,) = await queue.dead_letters.page(10)
    assert "'Gone' is not declared in eventbridge_events.xml" in letter.reason


async def test_without_declarations_own_events_wait_and_others_are_delivered(
    tmp_path: Path, caplog: Any
) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await put(queue, captured("PriceChanged", 12), captured("PriceChanged", 13))
    async with put_events() as endpoint:
        shop = Shop(queue, endpoint, catalog_of((), is_known=False))
        await asyncio.wait_for(shop.run(), 20)
        assert not endpoint.taken
    depth = await queue.depth()
    assert (depth.captures, depth.dead) == (2, 0)
    messages = [message for message in caplog.messages if "events export" in message]
    assert len(messages) == 1
    assert "the first is 'PriceChanged'" in messages[0]
