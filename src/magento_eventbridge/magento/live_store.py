"""A live store: its files and tables, read as settings, and read again when they change."""

import asyncio
import contextlib
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
    LoginRefusedError,
    database_options,
    named_queries,
)
from magento_eventbridge.magento.env_php import CONFIG_PHP, ENV_PHP, Deployment, read_deployment
from magento_eventbridge.magento.installation import (
    AGENT,
    BRIDGES,
    ORIGINAL,
    TABLES,
    Installation,
    ModuleVersion,
)
from magento_eventbridge.magento.php.values import PhpFileError
from magento_eventbridge.magento.store_config import (
    PATHS,
    ConfigRow,
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
from magento_eventbridge.settings.layers import Layer, Origins, load, with_connections
from magento_eventbridge.settings.model import Settings

log = logging.getLogger(__name__)

_QUERIES = named_queries(__package__, "live_store.sql")
_UNREADABLE = (PhpFileError, ConnectionSettingsError, StoreConfigError)

Stamp = tuple[int, ...] | None
"""What changes with a file's content: times, length and inode; None: there is no file."""
_UNKNOWN: Stamp = ()


@dataclass(frozen=True)
class LiveStoreOptions:
    """How a store is read.

    Attributes:
        check_seconds: between two checks for changes: three small queries and some file dates.
        rest_seconds: between a check and one that is asked for, such as after a refused login.
        sockets: of a database server on this machine, where PHP looks for them.
        php: the program that evaluates `env.php` where the bridge cannot; None: none is run.
        silence_seconds: how long to wait for a database that does not answer; None: as delivery.
    """

    check_seconds: float = 5.0
    rest_seconds: float = 1.0
    sockets: tuple[str, ...] = (
        "/run/mysqld/mysqld.sock",
        "/var/lib/mysql/mysql.sock",
        "/tmp/mysql.sock",  # noqa: S108
    )
    php: str | None = None
    silence_seconds: int | None = None


@dataclass(frozen=True)
class Reading:
    """The settings of a store together with the bridge's own, with the origin of each value.

    `config` holds the store's values alone.
    """

    settings: Settings
    origins: Origins
    config: StoreConfig
    rows: StoreRows


class LiveStore:
    """A store in a folder; the bridge's own settings override its values."""

    def __init__(
        self,
        root: Path,
        own: Sequence[Layer],
        environment: Mapping[str, str],
        options: LiveStoreOptions | None = None,
        *,
        read_own: Callable[[], Sequence[Layer]] | None = None,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            root: the store's folder.
            own: the layers of the bridge's own settings.
            environment: for what `env.php` reads from it.
            options: how the store is read.
            read_own: reads the bridge's own layers again after a refused login.
        """
        self.root = root
        self.options = options or LiveStoreOptions()
        self._own = own
        self._read_own = read_own
        self._own_is_stale = False
        self._environment = environment
        self._stamps: dict[Path, Stamp] = {}
        self._deployment: Deployment | None = None
        self._tables: ConfigTables | None = None
        self._last: tuple[Deployment, StoreRows] | None = None
        self._is_asked = asyncio.Event()

    def again(self, silence_seconds: int | None = None) -> "LiveStore":
        """Return the same store with a connection of its own."""
        options = replace(self.options, silence_seconds=silence_seconds)
        return LiveStore(self.root, self._own, self._environment, options, read_own=self._read_own)

    def check_again(self) -> None:
        """Let `follow` check at once, and read files even if they seem unchanged.

        For a refused login: what `env.php` computes may have changed without the file, and the
        bridge's own settings may say something else by now.
        """
        self._forget_logins()
        self._is_asked.set()

    def _forget_logins(self) -> None:
        self._stamps = dict.fromkeys(self._stamps, _UNKNOWN)
        self._own_is_stale = True

    async def until_next_check(self) -> None:
        """Return when it is time to check for changes."""
        pause, rest = self.options.check_seconds, self.options.rest_seconds
        await asyncio.sleep(min(pause, rest))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_asked.wait(), pause - min(pause, rest))
        self._is_asked.clear()

    def files(self) -> Deployment:
        """Read `env.php` and `config.php`, if they or files that they read have changed.

        Raises:
            SettingsError: they cannot be read.
        """
        if self._deployment is None or any(
            _stamp(file) != stamp for file, stamp in self._stamps.items()
        ):
            files = {self.root / ENV_PHP, self.root / CONFIG_PHP}
            # Before they are read: they may change meanwhile.
            stamps = {file: _stamp(file) for file in files | self._stamps.keys()}
            try:
                deployment = read_deployment(self.root, self._environment, php=self.options.php)
            except PhpFileError as error:
                raise SettingsError(str(error)) from None
            if self._deployment and self._deployment.config and not deployment.config:
                # Replaced by a deployment: with the settings that are left, events would go astray.
                raise SettingsError(f"{self.root / CONFIG_PHP}: it is missing or empty")
            self._deployment = deployment
            # What is included for the first time is read once more at the next check.
            self._stamps = {
                file: stamps.get(file, _UNKNOWN) for file in files | self._deployment.files
            }
        return self._deployment

    def reach(self) -> tuple[Settings, Origins]:
        """Read how to reach its database, from `env.php` and the bridge's own settings.

        Raises:
            SettingsError: that cannot be used.
        """
        self._renew_own()
        return load(below([self._database()], self._own))

    async def read(self) -> Reading:
        """Read everything.

        Raises:
            SettingsError: something there cannot be used.
            DatabaseError: its database cannot be read.
        """
        rows = await self._rows()
        return self._made(self.files(), rows)

    async def read_if_changed(self) -> Reading | None:
        """Read everything, if something has changed since the last time."""
        rows = await self._rows()
        deployment = self.files()
        return None if (deployment, rows) == self._last else self._made(deployment, rows)

    async def installation(self) -> Installation:
        """Read what is installed."""
        return await (await self._opened()).installation()

    async def save(self, values: Mapping[str, str], view_id: int | None = None) -> None:
        """Save values of the configuration: for all of the store, or for one store view."""
        await (await self._opened()).save(values, view_id)

    async def close(self) -> None:
        """Close the connection."""
        tables, self._tables = self._tables, None
        if tables:
            await tables.close()

    def _database(self) -> Layer:
        try:
            said = {name for layer in self._own for name in layer.values.get("outbox", {})}
            database = database_of(self.files(), said)
            if not said & {"host", "port"}:
                database = _as_php_connects(database, self.options.sockets)
            return database_layer(database)
        except _UNREADABLE as error:
            raise self._unusable(error) from None

    def _queue(self, settings: Settings) -> list[Layer]:
        """Read how to reach Magento's queue; an error matters only where it is used."""
        try:
            deployment = self.files()
            return [queue_layer(amqp_of(deployment), consumers_runner_of(deployment))]
        except _UNREADABLE as error:
            if settings.is_in_queue_mode or settings.amqp.enabled:
                raise self._unusable(error) from None
            return []

    def _unusable(self, error: Exception) -> SettingsError:
        """Convert an error of the store's files; it names the file with its folder."""
        is_short = isinstance(error, ConnectionSettingsError)
        return SettingsError(f"{self.root / ENV_PHP.parent}/{error}" if is_short else str(error))

    def _renew_own(self) -> None:
        """Read again how to log in, after a refused login."""
        if not self._own_is_stale or self._read_own is None:
            return
        own = with_connections(self._own, self._read_own())
        self._own_is_stale = False
        if own != self._own:
            self._own, self._last = own, None

    async def _rows(self) -> StoreRows:
        try:
            return await (await self._opened()).rows()
        except LoginRefusedError:
            self._forget_logins()
            raise

    async def _opened(self) -> "ConfigTables":
        options = database_options(self.reach()[0].outbox, self.options.silence_seconds)
        if self._tables is None or self._tables.options != options:
            await self.close()
            self._tables = ConfigTables(options)
        return self._tables

    def _made(self, deployment: Deployment, rows: StoreRows) -> Reading:
        try:
            config = read_store_config(deployment, rows, self._environment)
            of_store = store_layers(config, crypt_keys_of(deployment))
        except _UNREADABLE as error:
            raise self._unusable(error) from None
        layers = [self._database(), *of_store]
        settings, origins = load(below(layers, self._own))
        settings, origins = load(below([*self._queue(settings), *layers], self._own))
        self._last = deployment, rows
        return Reading(settings, origins, config, rows)


class ConfigTables:
    """Reads the tables of a store."""

    def __init__(self, options: DatabaseOptions) -> None:
        """Prepare to connect."""
        self.options = options
        advice = "is this the store's database, and its table prefix?"
        self._connection = DatabaseConnection(options, if_absent=advice)
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
            config = [ConfigRow(*row) for row in cursor.fetchall()]
            cursor.execute(self._texts["websites"])
            websites = [Website(number, code or "") for number, code in cursor.fetchall()]
            cursor.execute(self._texts["stores"])
            stores = [StoreView(number, code or "", of) for number, code, of in cursor.fetchall()]
            return StoreRows(config, websites, stores)

        return await self._connection.run(work)

    async def save(self, values: Mapping[str, str], view_id: int | None) -> None:
        """Save values of the configuration.

        Raises:
            DatabaseError: the database is unavailable, or refuses access.
        """
        scope = ("default", 0) if view_id is None else ("stores", view_id)
        rows = [
            {"scope": scope[0], "scope_id": scope[1], "path": path, "value": value}
            for path, value in values.items()
        ]

        def work(cursor: Cursor) -> None:
            for row in rows:
                cursor.execute(self._texts["save"], row)

        await self._connection.run(work)

    async def installation(self) -> Installation:
        """Read the state of modules, tables and cron."""
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
        """Disconnect."""
        await self._connection.close()


async def follow(store: LiveStore, apply: Callable[[Reading], Awaitable[None]]) -> None:
    """Call `apply` with the store's settings whenever they have changed, until cancelled.

    While they cannot be read, the former ones stay in use.
    """
    reported = ""
    while True:
        await store.until_next_check()
        try:
            if reading := await store.read_if_changed():
                await apply(reading)
        except (SettingsError, DatabaseError) as error:
            reason = "; ".join(str(error).splitlines())
            if reason != reported:
                log.error("The store's configuration cannot be used: %s. The former stays.", reason)
            reported = reason
        except Exception:
            log.exception("Checking the store's configuration failed")
        else:
            if reported:
                log.warning("The store's configuration can be used again.")
                reported = ""


def _as_php_connects(database: Database, sockets: Sequence[str]) -> Database:
    """Replace `localhost` by the server's socket, where there is one, as PHP does."""
    if database.host == "localhost" and database.socket is None:
        for socket in sockets:
            if Path(socket).is_socket():
                return replace(database, socket=socket)
    return database


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
    except OSError:
        return None  # reading it reports why
    # A file may be replaced by one with the same date and length.
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
