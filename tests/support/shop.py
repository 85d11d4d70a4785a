"""A store as the bridge reads it: a folder with `env.php`, and Magento's tables in a database."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pymysql.cursors import Cursor

from magento_eventbridge.magento.installation import TABLES
from tests.support.mariadb import Outbox

RECORDED = Path(__file__).parents[1] / "fixtures/magento"

_TABLES = Path(__file__).with_name("store_tables.sql").read_text()
_NAMES = ("core_config_data", "store_website", "store", "setup_module", "cron_schedule")

CONFIG_PHP = "<?php return ['modules' => ['Magento_Store' => 1, 'MagentoEventBridge_Agent' => 1]];"


@dataclass(frozen=True)
class Shop:
    """A recorded store: one website, one store view, all events on, a dry run."""

    root: Path
    outbox: Outbox

    @property
    def env_php(self) -> Path:
        return self.root / "app/etc/env.php"

    @property
    def config_php(self) -> Path:
        return self.root / "app/etc/config.php"

    def save(self, path: str, value: str | None, scope: str = "default", scope_id: int = 0) -> None:
        """Save a value of the configuration section, as the admin does."""
        self.run(
            "REPLACE INTO {core_config_data} (scope, scope_id, path, value) VALUES (%s,%s,%s,%s)",
            (scope, scope_id, f"aws_eventbridge/{path}", value),
        )

    def add_view(self, number: int, code: str) -> None:
        """Add a store view to the website."""
        self.run("INSERT INTO {store} VALUES (%s, %s, 1, 1, %s, 0, 1)", (number, code, code))

    def beat(self, seconds_ago: float = 0.0, bridge: str = "a-bridge") -> None:
        """Write the row of a bridge whose last sign of life is so old."""
        self.run(
            "REPLACE INTO {eventbridge_bridge} (id, heartbeat_at) "
            "VALUES (%s, UNIX_TIMESTAMP(NOW(6)) - %s)",
            (bridge, seconds_ago),
        )

    def run(self, statement: str, values: tuple[object, ...] = ()) -> None:
        """Run a statement over `{core_config_data}`, `{store}` and similar tables."""
        prefix = self.outbox.options.table_prefix
        text = statement.format(**{name: f"`{prefix}{name}`" for name in (*_NAMES, *TABLES)})
        with self.outbox.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(text, values)
            connection.commit()

    def write_env_php(self, **changes: str) -> None:
        """Write `env.php` as recorded, except the database's address, as PHP expressions."""
        options = self.outbox.options
        places = {
            "host": f"'{options.host}:{options.port}'",
            "dbname": f"'{options.database}'",
            "username": f"'{options.user}'",
            "password": f"'{options.password}'",
            "table_prefix": f"'{options.table_prefix}'",
        } | changes
        text = (RECORDED / "app/etc/env.php").read_text()
        recorded = {
            "host": "'127.0.0.1:3306'",
            "dbname": "'magento'",
            "username": "'magento'",
            "password": "'magento'",
            "table_prefix": "''",
        }
        for name, php in places.items():
            before = f"'{name}' => {recorded[name]}"
            assert before in text
            text = text.replace(before, f"'{name}' => {php}")
        self.env_php.write_text(text)


@pytest.fixture
def shop(outbox: Outbox, tmp_path: Path) -> Iterator[Shop]:
    """A recorded store, with the agent's tables."""
    made = Shop(tmp_path / "shop", outbox)
    made.env_php.parent.mkdir(parents=True)
    made.write_env_php()
    made.config_php.write_text(CONFIG_PHP)
    prefix = outbox.options.table_prefix
    with outbox.server.connect() as connection, connection.cursor() as cursor:
        # The admin's website and store view have the number 0.
        cursor.execute("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
        for statement in _statements(prefix):
            cursor.execute(statement)
        connection.commit()
    yield made
    shutil.rmtree(made.root)
    with outbox.server.connect() as connection, connection.cursor() as cursor:
        _drop(cursor, prefix)


def _statements(prefix: str) -> list[str]:
    whole = _TABLES.replace("{prefix}", prefix)
    return [statement for statement in whole.split(";\n") if statement.strip()]


def _drop(cursor: Cursor, prefix: str) -> None:
    for name in _NAMES:
        cursor.execute(f"DROP TABLE `{prefix}{name}`")
