"""The lock file: it names a fitting version, with digests, of all that is asked for."""

import re
import tomllib
from pathlib import Path

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


def test_the_lock_names_no_place_to_fetch_from():
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"(https?|file)://|--(extra-)?index-url|--find-links", text)
