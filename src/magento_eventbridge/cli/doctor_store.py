"""What `doctor` finds in a store: files, database, agent, configuration, view by view."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.cli.findings import Finding
from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.magento.connection import ConnectionSettingsError, crypt_keys_of
from magento_eventbridge.magento.env_php import ENV_PHP, PhpFileError
from magento_eventbridge.magento.installation import (
    AGENT,
    ORIGINAL,
    TABLES,
    Installation,
    module_switches,
)
from magento_eventbridge.magento.store_settings import closed_values
from magento_eventbridge.settings import Origins, Settings, SettingsError
from magento_eventbridge.store import Reading, Store, mysql_options


@dataclass
class Examination:
    """What was found, and the settings as far as they could be read."""

    findings: list[Finding] = field(default_factory=list)
    settings: Settings | None = None
    origins: Origins = field(default_factory=Origins)
    is_read: bool = False  # all of the store's configuration, not only how to reach it


async def examine(store: Store) -> Examination:
    """Look at a store, as far as one thing does not need another that is at fault."""
    found = Examination()
    try:
        await _examine(store, found)
    finally:
        await store.close()
    return found


async def _examine(store: Store, found: Examination) -> None:
    try:
        switches = module_switches(store.files())
        found.settings, found.origins = store.reach()
    except (PhpFileError, SettingsError) as error:
        found.findings.append(Finding("store", "FAIL", _line(error)))
        return
    found.findings.append(Finding("store", "ok", f"{store.root / ENV_PHP} can be read"))
    try:
        installation = await store.installation()
    except QueueError as error:
        found.findings.append(Finding("database", "FAIL", _line(error)))
        return
    options = mysql_options(found.settings.outbox)
    prefix = f"prefix '{options.table_prefix}'" if options.table_prefix else "no table prefix"
    found.findings.append(Finding("database", "ok", f"{options} answers, {prefix}"))
    found.findings += _installed(installation, switches)
    await _configured(store, found)


async def _configured(store: Store, found: Examination) -> None:
    try:
        reading = await store.read()
        opened, closed = closed_values(reading.config, crypt_keys_of(store.files()))
    except (SettingsError, QueueError, ConnectionSettingsError, PhpFileError) as error:
        found.findings.append(Finding("store's configuration", "FAIL", _line(error)))
        return
    found.settings, found.origins, found.is_read = reading.settings, reading.origins, True
    if opened:
        values = f"{opened} value{'s' if opened > 1 else ''} opened"
        found.findings.append(Finding("encryption", "ok", values))
    found.findings += [
        Finding("encryption", "warn", f"not opened, and not needed: {told}") for told in closed
    ]
    found.findings += _views(reading)


def _installed(installation: Installation, switches: dict[str, bool]) -> Iterator[Finding]:
    yield _agent(installation, switches)
    if missing := installation.missing_tables:
        told = f"{', '.join(missing)} missing: run 'bin/magento setup:upgrade' in the store"
        yield Finding("tables", "FAIL", told)
    else:
        yield Finding("tables", "ok", ", ".join(TABLES))
    if switches.get(ORIGINAL) and switches.get(AGENT):
        told = (
            f"{ORIGINAL} is enabled beside the agent: each event is sent twice; run 'bin/magento "
            f"module:disable {ORIGINAL}' in the store"
        )
        yield Finding("original module", "warn", told)
    elif ORIGINAL in installation.versions:
        version = installation.versions[ORIGINAL]
        is_on = "enabled" if switches.get(ORIGINAL) else "not enabled"
        yield Finding("original module", "ok", f"{ORIGINAL} {version} was set up, is {is_on}")
    yield _cron(installation)


def _agent(installation: Installation, switches: dict[str, bool]) -> Finding:
    match switches.get(AGENT):
        case None:
            told = f"{AGENT} is not in config.php: install it, run 'bin/magento setup:upgrade'"
            return Finding("agent", "FAIL", told)
        case False:
            told = f"{AGENT} is disabled: run 'bin/magento module:enable {AGENT}' in the store"
            return Finding("agent", "FAIL", told)
    version = installation.versions.get(AGENT)
    told = f"{AGENT} is enabled" + (f", set up with version {version}" if version else "")
    return Finding("agent", "ok", told)


def _cron(installation: Installation) -> Finding:
    idle = installation.cron_idle
    if idle is None:
        return Finding("cron", "warn", "the store's cron has never run: 'bin/magento cron:install'")
    told = f"the store's cron last ran a job {_ago(idle)}"
    return Finding("cron", "ok" if installation.cron_runs else "warn", told)


def _views(reading: Reading) -> Iterator[Finding]:
    for view in reading.rows.stores:
        if view.id == 0:
            continue
        route = reading.settings.store(view.id).route()
        on = len(EVENTS) - len(route.switched_off)
        told = f"source {route.source}, {route.destination}, {on} of {len(EVENTS)} events on"
        if route.destination.dry_run:
            told += ", dry run"
        yield Finding(f"store view {view.id} '{view.code}'", "ok" if on else "warn", told)


def _ago(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} seconds ago"


def _line(error: Exception) -> str:
    return "; ".join(str(error).splitlines())
