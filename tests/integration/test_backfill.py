"""Backfill: the rows of a real store's tables become the events that the agent captured."""

import asyncio
import signal
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymysql.cursors import Cursor, DictCursor

from magento_eventbridge.backfill.kinds import KINDS, Kind
from magento_eventbridge.backfill.rows import Selection, StoreTables
from magento_eventbridge.backfill.snapshots import capture_of
from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import BY_DETAIL_TYPE, event_of
from magento_eventbridge.catalog.event import DetailLevel
from tests.support.backfilling import Commands, Here, here
from tests.support.put_events import put_events
from tests.support.sales import captures_of_the_day, run, sales
from tests.support.shop import Shop

__all__ = ["here", "sales"]


async def _from_rows(shop: Shop, kind: Kind) -> dict[str, Capture]:
    tables = StoreTables(shop.outbox.options)
    try:
        keys = [key async for some in tables.keys(kind, Selection()) for key in some]
        rows = await tables.entities(kind, keys)
    finally:
        await tables.close()
    return {one.main[kind.key]: capture_of(kind, one, kind.created, "backfill") for one in rows}


@pytest.mark.parametrize("level", ["documented", "full"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_rows_become_the_details_of_the_agents_last_captures(
    sales: Shop, kind: Kind, level: DetailLevel
):
    captured: dict[str, Capture] = {}
    for capture in captures_of_the_day():
        event = event_of(capture)
        if event and event.scope == kind.scope:
            key = {"customer": "id", "newsletter": "subscriber_id"}.get(kind.scope, "entity_id")
            captured[str(capture.snapshot[key])] = capture
    from_rows = await _from_rows(sales, kind)
    assert captured and captured.keys() == from_rows.keys()
    event = BY_DETAIL_TYPE[kind.created]
    for key, capture in captured.items():
        of_agent, of_rows = event.detail_of(capture, level), event.detail_of(from_rows[key], level)
        for detail in (of_agent, of_rows):
            detail.pop("previous", None)
            # Any SQL update sets it, some of them after the capture: a real store did.
            detail.pop("updatedAt", None)
        assert of_rows == of_agent
        assert event_of(from_rows[key]) is event
        assert from_rows[key].subject == capture.subject
        assert from_rows[key].view_id == capture.view_id


async def test_orders_are_sent_with_their_time_and_repeat_their_ids(sales: Shop, tmp_path: Path):
    async with put_events() as endpoint:
        commands = Commands(sales, tmp_path, endpoint.url)
        first = await commands.run("backfill", "orders", "--rate", "1000", "--json")
        assert (first.status, first.err) == (0, "")
        assert first.json == {
            "total": 6,
            "sent": 6,
            "switched_off": 0,
            "left_out": [],
            "complete": True,
        }
        ids = endpoint.ids
        assert len(set(ids)) == 6
        assert all(uuid.UUID(one).version == 7 for one in ids)
        for entry, detail in zip(endpoint.taken, endpoint.details, strict=True):
            assert entry["DetailType"] == "OrderCreated"
            assert detail["metadata"]["backfill"] is True
            assert detail["metadata"]["date"].startswith("2026-11-27 19:1")
            assert entry["Time"] == detail["metadata"]["timestamp"]
            created = uuid.UUID(detail["metadata"]["id"]).int >> 80
            assert created == detail["metadata"]["timestamp"] * 1000
        run(sales, "UPDATE `{prefix}sales_order` SET updated_at = '2027-01-01 00:00:00'")
        await commands.run("backfill", "orders", "--rate", "1000")
        assert sorted(endpoint.ids[6:]) == sorted(ids)
        await commands.run("backfill", "orders", "--rate", "1000", "--as", "OrderUpdated")
        assert {entry["DetailType"] for entry in endpoint.taken[12:]} == {"OrderUpdated"}
        assert not set(endpoint.ids[12:]) & set(ids)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["orders", "--status", "canceled"], 1),
        (["orders", "--limit", "2"], 2),
        (["orders", "--store", "default"], 6),
        (["orders", "--store", "0"], 0),
        (["orders", "--since", "2026-11-27T19:16:00+00:00"], 3),
        (["orders", "--until", "2026-11-27T20:16:00+01:00"], 3),
        (["invoices", "--status", "paid"], 2),
        (["newsletter", "--status", "UNSUBSCRIBED"], 1),
        (["customers", "--since", "2026-11-27"], 1),
        (["customers", "--until", "2026-11-27"], 0),
        (["customers", "--until", "1970-01-01"], 0),
        (["orders", "--since", "0001-01-01", "--until", "9999-12-31T23:59:59-05:00"], 6),
        (["shipments"], 1),
        (["creditmemos"], 1),
    ],
)
def test_a_dry_run_counts_what_the_options_select(
    sales: Shop, tmp_path: Path, here: Here, options: list[str], count: int
):
    commands = Commands(sales, tmp_path, "http://127.0.0.1:9")
    result = here(commands, "backfill", *options, "--dry-run", "--json")
    assert result.status == 0, result.err
    assert result.json["count"] == count
    assert len(result.json["samples"]) == min(count, 3)
    assert result.json["price_in_dollars"] == round(count / 1_000_000, 4)


def test_a_dry_run_shows_the_price_and_samples(sales: Shop, tmp_path: Path, here: Here):
    commands = Commands(sales, tmp_path, "http://127.0.0.1:9")
    result = here(commands, "backfill", "orders", "--since", "2026-11-01", "--dry-run")
    assert result.status == 0
    assert "6 orders would be sent as OrderCreated: nothing was sent" in result.out
    assert "USD: 6 billed events" in result.out
    assert result.out.count('"DetailType": "OrderCreated"') == 3
    assert "times without a zone are in the store's: UTC" in result.err


def test_the_stores_zone_is_magentos_own_where_none_is_saved_and_that_of_its_files(
    sales: Shop, tmp_path: Path, here: Here
):
    commands = Commands(sales, tmp_path, "http://127.0.0.1:9")
    sales.run("DELETE FROM {core_config_data} WHERE path = 'general/locale/timezone'")
    result = here(commands, "backfill", "orders", "--since", "2026-11-27T11:16", "--dry-run")
    assert "times without a zone are in the store's: America/Los_Angeles" in result.err
    assert "3 orders would be sent" in result.out
    system = "['default' => ['general' => ['locale' => ['timezone' => 'Europe/Rome']]]]"
    sales.config_php.write_text(f"<?php return ['modules' => [], 'system' => {system}];")
    day = ("--since", "2026-11-27T20:16", "--magento-root", str(sales.root))
    result = here(commands, "backfill", "orders", *day, "--dry-run")
    assert "times without a zone are in the store's: Europe/Rome" in result.err
    assert "3 orders would be sent" in result.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["carts"], "nothing to backfill of 'carts'"),
        (["orders", "--since", "2026-11-02", "--until", "2026-11-01"], "the range is empty"),
        (["orders", "--since", "yesterday"], "should be a date"),
        (["orders", "--since", ""], "should be a date"),
        (["orders", "--status", ""], "there are canceled, closed, complete"),
        (["orders", "--store", "german"], "there are admin (0), default (1)"),
        (["orders", "--status", "lost"], "there are canceled, closed, complete"),
        (["shipments", "--status", "new"], "shipments have no status"),
        (["orders", "--as", "InvoiceCreated"], "sent as OrderCreated or OrderUpdated"),
        (["orders", "--replica", "db:port"], "should be HOST:PORT"),
    ],
)
def test_a_wrong_option_sends_nothing(
    sales: Shop, tmp_path: Path, here: Here, options: list[str], message: str
):
    commands = Commands(sales, tmp_path, "http://127.0.0.1:9")
    result = here(commands, "backfill", *options)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


async def test_broken_rows_are_named_and_do_not_end_a_run(sales: Shop, tmp_path: Path):
    run(
        sales,
        "UPDATE `{prefix}sales_order` SET grand_total = NULL, status = NULL, store_id = NULL, "
        "order_currency_code = 'XTS' WHERE entity_id = 161",
        "UPDATE `{prefix}sales_order` SET increment_id = NULL WHERE entity_id = 162",
        "DELETE FROM `{prefix}sales_order_item` WHERE order_id = 163",
        "DELETE FROM `{prefix}sales_order_address` WHERE parent_id = 163",
        "DELETE FROM `{prefix}sales_order_payment` WHERE parent_id = 163",
        "UPDATE `{prefix}sales_order_item` SET product_options = 'a:1:{' WHERE order_id = 164",
        "ALTER TABLE `{prefix}sales_order` ADD shop_own json, DROP COLUMN coupon_code",
        "UPDATE `{prefix}sales_invoice` SET order_id = 4711 WHERE entity_id = 65",
        "UPDATE `{prefix}sales_invoice` SET state = 9 WHERE entity_id = 66",
    )
    async with put_events() as endpoint:
        commands = Commands(sales, tmp_path, endpoint.url)
        orders = await commands.run("backfill", "orders", "--rate", "1000", "--json")
        assert (orders.status, orders.json["sent"], orders.json["complete"]) == (1, 5, True)
        assert orders.json["left_out"] == [
            {"entity": "order id 162", "reason": "its increment_id is empty"}
        ]
        invoices = await commands.run("backfill", "invoices", "--rate", "1000")
        assert invoices.status == 1
        assert "its order 4711 does not exist" in invoices.out
        assert "its status is none of 1, 2, 3" in invoices.out
        assert len(endpoint.taken) == 5


async def test_a_killed_run_goes_on_where_it_was(sales: Shop, tmp_path: Path):
    columns = "store_id, status, is_virtual, grand_total, created_at"
    run(
        sales,
        f"INSERT INTO `{{prefix}}sales_order` (increment_id, {columns}) "
        f"SELECT CONCAT('X', seq), {columns} FROM `{{prefix}}sales_order`, seq_1_to_300 "
        "WHERE entity_id = 162",
    )
    async with put_events() as endpoint:
        commands = Commands(sales, tmp_path, endpoint.url)
        words = ("backfill", "orders", "--rate", "5", "--since", "2026-11-01", "--json")
        async with commands.started(*words):
            await endpoint.until_taken(10)
            other = await commands.run("backfill", "orders", "--rate", "1000")
            assert "another backfill is running" in other.err
        before = len(endpoint.taken)
        assert before < 306
        second = await commands.run(*words[:3], "1000", *words[4:])
        assert second.status == 0, second.err
        assert "resuming an interrupted run" in second.err
        assert len(set(endpoint.ids)) == 306
        # Again are at most those that were in flight, or not recorded yet.
        assert len(endpoint.taken) - 306 <= 10
        assert second.json["sent"] <= 306 - before + 10


async def test_sigint_ends_a_run_that_the_same_command_resumes(sales: Shop, tmp_path: Path):
    async with put_events() as endpoint:
        commands = Commands(sales, tmp_path, endpoint.url)
        words = ("backfill", "orders", "--rate", "0.5", "--json")
        async with commands.started(*words) as first:
            await endpoint.until_taken(1)
            first.send_signal(signal.SIGINT)
            await first.communicate()
            assert first.returncode == 1
        await commands.run(*words[:3], "1000")
        assert len(endpoint.ids) == len(set(endpoint.ids)) == 6


async def test_live_events_go_first(sales: Shop, tmp_path: Path):
    capture = captures_of_the_day()[0]
    sales.outbox.put([(capture, b"{}")])
    run(sales, "UPDATE `{prefix}eventbridge_outbox` SET created_at = NOW() - INTERVAL 1 MINUTE")
    async with put_events() as endpoint:
        async with Commands(sales, tmp_path, endpoint.url).started("backfill", "orders") as process:
            await asyncio.sleep(4)
            assert not endpoint.taken
            run(sales, "DELETE FROM `{prefix}eventbridge_outbox`")
            await endpoint.until_taken(6)
            await process.communicate()
            assert process.returncode == 0


async def test_the_database_reads_by_indexes(sales: Shop):
    columns = "store_id, status, is_virtual, grand_total, created_at"
    run(
        sales,
        f"INSERT INTO `{{prefix}}sales_order` (increment_id, {columns}) "
        f"SELECT CONCAT('X', seq), {columns} FROM `{{prefix}}sales_order`, seq_1_to_5000 "
        "WHERE entity_id = 162",
        "UPDATE `{prefix}sales_order` SET created_at = '2026-01-01' + INTERVAL entity_id MINUTE",
        "INSERT INTO `{prefix}sales_order_item` (order_id, sku) "
        "SELECT entity_id, 'x' FROM `{prefix}sales_order`",
        "INSERT INTO `{prefix}sales_order_address` (parent_id) "
        "SELECT entity_id FROM `{prefix}sales_order`",
        "INSERT INTO `{prefix}sales_order_payment` (parent_id) "
        "SELECT entity_id FROM `{prefix}sales_order`",
    )
    for name in ("", "_item", "_address", "_payment"):
        run(sales, f"ANALYZE TABLE `{{prefix}}sales_order{name}`")
    statements: list[tuple[str, object]] = []
    execute = Cursor.execute

    def record(cursor: Cursor, statement: str, values: Any = None) -> int:
        if statement.startswith("SELECT") and "sales_order" in statement:
            statements.append((statement, values))
        return execute(cursor, statement, values)

    tables = StoreTables(sales.outbox.options)
    kind = KINDS["orders"]
    at = datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cursor, "execute", record)
        async for keys in tables.keys(kind, Selection(since=at, until=at + 86400)):
            assert len(keys) == 1440
            await tables.entities(kind, keys[:200])
        async for _ in tables.keys(kind, Selection(), after=2000):
            pass
        async for _ in tables.changed(kind, at, at + 60):
            pass
    await tables.close()
    assert len(statements) >= 7
    with sales.outbox.server.connect() as connection, connection.cursor(DictCursor) as cursor:
        for statement, values in statements:
            cursor.execute(f"EXPLAIN {statement}", values)
            for plan in cursor.fetchall():
                assert plan["type"] != "ALL", statement
                assert plan["key"] or "optimized away" in str(plan["Extra"]), statement


FILLED = {
    "invoices": {"sales_invoice": "order_id", "sales_invoice_item": "parent_id"},
    "creditmemos": {"sales_creditmemo": "order_id", "sales_creditmemo_item": "parent_id"},
    "shipments": {
        "sales_shipment": "order_id",
        "sales_shipment_item": "parent_id",
        "sales_shipment_track": "parent_id",
        "sales_shipment_comment": "parent_id",
    },
    "customers": {"customer_entity": "group_id"},
    "newsletter": {"newsletter_subscriber": "customer_id"},
}


@pytest.mark.parametrize("name", FILLED)
async def test_every_kind_is_read_by_indexes(sales: Shop, name: str):
    related = {"parent_id": "seq + 1000", "order_id": "160 + seq % 6"}
    for table, column in FILLED[name].items():
        value = related.get(column, "1")
        order = ", order_id" if table == "sales_shipment_track" else ""
        more = ", 160" if order else ""
        run(
            sales,
            f"INSERT INTO `{{prefix}}{table}` ({column}{order}) "
            f"SELECT {value}{more} FROM seq_1_to_3000",
            f"ANALYZE TABLE `{{prefix}}{table}`",
        )
    statements: list[tuple[str, object]] = []
    execute = Cursor.execute

    def record(cursor: Cursor, statement: str, values: Any = None) -> int:
        if statement.startswith("SELECT") and any(f"{of}`" in statement for of in FILLED[name]):
            statements.append((statement, values))
        return execute(cursor, statement, values)

    tables, kind = StoreTables(sales.outbox.options), KINDS[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cursor, "execute", record)
        async for keys in tables.keys(kind, Selection()):
            await tables.entities(kind, keys[-50:])
        at = datetime(2026, 11, 27, 19, tzinfo=UTC).timestamp()
        async for _ in tables.keys(kind, Selection(since=at, until=at + 60)):
            pass
        if kind.changed and kind.has_time_index:
            async for _ in tables.changed(kind, at, at + 60):
                pass
    await tables.close()
    assert len(statements) >= len(FILLED[name]) + 2
    with sales.outbox.server.connect() as connection, connection.cursor(DictCursor) as cursor:
        for statement, values in statements:
            cursor.execute(f"EXPLAIN {statement}", values)
            for plan in cursor.fetchall():
                assert plan["type"] != "ALL", statement
                assert plan["key"] or plan["Extra"], statement
