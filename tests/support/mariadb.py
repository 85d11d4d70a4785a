"""A real MariaDB or MySQL server: the one that the environment names, else a private one."""

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pymysql
import pytest
import trustme
from pymysql.cursors import Cursor

from magento_eventbridge.captures import Capture
from magento_eventbridge.magento.database import DatabaseOptions
from tests.support.programs import free_ports, program

URL_VARIABLE = "MAGENTO_EVENTBRIDGE_TEST_MYSQL_URL"

_TABLES = Path(__file__).with_name("outbox_tables.sql").read_text()
_PACKAGE = "mariadb-server"
_SERVER_STARTS_WITHIN = 60.0


@dataclass
class Server:
    """A database server; a private one can be restarted."""

    options: DatabaseOptions
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    arguments: tuple[str, ...] = ()

    def connect(self) -> "pymysql.Connection[Cursor]":
        options = self.options
        return pymysql.connect(
            host=options.host,
            port=options.port,
            user=options.user,
            password=options.password,
            database=options.database,
            charset="utf8mb4",
            # A new TLS context takes longer than most tests, as it reads all of the system's CAs.
            ssl_disabled=self.folder is not None,
        )

    def root(self) -> "pymysql.Connection[Cursor]":
        """Connect as the server's root; skip the test if the server was given, and is not ours."""
        if self.folder is None:
            pytest.skip("the server's root is not ours")
        return pymysql.connect(
            unix_socket=str(self.folder / "socket"), user="root", autocommit=True
        )

    def as_root(self, *statements: str) -> None:
        """Run statements as the server's root."""
        with self.root() as root, root.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def start(self) -> None:
        assert self.folder
        command = [
            _binary("mariadbd"),
            "--no-defaults",
            *_as_user(),
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--port={self.options.port}",
            "--bind-address=127.0.0.1",
            "--innodb-buffer-pool-size=64M",
            f"--init-file={self.folder / 'init.sql'}",
            f"--ssl-cert={self.folder / 'server.pem'}",
            f"--ssl-key={self.folder / 'server.key'}",
            *self.arguments,
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=log, env=_environment(self.folder)
            )
        until = time.monotonic() + _SERVER_STARTS_WITHIN
        while True:
            with contextlib.suppress(pymysql.MySQLError):
                self.connect().close()
                return
            if self.process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"MariaDB does not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it, as a crash of the machine would."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        self.process.wait(60)


@dataclass(frozen=True)
class Outbox:
    """The tables of one test, under a unique prefix."""

    server: Server
    options: DatabaseOptions

    @property
    def table(self) -> str:
        return f"`{self.options.table_prefix}eventbridge_outbox`"

    def put(
        self,
        captures: Sequence[tuple[Capture, bytes]],
        connection: "pymysql.Connection[Cursor] | None" = None,
    ) -> None:
        """Write captures as the agent does: committed, or in the transaction of a connection."""
        rows = [(capture.view_id, capture.subject, body) for capture, body in captures]
        statement = f"INSERT INTO {self.table} (store_id, subject, body) VALUES (%s, %s, %s)"
        if connection:
            connection.cursor().executemany(statement, rows)
            return
        with self.server.connect() as own:
            own.cursor().executemany(statement, rows)
            own.commit()

    def ask(self, query: str) -> Sequence[tuple[object, ...]]:
        """Run a statement over `{outbox}`, `{dead_letters}` or `{bridges}`, and return its rows."""
        prefix = self.options.table_prefix
        text = query.format(
            outbox=self.table,
            dead_letters=f"`{prefix}eventbridge_dead_letter`",
            bridges=f"`{prefix}eventbridge_bridge`",
        )
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(text)
            connection.commit()
            return cursor.fetchall()


@contextmanager
def running(*arguments: str) -> Iterator[Server]:
    """Yield the server that the environment names, else a private one while the context lasts.

    The arguments are for a private one.
    """
    if url := os.environ.get(URL_VARIABLE):
        yield Server(_options(url))
        return
    with private(*arguments) as server:
        yield server


@contextmanager
def private(*arguments: str) -> Iterator[Server]:
    """Yield a private server, which a test may stop, with more arguments for it."""
    _binary("mariadbd")  # installs the user that it runs as
    # Not pytest's own folder: the server's user may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="eventbridge-mariadb-"))
    try:
        server = _own_server(folder)
        server.arguments = arguments
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def outbox_tables(server: Server) -> Iterator[Outbox]:
    """Create fresh tables, as the agent's setup does."""
    prefix = f"t{secrets.token_hex(4)}_"
    made = Outbox(server, replace(server.options, table_prefix=prefix))
    with server.connect() as connection, connection.cursor() as cursor:
        for statement in _TABLES.replace("{prefix}", prefix).split(";"):
            if statement.strip():
                cursor.execute(statement)
    yield made
    with server.connect() as connection, connection.cursor() as cursor:
        for name in ("outbox", "dead_letter", "bridge"):
            cursor.execute(f"DROP TABLE IF EXISTS `{prefix}eventbridge_{name}`")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    """A server for all tests of a session."""
    with running() as server:
        yield server


@pytest.fixture
def outbox(mariadb: Server) -> Iterator[Outbox]:
    """The outbox of a store."""
    with outbox_tables(mariadb) as made:
        yield made


def _options(url: str) -> DatabaseOptions:
    parts = urlsplit(url)
    return DatabaseOptions(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or "root"),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/"),
    )


def _own_server(folder: Path) -> Server:
    [port] = free_ports(1)
    options = DatabaseOptions(
        port=port, user="shop", password="a-test-database-secret", database="magento"
    )
    (folder / "init.sql").write_text(
        f"CREATE DATABASE IF NOT EXISTS {options.database};\n"
        f"CREATE USER IF NOT EXISTS '{options.user}'@'%' IDENTIFIED BY '{options.password}';\n"
        f"GRANT ALL ON {options.database}.* TO '{options.user}'@'%';\n"
    )
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.pem")
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "mysql")
    made = subprocess.run(
        [
            _binary("mariadb-install-db"),
            "--no-defaults",
            *_as_user(),
            f"--datadir={folder / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ],
        env=_environment(folder),
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.fail(f"mariadb-install-db: {(made.stdout + made.stderr).decode()}")
    return Server(options, folder)


def _environment(folder: Path) -> dict[str, str]:
    """Set a private folder for temporary tables, as a starting server empties the folder."""
    return {**os.environ, "TMPDIR": str(folder)}


def _as_user() -> list[str]:
    return ["--user=mysql"] if os.geteuid() == 0 else []


def _binary(name: str) -> str:
    return program(name, _PACKAGE)
