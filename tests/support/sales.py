"""The sales tables of a real store, with the rows of one day and the agent's captures of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from magento_eventbridge.captures import Capture, read_capture
from tests.support.shop import Shop

_TABLES = Path(__file__).with_name("sales_tables.sql").read_text()
_CAPTURES = Path(__file__).parents[1] / "fixtures/backfill/captures.ndjson"


def captures_of_the_day() -> list[Capture]:
    """Return the captures that the agent wrote on that day, in their order."""
    return [read_capture(line) for line in _CAPTURES.read_text().splitlines()]


def run(shop: Shop, *statements: str) -> list[tuple[object, ...]]:
    """Run statements in which `{prefix}` is the tables' prefix; return the last one's rows."""
    prefix = shop.outbox.options.table_prefix
    with shop.outbox.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00'")
        for statement in statements:
            cursor.execute(statement.replace("{prefix}", prefix))
        connection.commit()
        return list(cursor.fetchall())


@pytest.fixture
def sales(shop: Shop) -> Iterator[Shop]:
    """A store with the rows of that day."""
    statements = [part for part in _TABLES.split(";\n") if part.strip()]
    run(shop, *statements)
    yield shop
    names = [part.split("`")[1] for part in statements if "CREATE TABLE" in part]
    run(shop, *(f"DROP TABLE `{name}`" for name in names))
