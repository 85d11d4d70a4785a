"""A live store: its files and tables, read as settings, and read again when they change."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pymysql.cursors import Cursor

from magento_eventbridge.magento.connections import (
    ConnectionSettingsError,
    Database,
    amqp_of,
    crypt_keys_of,
    database_of,
)
from magento_eventbridge.magento.consumers_runner import consumers_runner_of
from magento_eventbridge.magento.database import (
    DatabaseConnection,
    DatabaseError,
    DatabaseOptions,
    database_options,
    named_queries,
)
from magento_eventbridge.magento.env_php import (
    CONFIG_PHP,
    ENV_PHP,
    Deployment,
    PhpFileError,
    read_deployment,
)
from magento_eventbridge.magento.installation import (
    AGENT,
    BRIDGES,
    ORIGINAL,
    TABLES,
    Installation,
    ModuleVersion,
)
from magento_eventbridge.magento.store_config import (
    PATHS,
    Row,
    StoreConfig,
    StoreConfigError,
    StoreRows,
    StoreView,
    Website,
    read_store_config,
)
from magento_eventbridge.magento.store_settings import (
    below,
    database_layer,
    queue_layer,
    store_layers,
)
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.layers import Layer, Origins, load
from magento_eventbridge.settings.model import Settings

log = logging.getLogger(__name__)

# Seconds between two looks at a running store: three small queries and two file dates.
_LOOKS_EVERY = 10.0

# Where servers have it, and PHP looks for it.
_SOCKETS = (
    "/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
    "/tmp/mysql.sock",  # noqa: S108
)

_QUERIES = named_queries(__package__, "live_store.sql")
_UNREADABLE = (PhpFileError, ConnectionSettingsError, StoreConfigError)

Stamp = tuple[tuple[int, int] | None, ...]
"""When each file was last changed, and its length; None for one that is not there."""


@dataclass(frozen=True)
class Reading:
    """What a store and the bridge's own settings say together, and where each value came from.

    `config` is what the store alone says.
    """

    settings: Settings
    origins: Origins
    config: StoreConfig
    rows: StoreRows


class LiveStore:
    """A store in a folder, with the bridge's own settings above what it says."""

    def __init__(self, root: Path, own: Sequence[Layer], environment: Mapping[str, str]) -> None:
        """Get ready; nothing is read yet."""
        self.root = root
        self._own = own
        self._environment = environment
        self._stamp: Stamp = ()
        self._deployment: Deployment | None = None
        self._tables: StoreTables | None = None
        self._last: tuple[Deployment, StoreRows] | None = None

    def again(self) -> "LiveStore":
        """Give the same store with a connection of its own."""
        return LiveStore(self.root, self._own, self._environment)

    def files(self) -> Deployment:
        """Read `env.php` and `config.php`, if they have changed.

        Raises:
            SettingsError: they cannot be read.
        """
        stamp = tuple(_stamp(self.root / file) for file in (ENV_PHP, CONFIG_PHP))
        if self._deployment is None or stamp != self._stamp:
            try:
                self._deployment = read_deployment(self.root, self._environment)
            except PhpFileError as error:
                raise SettingsError(str(error)) from None
            self._stamp = stamp
        return self._deployment

    def reach(self) -> tuple[Settings, Origins]:
        """Read what tells how to reach its database: `env.php` and the bridge's own settings.

        Raises:
            SettingsError: that cannot be used.
        """
        return load(below([self._database()], self._own))

    async def read(self) -> Reading:
        """Read everything.

        Raises:
            SettingsError: something there cannot be used.
            DatabaseError: its database cannot be read.
        """
        return self._made(self.files(), await (await self._opened()).rows())

    async def read_if_changed(self) -> Reading | None:
        """Read everything, if something has changed since the last time."""
        deployment, rows = self.files(), await (await self._opened()).rows()
        return None if (deployment, rows) == self._last else self._made(deployment, rows)

    async def installation(self) -> Installation:
        """Find out what is installed."""
        return await (await self._opened()).installation()

    async def close(self) -> None:
        """Let go of the connection."""
        tables, self._tables = self._tables, None
        if tables:
            await tables.close()

    def _database(self) -> Layer:
        try:
            said = {name for layer in self._own for name in layer.values.get("outbox", {})}
            return database_layer(_as_php_connects(database_of(self.files(), said)))
        except _UNREADABLE as error:
            raise SettingsError(str(error)) from None

    def _queue(self, settings: Settings) -> list[Layer]:
        """Read what concerns Magento's queue; a fault there is one for who uses it only."""
        try:
            deployment = self.files()
            return [queue_layer(amqp_of(deployment), consumers_runner_of(deployment))]
        except _UNREADABLE as error:
            if settings.is_in_queue_mode or settings.amqp.enabled:
                raise SettingsError(str(error)) from None
            return []

    async def _opened(self) -> "StoreTables":
        options = database_options(self.reach()[0].outbox)
        if self._tables is None or self._tables.options != options:
            await self.close()
            self._tables = StoreTables(options)
        return self._tables

    def _made(self, deployment: Deployment, rows: StoreRows) -> Reading:
        try:
            config = read_store_config(deployment, rows, self._environment)
            of_store = store_layers(config, crypt_keys_of(deployment))
        except _UNREADABLE as error:
            raise SettingsError(str(error)) from None
        layers = [self._database(), *of_store]
        settings, origins = load(below(layers, self._own))
        settings, origins = load(below([*self._queue(settings), *layers], self._own))
        self._last = deployment, rows
        return Reading(settings, origins, config, rows)


class StoreTables:
    """Reads the tables of a store."""

    def __init__(self, options: DatabaseOptions) -> None:
        """Get ready to connect."""
        self.options = options
        told = "is this the store's database, and its table prefix?"
        self._connection = DatabaseConnection(options, if_absent=told)
        paths = " OR ".join(["path LIKE %s"] * len(PATHS))
        self._texts = {
            name: text.format(prefix=options.table_prefix, paths=paths)
            for name, text in _QUERIES.items()
        }

    async def rows(self) -> StoreRows:
        """Read websites, store views, and the configuration that counts.

        Raises:
            DatabaseError: the database is unavailable, or refuses access.
        """

        def work(cursor: Cursor) -> StoreRows:
            cursor.execute(self._texts["config"], PATHS)
            config = [Row(*row) for row in cursor.fetchall()]
            cursor.execute(self._texts["websites"])
            websites = [Website(number, code or "") for number, code in cursor.fetchall()]
            cursor.execute(self._texts["stores"])
            stores = [StoreView(number, code or "", of) for number, code, of in cursor.fetchall()]
            return StoreRows(config, websites, stores)

        return await self._connection.run(work)

    async def installation(self) -> Installation:
        """Read what tells of modules, tables and cron."""
        prefix = self.options.table_prefix

        def seconds(cursor: Cursor, query: str) -> float | None:
            cursor.execute(self._texts[query])
            ((since,),) = cursor.fetchall()
            return None if since is None else float(since)

        def work(cursor: Cursor) -> Installation:
            cursor.execute(self._texts["versions"], {"modules": (AGENT, ORIGINAL)})
            versions = {name: ModuleVersion(*version) for name, *version in cursor.fetchall()}
            tables = [f"{prefix}{name}" for name in TABLES]
            cursor.execute(self._texts["tables"], {"tables": tables})
            there = frozenset(name.removeprefix(prefix) for (name,) in cursor.fetchall())
            bridge = seconds(cursor, "bridge") if BRIDGES in there else None
            return Installation(versions, there, seconds(cursor, "cron"), bridge)

        return await self._connection.run(work)

    async def close(self) -> None:
        """Hang up."""
        await self._connection.close()


async def follow(store: LiveStore, apply: Callable[[Reading], Awaitable[None]]) -> None:
    """Hand over what is read each time that the store's have changed, until cancelled.

    While they cannot be read, the former ones stay.
    """
    told = ""
    while True:
        await asyncio.sleep(_LOOKS_EVERY)
        try:
            if reading := await store.read_if_changed():
                await apply(reading)
        except (SettingsError, DatabaseError) as error:
            reason = "; ".join(str(error).splitlines())
            if reason != told:
                log.error("The store's configuration cannot be used: %s. The former stays.", reason)
            told = reason
        except Exception:
            log.exception("Looking at the store's configuration failed")
        else:
            if told:
                log.warning("The store's configuration can be used again.")
                told = ""


def _as_php_connects(database: Database) -> Database:
    """Take `localhost` for the server's socket, where there is one, as PHP does."""
    if database.host == "localhost" and database.socket is None:
        for socket in _SOCKETS:
            if Path(socket).is_socket():
                return replace(database, socket=socket)
    return database


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None  # reading it tells why
    return found.st_mtime_ns, found.st_size
