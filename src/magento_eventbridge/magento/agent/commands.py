"""The commands of Magento that a new or changed module asks for."""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from magento_eventbridge.magento.agent.module import AgentError, StoreFolder
from magento_eventbridge.magento.env_php import Deployment
from magento_eventbridge.magento.installation import AGENT, module_switches
from magento_eventbridge.magento.php.values import check_known

_LAST_LINES = 20
_MAINTENANCE_FLAG = Path("var/.maintenance.flag")


@dataclass(frozen=True)
class Plan:
    """Commands in their order, each without `bin/magento`."""

    commands: Sequence[Sequence[str]]
    mode: str
    """Magento's mode: default, developer or production."""


def plan(store: StoreFolder, deployment: Deployment) -> Plan:
    """Return the commands that enable the agent.

    In production nothing is compiled on the fly: classes are generated while the shop is shut.
    The agent has no static files, so that pub/static stays as it is.

    Raises:
        PhpFileError: the mode or the list of modules is computed.
    """
    is_enabled = module_switches(deployment).get(AGENT)
    switch = () if is_enabled else (("module:enable", AGENT),)
    return _plan(store, deployment, [*switch, ("setup:upgrade",)])


def uninstall_plan(store: StoreFolder, deployment: Deployment) -> Plan:
    """Return the commands that disable the agent; its tables stay.

    Raises:
        PhpFileError: the mode or the list of modules is computed.
    """
    if not module_switches(deployment).get(AGENT):
        return _plan(store, deployment, [])
    return _plan(store, deployment, [("module:disable", AGENT)])


def _plan(store: StoreFolder, deployment: Deployment, switch: Sequence[Sequence[str]]) -> Plan:
    mode = deployment.env.get("MAGE_MODE") or "default"
    check_known(mode)
    if not switch:
        return Plan((), str(mode))
    shuts = mode == "production" and not (store.root / _MAINTENANCE_FLAG).exists()
    commands: list[Sequence[str]] = []
    if shuts:
        commands.append(("maintenance:enable",))
    commands += switch
    if mode == "production":
        commands.append(("setup:di:compile",))
    commands.append(("cache:flush",))
    if shuts:
        commands.append(("maintenance:disable",))
    return Plan(commands, str(mode))


CLEAN_CONFIGURATION = ("cache:clean", "config")
"""The command that lets a running shop read a changed configuration."""


def run(
    store: StoreFolder,
    commands: Sequence[Sequence[str]],
    php: str,
    *,
    verbose: bool = False,
    retry: str = "Fix that and run 'agent install' again.",
) -> Iterator[Sequence[str]]:
    """Run commands as the owner of the store's files, and yield each after it has succeeded.

    Their output goes to standard error: all of it if `verbose`, otherwise the last lines of a
    command that fails. Magento prints a line for each of its modules.

    Raises:
        AgentError: one failed; those after it were not begun.
    """
    user, group = _owner(store)
    for number, words in enumerate(commands):
        command_line = " ".join(words)
        sys.stderr.write(f"$ {php} bin/magento {command_line}\n")
        sys.stderr.flush()
        last: deque[str] = deque(maxlen=_LAST_LINES)
        try:
            with subprocess.Popen(  # noqa: S603  # the operator names the program
                [php, "bin/magento", *words, "--no-interaction"],
                cwd=store.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                user=user,
                group=group,
                extra_groups=None if group is None else [group],
            ) as process:
                for line in process.stdout or ():
                    last.append(line)
                    if verbose:
                        sys.stderr.write(line)
            status = process.returncode
        except OSError as error:
            raise AgentError(
                f"cannot run {php}: {error.strerror}; --php names PHP's command"
            ) from None
        if status:
            if not verbose:
                sys.stderr.writelines(last)
            left = ", ".join(" ".join(one) for one in commands[number:])
            raise AgentError(
                f"'bin/magento {command_line}' failed with status {status}; its output is above. "
                f"{retry} Still to run in the store: {left}" + _warning(store)
            )
        yield words


def _warning(store: StoreFolder) -> str:
    if (store.root / _MAINTENANCE_FLAG).exists():
        return ". The shop is still shut: 'bin/magento maintenance:disable' opens it"
    return ""


def _owner(store: StoreFolder) -> tuple[int, int] | tuple[None, None]:
    """Whom to run as: what root generates, the shop's own user cannot replace."""
    owner = store.console.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return None, None
    return owner.st_uid, owner.st_gid
