"""One command prepares a release; it is refused while tag, versions and changelogs disagree."""

import datetime
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tools import check_release, release
from tools.check_release import problems, step_problems, versions

from magento_eventbridge import __version__, install_hints

REPOSITORY = "https://github.example.com/shop/bridge"
CHANGELOG = "# Changelog\n\n## Unreleased\n\n## 1.2.0 - 2026-11-27\n\n### Added\n\n- Something.\n"
FIXED = "### Fixed\n\n- A bug.\n"
TODAY = datetime.date(2026, 11, 27)


def found(tag="v1.2.0", version="1.2.0", changelog=CHANGELOG, published=True, address=REPOSITORY):
    changelogs = {"CHANGELOG.md": changelog}
    return problems(tag, version, changelogs, published=published, repository=address)


def test_a_prepared_release_has_no_problem():
    assert found() == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"tag": "v1.2.1"}, "the tag must be v1.2.0"),
        ({"tag": "1.2.0"}, "the tag must be v1.2.0"),
        ({"tag": "v1.3.0", "version": "1.3.0"}, "no heading '## 1.3.0 - YYYY-MM-DD'"),
        (
            {"changelog": CHANGELOG.replace("## Unreleased\n", "## Unreleased\n\n- A bug.\n")},
            "CHANGELOG.md, line 5: changes are still listed as unreleased",
        ),
        ({"published": False}, "PUBLISHED must be True"),
        ({"address": ""}, "REPOSITORY must be"),
        ({"address": f"{REPOSITORY}.git"}, "is not of the form https://github.com/OWNER/NAME"),
        ({"address": "git@github.com:shop/bridge"}, "is not of the form"),
    ],
)
def test_what_does_not_agree_is_named(given, problem):
    (one,) = found(**given)
    assert problem in one


@pytest.mark.parametrize(
    ("version", "section", "problem"),
    [
        ("1.2.1", FIXED, None),
        ("1.3.0", "### Added\n\n- A thing.\n", None),
        ("2.0.0", "### Removed\n\n- A thing.\n", None),
        ("1.2.1", f"{FIXED}\n### Added\n\n- A thing.\n", "'Added', which needs 1.3.0"),
        ("1.2.1", "### Deprecated\n\n- A thing.\n", "'Deprecated', which needs 1.3.0"),
        ("1.3.0", "### Removed\n\n- A thing.\n", "'Removed', which needs 2.0.0"),
        ("1.2.2", FIXED, "1.2.2 does not follow 1.2.0: the next version is 1.2.1"),
        ("1.1.0", FIXED, "1.1.0 does not follow 1.2.0"),
        ("3.0.0", FIXED, "3.0.0 does not follow 1.2.0"),
        ("1.2.1", "", "CHANGELOG.md lists no change of 1.2.1"),
        ("1.2.0", FIXED, None),  # again, after a release that was refused
    ],
)  # fmt: skip
def test_a_version_is_one_step_and_its_changes_fit_it(version, section, problem):
    unreleased = CHANGELOG.replace("## Unreleased\n\n", f"## Unreleased\n\n{section}\n")
    found = step_problems(version, release.released(unreleased, version, TODAY))
    assert [one for one in found if problem is None or problem not in one] == []
    assert bool(found) == bool(problem)


def test_the_version_is_the_same_everywhere():
    places = dict(versions())
    assert len(places) == len(check_release.VERSIONS)
    assert set(places.values()) == {__version__}


def test_a_released_version_keeps_its_schemas():
    """The changelog has a section of this version: the next version's tests need its schemas."""
    changelog = (check_release.PROJECT / "CHANGELOG.md").read_text()
    assert f"## {__version__} - " in changelog
    assert "OrderPlaced" in json.loads((release.SCHEMAS / f"{__version__}.json").read_text())


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    """A copy of the files that a release changes."""
    files = {file for file, _ in check_release.VERSIONS} | set(check_release.CHANGELOGS)
    hints = "src/magento_eventbridge/install_hints.py"
    for file in (*files, hints):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(check_release.PROJECT / file, tmp_path / file)
    (tmp_path / "schemas").mkdir()
    monkeypatch.setattr(release, "PROJECT", tmp_path)
    monkeypatch.setattr(release, "SCHEMAS", tmp_path / "schemas")
    monkeypatch.setattr(release, "_HINTS", tmp_path / hints)
    return tmp_path


def test_one_command_prepares_a_release_and_changes_nothing_the_second_time(project):
    def text(name):
        return (project / name).read_text(encoding="utf-8")

    for _ in range(2):
        release.prepare("7.8.9", REPOSITORY + "/", TODAY)
        assert {said for _, said in versions(project)} == {"7.8.9"}
        changelogs = {name: text(name) for name in check_release.CHANGELOGS}
        for changelog in changelogs.values():
            assert changelog.count("## 7.8.9 - 2026-11-27\n") == 1
            assert changelog.count("## Unreleased\n") == 1
        hints: dict[str, object] = {}
        exec(text("src/magento_eventbridge/install_hints.py"), hints)
        assert (hints["PUBLISHED"], hints["REPOSITORY"]) == (True, REPOSITORY)
        assert "OrderPlaced" in json.loads(text("schemas/7.8.9.json"))
        assert problems("v7.8.9", "7.8.9", changelogs, published=True, repository=REPOSITORY) == []


def test_a_version_that_cannot_be_next_changes_nothing(project, monkeypatch, capsys):
    monkeypatch.setattr(install_hints, "REPOSITORY", "")
    for name in check_release.CHANGELOGS:
        changed = CHANGELOG.replace("## Unreleased\n\n", f"## Unreleased\n\n{FIXED}\n")
        (project / name).write_text(changed)

    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *words]
        return subprocess.run(
            command, cwd=project, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Begin")
    git("tag", "v1.2.1")
    for version, repository, refusal in [
        ("1.2.1", REPOSITORY, "v1.2.1 is tagged already"),
        ("1.2.2", REPOSITORY, "1.2.2 does not follow 1.2.0"),
        ("1.3.0", "", "REPOSITORY must be"),
    ]:
        assert release.main(version, repository) == 1
        assert refusal in capsys.readouterr().out
        assert git("status", "--short") == ""


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3rc1", ""])
def test_only_whole_versions_are_released(version, capsys):
    assert release.main(version, "") == 2
    assert "is not a version such as 1.2.3" in capsys.readouterr().out
