"""The checks of the agent in a store: its files, what is set up, what runs."""

from collections.abc import Iterator
from pathlib import Path

from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.install_hints import AGENT_PACKAGE, agent_install
from magento_eventbridge.magento.agent.module import (
    AgentError,
    Module,
    StoreFolder,
    shipped,
)
from magento_eventbridge.magento.installation import AGENT, ORIGINAL, TABLES, Installation

_WIRING = (
    Path("registration.php"),
    Path("etc/module.xml"),
    Path("etc/events.xml"),
    Path("etc/di.xml"),
)
_NAMED_AT_MOST = 5


def files(folder: StoreFolder) -> list[Finding]:
    """Check the agent's version, and whether its files are complete."""
    match folder.modules():
        case []:
            return [
                Finding(
                    "module",
                    "FAIL",
                    f"the agent is not in {folder.root}: run {agent_install(folder.root)}",
                )
            ]
        case [module]:
            return [*_version(module, folder)]
        case modules:
            message = " and ".join(str(module.folder) for module in modules)
            return [Finding("module", "FAIL", f"it is installed twice, remove one: {message}")]


def _version(module: Module, folder: StoreFolder) -> list[Finding]:
    ours = shipped()
    try:
        version = module.version
    except AgentError as error:
        return [Finding("module", "FAIL", str(error))]
    update = (
        f"composer update {AGENT_PACKAGE}"
        if module == folder.by_composer
        else f"magento-eventbridge agent install {folder.root}"
    )
    if version != ours.version:
        message = (
            f"{version} in {module.folder}; this bridge comes with {ours.version}: run '{update}'"
        )
        missing = [place for place in _WIRING if not (module.folder / place).is_file()]
        return [Finding("module", "FAIL", message), _wiring(missing, update)]
    return [
        Finding("module", "ok", f"{version} in {module.folder}"),
        _wiring(module.differences(ours), update),
    ]


def _wiring(faulty: list[Path], update: str) -> Finding:
    if not faulty:
        return Finding("files", "ok", "complete and unchanged")
    named = ", ".join(str(place) for place in faulty[:_NAMED_AT_MOST])
    more = f" and {len(faulty) - _NAMED_AT_MOST} more" if len(faulty) > _NAMED_AT_MOST else ""
    return Finding("files", "FAIL", f"changed, missing or foreign: {named}{more}; run '{update}'")


def installed(installation: Installation, switches: dict[str, bool]) -> Iterator[Finding]:
    """Check what the store has enabled and set up, and whether its cron runs."""
    yield _agent(installation, switches)
    if missing := installation.missing_tables:
        message = f"{', '.join(missing)} missing: run 'bin/magento setup:upgrade' in the store"
        yield Finding("tables", "FAIL", message)
    else:
        yield Finding("tables", "ok", ", ".join(TABLES))
    if switches.get(ORIGINAL) and switches.get(AGENT):
        message = (
            f"{ORIGINAL} is enabled beside the agent: each event is sent twice; run 'bin/magento "
            f"module:disable {ORIGINAL}' in the store"
        )
        yield Finding("original module", "warn", message)
    elif ORIGINAL in installation.versions:
        version = installation.versions[ORIGINAL]
        is_on = "enabled" if switches.get(ORIGINAL) else "not enabled"
        yield Finding("original module", "ok", f"{ORIGINAL} {version} was set up, is {is_on}")
    yield _cron(installation)


def _agent(installation: Installation, switches: dict[str, bool]) -> Finding:
    match switches.get(AGENT):
        case None:
            message = f"{AGENT} is not in config.php: install it, run 'bin/magento setup:upgrade'"
            return Finding("agent", "FAIL", message)
        case False:
            message = f"{AGENT} is disabled: run 'bin/magento module:enable {AGENT}' in the store"
            return Finding("agent", "FAIL", message)
    version = installation.versions.get(AGENT)
    message = f"{AGENT} is enabled" + (f", set up with version {version}" if version else "")
    return Finding("agent", "ok", message)


def _cron(installation: Installation) -> Finding:
    idle = installation.cron_idle
    if idle is None:
        return Finding("cron", "warn", "the store's cron has never run: 'bin/magento cron:install'")
    message = f"the store's cron last ran a job {ago(idle)}"
    return Finding("cron", "ok" if installation.cron_runs else "warn", message)


def bridge(installation: Installation, transport: str) -> Finding:
    """Check whether a bridge serves the outbox."""
    if installation.bridge_runs:
        return Finding("bridge", "ok", f"it was alive {ago(installation.bridge_idle or 0.0)}")
    if transport == "http":
        message = "the agent hands over by HTTP, and no bridge needs this database"
        return Finding("bridge", "ok", message)
    start = "'magento-eventbridge serve' starts one"
    if installation.bridge_idle is None:
        return Finding("bridge", "info", f"no bridge has run yet. {start}")
    message = f"no bridge runs; the last one was alive {ago(installation.bridge_idle)}"
    return Finding("bridge", "FAIL", f"{message}. {start}")


def ago(seconds: float) -> str:
    """Return how long ago, in words."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} seconds ago"
