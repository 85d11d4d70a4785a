"""Looks at the agent in a store: is it there, whole, enabled, set up, and does the rest run."""

from pathlib import Path

from magento_eventbridge.agent.module import PACKAGE, AgentError, Module, StoreFolder, shipped
from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.magento.env_php import Deployment, PhpFileError
from magento_eventbridge.magento.installation import (
    AGENT,
    ORIGINAL,
    Installation,
    module_switches,
)
from magento_eventbridge.observability.findings import Finding
from magento_eventbridge.settings import SettingsError
from magento_eventbridge.store import Store

_TRANSPORT = "aws_eventbridge/agent/transport"
_WIRING = (
    Path("registration.php"),
    Path("etc/module.xml"),
    Path("etc/events.xml"),
    Path("etc/di.xml"),
)
_NAMED_AT_MOST = 5


async def look(store: Store) -> list[Finding]:
    """Look at everything.

    Raises:
        AgentError: the folder is not a store's.
    """
    folder = StoreFolder(store.root)
    findings = _files(folder)
    try:
        findings += _switches(store.files())
        installation = await store.installation()
        transport = (await store.read()).config.default.get(_TRANSPORT)
    except PhpFileError as error:
        return [*findings, Finding("modules", False, str(error))]
    except (QueueError, SettingsError) as error:
        return [*findings, Finding("database", False, str(error))]
    return [
        *findings,
        _tables(installation),
        _cron(installation),
        _bridge(installation, transport.text if transport else ""),
    ]


def _files(folder: StoreFolder) -> list[Finding]:
    match folder.modules():
        case []:
            return [
                Finding(
                    "module",
                    False,
                    f"the agent is not in {folder.root}: run 'magento-eventbridge agent install "
                    f"{folder.root}', or 'composer require {PACKAGE}' there",
                )
            ]
        case [module]:
            return [*_version(module, folder)]
        case modules:
            told = " and ".join(str(module.folder) for module in modules)
            return [Finding("module", False, f"it is there twice, remove one: {told}")]


def _version(module: Module, folder: StoreFolder) -> list[Finding]:
    ours = shipped()
    try:
        version = module.version
    except AgentError as error:
        return [Finding("module", False, str(error))]
    update = (
        f"composer update {PACKAGE}"
        if module == folder.by_composer
        else f"magento-eventbridge agent install {folder.root}"
    )
    if version != ours.version:
        told = (
            f"{version} in {module.folder}; this bridge comes with {ours.version}: run '{update}'"
        )
        missing = [place for place in _WIRING if not (module.folder / place).is_file()]
        return [Finding("module", False, told), _wiring(missing, update)]
    return [
        Finding("module", True, f"{version} in {module.folder}"),
        _wiring(module.differences(ours), update),
    ]


def _wiring(faulty: list[Path], update: str) -> Finding:
    if not faulty:
        return Finding("files", True, "all there, as they were made")
    named = ", ".join(str(place) for place in faulty[:_NAMED_AT_MOST])
    more = f" and {len(faulty) - _NAMED_AT_MOST} more" if len(faulty) > _NAMED_AT_MOST else ""
    return Finding("files", False, f"changed, missing or not of it: {named}{more}; run '{update}'")


def _switches(deployment: Deployment) -> list[Finding]:
    switches = module_switches(deployment)
    is_on = switches.get(AGENT, False)
    told = "enabled" if is_on else f"not enabled: run 'bin/magento module:enable {AGENT}'"
    findings = [Finding("config.php", is_on, told)]
    if switches.get(ORIGINAL):
        findings.append(
            Finding(
                "original module",
                False,
                f"{ORIGINAL} is enabled too, and each event is sent twice: run 'bin/magento "
                f"module:disable {ORIGINAL}'; its saved configuration stays and goes on working",
            )
        )
    else:
        findings.append(Finding("original module", True, f"{ORIGINAL} is not enabled"))
    return findings


def _tables(installation: Installation) -> Finding:
    missing = installation.missing_tables
    if missing:
        told = f"missing: {', '.join(missing)}; run 'bin/magento setup:upgrade'"
        return Finding("tables", False, told)
    return Finding("tables", True, ", ".join(sorted(installation.tables)))


def _cron(installation: Installation) -> Finding:
    if installation.cron_idle is None:
        return Finding("cron", False, "it has never run: run 'bin/magento cron:install'")
    told = f"a job began {_ago(installation.cron_idle)}"
    if not installation.cron_runs:
        told += "; it runs each minute: look at the crontab, or run 'bin/magento cron:install'"
    return Finding("cron", installation.cron_runs, told)


def _bridge(installation: Installation, transport: str) -> Finding:
    if installation.bridge_runs:
        return Finding("bridge", True, f"it was alive {_ago(installation.bridge_idle or 0.0)}")
    if transport == "http":
        told = "the agent hands over by HTTP, and no bridge needs this database"
        return Finding("bridge", True, told)
    if installation.bridge_idle is None:
        told = "none was here yet"
    else:
        told = f"none is here; the last was alive {_ago(installation.bridge_idle)}"
    return Finding("bridge", False, f"{told}. 'magento-eventbridge serve' starts one")


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds ago"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes ago"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f} hours ago"
    return f"{seconds / 86_400:.0f} days ago"
