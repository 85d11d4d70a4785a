"""Own events: delivered, left out by a condition, waiting for declarations."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
import uuid_utils
from openapi_spec_validator import OpenAPIV30SpecValidator

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.captures import read_capture
from magento_eventbridge.catalog.declared import ShopCatalog
from magento_eventbridge.declarations import reading
from magento_eventbridge.declarations.catalogs import catalog_of
from magento_eventbridge.declarations.exported import write as write_export
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.observer import Call, Settlement
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.integration.test_console_events import _running as running
from tests.integration.test_console_events import _text as page_of
from tests.integration.test_schemas import Registry, registry  # noqa: F401
from tests.support.put_events import Behaviour, PutEvents, Take, put_events
from tests.unit.test_cli import command, nothing_of_this_machine  # noqa: F401

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


@pytest.fixture
def exported(tmp_path: Path) -> str:
    """Write the declarations to a file, as for a bridge without the store's folder."""
    (tmp_path / "events.xml").write_text(DECLARED)
    file = tmp_path / "declarations.json"
    declared = reading.read_files([tmp_path / "events.xml"])
    write_export(file, declared.events)
    return f"declarations_file={file}"


async def test_the_console_lists_what_a_pattern_left_out_only_on_request(
    tmp_path: Path, exported: str
) -> None:
    sent, left_out = captured("PriceChanged", 12), captured("PriceChanged", 9)
    names = [json.loads(body)["id"] for body in (sent, left_out)]
    file = exported.partition("=")[2]
    async with running(tmp_path, declarations_file=file) as (http, bridge, endpoint):
        await bridge.send_again([sent, left_out])
        await endpoint.until_taken(1)
        page = await page_of(http, "/events?type=PriceChanged", names[0])
        assert names[1] not in page
        page = await page_of(http, "/events?type=PriceChanged&verdict=left_out", names[1])
        assert names[0] not in page
        page = await page_of(http, f"/events/{names[1]}", names[1])
        assert "pattern" in page


def test_schemas_of_own_events_are_published(
    command: Any, registry: Registry, exported: str
) -> None:
    settings = ["--set", "options.source=shop.example.com", "--set", exported]
    ran = command("schemas", "publish", "shop", *settings)
    assert (ran.status, ran.err) == (0, "")
    assert len(registry.schemas) == 38
    published = json.loads(registry.schemas["shop.example.com@PriceChanged"]["Content"])
    OpenAPIV30SpecValidator(published).validate()
    assert '"price"' in json.dumps(published)
    off = [*settings, "--set", "events.declared.PriceChanged=false"]
    again = command("schemas", "publish", "other", *off)
    assert again.status == 0
    assert "PriceChanged" not in again.out


async def test_the_doctor_tries_whether_own_events_are_permitted(
    command: Any, exported: str, tmp_path: Path
) -> None:
    tried: list[str] = []

    def script(_: int, entries: list[dict[str, Any]]) -> Behaviour:
        tried.extend(entry["DetailType"] for entry in entries)
        codes = {
            number: "NotAuthorizedForDetailTypeException"
            if entry["DetailType"] == "PriceChanged"
            else "MalformedDetail"
            for number, entry in enumerate(entries)
        }
        return Take(codes)

    settings = [
        *("--set", "options.region=eu-west-1", "--set", "credentials.type=keys"),
        *("--set", "credentials.access_key=AKIATEST", "--set", "inlet.enabled=false"),
        *("--set", "credentials.secret_access_key=a-test-secret", "--set", exported),
        *("--set", f"spool.path={tmp_path / 'spool.sqlite'}", "--json"),
    ]
    async with put_events(script) as endpoint:
        url = f"options.endpoint_url={endpoint.url}"
        ran = await asyncio.to_thread(lambda: command("doctor", *settings, "--set", url))
        (bus,) = [
            finding
            for finding in json.loads(ran.out)["findings"]
            if finding["name"] == "bus of all store views"
        ]
        assert tried.count("PriceChanged") == 1
        assert (ran.status, bus["state"]) == (1, "fail")
        assert "refuses PriceChanged of source" in bus["message"]
        off = ["--set", "events.declared.PriceChanged=false", "--set", url]
        ran = await asyncio.to_thread(lambda: command("doctor", *settings, *off))
        assert tried.count("PriceChanged") == 1
