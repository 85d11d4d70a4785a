"""Hints on how to install the packages are commands that work."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

from tools import generate_docs

from magento_eventbridge import install_hints
from magento_eventbridge.install_hints import (
    add_extra,
    agent_install,
    pip_install,
    pip_install_events,
)

PROJECT = Path(__file__).parents[2]


def test_unpublished_packages_are_installed_from_a_checkout():
    assert pip_install(published=False) == "pip install ."
    assert pip_install("demo", published=False) == "pip install '.[demo]'"
    assert pip_install_events(published=False) == "pip install ./packaging/events"
    assert "composer" not in agent_install("/shop", published=False)


def test_published_packages_are_installed_by_name():
    assert pip_install("demo", published=True) == "pip install 'magento-eventbridge[demo]'"
    assert pip_install_events(published=True) == "pip install magento-eventbridge-events"
    assert "composer require magento-eventbridge/module-agent" in agent_install(
        "/shop", published=True
    )


def test_a_message_names_the_pip_of_the_environment_that_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert add_extra("otel", published=False) == "pip install '.[otel]', in the checkout's folder"
    (tmp_path / "pip").touch()
    wanted = f"{tmp_path}/pip install 'magento-eventbridge[otel]'"
    assert add_extra("otel", published=True) == wanted


def test_make_docs_changes_the_hints_of_every_page(monkeypatch):
    page = f"Run `{pip_install('otel')}`, then `{pip_install_events()}`."
    monkeypatch.setattr(generate_docs, "pip_install", lambda extra: f"install {extra}")
    monkeypatch.setattr(generate_docs, "pip_install_events", lambda: "install events")
    assert generate_docs.with_install_hints(page) == "Run `install otel`, then `install events`."


def test_after_publishing_no_page_installs_from_a_checkout(monkeypatch):
    for name, command in (("pip_install", pip_install), ("pip_install_events", pip_install_events)):
        monkeypatch.setattr(generate_docs, name, partial(command, published=True))
    pages = [*PROJECT.glob("docs/*.md"), PROJECT / "README.md"]
    texts = [generate_docs.with_install_hints(page.read_text(encoding="utf-8")) for page in pages]
    commands = re.findall(r"(pip install (?:--upgrade )?(?:'.*?'|[\w.-]+))", "\n".join(texts))
    assert {"pip install magento-eventbridge", "pip install 'magento-eventbridge[otel]'"} <= set(
        commands
    )
    assert "pip install --upgrade magento-eventbridge" in commands
    assert [command for command in commands if "." in command] == []


def test_no_message_and_no_page_names_a_package_that_is_not_published():
    if install_hints.PUBLISHED:
        return
    names = re.compile(r"(pip install|uv add|npm install) '?(magento-eventbridge|@magento-)")
    files = subprocess.run(
        ["git", "ls-files", "src", "docs", "agent", "examples", "deploy", "README.md"],
        cwd=PROJECT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    named = [
        name
        for name in files
        if (PROJECT / name).suffix in {".py", ".md", ".php", ".html", ".yaml", ".toml"}
        and "docs/decisions/" not in name
        and names.search((PROJECT / name).read_text(encoding="utf-8"))
    ]
    assert named == []
