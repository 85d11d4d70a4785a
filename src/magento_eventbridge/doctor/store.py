"""The checks of a store: files, database, agent, configuration, each store view."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.doctor.agent import files, installed
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.magento.agent.module import StoreFolder
from magento_eventbridge.magento.connections import (
    ConnectionSettingsError,
    crypt_keys_of,
    queue_connection_not_read,
)
from magento_eventbridge.magento.database import DatabaseError, database_options
from magento_eventbridge.magento.env_php import ENV_PHP
from magento_eventbridge.magento.installation import module_switches
from magento_eventbridge.magento.live_store import LiveStore, Reading
from magento_eventbridge.magento.php.values import PhpFileError
from magento_eventbridge.magento.store_settings import closed_values
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.layers import Origins
from magento_eventbridge.settings.model import Settings

DATABASE_ANSWERS_WITHIN = 10
"""Seconds that `doctor` waits for the store's database: people wait for it."""


@dataclass
class Examination:
    """The findings, and the settings as far as they could be read."""

    findings: list[Finding] = field(default_factory=list)
    settings: Settings | None = None
    origins: Origins = field(default_factory=Origins)
    is_read: bool = False  # all of the store's configuration, not only how to reach it


async def examine(store: LiveStore) -> Examination:
    """Check a store, by a connection of its own; what needs something that failed is left out."""
    examination = Examination()
    store = store.again(DATABASE_ANSWERS_WITHIN)
    try:
        await _examine(store, examination)
    finally:
        await store.close()
    return examination


async def _examine(store: LiveStore, examination: Examination) -> None:
    try:
        switches = module_switches(store.files())
        examination.settings, examination.origins = store.reach()
    except (PhpFileError, SettingsError) as error:
        examination.findings.append(Finding("store", "FAIL", _line(error)))
        return
    examination.findings.append(Finding("store", "ok", f"{store.root / ENV_PHP} can be read"))
    examination.findings += _log(examination.settings.log_file)
    if StoreFolder.is_at(store.root):  # a container may be shown its app/etc only
        examination.findings += files(StoreFolder(store.root))
    try:
        installation = await store.installation()
    except DatabaseError as error:
        examination.findings.append(Finding("database", "FAIL", _line(error)))
        return
    options = database_options(examination.settings.outbox)
    prefix = f"prefix '{options.table_prefix}'" if options.table_prefix else "no table prefix"
    examination.findings.append(Finding("database", "ok", f"{options} answers, {prefix}"))
    examination.findings += installed(installation, switches)
    examination.findings += _message_queue(store)
    await _configured(store, examination)


def _message_queue(store: LiveStore) -> list[Finding]:
    try:
        connection = queue_connection_not_read(store.files())
    except PhpFileError as error:
        return [Finding("message queue", "FAIL", _line(error))]
    if connection is None:
        return []
    place = (
        "is in ActiveMQ Artemis (STOMP)"
        if connection == "stomp"
        else f"has the connection '{connection}'"
    )
    return [
        Finding(
            "message queue",
            "ok",
            f"{place}, which the bridge does not read: in queue mode, too, the agent writes "
            "captures to the outbox",
        )
    ]


async def _configured(store: LiveStore, examination: Examination) -> None:
    try:
        reading = await store.read()
        opened, closed = closed_values(reading.config, crypt_keys_of(store.files()))
    except (SettingsError, DatabaseError, ConnectionSettingsError, PhpFileError) as error:
        examination.findings.append(Finding("store's configuration", "FAIL", _line(error)))
        return
    examination.settings, examination.origins, examination.is_read = (
        reading.settings,
        reading.origins,
        True,
    )
    if opened:
        values = f"{opened} value{'s' if opened > 1 else ''} opened"
        examination.findings.append(Finding("encryption", "ok", values))
    examination.findings += [
        Finding("encryption", "warn", f"not opened, and not needed: {message}")
        for message in closed
    ]
    examination.findings += _views(reading)


def _views(reading: Reading) -> Iterator[Finding]:
    for view in reading.rows.stores:
        if view.id == 0:
            continue
        route = reading.settings.view(view.id).route()
        on = sum(map(route.is_on, EVENTS))
        source = f"source {route.source} ({_source_origin(reading, view.id)})"
        message = f"{source}, {route.destination}, {on} of {len(EVENTS)} events on"
        yield Finding(f"store view {view.id} '{view.code}'", "ok" if on else "warn", message)


def _source_origin(reading: Reading, view_id: int) -> str:
    """Return where the source of a store view comes from."""
    origin = reading.origins.of(f"stores.{view_id}.options.source")
    if origin != "default":
        return origin
    return "the bridge's default: no source is saved, and no base URL has a host"


def _line(error: Exception) -> str:
    return "; ".join(str(error).splitlines())


def _log(file: Path | None) -> Iterator[Finding]:
    """Check that the users who can write the log's folder, as PHP's, can write the log too."""
    if file is None:
        return
    try:
        log, folder = file.stat(), file.parent.stat()
    except FileNotFoundError:
        yield Finding("log", "ok", f"{file} does not exist yet")
        return
    except OSError as error:
        yield Finding("log", "FAIL", f"{file} cannot be read: {error.strerror}")
        return
    is_by_group = folder.st_uid == 0 and bool(folder.st_mode & stat.S_IWGRP)
    if log.st_uid == folder.st_uid and not is_by_group:
        is_writable = bool(log.st_mode & stat.S_IWUSR)
    elif log.st_gid == folder.st_gid:
        is_writable = bool(log.st_mode & stat.S_IWGRP)
    else:
        is_writable = bool(log.st_mode & stat.S_IWOTH)
    if is_writable:
        yield Finding("log", "ok", f"the store can write {file}")
    else:
        owner = f"{folder.st_uid}:{folder.st_gid}"
        message = f"the store cannot write {file}: run 'chown {owner} {file}; chmod 0660 {file}'"
        yield Finding("log", "FAIL", message)
