"""`make release VERSION=1.2.3`: prepare a release, commit and tag it; publishing is a push.

    python -m tools.release 1.2.3 [REPOSITORY]

Writes the version everywhere, dates the changelog's section, keeps the schemas of this version for
the next one's tests, says that the packages are published, and generates the documentation. With
the public repository's address, `https://github.com/OWNER/NAME`, the packages link to it; a release
needs it once. What tools/check_release.py refuses is refused before anything is written; it checks
again before the commit.
"""

import datetime
import json
import re
import subprocess
import sys
from pathlib import Path

from magento_eventbridge import install_hints
from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.catalog.schema import detail_schema
from tools.check_release import CHANGELOGS, PROJECT, VERSIONS, problems, step_problems

SCHEMAS = PROJECT / "tests/fixtures/schemas"
_HINTS = PROJECT / "src/magento_eventbridge/install_hints.py"


def prepare(version: str, repository: str, today: datetime.date) -> None:
    """Write a release into the project's files."""
    for file, pattern in VERSIONS:
        _replace(PROJECT / file, pattern, version)
    for name in CHANGELOGS:
        changelog = PROJECT / name
        changelog.write_text(released(changelog.read_text(encoding="utf-8"), version, today))
    _replace(_HINTS, r"^PUBLISHED = (False|True)$", "True")
    if repository:
        _replace(_HINTS, r'^REPOSITORY = "(.*)"$', repository.rstrip("/"))
    (SCHEMAS / f"{version}.json").write_text(schemas(), encoding="utf-8")


def released(changelog: str, version: str, today: datetime.date) -> str:
    """Return a changelog whose unreleased changes are those of a version; again, if it has it."""
    if re.search(rf"^## {re.escape(version)} - ", changelog, re.MULTILINE):
        return changelog
    heading = f"## Unreleased\n\n## {version} - {today.isoformat()}\n"
    return changelog.replace("## Unreleased\n", heading, 1)


def refusals(version: str, repository: str, today: datetime.date) -> list[str]:
    """Return why a version cannot be released, before anything is written."""
    if _run("git", "tag", "--list", f"v{version}"):
        return [f"v{version} is tagged already"]
    changelogs = {
        name: released((PROJECT / name).read_text(encoding="utf-8"), version, today)
        for name in CHANGELOGS
    }
    repository = repository.rstrip("/") or install_hints.REPOSITORY
    return [
        *problems(f"v{version}", version, changelogs, published=True, repository=repository),
        *step_problems(version, changelogs["CHANGELOG.md"]),
    ]


def schemas() -> str:
    """Return the schemas of all documented details, as tests of the next version read them."""
    found = {event.detail_type: detail_schema(event) for event in EVENTS}
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def _replace(file: Path, pattern: str, value: str) -> None:
    """Replace the group of a pattern, each time that it occurs in a file."""
    text = file.read_text(encoding="utf-8")

    def replaced(found: re.Match[str]) -> str:
        start, end = found.start(1) - found.start(), found.end(1) - found.start()
        return found[0][:start] + value + found[0][end:]

    file.write_text(re.sub(pattern, replaced, text, flags=re.MULTILINE), encoding="utf-8")


def _run(*command: str) -> str:
    ran = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
    return ran.stdout


def main(version: str, repository: str) -> int:
    """Prepare, check, commit and tag a release; return the exit status."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        print(f"'{version}' is not a version such as 1.2.3")
        return 2
    if _run("git", "status", "--porcelain"):
        print("the working tree has changes: commit them first")
        return 1
    today = datetime.datetime.now(tz=datetime.UTC).date()
    if found := refusals(version, repository, today):
        print("\n".join(found))
        return 1
    prepare(version, repository, today)
    _run(sys.executable, "-m", "tools.generate_docs")
    # A new process: this one has imported the former version.
    checked = [sys.executable, "-m", "tools.check_release", f"v{version}"]
    if subprocess.run(checked, cwd=PROJECT, check=False).returncode:
        print("nothing was committed; 'git stash --include-untracked' sets the changes aside")
        return 1
    _run("git", "add", "--all")
    if _run("git", "status", "--porcelain"):
        _run("git", "commit", "--quiet", "--message", f"Release {version}")
    _run("git", "tag", "--annotate", f"v{version}", "--message", f"Version {version}")
    print(f"committed and tagged v{version}. To publish: git push --follow-tags")
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m tools.release VERSION [REPOSITORY]")
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else ""))
