"""Convert a store's configuration to layers of settings, each value with its origin."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.catalog.declared import SWITCHES as OWN_SWITCHES
from magento_eventbridge.magento.connections import Amqp, Database
from magento_eventbridge.magento.consumers_runner import ConsumersRunner
from magento_eventbridge.magento.encryption import CryptKeys, DecryptionError, is_encrypted
from magento_eventbridge.magento.store_config import (
    BASE_URLS,
    SECTION,
    StoreConfig,
    StoreConfigError,
    StoreValue,
)
from magento_eventbridge.settings.layers import Layer
from magento_eventbridge.settings.listeners import SHORTEST_SECRET
from magento_eventbridge.settings.view import (
    CredentialsSettings,
    OptionsSettings,
    PrivacySettings,
)
from magento_eventbridge.tls import TlsOptions

_Name = tuple[str, ...]  # options.region as its parts

_TYPE = f"{SECTION}/credentials/type"
_ACCESS_KEY = f"{SECTION}/credentials/access_key"
_PRIVACY_SECRET = f"{SECTION}/privacy/secret"
_SECRETS = {
    *(
        f"{SECTION}/credentials/{name}"
        for name in ("access_key", "secret_access_key", "external_id")
    ),
    _PRIVACY_SECRET,
}
_REGION = f"{SECTION}/options/region"
_SOURCE = f"{SECTION}/options/source"
_AGENT_SECRET = f"{SECTION}/agent/secret"
_AGENT_TRANSPORT = f"{SECTION}/agent/transport"
_IF_EMPTY = {_TYPE: "default", _REGION: "us-east-1", f"{SECTION}/options/detail": "documented"}

_SWITCHES = {
    event.config_path: ("events", *event.config_path.removeprefix(f"{SECTION}/events_").split("/"))
    for event in EVENTS
}
_FIELDS = {
    f"{SECTION}/{group}/{name}": (group, name)
    for group, model in (
        ("credentials", CredentialsSettings),
        ("options", OptionsSettings),
        ("privacy", PrivacySettings),
    )
    for name in model.model_fields
}
_YES_NO = _SWITCHES | {
    path: name
    for path, name in _FIELDS.items()
    if name[0] == "options" and OptionsSettings.model_fields[name[1]].annotation is bool
}


@dataclass(frozen=True)
class _Setting:
    value: str | bool | tuple[str, ...] = field(repr=False)
    origin: str


def store_layers(config: StoreConfig, keys: CryptKeys) -> list[Layer]:
    """Convert to layers of settings, one for each origin.

    A store view has settings of its own only where they differ from those of the default scope.

    Raises:
        StoreConfigError: a saved value cannot be used.
    """
    common = _settings(config.default, keys)
    layers: dict[str, dict[str, Any]] = {}
    for name, value in common.items():
        _put(layers, name, value)
    if secret := _agent_secret(config.default, keys):
        _put(layers, ("inlet", "secrets"), secret)
    for view_id, values in config.stores.items():
        for name, value in _settings(values, keys).items():
            if name not in common or common[name].value != value.value:
                _put(layers, ("stores", str(view_id), *name), value)
    return [Layer(origin, values) for origin, values in layers.items()]


def database_layer(database: Database) -> Layer:
    """Return the settings of the outbox, which is in the store's own database."""
    values = {
        "enabled": True,
        "host": database.host,
        "port": database.port,
        "unix_socket": database.socket,
        "database": database.name,
        "user": database.user,
        "password": database.password,
        "table_prefix": database.table_prefix,
    }
    if database.tls.enabled:
        values |= _tls_values(database.tls)
    given = {name: value for name, value in values.items() if value is not None}
    return Layer("env.php", {"outbox": given})


def _tls_values(tls: TlsOptions) -> dict[str, Any]:
    """Return the settings of TLS that differ from the defaults."""
    default = TlsOptions()
    changed = {
        f"tls_{name}": value
        for name, value in vars(tls).items()
        if name != "enabled" and value != getattr(default, name)
    }
    return {"tls": tls.enabled, **changed}


def queue_layer(broker: Amqp | None, runner: ConsumersRunner) -> Layer:
    """Return the settings of the store's broker, and of consuming its queues by cron."""
    groups: dict[str, dict[str, Any]] = {
        "cron_consumers_runner": {
            "cron_run": runner.cron_run,
            "max_messages": runner.max_messages,
            "consumers": runner.consumers or None,
        }
    }
    if broker:
        groups["amqp"] = {
            "host": broker.host,
            "port": broker.port,
            "user": broker.user,
            "password": broker.password,
            "virtual_host": broker.virtual_host,
            **_tls_values(broker.tls),
        }
    return Layer(
        "env.php",
        {
            group: {name: value for name, value in values.items() if value is not None}
            for group, values in groups.items()
        },
    )


def closed_values(config: StoreConfig, keys: CryptKeys) -> tuple[int, list[str]]:
    """Return how many encrypted values can be decrypted, and of the others the place and reason."""
    reasons: dict[tuple[str, str], str | None] = {}
    for values in (config.default, *config.stores.values()):
        for path in (*_SECRETS, _AGENT_SECRET):
            value = values.get(path)
            if value is None or not is_encrypted(value.text):
                continue
            try:
                keys.reveal(value.text)
                reasons[path, value.origin] = None
            except DecryptionError as error:
                reasons[path, value.origin] = f"{path} ({value.origin}): {error}"
    closed = sorted(text for text in reasons.values() if text is not None)
    return len(reasons) - len(closed), closed


def below(store: Sequence[Layer], later: Sequence[Layer]) -> list[Layer]:
    """Combine the store's layers with later ones, which override them.

    A later layer's value for all store views also overrides values saved for one view. If a later
    layer sets the database's host or port, the store's socket is left out.
    """
    said = {name for layer in later for name in _names(layer.values) if name[0] != "stores"}
    if said & {("outbox", "host"), ("outbox", "port")}:
        said.add(("outbox", "unix_socket"))
    return [
        *(Layer(layer.origin, _without(layer.values, said)) for layer in store),
        *later,
    ]


def _settings(values: Mapping[str, StoreValue], keys: CryptKeys) -> dict[_Name, _Setting]:
    settings: dict[_Name, _Setting] = {}
    has_keys = _kind(values) == "keys"
    for path, value in values.items():
        if path in _YES_NO:
            settings[_YES_NO[path]] = _Setting(_yes_no(path, value), value.origin)
        elif path.startswith(OWN_SWITCHES):
            name = path.removeprefix(OWN_SWITCHES)
            settings["events", "declared", name] = _Setting(_yes_no(path, value), value.origin)
        elif path in _SECRETS:
            is_needed = _hashes(values) if path == _PRIVACY_SECRET else has_keys
            revealed = _revealed(path, value, keys, is_needed=is_needed)
            if revealed is not None:
                settings[_FIELDS[path]] = _Setting(revealed, value.origin)
        elif path == _SOURCE and not value.text:
            continue
        elif path in _FIELDS:
            text = value.text or _IF_EMPTY.get(path, "")
            settings[_FIELDS[path]] = _Setting(text, value.origin)
    if has_keys and _TYPE not in values:
        settings[_FIELDS[_TYPE]] = _Setting("keys", "default of the module")
    if _FIELDS[_SOURCE] not in settings and (host := _host(values)):
        settings[_FIELDS[_SOURCE]] = host
    return settings


def _hashes(values: Mapping[str, StoreValue]) -> bool:
    hashed = values.get(f"{SECTION}/privacy/hash")
    return hashed is not None and bool(hashed.text.strip())


def _kind(values: Mapping[str, StoreValue]) -> str:
    """Return the type of credentials; the default, keys, has no meaning without a key."""
    kind, key = values.get(_TYPE), values.get(_ACCESS_KEY)
    if kind is None:
        return "keys" if key is not None and key.text else ""
    return kind.text


def _revealed(path: str, value: StoreValue, keys: CryptKeys, *, is_needed: bool) -> str | None:
    """Return a secret in plain text; None if it cannot be decrypted, but is not needed."""
    try:
        return keys.reveal(value.text)
    except DecryptionError as error:
        if not is_needed:
            return None
        raise StoreConfigError(f"{path} ({value.origin}): {error}") from None


def _agent_secret(values: Mapping[str, StoreValue], keys: CryptKeys) -> _Setting | None:
    """Return the agent's secret; None if it cannot be used, but the agent does not use it."""
    value = values.get(_AGENT_SECRET)
    if value is None or not value.text:
        return None
    transport = values.get(_AGENT_TRANSPORT)
    is_used = transport is not None and transport.text == "http"
    try:
        secret = keys.reveal(value.text)
    except DecryptionError as error:
        if not is_used:
            return None
        raise StoreConfigError(f"{_AGENT_SECRET} ({value.origin}): {error}") from None
    if len(secret) < SHORTEST_SECRET and not is_used:
        return None
    return _Setting((secret,), value.origin)  # one secret, even with spaces in it


def _yes_no(path: str, value: StoreValue) -> bool:
    match value.text.strip().lower():
        case "1" | "true" | "yes":
            return True
        case "" | "0" | "false" | "no":
            return False
    raise StoreConfigError(f"{path} ({value.origin}): must be 1 or 0")


def _host(values: Mapping[str, StoreValue]) -> _Setting | None:
    """Return the host of the first base URL that has one; `{{base_url}}` stands for any host."""
    for path in BASE_URLS:
        value = values.get(path)
        if value is None:
            continue
        try:
            host = urlsplit(value.text.strip()).hostname
        except ValueError:
            continue  # not a URL
        if host and not set(host) & set("{}"):
            return _Setting(host, f"host of {path}, {value.origin}")
    return None


def _put(layers: dict[str, dict[str, Any]], name: _Name, setting: _Setting) -> None:
    at = layers.setdefault(setting.origin, {})
    *groups, last = name
    for group in groups:
        at = at.setdefault(group, {})
    at[last] = setting.value


def _names(values: Mapping[str, Any], at: _Name = ()) -> Iterator[_Name]:
    for name, value in values.items():
        here = (*at, *name.split("/"))
        if isinstance(value, Mapping):
            yield from _names(value, here)
        else:
            yield here


def _without(values: Mapping[str, Any], said: set[_Name], at: _Name = ()) -> dict[str, Any]:
    """Leave out values that later layers set, also within store views."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        here = (*at, name)
        if isinstance(value, Mapping):
            kept[name] = _without(value, said, here)
        elif (here[2:] if here[0] == "stores" else here) not in said:
            kept[name] = value
    return kept
