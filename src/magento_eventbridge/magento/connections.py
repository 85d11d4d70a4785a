"""Read from `env.php` how to reach a store's database and broker, and its keys."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from magento_eventbridge.magento.encryption import CryptKeys
from magento_eventbridge.magento.env_php import Deployment
from magento_eventbridge.magento.php.values import (
    Constant,
    PhpArray,
    PhpFileError,
    PhpKey,
    check_known,
    member,
    section,
)
from magento_eventbridge.tls import TlsOptions

_DATABASE_PORT = 3306
_AMQP_PORT = 5672
_AMQPS_PORT = 5671

# The names in `[outbox]` that differ.
_SETTINGS: Mapping[PhpKey, PhpKey] = {"dbname": "database", "username": "user"}

# PDO's numbers, which `bin/magento` writes, and names, as in files (before and since 8.4).
_KEY, _CERTIFICATE, _CA, _CA_FOLDER, _CIPHERS = range(1007, 1012)
_VERIFY_OPTION = 1014
_OPTION_NUMBERS = {
    "SSL_KEY": _KEY,
    "SSL_CERT": _CERTIFICATE,
    "SSL_CA": _CA,
    "SSL_CAPATH": _CA_FOLDER,
    "SSL_CIPHER": _CIPHERS,
    "SSL_VERIFY_SERVER_CERT": _VERIFY_OPTION,
}
_FALSE = ("", "0", "false")
_OPTION_NAME = re.compile(r"(?i:PDO::)MYSQL_ATTR_(\w+)|(?i:Pdo\\Mysql::)ATTR_(\w+)")
# Their other constants are no options of TLS; as in PHP, names of classes have no case.
_CLASSES_OF_OPTIONS = ("pdo::", "pdo\\")


class ConnectionSettingsError(ValueError):
    """A connection that `env.php` does not fully describe; the message names what is missing."""


@dataclass(frozen=True)
class Database:
    """The store's database; a `socket` takes precedence over host and port."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    socket: str | None = None
    table_prefix: str = ""
    tls: TlsOptions = field(default_factory=TlsOptions)

    def table(self, name: str) -> str:
        """Return the name of a table in this store."""
        return f"{self.table_prefix}{name}"


@dataclass(frozen=True)
class Amqp:
    """The store's broker."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    virtual_host: str = "/"
    tls: TlsOptions = field(default_factory=TlsOptions)


def database_of(deployment: Deployment, said: Collection[str] = ()) -> Database:
    """Read the connection that Magento itself uses by default.

    Args:
        deployment: the store's files.
        said: names in `[outbox]` that other settings determine; they are not read here.

    Raises:
        ConnectionSettingsError: there is none, or it lacks something.
        PhpFileError: something of it is computed, or a constant.
    """
    resource = section(deployment.env, "resource", "default_setup")
    name = _text(resource, "connection", "resource/default_setup") or "default"
    at = f"db/connection/{name}"
    given = {
        key: value
        for key, value in section(deployment.env, "db", "connection", name).items()
        if _SETTINGS.get(key, key) not in said
    }
    host, port, socket = _address(_text(given, "host", at), at)
    # PDO reads `unix_socket` only for localhost; a host or port in `[outbox]` is not that socket.
    if host == "localhost" and not {"host", "port"} & set(said):
        socket = socket or _text(given, "unix_socket", at) or None
    return Database(
        host=host,
        port=_port(given, at) or port or _DATABASE_PORT,
        socket=socket,
        name="" if "database" in said else _needed(given, "dbname", at),
        user="" if "user" in said else _needed(given, "username", at),
        password=_text(given, "password", at),
        table_prefix=(
            ""
            if "table_prefix" in said
            else _text(section(deployment.env, "db"), "table_prefix", "db")
        ),
        tls=_tls(section(given, "driver_options")),
    )


def amqp_of(deployment: Deployment) -> Amqp | None:
    """Read the connection to the store's broker, `queue/amqp`; None when it has none.

    Raises:
        ConnectionSettingsError: it is there, and cannot be used.
        PhpFileError: something of it is computed, or a constant.
    """
    at = "queue/amqp"
    given = section(deployment.env, "queue", "amqp")
    host = _text(given, "host", at)
    if not host:
        return None
    options = _broker_tls(section(given, "ssl_options"))
    tls = _text(given, "ssl", at).strip().lower() in {"true", "1"}
    return Amqp(
        host=host,
        port=_port(given, at) or (_AMQPS_PORT if tls else _AMQP_PORT),
        user=_text(given, "user", at),
        password=_text(given, "password", at),
        virtual_host=_text(given, "virtualhost", at) or "/",
        tls=options if tls else TlsOptions(),
    )


def queue_connection_not_read(deployment: Deployment) -> str | None:
    """Return the name of the connection of the store's message queue, if the bridge cannot read it.

    The bridge reads queues in the database and in the RabbitMQ of `queue/amqp`. `stomp` is ActiveMQ
    Artemis; other names stand for brokers under `queue/connections`. Magento chooses in this order:
    `queue/default_connection`, `queue/stomp`, `queue/amqp`, the database.

    Raises:
        PhpFileError: the name is computed, or a constant.
    """
    given = section(deployment.env, "queue")
    check_known(name := member(given, "default_connection"))
    if not name:
        check_known(stomp := member(given, "stomp"))
        name = "stomp" if stomp else "db"
    return None if name in {"db", "amqp"} else str(name)


def crypt_keys_of(deployment: Deployment) -> CryptKeys:
    """Read the keys that the store encrypts values with; an error is reported when one is used."""
    try:
        return CryptKeys.of(_text(section(deployment.env, "crypt"), "key", "crypt"))
    except PhpFileError as error:
        return CryptKeys(absent=str(error))


def _address(host: str, at: str) -> tuple[str, int | None, str | None]:
    """Split `host`, `host:port`, `[v6]:port`, `v6` or a socket's path into its parts."""
    if "/" in host:
        return "localhost", None, host
    if host.count(":") > 1 and "[" not in host:
        return host, None, None
    name, colon, port = host.rpartition(":")
    if not colon or "]" in port:
        name, port = host, ""
    if port and not port.isdecimal():
        raise ConnectionSettingsError(f"env.php: {at}/host: its port is no number")
    return name.strip("[]") or "localhost", int(port) if port else None, None


def _broker_tls(options: PhpArray) -> TlsOptions:
    check_known(*options, *options.values())
    return TlsOptions(
        enabled=True,
        ca=_file(options.get("cafile")),
        ca_folder=_file(options.get("capath")),
        certificate=_file(options.get("local_cert")),
        key=_file(options.get("local_pk")),
        ciphers=_filled(options.get("ciphers")),
        verify=_is_on(options.get("verify_peer")),
        verify_host=_is_on(options.get("verify_peer_name")),
    )


def _tls(options: PhpArray) -> TlsOptions:
    named = {_option(key): value for key, value in options.items()}
    numbers = (_KEY, _CERTIFICATE, _CA, _CA_FOLDER, _CIPHERS)
    check_known(*(named.get(number) for number in (*numbers, _VERIFY_OPTION)))
    if not any(_filled(named.get(number)) for number in numbers):
        return TlsOptions()  # as in PHP, the option to check the server alone enables no TLS
    return TlsOptions(
        enabled=True,
        ca=_file(named.get(_CA)),
        ca_folder=_file(named.get(_CA_FOLDER)),
        certificate=_file(named.get(_CERTIFICATE)),
        key=_file(named.get(_KEY)),
        ciphers=_filled(named.get(_CIPHERS)),
        verify=bool(named.get(_VERIFY_OPTION, True)),
    )


def _filled(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _file(value: object) -> Path | None:
    return Path(text) if (text := _filled(value)) else None


def _is_on(value: object) -> bool:
    return not isinstance(value, str | int) or str(value).lower() not in _FALSE


def _option(key: PhpKey) -> PhpKey:
    """Return the number of an option of TLS; others keep their name.

    Raises:
        PhpFileError: it is a constant that may be any option.
    """
    if not isinstance(key, Constant):
        return key
    if not key.name.lower().startswith(_CLASSES_OF_OPTIONS):
        key.fail()
    found = _OPTION_NAME.fullmatch(key.name)
    return _OPTION_NUMBERS.get(found[1] or found[2], key) if found else key


def _port(given: PhpArray, at: str) -> int | None:
    text = _text(given, "port", at)
    if text and not text.isdecimal():
        raise ConnectionSettingsError(f"env.php: {at}/port is no number")
    return int(text) if text else None


def _needed(given: PhpArray, name: str, at: str) -> str:
    text = _text(given, name, at)
    if not text:
        raise ConnectionSettingsError(f"env.php: {at}/{name} is missing")
    return text


def _text(given: PhpArray, name: str, at: str) -> str:
    """Return a value as PHP converts it to text."""
    value = member(given, name)
    check_known(value)
    if value is None or value is False:
        return ""
    if isinstance(value, str | int):
        return "1" if value is True else str(value)
    raise ConnectionSettingsError(f"env.php: {at}/{name} is no text")
