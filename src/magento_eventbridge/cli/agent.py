"""`agent`: install the Magento module into a store, check it there, switch events on and off."""

import asyncio
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from magento_eventbridge.bridge.startup import start_log
from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, sources_of
from magento_eventbridge.cli.output import AsJson, note, out, show_json, table
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
from magento_eventbridge.magento.live_store import LiveStore, Reading
from magento_eventbridge.magento.php.values import PhpFileError
from magento_eventbridge.magento.switches import (
    Switch,
    SwitchError,
    differing,
    select,
    switches,
)
from magento_eventbridge.observability.log import LogFileError
from magento_eventbridge.observability.operators import record_action
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.model import Settings

_TRANSPORT = "aws_eventbridge/agent/transport"

app = typer.Typer(
    help="Install the Magento module into a store, check it, and switch events on.",
    no_args_is_help=True,
)

Root = Annotated[Path, typer.Argument(metavar="MAGENTO_ROOT", help="The store's folder.")]
Run = Annotated[bool, typer.Option("--run", help="Run Magento's commands too.")]
Php = Annotated[str, typer.Option("--php", help="PHP's command.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show all that Magento's commands print.")]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[EVENT]...",
        help="Groups (cart, order, ...), detail-types (OrderPlaced) or settings (order/placed).",
    ),
]
All = Annotated[bool, typer.Option("--all", help="All events.")]
View = Annotated[
    str | None,
    typer.Option("--view", help="Code of a store view; otherwise the whole store.", metavar="CODE"),
]
DropTables = Annotated[
    bool,
    typer.Option(
        "--drop-tables",
        help="Only drop the tables; refuses while the module is enabled, a bridge runs, or "
        "captures wait.",
    ),
]


@app.command("install", epilog="Example: magento-eventbridge agent install /var/www/html --run")
def install(
    root: Root,
    run: Run = False,
    php: Php = "php",
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Copy the module into a store, or update it, and print the commands that Magento needs."""
    store = StoreFolder(root.absolute())
    plan = _plan(store)
    copied = copying.copy(shipped(), store)
    if not as_json:
        out.print(_describe(copied))
    ran = []
    for command in commands.run(store, plan.commands, php, verbose=verbose) if run else ():
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
        f"This leaves the tables {', '.join(TABLES)} as they are, and a running bridge delivers "
        "what waits. When nothing waits and the bridge is stopped, "
        f"'magento-eventbridge agent uninstall {store.root} --drop-tables' removes those that "
        "exist."
    )


@app.command("enable", epilog="Example: magento-eventbridge agent enable cart order")
def enable(
    names: Names = None,
    every: All = False,
    magento_root: MagentoRoot = None,
    view: View = None,
    php: Php = "php",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Switch events on, and let the shop read its configuration again.

    The store is --magento-root, the setting magento_root, or the current folder.
    """
    _switch(True, names, every, _store_of(config, magento_root), view, php, as_json)


@app.command("disable", epilog="Example: magento-eventbridge agent disable cron indexer")
def disable(
    names: Names = None,
    every: All = False,
    magento_root: MagentoRoot = None,
    view: View = None,
    php: Php = "php",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Switch events off, and let the shop read its configuration again."""
    _switch(False, names, every, _store_of(config, magento_root), view, php, as_json)


@app.command("status", epilog="Example: magento-eventbridge agent status")
def status(
    magento_root: MagentoRoot = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Show which events are switched on, and in which store views that differs."""
    reading = asyncio.run(_read(_store_of(config, magento_root)))
    views = {view.id: view.code for view in reading.rows.stores if view.id}
    rows = []
    for switch in switches():
        is_on = switch.value_in(reading.config.default)
        other = [
            code
            for id_, code in views.items()
            if switch.value_in(reading.config.stores[id_]) != is_on
        ]
        rows.append((switch, is_on, other))
    if as_json:
        show_json(
            [
                {
                    "name": switch.name,
                    "path": switch.path,
                    "detail_types": list(switch.detail_types),
                    "on": is_on,
                    "differs_in": other,
                }
                for switch, is_on, other in rows
            ]
        )
        return
    shown = table("setting", "on", "events")
    for switch, is_on, other in rows:
        answer = "yes" if is_on else "no"
        answer += f", but not in {', '.join(other)}" if is_on and other else ""
        answer += f", but in {', '.join(other)}" if other and not is_on else ""
        shown.add_row(switch.name, answer, ", ".join(switch.detail_types))
    out.print(shown, soft_wrap=False)


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


def _store_of(config: Path | None, magento_root: Path | None) -> LiveStore:
    """Return the store that is named, or the one in the current folder."""
    if magento_root is None and (Path.cwd() / ENV_PHP).is_file():
        magento_root = Path.cwd()
    _, store = sources_of(config, None, magento_root)
    if store is None:
        raise SettingsError("name the store's folder: --magento-root /var/www/html")
    return store


async def _read(store: LiveStore) -> Reading:
    try:
        return await store.read()
    finally:
        await store.close()


def _switch(
    on: bool,
    names: list[str] | None,
    every: bool,
    store: LiveStore,
    view: str | None,
    php: str,
    as_json: bool,
) -> None:
    if every == bool(names):
        raise SettingsError("name the events, or give --all: agent enable cart order")
    chosen = switches() if every else select(names or [])
    reading = asyncio.run(_save(store, chosen, on, view))
    _record(reading.settings, on, chosen, view)
    views = [found.id for found in reading.rows.stores if found.id and view in (None, found.code)]
    left = differing(reading.config, chosen, on, views)
    retry = "The values are saved. The shop reads them after that command."
    ran = [
        " ".join(command)
        for command in commands.run(
            StoreFolder(store.root.absolute()), [commands.CLEAN_CONFIGURATION], php, retry=retry
        )
    ]
    word = "on" if on else "off"
    if as_json:
        show_json(
            {
                "on": on,
                "paths": [switch.path for switch in chosen],
                "view": view,
                "differing": [{"path": one.switch.path, "from": one.place} for one in left],
                "ran": ran,
            }
        )
    else:
        place = f"store view {view}" if view else "the store"
        count = sum(len(switch.detail_types) for switch in chosen)
        out.print(f"{count} events are switched {word} in {place}.")
        for one in left:
            out.print(f"warn  {one.switch.name}: not {word} everywhere, by {one.place}")
    if left:
        raise typer.Exit(1)


async def _save(store: LiveStore, chosen: Iterable[Switch], on: bool, view: str | None) -> Reading:
    """Save the switches, and return what the store then has."""
    try:
        view_id = None
        if view is not None:
            codes = {found.code: found.id for found in (await store.read()).rows.stores}
            if view not in codes:
                known = ", ".join(code for code, id_ in codes.items() if id_)
                raise SwitchError(f"the store has no store view '{view}', only: {known}")
            view_id = codes[view]
        await store.save({switch.path: "1" if on else "0" for switch in chosen}, view_id)
        return await store.read()
    finally:
        await store.close()


def _record(settings: Settings, on: bool, chosen: Sequence[Switch], view: str | None) -> None:
    """Log who switched events; the values are saved, also if the log cannot be written."""
    try:
        start_log(settings)
    except LogFileError as error:
        note(str(error))
        return
    names = ", ".join(switch.name for switch in chosen)
    place = f"store view {view}" if view else "the store"
    record_action("switched %s in %s: %s", "on" if on else "off", place, names)


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
