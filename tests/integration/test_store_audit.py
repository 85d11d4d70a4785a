"""The audit of a store: what is missing is found, and exactly that is sent by a repair."""

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession, CookieJar
from pydantic import SecretStr

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.backfill.kinds import Kind
from magento_eventbridge.backfill.rows import StoreTables
from magento_eventbridge.backfill.snapshots import Rows, body_of
from magento_eventbridge.backfill.window import zone_of
from magento_eventbridge.bridge.background import background_task
from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.bridge.scheduled_audit import ScheduledAudit, last_time, next_time
from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import DOCUMENTED
from magento_eventbridge.catalog.declared import Declaration, DeclaredField, ShopCatalog
from magento_eventbridge.cli.audit import _run as audit_store
from magento_eventbridge.cli.backfill import replica_options
from magento_eventbridge.console.server import Console
from magento_eventbridge.declarations import exported
from magento_eventbridge.declarations.catalogs import catalog_of
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.ledger.archive import LedgerArchive
from magento_eventbridge.ledger.recorder import Ledger, connect
from magento_eventbridge.magento.database import database_options
from magento_eventbridge.observability.metrics import AuditFigures
from magento_eventbridge.queues.mysql.outbox import OutboxQueue
from magento_eventbridge.settings.layers import Layer, Origins, load
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.settings.queues import OutboxSettings, SpoolSettings
from magento_eventbridge.settings.records import AuditSettings
from magento_eventbridge.sinks.eventbridge.buses import EventBuses
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.support.backfilling import Commands, Here, here
from tests.support.put_events import Take, put_events
from tests.support.sales import captures_of_the_day, run, sales
from tests.support.shop import Shop
from tests.support.waiting import PATIENCE

__all__ = ["here", "sales"]

KEYS = CredentialsSource(type="keys", access_key="AKIATEST", secret_access_key="a-test-secret")
WINDOW = ("--since", "2026-11-27T00:00Z", "--until", "2026-11-28T00:00Z")


async def deliver(
    shop: Shop,
    folder: Path,
    captures: list[Capture],
    refused: str = "",
    catalog: ShopCatalog = DOCUMENTED,
) -> None:
    """Deliver captures from the outbox, with a ledger that began before them."""
    shop.outbox.put([(capture, body_of(capture)) for capture in captures])
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.open()
    queue = OutboxQueue(shop.outbox.options)
    async with put_events() as endpoint:
        if refused:
            endpoint.script = lambda _, entries: Take(
                {
                    n: "MalformedDetail"
                    for n, entry in enumerate(entries)
                    if refused in entry["Detail"]
                }
            )
        credentials = CredentialsFinder()
        sink = EventBridgeSink(credentials, EventBuses(credentials))
        place = Destination("eu-west-1", endpoint_url=endpoint.url, credentials=KEYS)
        route = Route(place, "shop.example.com", catalog=catalog)
        dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, Policy(), ledger)
        await dispatcher.run(until_empty=True)
        await sink.close()
    await queue.close()
    await asyncio.to_thread(ledger.close)
    with closing(sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE began SET at = 0")


async def test_the_audit_finds_exactly_what_is_missing_and_repairs_exactly_that(
    sales: Shop, tmp_path: Path
):
    gone = {"order/000000166", "order/000000169"}
    updates_of = "order/000000165"
    captures = [
        capture
        for capture in captures_of_the_day()
        if capture.subject not in gone
        and not (
            capture.subject == updates_of
            and capture.event == "sales_order_save_after"
            and not capture.is_new
        )
    ]
    await deliver(sales, tmp_path, captures)
    async with put_events() as endpoint:
        commands = Commands(sales, tmp_path, endpoint.url)
        found = await commands.run("audit", *WINDOW, "--json")
        assert found.status == 1, found.err
        missing = {(one["detail_type"], one["name"]) for one in found.json["missing"]}
        assert missing == {
            ("OrderCreated", "order 000000166 (id 160)"),
            ("OrderCreated", "order 000000169 (id 163)"),
            ("OrderUpdated", "order 000000165 (id 159)"),
        }
        assert found.json["counts"]["delivered"] == 9
        repaired = await commands.run("audit", *WINDOW, "--repair")
        assert repaired.status == 0, repaired.err + repaired.out
        assert "3 sent, marked as repaired" in repaired.out
        sent = {(entry["DetailType"], detail["id"]) for entry, detail in endpoint_pairs(endpoint)}
        assert sent == {
            ("OrderCreated", "000000166"),
            ("OrderCreated", "000000169"),
            ("OrderUpdated", "000000165"),
        }
        assert all(detail["metadata"]["repaired"] is True for detail in endpoint.details)
        again = await commands.run("audit", *WINDOW, "--repair", "--json")
        assert (again.status, again.json["missing"]) == (0, [])
        assert len(endpoint.taken) == 3
        listed = await commands.run("events", "find", "000000166")
        assert listed.status == 0 and "OrderCreated" in listed.out
        nothing = await commands.run("events", "find", "4711")
        assert nothing.status == 1


def endpoint_pairs(endpoint):
    return zip(endpoint.taken, endpoint.details, strict=True)


def test_a_repair_says_how_far_it_is(
    sales: Shop, tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("magento_eventbridge.cli.backfill._REPORTS_EVERY", 0)
    asyncio.run(deliver(sales, tmp_path, []))
    commands = Commands(sales, tmp_path, "http://127.0.0.1:9", OPTIONS__DRY_RUN_MODE="true")
    repaired = here(commands, "audit", *WINDOW, "--kind", "shipments", "--repair")
    assert (repaired.status, "sending: 1 of 1" in repaired.err) == (0, True)


async def test_what_waits_or_is_a_dead_letter_is_not_missing(sales: Shop, tmp_path: Path):
    captures = captures_of_the_day()
    later = [one for one in captures if one.subject == "order/000000168"]
    rest = [one for one in captures if one.subject != "order/000000168"]
    await deliver(sales, tmp_path, rest, refused="000000167")
    sales.outbox.put([(capture, body_of(capture)) for capture in later])
    found = await Commands(sales, tmp_path, "http://127.0.0.1:9").run("audit", *WINDOW, "--json")
    assert found.status == 0, found.err
    assert found.json["counts"]["waiting"] == 1
    assert [one["name"] for one in found.json["dead_letters"]] == ["order 000000167 (id 161)"]
    assert found.json["missing"] == []


async def test_fields_that_the_shop_adds_are_not_compared_and_come_from_the_row_where_it_has_them(
    sales: Shop, tmp_path: Path
):
    declared = (
        DeclaredField("quote", "quote_id", "integer"),
        DeclaredField("skus", "items[].sku", "string"),
    )
    events = tuple(
        Declaration(name, "shop:1", fields=declared) for name in ("OrderCreated", "OrderUpdated")
    )
    file = tmp_path / "declarations.json"
    exported.write(file, events)
    captures = [
        msgspec.structs.replace(of, paths={"quote_id": "17", "items[].sku": ["A", "B"]})
        for of in captures_of_the_day()
    ]
    await deliver(sales, tmp_path, captures, catalog=catalog_of(events))
    async with put_events() as endpoint:
        commands = Commands(sales, tmp_path, endpoint.url, DECLARATIONS_FILE=str(file))
        found = await commands.run("audit", *WINDOW, "--json")
        assert (found.status, found.json["missing"]) == (0, []), found.err
        change = "status = 'holded', updated_at = '2026-11-27 20:00:00'"
        run(sales, f"UPDATE `{{prefix}}sales_order` SET {change} WHERE entity_id = 161")
        changed = await commands.run("audit", *WINDOW, "--json")
        assert [one["name"] for one in changed.json["missing"]] == ["order 000000167 (id 161)"]
        sent = await commands.run("backfill", "orders", "--limit", "1")
        assert (sent.status, sent.err) == (0, "")
        quotes = run(sales, "SELECT quote_id FROM `{prefix}sales_order` WHERE entity_id = 159")
        [detail] = endpoint.details
        assert ([(detail["quote"],)], detail["skus"]) == (quotes, None)


async def test_a_newer_updated_at_alone_is_listed_apart(sales: Shop, tmp_path: Path):
    await deliver(sales, tmp_path, captures_of_the_day())
    run(
        sales,
        "UPDATE `{prefix}sales_order` SET updated_at = '2026-12-01 10:00:00' "
        "WHERE entity_id IN (161, 162)",
        "UPDATE `{prefix}sales_order` SET status = 'fraud', updated_at = '2026-12-01 10:00:00' "
        "WHERE entity_id = 162",
    )
    window = ("--since", "2026-12-01T00:00Z", "--until", "2026-12-02T00:00Z")
    found = await Commands(sales, tmp_path, "http://127.0.0.1:9").run("audit", *window, "--json")
    assert found.status == 1
    assert [one["name"] for one in found.json["touched"]] == ["order 000000167 (id 161)"]
    assert [one["name"] for one in found.json["missing"]] == ["order 000000168 (id 162)"]


async def test_switched_off_unknown_and_broken_are_counted(sales: Shop, tmp_path: Path):
    await deliver(sales, tmp_path, [])
    run(sales, "UPDATE `{prefix}sales_order` SET increment_id = NULL WHERE entity_id = 162")
    commands = Commands(sales, tmp_path, "http://127.0.0.1:9", EVENTS__INVOICE__SAVED="false")
    found = await commands.run("audit", *WINDOW, "--json")
    assert found.status == 1, found.err
    counts = found.json["counts"]
    assert (counts["switched off"], counts["broken"], counts["missing"]) == (2, 1, 8)
    status = '{"hostname": "web-2", "ledger": 7}'
    run(sales, f"INSERT INTO `{{prefix}}eventbridge_bridge` VALUES ('b', 1795800000, '{status}')")
    of_two = await commands.run("audit", *WINDOW, "--json")
    assert (of_two.status, of_two.json["counts"]["unknown"]) == (0, 8)
    assert "bridges that delivered (web-2)" in of_two.json["notes"][0]
    other = tmp_path / "other.sqlite"
    with closing(connect(other)) as connection:
        connection.execute("PRAGMA application_id = 7")
        connection.execute("UPDATE began SET at = 0")
    of_both = await commands.run("audit", *WINDOW, "--ledger", str(other), "--json")
    assert (of_both.status, of_both.json["counts"]["missing"]) == (1, 8)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE began SET at = ?", (time.time() + 1e8,))
        connection.execute("DROP TABLE audits")
    run(sales, "DELETE FROM `{prefix}eventbridge_bridge`")
    later = await commands.run("audit", *WINDOW, "--json")
    assert (later.status, later.json["counts"]["unknown"]) == (0, 8)
    assert "the ledger began later" in later.json["notes"][0]
    shown = await commands.run("audit", *WINDOW)
    assert (shown.status, "note: this result was not kept: " in shown.out) == (0, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "carts"], "there are orders, invoices"),
        (["--since", "2026-11-28", "--until", "2026-11-27"], "the range is empty"),
        (["--ledger", "/no/such/file"], "there is no such file"),
        (["--since", "30s"], "an audit ends a minute ago"),
        (["--until", ""], "should be a date"),
    ],
)
def test_a_wrong_option_exits_2(
    sales: Shop, tmp_path: Path, here: Here, options: list[str], message: str
):
    result = here(Commands(sales, tmp_path, "http://127.0.0.1:9"), "audit", *options)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


async def test_the_scheduled_audit_reports_what_is_missing(
    sales: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    await deliver(sales, tmp_path, [])
    run(sales, "UPDATE `{prefix}sales_order` SET created_at = NOW() - INTERVAL 1 HOUR")
    options = sales.outbox.options
    settings = Settings(
        outbox=OutboxSettings(
            enabled=True,
            host=options.host,
            port=options.port,
            user=options.user,
            password=SecretStr(options.password),
            database=options.database,
            table_prefix=options.table_prefix,
        ),
        spool=SpoolSettings(path=tmp_path / "spool.sqlite"),
        audit=AuditSettings(at="03:30", hours=2),
    )
    figures = AuditFigures()
    audit = ScheduledAudit(lambda: settings, figures)
    await audit.audit(settings)
    assert figures.missing is not None and figures.missing >= 6
    assert "events missing: " in caplog.text
    assert "OrderCreated of order 000000165" in caplog.text
    run(sales, "RENAME TABLE `{prefix}sales_order` TO `{prefix}gone`")
    await audit.audit(settings)
    run(sales, "RENAME TABLE `{prefix}gone` TO `{prefix}sales_order`")
    assert figures.failures == 1
    assert "The audit could not be done" in caplog.text

    # The bridge does not run for three nights: the next start audits all of them.
    long_ago, archive = time.time() - 3 * 86400, LedgerArchive([tmp_path / "ledger.sqlite"])
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE audits SET at = ? - rowid", (long_ago,))
    former = {"scheduled": True, "until": long_ago, "counts": {"missing": 2}}
    archive.keep_audit(long_ago, former)
    figures = AuditFigures()
    for audits_now in (True, False):
        kept = len(archive.audits())
        async with background_task(ScheduledAudit(lambda: settings, figures).run(), "audit"):
            async with asyncio.timeout(PATIENCE):
                while figures.missing is None or (audits_now and len(archive.audits()) == kept):
                    await asyncio.sleep(0.05)
            assert len(archive.audits()) == kept + audits_now
    assert archive.audits()[0][1]["since"] == pytest.approx(long_ago, abs=1)
    figures = AuditFigures()


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-27T03:29:59+01:00", "2026-11-27T03:30+01:00"),
        ("2026-11-27T03:30:00+01:00", "2026-11-28T03:30+01:00"),
        ("2026-10-24T04:00:00+02:00", "2026-10-25T03:30+01:00"),
    ],
)
def test_the_next_audit_is_at_its_time_of_day(now: str, due: str):
    moment = next_time("03:30", zone_of("Europe/Rome"), datetime.fromisoformat(now).timestamp())
    assert moment == datetime.fromisoformat(due).timestamp()


@pytest.mark.parametrize("due", ["2026-10-25T02:30+02:00", "2026-03-29T03:30+02:00"])
def test_a_day_with_two_such_times_or_none_has_one_audit(due: str):
    rome, audited = zone_of("Europe/Rome"), int(datetime.fromisoformat(due).timestamp())
    for now in range(audited - 20 * 3600, audited + 20 * 3600, 600):
        before, after = last_time("02:30", rome, now), next_time("02:30", rome, now)
        assert (after, before)[now >= audited] == audited


def loaded(store: Shop, folder: Path, url: str) -> tuple[Settings, Origins]:
    options = store.outbox.options
    values = {
        "inlet": {"enabled": False},
        "spool": {"path": str(folder / "spool.sqlite")},
        "console": {"port": 0, "login": True, "password": "a-long-console-password"},
        "credentials": {
            "type": "keys",
            "access_key": KEYS.access_key,
            "secret_access_key": "a-test-secret",
        },
        "options": {
            "region": "eu-west-1",
            "source": "shop.example.com",
            "endpoint_url": url,
        },
        "outbox": {
            "enabled": True,
            "host": options.host,
            "port": options.port,
            "user": options.user,
            "password": options.password,
            "database": options.database,
            "table_prefix": options.table_prefix,
        },
    }
    return load([Layer("test", values)])


async def test_the_consoles_button_sends_what_is_missing_and_the_log_says_who_did_it(
    sales: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    tables = ("sales_order", "sales_invoice", "sales_creditmemo", "sales_shipment")
    former = "created_at = '2020-01-01', updated_at = '2020-01-01'"
    recent = "created_at = NOW() - INTERVAL 1 HOUR, updated_at = NOW() - INTERVAL 1 HOUR"
    run(sales, *(f"UPDATE `{{prefix}}{table}` SET {former}" for table in tables))
    run(sales, f"UPDATE `{{prefix}}customer_entity` SET {former}")
    run(sales, f"UPDATE `{{prefix}}sales_order` SET {recent} WHERE entity_id IN (160, 161)")
    await deliver(sales, tmp_path, [])
    async with put_events() as endpoint:
        settings, origins = loaded(sales, tmp_path, endpoint.url)
        async with logged_in(Bridge(settings, None, origins)) as http:
            form = {"csrf": await csrf(http, "/audit"), "act": "repair"}
            with caplog.at_level("INFO"):
                await http.post("/audit", data=form)
                await until_shown(http, ": 2 sent.")
            await http.post("/audit", data=form)
            await until_shown(http, ": 0 sent.")
            status = '{"hostname": "web-2", "ledger": 7}'
            bridge = f"'b', UNIX_TIMESTAMP(), '{status}'"
            run(sales, f"INSERT INTO `{{prefix}}eventbridge_bridge` VALUES ({bridge})")
            await http.post("/audit", data=form | {"act": "audit"})
            await until_shown(http, "bridges that delivered (web-2)")
        assert {detail["id"] for detail in endpoint.details} == {"000000166", "000000167"}
        assert all(detail["metadata"]["repaired"] for detail in endpoint.details)
    (line,) = {one.getMessage() for one in caplog.records if "audit finds" in one.getMessage()}
    assert re.fullmatch(r"Console: \S.* sends what an audit finds missing", line)


@asynccontextmanager
async def logged_in(bridge: Bridge) -> AsyncIterator[ClientSession]:
    """Serve a console while the context lasts; yield a client that is logged in."""
    console = Console(bridge, no_findings)
    await console.open()
    try:
        async with ClientSession(console.url, cookie_jar=CookieJar(unsafe=True)) as http:
            form = {"csrf": await csrf(http, "/login"), "password": "a-long-console-password"}
            async with http.post("/login", data=form) as answer:
                assert answer.status == 200
            yield http
    finally:
        await console.close()


async def until_shown(http: ClientSession, text: str) -> None:
    """Wait until the audit page shows a text."""
    async with asyncio.timeout(PATIENCE):
        while text not in (page := await (await http.get("/audit/live")).text()):
            assert "failed" not in page
            await asyncio.sleep(0.1)


async def test_a_repair_answers_at_once_while_eventbridge_is_unavailable_and_can_be_stopped(
    sales: Shop, tmp_path: Path
):
    recent = "created_at = NOW() - INTERVAL 1 HOUR, updated_at = NOW() - INTERVAL 1 HOUR"
    run(sales, f"UPDATE `{{prefix}}sales_order` SET {recent} WHERE entity_id = 160")
    await deliver(sales, tmp_path, [])
    settings, origins = loaded(sales, tmp_path, "http://127.0.0.1:9")
    async with logged_in(Bridge(settings, None, origins)) as http:
        form = {"csrf": await csrf(http, "/audit"), "act": "repair"}
        async with asyncio.timeout(PATIENCE), http.post("/audit", data=form) as answer:
            assert answer.status == 200
        await until_shown(http, "It waits: ")
        form["act"] = "stop"
        async with http.post("/audit", data=form) as answer:
            assert "Sending what is missing" in (page := await answer.text())
            assert ": stopped." in page
        form["act"] = "repair"
        await http.post("/audit", data=form)  # closing the console ends it


async def no_findings(*_: object) -> list[Finding]:
    return []


async def csrf(http: ClientSession, path: str) -> str:
    async with http.get(path) as answer:
        found = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
    assert found
    return found[1]


async def test_a_repair_compares_with_the_replica_and_sends_from_the_database(
    sales: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    await deliver(sales, tmp_path, [])
    read: list[str] = []
    entities = StoreTables.entities

    async def recording(self: StoreTables, kind: Kind, keys: Sequence[int]) -> list[Rows]:
        read.append(self.options.host)
        return await entities(self, kind, keys)

    monkeypatch.setattr(StoreTables, "entities", recording)
    async with put_events() as endpoint:
        settings, _ = loaded(sales, tmp_path, endpoint.url)
        database = database_options(settings.outbox)
        replica = replica_options(database, f"localhost:{database.port}")
        since, until = WINDOW[1], WINDOW[3]
        status = await audit_store(
            settings, replica, since, until, ["orders"], None, 1000.0, True, False
        )
        assert len(endpoint.taken) == 6
    assert (status, read[0], read[-1]) == (0, "localhost", "127.0.0.1")
