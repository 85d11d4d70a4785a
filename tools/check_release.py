"""Whether a tag may be released: tag, versions, changelogs and installation hints agree.

    python -m tools.check_release v1.2.3

Prints each disagreement; exit status 1 if there is one.
"""

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
    return found


def main(tag: str) -> int:
    """Print the problems; return the exit status."""
    found = problems(
        tag,
        __version__,
        {name: (PROJECT / name).read_text(encoding="utf-8") for name in CHANGELOGS},
        published=install_hints.PUBLISHED,
        repository=install_hints.REPOSITORY,
    )
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
