"""Every shell command of every page is run by a test, or has a reason why not."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.test_docs import PAGES, PROJECT
from tests.unit.test_site import RUNNABLE, shell_commands


@dataclass(frozen=True)
class Runs:
    """A test runs the command, in this form or with a test's own paths and addresses."""

    test: str
    words: str
    """Stand in that test."""


@dataclass(frozen=True)
class NotRun:
    """No test runs the command."""

    why: str


_MAGENTO = NotRun("Magento's own command; run by hand in a real store")
_ROOT = NotRun("changes the machine's users, services or system folders")
_PACKAGES = Runs("tools/prove_distributions.py", "install(")
_MAKE = NotRun("a target of make, which test_every_target_exists checks")

# The first that matches counts.
EXPLAINED: dict[str, Runs | NotRun] = {
    r"make \w": _MAKE,
    r"MAGENTO_EVENTBRIDGE_SOAK_ROUNDS=\d+ make soak": _MAKE,
    r"\.venv/bin/python -m pytest": NotRun("runs tests"),
    r"python3 -m venv /opt": _PACKAGES,
    r"\S*pip install": _PACKAGES,
    r"composer (config|require)": Runs("tools/prove_distributions.py", '"composer", "install"'),
    r"(ln|install|useradd|userdel|touch|chown|chmod|rm|cd|cp|mv) ": _ROOT,
    r"for name in |name=|\[ -e |python3 -c|done\)?$|after=": Runs(
        "tests/integration/test_maintenance_commands.py", "maintenance.md"
    ),
    r"(journalctl|systemctl) ": NotRun("needs systemd; test_deploy.py checks the unit"),
    r"bin/magento ": _MAGENTO,
    r"kubectl (create|apply)": NotRun("needs a cluster; test_deploy.py validates the manifests"),
    r"helm ": Runs("tests/integration/test_helm.py", "helm("),
    r"rabbitmqctl ": NotRun("needs an administrator of the shop's broker"),
    r"(secret|timestamp|signature)=|curl .*/v1/captures": Runs(
        "tests/integration/test_doc_commands.py", '"In a shell"'
    ),
    r"curl .*:8473/": Runs("tests/integration/test_doc_commands.py", '"metrics.md"'),
    r"\(umask 077; ": Runs("tests/integration/test_doc_commands.py", '"Backup of the spool"'),
    r"sudo .*console login|magento-eventbridge console login": Runs(
        "tests/unit/test_cli.py", '"console", "login"'
    ),
    r"(sudo |/opt/magento-eventbridge/bin/)?magento-eventbridge agent install": Runs(
        "tests/integration/test_agent_command.py", '"install"'
    ),
    r"magento-eventbridge agent check": Runs("tests/integration/test_agent_command.py", '"check"'),
    r"magento-eventbridge agent uninstall": Runs(
        "tests/integration/test_agent_command.py", '"uninstall"'
    ),
    r"(sudo )?magento-eventbridge agent (enable|disable|status)": Runs(
        "tests/integration/test_agent_command.py", '"enable"'
    ),
    r"magento-eventbridge backfill": Runs("tests/integration/test_backfill.py", '"backfill"'),
    r"magento-eventbridge audit": Runs("tests/integration/test_store_audit.py", '"audit"'),
    r"magento-eventbridge events find": Runs("tests/integration/test_store_audit.py", '"find"'),
    r"magento-eventbridge events (generate|export)": Runs(
        "tests/unit/test_own_events_for_consumers.py", '"generate"'
    ),
    r"magento-eventbridge iam policy": Runs("tests/unit/test_iam.py", '"iam", "policy"'),
    r"magento-eventbridge rules put": Runs("tests/integration/test_rules.py", '"rules", "put"'),
    r"magento-eventbridge schemas publish": Runs("tests/integration/test_schemas.py", '"publish"'),
    r"(sudo )?magento-eventbridge doctor": Runs("tests/end_to_end/test_serve_store.py", '"doctor"'),
    r"magento-eventbridge send-test": Runs("tests/integration/test_rules.py", '"send-test"'),
    r"magento-eventbridge serve": Runs("tests/end_to_end/test_serve_store.py", '"serve"'),
    r"magento-eventbridge consume": Runs("tests/end_to_end/test_queue_mode.py", '"consume"'),
    r"magento-eventbridge notify test": Runs(
        "tests/integration/test_notifications.py", '"notify", "test"'
    ),
    r"magento-eventbridge dead-letters": Runs("tests/unit/test_cli.py", '"dead-letters"'),
}


SHOWN = {page: list(shell_commands(page)) for page in PAGES}
_RUN_BY_TEST_SITE = {str(one.id) for one in RUNNABLE}


def _runs_by_itself(page: Path, command: str) -> bool:
    words = command.partition(" > ")[0]
    found = re.sub(r"\s+", " ", words.removeprefix("magento-eventbridge ").replace("'", ""))
    return f"{page.relative_to(PROJECT)}: {found}" in _RUN_BY_TEST_SITE


def explanation(command: str) -> Runs | NotRun | None:
    return next((why for start, why in EXPLAINED.items() if re.match(start, command)), None)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if SHOWN[p]], ids=lambda p: str(p.relative_to(PROJECT))
)
def test_every_command_is_run_or_has_a_reason(page: Path) -> None:
    unexplained = [
        command
        for command in SHOWN[page]
        if not _runs_by_itself(page, command) and explanation(command) is None
    ]
    assert unexplained == []


@pytest.mark.parametrize("run", {why for why in EXPLAINED.values() if isinstance(why, Runs)})
def test_the_named_test_has_the_command(run: Runs) -> None:
    assert run.words in (PROJECT / run.test).read_text(encoding="utf-8")


@pytest.mark.parametrize("start", EXPLAINED)
def test_every_explanation_is_of_a_command(start: str) -> None:
    assert any(re.match(start, command) for found in SHOWN.values() for command in found)


def test_every_target_exists() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    shown = {
        found[1]
        for page in SHOWN.values()
        for command in page
        if (found := re.match(r"(?:\S+=\S+ )*make ([\w-]+)", command))
    }
    assert {"demo", "test", "dist"} <= shown <= targets
