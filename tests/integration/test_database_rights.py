"""The rights of the bridge's database user: those that the documentation grants, and fewer."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.mysql.magento_db import MagentoDbQueue
from magento_eventbridge.queues.mysql.outbox import OutboxQueue
from magento_eventbridge.queues.mysql.queue import MysqlQueue
from magento_eventbridge.settings.queues import QUEUE
from tests.support import recorded
from tests.support.magento_queue import MagentoQueue
from tests.support.mariadb import Outbox

DOCS = Path(__file__).parents[2] / "docs"
USER = "rights"

Ask = Callable[..., None]


def granted(page: str) -> dict[str, str]:
    """Return the rights that a page of the documentation grants, by table."""
    found = re.findall(r"^GRANT (.+) ON magento\.(\w+) TO", (DOCS / page).read_text(), re.M)
    assert found
    return {table: rights for rights, table in found}


@pytest.fixture
def ask(outbox: Outbox) -> Iterator[Ask]:
    """Run statements as the server's root, and create the user."""
    ask = outbox.server.as_root
    ask(f"CREATE OR REPLACE USER '{USER}'@'%' IDENTIFIED BY 'x'")
    yield ask
    ask("SET GLOBAL read_only = 0", f"DROP USER '{USER}'@'%'")


@pytest.fixture(params=["outbox", "magento-db"])
def rights(request: pytest.FixtureRequest, ask: Ask) -> tuple[MysqlQueue, dict[str, str]]:
    """A queue of a user with the documented rights, and these."""
    place: Outbox | MagentoQueue
    queue: MysqlQueue
    if request.param == "outbox":
        place, page = request.getfixturevalue("outbox"), "operating.md"
        queue = OutboxQueue(replace(place.options, user=USER, password="x"))
    else:
        place, page = request.getfixturevalue("magento_queue"), "queue-mode.md"
        queue = MagentoDbQueue(replace(place.options, user=USER, password="x"), QUEUE)
    tables = {
        f"`{place.options.database}`.`{place.options.table_prefix}{table}`": rights
        for table, rights in granted(page).items()
    }
    ask(*(f"GRANT {rights} ON {table} TO '{USER}'@'%'" for table, rights in tables.items()))
    place.put([recorded.stored(recorded.of("order-guest", "sales_order_place_after"))])
    return queue, tables


async def test_the_documented_rights_suffice(rights: tuple[MysqlQueue, dict[str, str]]) -> None:
    queue, _ = rights
    try:
        await queue.check_writing()
        assert (await queue.depth()).captures == 1
        (claim,) = await queue.claim(10)
        await queue.bury(claim, "a test")
        assert await queue.dead_letters.redrive(None) == 1
        await queue.ack(await queue.claim(10))
        assert (await queue.depth()).captures == 0
    finally:
        await queue.close()


async def test_each_missing_right_is_found_before_it_is_needed(
    rights: tuple[MysqlQueue, dict[str, str]], ask: Ask
) -> None:
    queue, tables = rights
    try:
        await queue.check_writing()
        for table, granted_rights in tables.items():
            for right in {"INSERT", "UPDATE", "DELETE"} & set(granted_rights.split(", ")):
                ask(f"REVOKE {right} ON {table} FROM '{USER}'@'%'")
                with pytest.raises(QueueError, match=f"{right}.* command denied to user"):
                    await queue.check_writing()
                ask(f"GRANT {right} ON {table} TO '{USER}'@'%'")
        await queue.check_writing()
        ask("SET GLOBAL read_only = 1")
        with pytest.raises(QueueError, match="read-only.* as after a failover"):
            await queue.check_writing()
        ask("SET GLOBAL read_only = 0")
        assert len(await queue.claim(10)) == 1
    finally:
        await queue.close()


async def test_tables_without_transactions_are_reported(
    outbox: Outbox, magento_queue: MagentoQueue, caplog: pytest.LogCaptureFixture
) -> None:
    tables = {
        OutboxQueue(outbox.options): "eventbridge_outbox",
        MagentoDbQueue(magento_queue.options, QUEUE): "eventbridge_queue_message",
    }
    for queue, table in tables.items():
        try:
            await queue.check_writing()
            prefix = queue.place[-1]
            outbox.ask(f"ALTER TABLE {prefix}{table} ENGINE=Aria")
            message = rf"no transactions in {prefix}{table} \(Aria\)"
            with pytest.raises(QueueError, match=message):
                await queue.check_writing()
            assert re.search(message, caplog.text) is None
            await queue.claim(1)
            assert re.search(message, caplog.text)
        finally:
            await queue.close()
