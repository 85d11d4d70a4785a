"""Whether a tag may be released: tag, versions, changelogs and installation hints agree.

The version is one of the next after the last release, by what changed: docs/versions.md.

    python -m tools.check_release v1.2.3

Prints each disagreement; exit status 1 if there is one.
"""

import itertools
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from magento_eventbridge import __version__, install_hints

PROJECT = Path(__file__).resolve().parent.parent
CHANGELOGS = ("CHANGELOG.md", "agent/CHANGELOG.md")

VERSIONS = (
    ("src/magento_eventbridge/__init__.py", r'^__version__ = "(.*)"$'),
    ("agent/Capture/Context.php", r"^    public const VERSION = '(.*)';$"),
    ("deploy/helm/Chart.yaml", r"^version: (.*)$"),
    ("deploy/helm/Chart.yaml", r"^appVersion: (.*)$"),
    ("docs/operating.md", r"/Agent: copied version (.*)$"),
    ("docs/operating.md", r"^ok    module: (\S+) in "),
)
"""Where the version stands, by file and pattern; all packages take it from the first."""

_LEAST = {"Added": 1, "Deprecated": 1, "Removed": 2}
"""What sections of the changelog need at least: 1 a minor version, 2 a major one."""


def versions(root: Path = PROJECT) -> Iterator[tuple[str, str]]:
    """Return each place of the version with what it says."""
    for file, pattern in VERSIONS:
        text = (root / file).read_text(encoding="utf-8")
        for found in re.finditer(pattern, text, re.MULTILINE):
            yield f"{file}, line {text[: found.start()].count(chr(10)) + 1}", found[1]


def problems(
    tag: str, version: str, changelogs: Mapping[str, str], *, published: bool, repository: str
) -> list[str]:
    """Return what keeps a tag from being released."""
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, but __version__ is {version}: the tag must be v{version}")
    for name, changelog in changelogs.items():
        if not re.search(
            rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE
        ):
            found.append(f"{name} has no heading '## {version} - YYYY-MM-DD'")
        if unreleased := re.search(r"^## Unreleased\n+(?!## )(?=\S)", changelog, re.MULTILINE):
            line = changelog[: unreleased.end()].count("\n") + 1
            found.append(f"{name}, line {line}: changes are still listed as unreleased")
    if not published:
        found.append("install_hints.py: PUBLISHED must be True in a release; then run 'make docs'")
    if not repository:
        found.append("install_hints.py: REPOSITORY must be the address of the public repository")
    elif not re.fullmatch(r"https://[\w.-]+/[\w.-]+/[\w.-]+(?<!\.git)", repository):
        found.append(f"REPOSITORY '{repository}' is not of the form https://github.com/OWNER/NAME")
    return found


def step_problems(version: str, changelog: str) -> list[str]:
    """Return why a version cannot be the next: by its number, or by what the changelog lists."""
    sections = re.findall(r"^## (\d\S*) - .*\n((?:(?!## ).*\n)*)", changelog, re.MULTILINE)
    following = dict(itertools.pairwise(sections))
    section = next((one for one in sections if one[0] == version), None)
    if section is None:
        return []  # problems() names the missing heading.
    if not section[1].strip():
        return [f"CHANGELOG.md lists no change of {version}"]
    if section not in following:
        return []
    before = following[section][0]
    major, minor, patch = (int(number) for number in before.split("."))
    steps = [f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 1}.0", f"{major + 1}.0.0"]
    if version not in steps:
        return [f"{version} does not follow {before}: the next version is {', '.join(steps)}"]
    return [
        f"{version}: the changelog has a section '{kind}', which needs {steps[least]}"
        for kind, least in _LEAST.items()
        if f"### {kind}\n" in section[1] and steps.index(version) < least
    ]


def main(tag: str) -> int:
    """Print the problems; return the exit status."""
    found = problems(
        tag,
        __version__,
        {name: (PROJECT / name).read_text(encoding="utf-8") for name in CHANGELOGS},
        published=install_hints.PUBLISHED,
        repository=install_hints.REPOSITORY,
    )
    found += step_problems(__version__, (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"))
    found += [f"{place}: {said}" for place, said in versions() if said != __version__]
    if not (PROJECT / f"tests/fixtures/schemas/{__version__}.json").exists():
        found.append(f"tests/fixtures/schemas has no {__version__}.json")
    for problem in found:
        print(problem)
    return int(bool(found))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.check_release TAG")
    sys.exit(main(sys.argv[1]))
