"""The workflows for GitHub: valid by its schema, and without a finding of zizmor."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))

OF_THE_RUNNER = {
    *("chromium", "curl", "logrotate", "nodejs", "npm", "openssl", "sqlite3", "systemd")
}
"""Debian's packages whose programs GitHub's image for Ubuntu 24.04 has."""

OF_SETUP_PHP = {"php-cli", "phpunit"}


def _run(*command):
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_workflows_are_valid_by_githubs_schema():
    assert len(WORKFLOWS) == 6
    _run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    _run(
        BIN / "check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"
    )


def test_the_forms_for_issues_are_valid_by_githubs_schema():
    config, *forms = sorted((PROJECT / ".github/ISSUE_TEMPLATE").iterdir(), key=_is_form)
    schema = ("--builtin-schema", "vendor.github-issue-config")
    _run(BIN / "check-jsonschema", *schema, config)
    _run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", *forms)


def _is_form(path: Path) -> bool:
    return path.name != "config.yml"


def test_zizmor_finds_nothing():
    _run(BIN / "zizmor", "--offline", "--persona=pedantic", ".github")


def test_every_target_of_make_in_a_workflow_exists():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    used = {
        name
        for workflow in WORKFLOWS
        for name in re.findall(r"run: make ([a-z-]+)", workflow.read_text())
    }
    assert {"lint", "test", "dist", "docs", "audit"} <= used
    assert used <= targets


def test_the_tests_find_each_program_that_they_need():
    """As a user who is not root they install none."""
    text = (PROJECT / ".github/workflows/ci.yml").read_text()
    (packages,) = re.findall(r"no-install-recommends \\\n(.*)\n", text)
    installed = set(packages.split())
    tests = "\n".join(path.read_text() for path in (PROJECT / "tests").rglob("*.py"))
    needed = set(re.findall(r'program\(\s*"[\w-]+", "([\w-]+)"', tests))
    needed |= set(re.findall(r'library\(\w+, "([\w-]+)"', tests))
    needed |= set(re.findall(r'^_PACKAGE = "([\w-]+)"$', tests, re.MULTILINE))
    assert {"faketime", "galera-4", "mariadb-server", "rabbitmq-server"} <= needed
    assert needed - installed - OF_THE_RUNNER - OF_SETUP_PHP == {"erlang-base"}  # with RabbitMQ
    (extensions,) = re.findall(r"extensions: (.*)\n", text)
    assert set(re.findall(r'php\("(\w+)"', tests)) <= set(extensions.split(", "))


def _dependencies(folder: Path, *, open_requests: str) -> str:
    """Run the last step of dependencies.yml in a clone; return the calls of `gh`."""
    step = yaml.safe_load((PROJECT / ".github/workflows/dependencies.yml").read_text())
    script = step["jobs"]["lock"]["steps"][-1]["run"]
    programs, clone = folder / "programs", folder / "clone"
    programs.mkdir(exist_ok=True)
    gh = programs / "gh"
    gh.write_text(
        f'#!/bin/sh\necho "$@" >> {folder}/calls\n'
        f'case "$*" in "pr list "*) printf "{open_requests}" ;; esac\n'
    )
    gh.chmod(0o755)
    (folder / "calls").write_text("")
    ran = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=clone,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return (folder / "calls").read_text()


def test_newer_locked_versions_are_one_pull_request(tmp_path):
    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *words]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    git("init", "--quiet", "--bare", "--initial-branch=main", "public")
    git("clone", "--quiet", "public", "clone")
    lock = tmp_path / "clone/requirements.lock"
    lock.write_text("one==1\n")
    git("-C", "clone", "add", "--all")
    git("-C", "clone", "commit", "--quiet", "--message=before")
    git("-C", "clone", "push", "--quiet", "origin", "HEAD:main")
    assert _dependencies(tmp_path, open_requests="") == "", "no newer version: nothing is done"
    lock.write_text("one==2\n")
    calls = _dependencies(tmp_path, open_requests="")
    assert "pr create --base main --head dependencies" in calls
    assert "workflow run ci.yml --ref dependencies" in calls
    assert git("-C", "public", "show", "dependencies:requirements.lock") == "one==2\n"
    # The next week's run begins with a new clone, and finds the request open.
    git("-C", "clone", "switch", "--quiet", "main")
    git("-C", "clone", "branch", "--quiet", "-D", "dependencies")
    lock.write_text("one==3\n")
    calls = _dependencies(tmp_path, open_requests="7")
    assert "pr create" not in calls
    assert "workflow run" in calls
    assert git("-C", "public", "show", "dependencies:requirements.lock") == "one==3\n"
