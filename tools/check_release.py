"""Whether a tag may be released: tag, version, changelog and installation hints agree.

    python -m tools.check_release v1.2.3

Prints each disagreement; exit status 1 if there is one.
"""

import re
import sys
from pathlib import Path

from magento_eventbridge import __version__, install_hints

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def problems(
    tag: str, version: str, changelog: str, *, published: bool, repository: str
) -> list[str]:
    """Return what keeps a tag from being released."""
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, but __version__ is {version}: the tag must be v{version}")
    if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        found.append(f"CHANGELOG.md has no heading '## {version} - YYYY-MM-DD'")
    if unreleased := re.search(r"^## Unreleased\n+(?!## )(?=\S)", changelog, re.MULTILINE):
        line = changelog[: unreleased.end()].count("\n") + 1
        found.append(f"CHANGELOG.md, line {line}: changes are still listed as unreleased")
    if not published:
        found.append("install_hints.py: PUBLISHED must be True in a release; then run 'make docs'")
    if not repository:
        found.append("install_hints.py: REPOSITORY must be the address of the public repository")
    return found


def main(tag: str) -> int:
    """Print the problems; return the exit status."""
    changelog = CHANGELOG.read_text(encoding="utf-8")
    found = problems(
        tag,
        __version__,
        changelog,
        published=install_hints.PUBLISHED,
        repository=install_hints.REPOSITORY,
    )
    for problem in found:
        print(problem)
    return int(bool(found))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.check_release TAG")
    sys.exit(main(sys.argv[1]))
