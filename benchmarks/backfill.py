"""Backfill of a large store: `python -m benchmarks.backfill [ORDERS] [RATE]`.

Fills a MariaDB server with so many orders of three items (1,000,000 by default), runs `backfill
orders` on them as an operator does, and reports memory over time, rate and processor time. It fails
when the memory exceeds 150 MB. RATE is the command's `--rate`: 100,000 by default, more than it
reaches, so that the cost of an event is what limits it.

The server is the one that MAGENTO_EVENTBRIDGE_TEST_MYSQL_URL names, where the tables stay for the
next run, else a private one.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pymysql.cursors import Cursor
from rich.console import Console
from rich.table import Table
from tests.support import mariadb
from tests.support.mariadb import Outbox, Server

from benchmarks.processes import ask, cpu_seconds, endpoint, environment

ORDERS = 1_000_000
RATE = 100_000
MOST_MEGABYTES = 150
PREFIX = "large_"

_SUPPORT = Path(mariadb.__file__).parent
# Faster to fill: nothing here must survive a crash.
_FILLED_FAST = (
    "--innodb-buffer-pool-size=1G",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-log-file-size=512M",
    "--skip-innodb-doublewrite",
)
_AT_ONCE = 50_000
_SAMPLES = 10
# Of the recorded day: an order with a shipping address, and how often its rows are repeated.
_TEMPLATE = 160
_RELATED = {
    "sales_order_item": ("item_id", "order_id", 3),
    "sales_order_address": ("entity_id", "parent_id", 2),
    "sales_order_payment": ("entity_id", "parent_id", 1),
}


class Sample(NamedTuple):
    """The process at one moment."""

    seconds: float
    events: int
    megabytes: float
    processor_seconds: float


@contextmanager
def large_store(orders: int) -> Iterator[Outbox]:
    """Yield the tables of a store with so many orders."""
    with mariadb.running(*_FILLED_FAST) as server:
        store = Outbox(server, replace(server.options, table_prefix=PREFIX))
        fill(server, orders)
        yield store


def fill(server: Server, orders: int) -> None:
    """Create the tables and so many orders; those of a former run are used again."""
    with server.connect() as connection, connection.cursor() as cursor:

        def run(statement: str) -> int:
            cursor.execute(statement)
            connection.commit()
            return cursor.rowcount

        if run(f"SHOW TABLES LIKE '{PREFIX}sales_order'"):
            run(f"SELECT COUNT(*) FROM {PREFIX}sales_order")
            if cursor.fetchall() == ((orders,),):
                return
        cursor.execute("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
        for name in ("outbox_tables.sql", "store_tables.sql", "sales_tables.sql"):
            for statement in (_SUPPORT / name).read_text().split(";\n"):
                text = statement.strip().rstrip(";").replace("{prefix}", PREFIX)
                if text.partition("\n")[0].startswith("--"):
                    text = "\n".join(line for line in text.splitlines() if line[:2] != "--")
                if text.strip():
                    if "CREATE TABLE" in text:
                        run(f"DROP TABLE IF EXISTS `{text.split('`')[1]}`")
                    run(text)
        run("SET SESSION unique_checks = 0, SESSION foreign_key_checks = 0")
        orders_table = f"{PREFIX}sales_order"
        columns = _columns(cursor, orders_table, "entity_id", "increment_id", "created_at")
        run(f"CREATE OR REPLACE TABLE template LIKE {orders_table}")
        run(f"INSERT INTO template SELECT * FROM {orders_table} WHERE entity_id = {_TEMPLATE}")
        run(f"DELETE FROM {orders_table}")
        for first in range(1, orders + 1, _AT_ONCE):
            last = min(first + _AT_ONCE - 1, orders)
            run(
                f"INSERT INTO {orders_table} (entity_id, increment_id, created_at, {columns}) "
                f"SELECT seq, LPAD(seq, 9, '0'), '2016-01-01' + INTERVAL seq * 300 SECOND, "
                f"{columns} FROM seq_{first}_to_{last}, template"
            )
        for name, (key, order, times) in _RELATED.items():
            table = f"{PREFIX}{name}"
            own = ["address_type"] if name.endswith("address") else []
            columns = _columns(cursor, table, key, order, *own)
            run(f"CREATE OR REPLACE TABLE template LIKE {table}")
            run(
                f"INSERT INTO template SELECT * FROM {table} WHERE {order} = {_TEMPLATE} "
                f"ORDER BY {key} LIMIT 1"
            )
            run(f"DELETE FROM {table}")
            names = ", ".join((key, order, *own))
            kinds = "IF(seq % 2, 'billing', 'shipping'), " if own else ""
            for first in range(0, orders * times, _AT_ONCE):
                last = min(first + _AT_ONCE, orders * times) - 1
                run(
                    f"INSERT INTO {table} ({names}, {columns}) "
                    f"SELECT seq + 1, seq DIV {times} + 1, {kinds}{columns} "
                    f"FROM seq_{first}_to_{last}, template"
                )
        run("DROP TABLE template")
        for name in ("sales_order", *_RELATED):
            run(f"ANALYZE TABLE {PREFIX}{name}")


def _columns(cursor: Cursor, table: str, *without: str) -> str:
    cursor.execute(f"SHOW COLUMNS FROM {table}")
    return ", ".join(f"`{row[0]}`" for row in cursor.fetchall() if row[0] not in without)


def environment_of(store: Outbox, url: str, folder: Path) -> dict[str, str]:
    """Return the environment of a bridge of this store."""
    options = store.options
    given = {
        "DELIVERY__CALLS_PER_SECOND": "1000000",
        "INLET__ENABLED": "0",
        "OUTBOX__ENABLED": "1",
        "OUTBOX__HOST": options.host,
        "OUTBOX__PORT": str(options.port),
        "OUTBOX__USER": options.user,
        "OUTBOX__PASSWORD": options.password,
        "OUTBOX__DATABASE": options.database,
        "OUTBOX__TABLE_PREFIX": options.table_prefix,
    }
    return environment(url, folder, given)


def _sample(process: int, began: float, url: str) -> Sample:
    status = Path(f"/proc/{process}/status").read_text()
    resident = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    taken = ask(url, "/taken")["entries"]
    return Sample(time.monotonic() - began, taken, resident, cpu_seconds(process))


def measured(store: Outbox, rate: float, folder: Path) -> list[Sample]:
    """Run `backfill orders`; return a sample for each second."""
    with endpoint(beside=True) as url:
        words = [sys.executable, "-m", "magento_eventbridge", "backfill", "orders", "--json"]
        began = time.monotonic()
        process = subprocess.Popen(
            [*words, "--rate", str(rate)],
            env=environment_of(store, url, folder),
            stdout=subprocess.DEVNULL,
        )
        samples: list[Sample] = []
        try:
            while process.poll() is None:
                try:
                    samples.append(_sample(process.pid, began, url))
                except (OSError, ValueError, IndexError):
                    break  # it has just ended
                time.sleep(1)
        finally:
            process.terminate()
        if process.wait():
            raise RuntimeError(f"the backfill failed: exit status {process.returncode}")
        return samples


def main() -> None:
    """Fill, run, print; fail beyond the limit."""
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else RATE
    with large_store(orders) as store, tempfile.TemporaryDirectory() as folder:
        samples = measured(store, rate, Path(folder))
    table = Table(title=f"backfill of {orders:,} orders at --rate {rate:,.0f}")
    for column in ("seconds", "events", "memory", "events/s", "processor time an event"):
        table.add_column(column, justify="right")
    before = samples[0]
    step = max(1, len(samples) // _SAMPLES)
    for sample in [*samples[step::step], samples[-1]]:
        events, seconds = sample.events - before.events, sample.seconds - before.seconds
        if events and seconds:
            used = (sample.processor_seconds - before.processor_seconds) / events
            table.add_row(
                f"{sample.seconds:.0f}",
                f"{sample.events:,}",
                f"{sample.megabytes:.0f} MB",
                f"{events / seconds:,.0f}",
                f"{used * 1e6:.0f} µs",
            )
            before = sample
    Console(width=100).print(table)
    most = max(sample.megabytes for sample in samples)
    print(f"most memory: {most:.0f} MB (at most {MOST_MEGABYTES})")
    if most > MOST_MEGABYTES:
        raise SystemExit("too much memory")


if __name__ == "__main__":
    main()
