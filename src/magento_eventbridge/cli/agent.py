"""`agent`: install the Magento module into a store, and check it there."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from magento_eventbridge.cli.options import Config, Overrides, sources_of
from magento_eventbridge.cli.output import AsJson, out, show_json
from magento_eventbridge.doctor.agent import bridge, files, installed
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.install_hints import AGENT_PACKAGE
from magento_eventbridge.magento.agent import commands, copying, tables
from magento_eventbridge.magento.agent.commands import Plan
from magento_eventbridge.magento.agent.copying import Copy
from magento_eventbridge.magento.agent.module import AgentError, StoreFolder, shipped
from magento_eventbridge.magento.database import DatabaseError, database_options
from magento_eventbridge.magento.env_php import ENV_PHP, read_deployment
from magento_eventbridge.magento.installation import TABLES, module_switches
from magento_eventbridge.magento.live_store import LiveStore
from magento_eventbridge.magento.php_values import PhpFileError
from magento_eventbridge.settings.errors import SettingsError

_TRANSPORT = "aws_eventbridge/agent/transport"

app = typer.Typer(
    help="Install the Magento module into a store, and check it.", no_args_is_help=True
)

Root = Annotated[Path, typer.Argument(metavar="MAGENTO_ROOT", help="The store's folder.")]
Run = Annotated[bool, typer.Option("--run", help="Run Magento's commands too.")]
Php = Annotated[str, typer.Option("--php", help="PHP's command, for --run.")]
DropTables = Annotated[
    bool,
    typer.Option(
        "--drop-tables",
        help="Only drop the tables; refuses while the module is enabled, a bridge runs, or "
        "captures wait.",
    ),
]


@app.command("install", epilog="Example: magento-eventbridge agent install /var/www/html --run")
def install(root: Root, run: Run = False, php: Php = "php", as_json: AsJson = False) -> None:
    """Copy the module into a store, or update it, and print the commands that Magento needs."""
    store = StoreFolder(root.absolute())
    plan = _plan(store)
    copied = copying.copy(shipped(), store)
    if not as_json:
        out.print(_describe(copied))
    ran = []
    for command in commands.run(store, plan.commands, php) if run else ():
        ran.append(" ".join(command))
    if as_json:
        show_json(
            {
                "folder": str(copied.folder),
                "version": copied.version,
                "former_version": copied.former_version,
                "changed": copied.is_changed,
                "by_composer": copied.is_composers,
                "mode": plan.mode,
                "commands": [" ".join(command) for command in plan.commands],
                "ran": ran,
            }
        )
    elif run:
        out.print(f"ran: {', '.join(ran) or 'nothing'}")
    else:
        _show(plan, store)


@app.command("uninstall", epilog="Example: magento-eventbridge agent uninstall /var/www/html --run")
def uninstall(
    root: Root,
    run: Run = False,
    drop_tables: DropTables = False,
    php: Php = "php",
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Disable the module and keep its tables; drop them in a separate step, when nothing waits."""
    store = StoreFolder(root.absolute())
    try:
        plan = commands.uninstall_plan(store, read_deployment(store.root, os.environ))
    except PhpFileError as error:
        raise SettingsError(str(error)) from None
    if drop_tables:
        if plan.commands:
            raise AgentError(
                "the module is enabled and would write into the tables: disable it first, with "
                f"'magento-eventbridge agent uninstall {store.root} --run'"
            )
        own, _ = sources_of(config, [*(overrides or []), f"magento_root={store.root}"], None)
        outbox = LiveStore(store.root, own, os.environ).reach()[0].outbox
        dropped = asyncio.run(tables.drop_tables(database_options(outbox)))
        out.print(f"dropped: {', '.join(dropped)}" if dropped else "There are no tables to drop.")
        return
    for command in commands.run(store, plan.commands, php) if run else ():
        out.print(f"ran: {' '.join(command)}")
    if not plan.commands:
        out.print("The module is not enabled.")
    elif not run:
        out.print(f"This command changes nothing. Run in {store.root} (mode: {plan.mode}):\n")
        for command in plan.commands:
            out.print(f"  bin/magento {' '.join(command)}")
        out.print("\nWith --run this command runs them itself.")
    for module in store.modules():
        how = (
            f"composer remove {AGENT_PACKAGE}"
            if module == store.by_composer
            else "delete this folder"
        )
        out.print(f"Then remove the files in {module.folder}: {how}.")
    out.print(
        f"The tables {', '.join(TABLES)} are kept, and a running bridge delivers what waits. When "
        "nothing waits and the bridge is stopped, "
        f"'magento-eventbridge agent uninstall {store.root} --drop-tables' removes them."
    )


@app.command("check", epilog="Example: magento-eventbridge agent check /var/www/html")
def check(
    root: Root, config: Config = None, overrides: Overrides = None, as_json: AsJson = False
) -> None:
    """Check the module in a store and what it needs; exit 1 when something must be fixed."""
    folder = StoreFolder(root.absolute())
    own, _ = sources_of(config, [*(overrides or []), f"magento_root={folder.root}"], None)
    findings = asyncio.run(_look(LiveStore(folder.root, own, os.environ)))
    is_well = all(finding.is_well for finding in findings)
    if as_json:
        rows = [
            {"name": f.name, "ok": f.is_well, "state": f.state.lower(), "message": f.message}
            for f in findings
        ]
        show_json({"ok": is_well, "findings": rows})
    else:
        for finding in findings:
            out.print(str(finding))
    if not is_well:
        raise typer.Exit(1)


async def _look(store: LiveStore) -> list[Finding]:
    found = files(StoreFolder(store.root))
    try:
        switches = module_switches(store.files())
        installation = await store.installation()
        transport = (await store.read()).config.default.get(_TRANSPORT)
    except (PhpFileError, DatabaseError, SettingsError) as error:
        return [*found, Finding("store", "FAIL", "; ".join(str(error).splitlines()))]
    finally:
        await store.close()
    return [
        *found,
        *installed(installation, switches),
        bridge(installation, transport.text if transport else ""),
    ]


def _plan(store: StoreFolder) -> Plan:
    """Return the commands that Magento needs, before anything in the store is changed."""
    if not (store.root / ENV_PHP).exists():
        return Plan((), "not installed")
    try:
        return commands.plan(store, read_deployment(store.root, os.environ))
    except PhpFileError as error:
        raise SettingsError(str(error)) from None


def _describe(copied: Copy) -> str:
    match copied:
        case Copy(is_composers=True):
            return (
                f"{copied.folder}: composer has put version {copied.version} here, nothing was "
                f"copied; 'composer update {AGENT_PACKAGE}' updates it"
            )
        case Copy(is_changed=False):
            return f"{copied.folder}: version {copied.version} is here already"
        case Copy(former_version=None):
            return f"{copied.folder}: copied version {copied.version}"
        case _:
            former = copied.former_version
            return f"{copied.folder}: version {copied.version} replaces version {former}"


def _show(plan: Plan, store: StoreFolder) -> None:
    if not plan.commands:
        out.print("This Magento is not set up yet; its setup:install will install the module.")
        return
    out.print(f"\nNow, in {store.root} (mode: {plan.mode}), as the owner of its files:\n")
    for command in plan.commands:
        out.print(f"  bin/magento {' '.join(command)}")
    out.print("\nWith --run this command runs them itself.")
