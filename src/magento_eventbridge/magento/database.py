"""A connection to MySQL or MariaDB in a thread of its own, opened again whenever it is lost."""

import asyncio
import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import pymysql
from pymysql.constants import CLIENT, CR, ER
from pymysql.cursors import Cursor

from magento_eventbridge.errors import BridgeError, cause
from magento_eventbridge.settings.queues import OutboxSettings
from magento_eventbridge.tls import TlsOptions, tls_context

Result = TypeVar("Result")

_TRIES = 3
# In seconds: a busy server may need as long for delivery's statements.
_LONGEST_SILENCE = 30
# After these errors the connection is still usable, and the same work may be done again.
_COLLISIONS = {ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT}


class DatabaseError(BridgeError):
    """The store's database is unavailable, or cannot do this now. Nothing is lost."""


class LoginRefusedError(DatabaseError):
    """The store's database refuses the user or the password, which may have been changed."""


# The server is read-only: by an option, such as `read_only`, or for now.
_READ_ONLY = {1290, 1836}
# Too many connections (of all, of a user, in an hour), shutdown, deadlock, lock wait, killed
# connections and statements, limits.
_PASSING = {0, 1040, 1053, 1203, 1205, 1213, 1226, 1317, 1927, 1969, 3024} | _READ_ONLY
# Denied, also by the database's name; the host may not connect; the password has expired; the
# account is locked.
_LOGIN_REFUSED = {1044, 1045, 1049, 1130, 1820, 1862, 3118, 4151}
_WITHOUT_PASSWORD = 1698


def may_pass(error: DatabaseError) -> bool:
    """Return whether the same work may succeed later: the server is unavailable or busy."""
    if isinstance(error.__cause__, pymysql.MySQLError):
        code = _code(error)
        return isinstance(code, int) and (code in _PASSING or 2000 <= code < 3000)
    return isinstance(error.__cause__, OSError)


def lacks_table(error: DatabaseError) -> bool:
    """Return whether a table is missing."""
    return _code(error) == ER.NO_SUCH_TABLE


def _code(error: DatabaseError) -> object:
    cause = error.__cause__
    return cause.args[0] if cause and cause.args else None


@dataclass(frozen=True)
class DatabaseOptions:
    """How to reach Magento's database.

    Attributes:
        unix_socket: takes precedence over host and port.
        connect_seconds: how long to wait for a connection.
        silence_seconds: a server that is silent for longer counts as unavailable; the server closes
            a connection that was idle for twice as long.
        lock_wait_seconds: how long a statement waits for a row or a table that another session has
            locked.
    """

    host: str = "127.0.0.1"
    port: int = 3306
    unix_socket: Path | None = None
    database: str = "magento"
    user: str = "magento"
    password: str = field(default="", repr=False)
    table_prefix: str = ""
    tls: TlsOptions = field(default_factory=TlsOptions)
    connect_seconds: int = 5
    silence_seconds: int = _LONGEST_SILENCE
    lock_wait_seconds: int = 5

    @property
    def place(self) -> tuple[object, ...]:
        """Where the tables are; the rest is how to log in."""
        server = (self.unix_socket,) if self.unix_socket else (self.host, self.port)
        return (*server, self.database, self.table_prefix)

    def __str__(self) -> str:
        """Name the database as logs do."""
        return f"{self.unix_socket or f'{self.host}:{self.port}'}/{self.database}"


def database_options(outbox: OutboxSettings, silence_seconds: int | None = None) -> DatabaseOptions:
    """Convert the settings to the options of a connection; None: the default for delivery."""
    return DatabaseOptions(
        host=outbox.host,
        port=outbox.port,
        unix_socket=outbox.unix_socket,
        database=outbox.database,
        user=outbox.user,
        password=outbox.password.get_secret_value() if outbox.password else "",
        table_prefix=outbox.table_prefix,
        tls=outbox.tls_options,
        silence_seconds=silence_seconds or _LONGEST_SILENCE,
    )


CREATED_BY_AGENT = (
    "the module MagentoEventBridge_Agent creates it: run 'bin/magento setup:upgrade' in the store, "
    "and check the table prefix"
)
"""What to do about a missing table of the agent."""


class _Count:
    """A number that one thread changes while another waits for it to grow."""

    def __init__(self) -> None:
        self._number = 0
        self._changed = threading.Condition()

    def add(self, number: int) -> None:
        """Change it."""
        with self._changed:
            self._number += number
            self._changed.notify_all()

    def exceed(self, number: int, seconds: float) -> bool:
        """Wait until it is greater than a number; return whether it is after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._number > number, seconds)


class DatabaseConnection:
    """Runs work on one connection, one piece after another."""

    def __init__(
        self,
        options: DatabaseOptions,
        *,
        if_absent: str = CREATED_BY_AGENT,
        prepare: Callable[[Cursor], None] | None = None,
    ) -> None:
        """Create it; it connects when the first work is run.

        Args:
            options: how to reach the database.
            if_absent: what to do about a missing table, for the error message.
            prepare: is run on each new connection.
        """
        self._options = options
        self._if_absent = if_absent
        self._prepare = prepare
        self._connection: pymysql.Connection[Cursor] | None = None
        self._is_closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mysql")
        self._requested = _Count()  # pieces of work that were requested and have not ended

    @property
    def place(self) -> tuple[object, ...]:
        """Where the tables are."""
        return self._options.place

    def use(self, options: DatabaseOptions) -> None:
        """Connect with other options from the next connection on, as after a new password."""
        self._options = options

    async def run(self, work: Callable[[Cursor], Result]) -> Result:
        """Run work and return its result.

        It is run again after a deadlock or a lost connection, so it must be repeatable.

        Raises:
            DatabaseError: the database is unavailable, or cannot do this now; or this is closed.
        """
        return await self._request(lambda: self._run(work))

    async def look(
        self, work: Callable[[Cursor], bool], seconds: float, pause: Callable[[], float]
    ) -> bool:
        """Run work after each pause until it returns True; return whether it did.

        It ends after `seconds`, or when other work is requested. Between its looks only the
        connection's thread wakes up: to pass each one there and back took as long as the look.

        Raises:
            DatabaseError: as `run`.
        """

        def looks() -> bool:
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                if self._requested.exceed(1, min(left, pause())):
                    return False
                # At the end of the time the caller looks.
                if time.monotonic() < until and self._run(work):
                    return True
            return False

        return await self._request(looks)

    async def close(self) -> None:
        """Finish the work that was requested, then disconnect for good."""
        if self._is_closed:
            return
        closing = self._request(self._disconnect)
        self._is_closed = True
        await closing
        self._thread.shutdown()

    def _request(self, work: Callable[[], Result]) -> "asyncio.Future[Result]":
        """Let the thread do some work after what was requested before."""
        if self._is_closed:
            raise DatabaseError(f"{self._options}: the connection was closed")
        self._requested.add(1)
        future = self._thread.submit(work)
        future.add_done_callback(lambda _: self._requested.add(-1))  # cancelled, or done
        return asyncio.wrap_future(future)

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
                    # A new connection has no state left from the failed one.
                    self._disconnect()
                    if is_new or _is_refusal(error) or _is_silence(error):
                        raise self._explained(error) from error
                if not tries_left:
                    raise self._explained(error) from error
            except BaseException:
                self._disconnect()
                raise
        raise AssertionError  # the last try returns or raises

    def _opened(self) -> "pymysql.Connection[Cursor]":
        if self._connection is None:
            options = self._options
            connection = self._connect(options)
            try:
                with connection.cursor() as cursor:
                    for statement in _session(options):
                        cursor.execute(statement)
                    if self._prepare:
                        self._prepare(cursor)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _connect(self, options: DatabaseOptions) -> "pymysql.Connection[Cursor]":
        try:
            return pymysql.connect(
                host=options.host,
                port=options.port,
                unix_socket=str(options.unix_socket) if options.unix_socket else None,
                user=options.user,
                password=options.password.encode(),  # as PHP sends it; PyMySQL uses Latin-1
                database=options.database,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=options.connect_seconds,
                read_timeout=options.silence_seconds,
                write_timeout=options.silence_seconds,
                program_name="magento-eventbridge",
                ssl=tls_context(options.tls),
                client_flag=CLIENT.FOUND_ROWS,  # an UPDATE counts unchanged rows too
            )
        except RuntimeError as error:  # a login plugin whose package is not installed
            raise self._explained(
                pymysql.OperationalError(CR.CR_AUTH_PLUGIN_CANNOT_LOAD, str(error))
            ) from error
        except UnicodeError as error:  # the error's own words may be a part of a password
            raise DatabaseError(
                f"{options}: cannot connect: the host is no host name, or user, password or "
                "database is not UTF-8; check the settings"
            ) from error

    def _roll_back(self) -> None:
        try:
            if self._connection is not None:
                self._connection.rollback()
        except (pymysql.MySQLError, OSError):
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(pymysql.MySQLError, OSError):
                connection.close()

    def _explained(self, error: Exception) -> DatabaseError:
        code = error.args[0] if error.args else None
        message = f"{self._options}: {error.args[1] if len(error.args) > 1 else error}"
        kind: type[DatabaseError] = DatabaseError
        if code == CR.CR_CONN_HOST_ERROR:
            message = f"{self._options}: {_unreachable(self._options, error)}"
        if _is_silence(error):
            message = f"{self._options}: no answer within {self._options.silence_seconds} s"
        match code:
            case ER.NO_SUCH_TABLE | ER.BAD_FIELD_ERROR:
                message += f"; {self._if_absent}"
            case _ if code in _READ_ONLY:
                message += (
                    "; is it a replica, as after a failover? The bridge needs the server that the "
                    "shop writes to"
                )
            case ER.TABLEACCESS_DENIED_ERROR:
                message += "; grant it to the user in the settings"
            case CR.CR_AUTH_PLUGIN_CANNOT_LOAD:
                message += (
                    f"; the user '{self._options.user}' logs in by a plugin that is not available "
                    "here: install its package (for ed25519: pip install PyNaCl), or give the user "
                    "another one, such as caching_sha2_password or mysql_native_password"
                )
            case _ if code == _WITHOUT_PASSWORD:
                message += (
                    f"; the database takes no password from the user '{self._options.user}', but "
                    "asks the system who it is (unix_socket): name the socket and run the bridge "
                    "as that user, or give the user a password"
                )
                kind = LoginRefusedError
            case _ if code in _LOGIN_REFUSED:
                message += "; check user, password and database in the settings"
                kind = LoginRefusedError
        return kind(message)


def _unreachable(options: DatabaseOptions, error: Exception) -> str:
    """Return why there is no connection; the client's own words name no socket."""
    reason = f"cannot connect: {cause(getattr(error, 'original_exception', error))}"
    if options.unix_socket:
        return f"{reason}; does the server run, and may user ID {os.geteuid()} use its socket?"
    if options.host == "localhost":
        return (
            f"{reason}; for PHP, localhost is a socket (pdo_mysql.default_socket), and none was "
            "found here: name it (unix_socket in env.php or in [outbox]), or the server's host"
        )
    return reason


def _session(options: DatabaseOptions) -> tuple[str, ...]:
    return (
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        f"SET SESSION innodb_lock_wait_timeout = {options.lock_wait_seconds}",
        f"SET SESSION lock_wait_timeout = {options.lock_wait_seconds}",
        f"SET SESSION wait_timeout = {2 * options.silence_seconds}",
        "SET SESSION time_zone = '+00:00'",
    )


_QUERY = re.compile(
    r"^-- name: (\w+)\n(?:-- .*\n)*((?:[^;]+;)*?[^;]+);(?=\n\n|\s*\Z)", re.MULTILINE
)


def named_queries(package: str, file: str) -> dict[str, str]:
    """Read the queries of a `.sql` file, by the names in the comments above them.

    One name may have several statements, separated by semicolons.
    """
    return dict(_QUERY.findall(files(package).joinpath(file).read_text()))


@contextmanager
def transaction(cursor: Cursor) -> Iterator[None]:
    """Commit everything that is done in it, or nothing."""
    cursor.execute("BEGIN")
    yield
    # After an exception the connection is rolled back or closed.
    cursor.execute("COMMIT")


def _is_silence(error: Exception) -> bool:
    """Return whether the server was connected and did not answer in time."""
    return (
        isinstance(error, pymysql.OperationalError)
        and error.args[0] == CR.CR_SERVER_LOST
        and isinstance(error.__context__, TimeoutError)
    )


def _is_refusal(error: Exception) -> bool:
    """Return whether the server would answer the same again."""
    return isinstance(
        error, pymysql.ProgrammingError | pymysql.DataError | pymysql.NotSupportedError
    )
