"""How to reach a store's database and broker, and its keys, as `env.php` says."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from magento_eventbridge.magento.encryption import CryptKeys
from magento_eventbridge.magento.env_php import (
    Computed,
    Constant,
    Deployment,
    PhpArray,
    PhpFileError,
    PhpKey,
    section,
)

_DATABASE_PORT = 3306
_AMQP_PORT = 5672
_AMQPS_PORT = 5671

# Where `[outbox]` has another name for it.
_SETTINGS: Mapping[PhpKey, PhpKey] = {"dbname": "database", "username": "user"}

# PDO's numbers, which `bin/magento` writes, and names, which people write (before and since 8.4).
_TLS_OPTIONS = {1007: "key", 1008: "certificate", 1009: "ca", 1010: "ca_folder", 1011: "ciphers"}
_VERIFY_OPTION = 1014
_OPTION_NUMBERS = {
    "SSL_KEY": 1007,
    "SSL_CERT": 1008,
    "SSL_CA": 1009,
    "SSL_CAPATH": 1010,
    "SSL_CIPHER": 1011,
    "SSL_VERIFY_SERVER_CERT": _VERIFY_OPTION,
}
_OPTION_PREFIXES = ("PDO::MYSQL_ATTR_", "Pdo\\Mysql::ATTR_")


class ConnectionSettingsError(ValueError):
    """A connection that `env.php` does not describe; the message names what is missing."""


@dataclass(frozen=True)
class DatabaseTls:
    """TLS to the database: files, and whether the server must prove who it is."""

    ca: str | None = None
    ca_folder: str | None = None
    certificate: str | None = None
    key: str | None = None
    ciphers: str | None = None
    verify: bool = True


@dataclass(frozen=True)
class Database:
    """The store's database; `socket`, where there is one, goes before host and port."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    socket: str | None = None
    table_prefix: str = ""
    tls: DatabaseTls | None = None

    def table(self, name: str) -> str:
        """Name a table as it is called in this store."""
        return f"{self.table_prefix}{name}"


@dataclass(frozen=True)
class Amqp:
    """The store's broker."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    virtual_host: str = "/"
    tls: bool = False
    tls_options: Mapping[str, str | int | bool] = field(default_factory=dict, repr=False)


def database_of(deployment: Deployment, said: Collection[str] = ()) -> Database:
    """Read the connection that Magento itself uses by default.

    Args:
        deployment: the store's files.
        said: what somebody else says, by the names of `[outbox]`; it is not looked at here.

    Raises:
        ConnectionSettingsError: there is none, or it lacks something.
        PhpFileError: something of it is computed.
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
    return Database(
        host=host,
        port=_port(given, at) or port or _DATABASE_PORT,
        socket=_text(given, "unix_socket", at) or socket,
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


def amqp_of(deployment: Deployment, connection: str = "amqp") -> Amqp | None:
    """Read the connection to a broker by its name; None when the store has none of that name.

    Magento keeps its own broker under `queue/amqp`, others under `queue/connections`.

    Raises:
        ConnectionSettingsError: it is there, and cannot be used.
        PhpFileError: something of it is computed.
    """
    place = ("queue", "amqp") if connection == "amqp" else ("queue", "connections", connection)
    at = "/".join(place)
    given = section(deployment.env, *place)
    host = _text(given, "host", at)
    if not host:
        return None
    tls_options = section(given, "ssl_options")
    for value in tls_options.values():
        if isinstance(value, Computed):
            value.fail()
    tls = _text(given, "ssl", at).strip().lower() in {"true", "1"}
    return Amqp(
        host=host,
        port=_port(given, at) or (_AMQPS_PORT if tls else _AMQP_PORT),
        user=_text(given, "user", at),
        password=_text(given, "password", at),
        virtual_host=_text(given, "virtualhost", at) or "/",
        tls=tls,
        tls_options={
            name: value
            for name, value in tls_options.items()
            if isinstance(name, str) and isinstance(value, str | int)
        },
    )


def crypt_keys_of(deployment: Deployment) -> CryptKeys:
    """Read the keys that the store encrypts values with; that they are computed is told later."""
    try:
        return CryptKeys.of(_text(section(deployment.env, "crypt"), "key", "crypt"))
    except PhpFileError as error:
        return CryptKeys(absent=str(error))


def _address(host: str, at: str) -> tuple[str, int | None, str | None]:
    """Take `host`, `host:port`, `[v6]:port` and a socket's path apart."""
    if "/" in host:
        return "localhost", None, host
    name, colon, port = host.rpartition(":")
    if not colon or "]" in port:
        name, port = host, ""
    if port and not port.isdecimal():
        raise ConnectionSettingsError(f"env.php: {at}/host: its port is no number")
    return name.strip("[]") or "localhost", int(port) if port else None, None


def _tls(options: PhpArray) -> DatabaseTls | None:
    named = {_option(key): value for key, value in options.items()}
    for number in (*_TLS_OPTIONS, _VERIFY_OPTION):
        if isinstance(value := named.get(number), Computed):
            value.fail()
    files = {
        name: str(named[number])
        for number, name in _TLS_OPTIONS.items()
        if isinstance(named.get(number), str) and named[number]
    }
    if not files:
        return None  # as PHP: who only says how to check a server does not ask for TLS
    return DatabaseTls(**files, verify=bool(named.get(_VERIFY_OPTION, True)))


def _option(key: PhpKey) -> PhpKey:
    if isinstance(key, Constant):
        for prefix in _OPTION_PREFIXES:
            if key.name.startswith(prefix):
                return _OPTION_NUMBERS.get(key.name.removeprefix(prefix), key)
    return key


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
    """Give a value as PHP would make text of it."""
    value: Any = given.get(name)
    if isinstance(value, Computed):
        value.fail()
    if value is None or value is False:
        return ""
    if isinstance(value, str | int):
        return "1" if value is True else str(value)
    raise ConnectionSettingsError(f"env.php: {at}/{name} is no text")
