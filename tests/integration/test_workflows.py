"""The workflows for GitHub: valid by its schema, and without a finding of zizmor."""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))


def _run(*command):
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_workflows_are_valid_by_githubs_schema():
    assert len(WORKFLOWS) == 5
    _run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    _run(
        BIN / "check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"
    )


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
