"""The lock file: a matching version with hashes for each requirement."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def test_all_that_is_asked_for_is_locked_and_fits():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(one for extra in extras for one in extra)]
    text = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))
    assert len(locked) > 30
    assert text.count("--hash=sha256:") > 2 * len(locked)
    for requirement in map(Requirement, asked):
        if requirement.name == project["name"]:
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert name in locked, f"{name}: run make lock"
        assert requirement.specifier.contains(locked[name]), f"{name}: run make lock"


def _locked(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text()
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))


def test_the_demo_is_installed_from_a_lock_file_of_its_own_in_the_same_versions():
    file = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = file["project"]
    needed = [
        *project["dependencies"],
        *project["optional-dependencies"]["demo"],
        *file["dependency-groups"]["setup"],
    ]
    locked = _locked("requirements-demo.lock")
    for requirement in map(Requirement, needed):
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert requirement.specifier.contains(locked[name]), f"{name}: run make lock"
    assert locked.items() <= _locked("requirements.lock").items()
    text = (ROOT / "requirements-demo.lock").read_text()
    assert text.count("--hash=sha256:") > 2 * len(locked)


def test_the_demo_installs_no_tool_of_the_tests():
    locked = _locked("requirements-demo.lock")
    assert not {"pytest", "mypy", "playwright", "aws-cdk-lib", "cfn-lint"} & locked.keys()
    assert len(locked) < len(_locked("requirements.lock")) / 2


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-demo.lock"])
def test_the_lock_names_no_place_to_fetch_from(name: str):
    text = (ROOT / name).read_text()
    assert not re.search(r"(https?|file)://|--(extra-)?index-url|--find-links", text)
