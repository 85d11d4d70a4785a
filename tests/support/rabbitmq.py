"""A real RabbitMQ: the one that the environment names, else a private node."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
import trustme

from tests.support.programs import free_ports, program

URL_VARIABLE = "MAGENTO_EVENTBRIDGE_TEST_AMQP_URL"

_PACKAGE = "rabbitmq-server"
_SCRIPTS = ("/usr/lib/rabbitmq/bin",)
"""Debian's own scripts in PATH change to the user of the system's broker; these do not."""

_STARTS_WITHIN = 60.0
_STOPS_WITHIN = 30.0
_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"


@dataclass
class Broker:
    """A broker; a private one can be restarted, killed and controlled."""

    host: str
    port: int
    user: str
    password: str
    virtual_host: str = "/"
    tls_port: int | None = None
    ca: Path | None = None
    node: "Node | None" = None

    @property
    def url(self) -> str:
        """The URL for AMQP clients."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"amqp://{login}@{self.host}:{self.port}/{quote(self.virtual_host, safe='')}"

    def start(self) -> None:
        """Start it again; durable queues and messages are kept."""
        self._own.start()

    def stop(self) -> None:
        """Stop it cleanly."""
        self._own.stop()

    def kill(self) -> None:
        """Kill it, as a crash of the machine would."""
        self._own.kill()

    def freeze(self) -> None:
        """Suspend it: connections stay, and nobody answers."""
        self._own.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self._own.signal(signal.SIGCONT)

    def control(self, *words: str) -> str:
        """Run `rabbitmqctl` with these arguments and return its output."""
        return self._own.control(*words)

    @property
    def _own(self) -> "Node":
        if self.node is None:
            pytest.skip(f"the broker of {URL_VARIABLE} is not the tests' to stop")
        return self.node


class Node:
    """A node with its own home, cookie, port mapper and ports, on the loopback only."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self._folder = folder
        self._port = broker.port
        self._mapper_port, self._peer_port = free_ports(2)
        self._server: subprocess.Popen[bytes] | None = None
        self._mapper: subprocess.Popen[bytes] | None = None
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{broker.port}\n"
            f"listeners.ssl.1 = 127.0.0.1:{broker.tls_port}\n"
            f"ssl_options.cacertfile = {folder / 'ca.pem'}\n"
            f"ssl_options.certfile = {folder / 'server.pem'}\n"
            f"ssl_options.keyfile = {folder / 'server.key'}\n"
            "ssl_options.verify = verify_none\n"
            f"default_user = {broker.user}\n"
            f"default_pass = {broker.password}\n"
            # Alarms about the machine's disk and memory would block the tests.
            "disk_free_limit.absolute = 1MB\n"
            "log.file.level = warning\n"
        )
        (folder / "enabled_plugins").write_text("[].\n")
        (folder / "environment").touch()

    @property
    def process(self) -> int | None:
        """The process that started the server, its parent."""
        return self._server.pid if self._server else None

    def start(self) -> None:
        if self._mapper is None:
            self._mapper = self._run(_port_mapper(), "-address", "127.0.0.1")
        self._server = self._run(program("rabbitmq-server", _PACKAGE, folders=_SCRIPTS))
        until = time.monotonic() + _STARTS_WITHIN
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > until:
                pytest.fail(f"RabbitMQ does not start:\n{self._log.read_text()[-5000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        if self._server and self._server.poll() is None:
            self._server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(_STOPS_WITHIN)
        self.kill()

    def kill(self) -> None:
        if self._server:
            _end(self._server)
        until = time.monotonic() + _STOPS_WITHIN
        while self._answers() and time.monotonic() < until:
            time.sleep(0.05)

    def signal(self, number: int) -> None:
        assert self._server
        os.killpg(self._server.pid, number)

    def close(self) -> None:
        self.stop()
        if self._mapper:
            _end(self._mapper)

    def control(self, *words: str) -> str:
        ran = subprocess.run(
            [program("rabbitmqctl", _PACKAGE, folders=_SCRIPTS), "--quiet", *words],
            env=self._environment(),
            capture_output=True,
            check=False,
            text=True,
        )
        assert ran.returncode == 0, f"rabbitmqctl {words[0]}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    @property
    def _log(self) -> Path:
        return self._folder / "output"

    def _run(self, *command: str) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that child processes end with the scripts
            )

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RABBITMQ_", "ERL_"))
        }
        return {
            **kept,
            "HOME": str(folder),  # the folder of the cookie
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RABBITMQ_NODENAME": f"eventbridge-{self._port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._peer_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
            ),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "environment"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=5) as connection:
                connection.sendall(_PROTOCOL_HEADER)
                return connection.recv(1) == _METHOD_FRAME
        except OSError:
            return False


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Broker]:
    """A broker for all tests of a session."""
    with running() as broker:
        yield broker


@contextlib.contextmanager
def running() -> Iterator[Broker]:
    """Yield a broker while the context lasts."""
    if url := os.environ.get(URL_VARIABLE):
        yield _named(url)
        return
    program("rabbitmq-server", _PACKAGE, folders=_SCRIPTS)
    folder = Path(tempfile.mkdtemp(prefix="eventbridge-rabbitmq-"))
    try:
        broker = _own_broker(folder)
        assert broker.node
        try:
            broker.start()
            yield broker
        finally:
            broker.node.close()
    finally:
        shutil.rmtree(folder)


def _named(url: str) -> Broker:
    parts = urlsplit(url)
    return Broker(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 5672,
        user=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        virtual_host=unquote(parts.path.removeprefix("/")) or "/",
    )


def _own_broker(folder: Path) -> Broker:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.pem")
    port, tls_port = free_ports(2)
    broker = Broker(
        host="127.0.0.1",
        port=port,
        user="shop",
        password="a-test-broker-secret",
        tls_port=tls_port,
        ca=folder / "ca.pem",
    )
    broker.node = Node(folder, broker)
    return broker


def _port_mapper() -> str:
    return program("epmd", "erlang-base")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
