"""A connection to MySQL or MariaDB in a thread of its own, made anew whenever it is lost."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor

from magento_eventbridge.delivery.ports import QueueError

Result = TypeVar("Result")

# Seconds. A server that is silent for so long is taken for gone; one that hears nothing of us for
# so long takes us for gone, and with the connection ends the lock.
_CONNECT_SECONDS = 5
_SILENCE_SECONDS = 30
_LOCK_WAIT_SECONDS = 5
_TRIES = 3
# After these the connection is as good as before, and the same work may be done again.
_COLLISIONS = {ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT}

_SESSION = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    f"SET SESSION innodb_lock_wait_timeout = {_LOCK_WAIT_SECONDS}",
    f"SET SESSION wait_timeout = {2 * _SILENCE_SECONDS}",
    "SET SESSION time_zone = '+00:00'",
)


@dataclass(frozen=True)
class DatabaseOptions:
    """Where Magento's database is, and who we are there."""

    host: str = "127.0.0.1"
    port: int = 3306
    unix_socket: Path | None = None  # goes before host and port
    database: str = "magento"
    user: str = "magento"
    password: str = field(default="", repr=False)
    table_prefix: str = ""
    tls: bool = False
    tls_ca: Path | None = None  # else the system's
    tls_ca_folder: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_ciphers: str | None = None
    tls_verify: bool = True
    tls_verify_host: bool = True

    def __str__(self) -> str:
        """Name the database as logs do."""
        return f"{self.unix_socket or f'{self.host}:{self.port}'}/{self.database}"


_MADE_BY_AGENT = (
    "the module MagentoEventBridge_Agent makes it: run 'bin/magento setup:upgrade' in the store, "
    "and look at the table prefix"
)


class DatabaseConnection:
    """Runs work on one connection, which may hold a named lock as long as it lives.

    The server lets go of the lock when the connection ends, however it ends.
    """

    def __init__(
        self,
        options: DatabaseOptions,
        lock: str | None = None,
        *,
        if_absent: str = _MADE_BY_AGENT,
        prepare: Callable[[Cursor], None] | None = None,
    ) -> None:
        """Get ready to connect.

        `if_absent` says what to do about a table that is not there; `prepare` is run on each new
        connection.
        """
        self._options = options
        self._lock = lock
        self._if_absent = if_absent
        self._prepare = prepare
        self._connection: pymysql.Connection[Cursor] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mysql")

    async def run(self, work: Callable[[Cursor], Result]) -> Result:
        """Do work and give what it gives.

        It is done again after a deadlock or a lost connection: work must bear that.

        Raises:
            QueueError: the database is away, or cannot do this now.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    async def close(self) -> None:
        """Finish the work that was asked for, then hang up."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._hang_up)
        self._thread.shutdown()

    def _run(self, work: Callable[[Cursor], Result]) -> Result:
        for tries_left in reversed(range(_TRIES)):
            is_new = self._connection is None
            try:
                with self._opened().cursor() as cursor:
                    return work(cursor)
            except (pymysql.MySQLError, OSError) as error:
                code = error.args[0] if error.args else None
                if code in _COLLISIONS:
                    self._roll_back()
                else:
                    # Whatever happened: a new connection has nothing left over from it.
                    self._hang_up()
                    if is_new or _is_refusal(error):
                        raise self._explained(error) from error
                if not tries_left:
                    raise self._explained(error) from error
            except BaseException:
                self._hang_up()
                raise
        raise AssertionError  # the last try gives or raises

    def _opened(self) -> "pymysql.Connection[Cursor]":
        if self._connection is None:
            options = self._options
            connection = pymysql.connect(
                host=options.host,
                port=options.port,
                unix_socket=str(options.unix_socket) if options.unix_socket else None,
                user=options.user,
                password=options.password,
                database=options.database,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_SILENCE_SECONDS,
                write_timeout=_SILENCE_SECONDS,
                program_name="magento-eventbridge",
                ssl=self._tls(),
            )
            try:
                with connection.cursor() as cursor:
                    for statement in _SESSION:
                        cursor.execute(statement)
                    if self._lock is not None:
                        self._take_lock(cursor)
                    if self._prepare:
                        self._prepare(cursor)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _tls(self) -> ssl.SSLContext | None:
        options = self._options
        certificates = (options.tls_ca, options.tls_ca_folder, options.tls_certificate)
        if not options.tls and not any(certificates):
            return None
        context = ssl.create_default_context(cafile=options.tls_ca, capath=options.tls_ca_folder)
        context.check_hostname = options.tls_verify and options.tls_verify_host
        if not options.tls_verify:
            context.verify_mode = ssl.CERT_NONE
        if options.tls_ciphers:
            context.set_ciphers(options.tls_ciphers)
        if options.tls_certificate:
            context.load_cert_chain(options.tls_certificate, options.tls_key)
        return context

    def _take_lock(self, cursor: Cursor) -> None:
        cursor.execute("SELECT GET_LOCK(%s, 0), IS_USED_LOCK(%s)", (self._lock, self._lock))
        is_ours, holder = cursor.fetchone() or (0, None)
        if is_ours == 1:
            return
        # A former connection of ours, of which the server does not know yet that it is dead.
        if holder is not None:
            with contextlib.suppress(pymysql.MySQLError):  # it has gone meanwhile
                cursor.execute("KILL CONNECTION %s", (holder,))
        cursor.execute("SELECT GET_LOCK(%s, %s)", (self._lock, _LOCK_WAIT_SECONDS))
        if cursor.fetchone() != (1,):
            raise QueueError(f"{self._options}: a former connection of ours is still there")

    def _roll_back(self) -> None:
        try:
            if self._connection is not None:
                self._connection.rollback()
        except (pymysql.MySQLError, OSError):
            self._hang_up()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(pymysql.MySQLError, OSError):
                connection.close()

    def _explained(self, error: Exception) -> QueueError:
        code = error.args[0] if error.args else None
        told = f"{self._options}: {error.args[1] if len(error.args) > 1 else error}"
        match code:
            case ER.NO_SUCH_TABLE | ER.BAD_FIELD_ERROR:
                told += f"; {self._if_absent}"
            case ER.TABLEACCESS_DENIED_ERROR:
                told += "; grant it to the user in the settings"
            case ER.ACCESS_DENIED_ERROR | ER.DBACCESS_DENIED_ERROR | ER.BAD_DB_ERROR:
                told += "; look at user, password and database in the settings"
        return QueueError(told)


_QUERY = re.compile(
    r"^-- name: (\w+)\n(?:-- .*\n)*((?:[^;]+;)*?[^;]+);(?=\n\n|\s*\Z)", re.MULTILINE
)


def named_queries(package: str, file: str) -> dict[str, str]:
    """Read the queries of a `.sql` file, by the names that stand above them.

    One name may have several statements, with semicolons between.
    """
    return dict(_QUERY.findall(files(package).joinpath(file).read_text()))


@contextmanager
def transaction(cursor: Cursor) -> Iterator[None]:
    """Commit all that is done in it, or nothing."""
    cursor.execute("BEGIN")
    yield
    # When it was left by an exception the connection is rolled back or given up.
    cursor.execute("COMMIT")


def _is_refusal(error: Exception) -> bool:
    """Whether the server would say the same again."""
    return isinstance(
        error, pymysql.ProgrammingError | pymysql.DataError | pymysql.NotSupportedError
    )
