"""Prepare the documentation for the site generator, in build/docs.

Pages are also read in the repository, where `../agent` is next to them; a site generator uses one
folder only. So the pages are copied, with the project's files that they link to, and links are
rewritten. A link to a folder becomes plain text. The generator's settings, `build/zensical.toml`,
are those of the project with the folders and, from the environment:

- SITE_URL, the address of the site: other sites need it to show the picture of a link;
- SITE_VERSION, the folder of this version below that address: pages then have a version switch,
  for which tools/site_versions.py lays out all versions.

python -m tools.docs_site
"""

import json
import os
import posixpath
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BUILD = PROJECT / "build/docs"
_OUTSIDE = "project"
_THEME = PROJECT / "tools/site_theme"

# The theme's switch, for the folders and the file that the program mike writes for MkDocs.
_SWITCH = """
[project.extra.version]
provider = "mike"
default = "latest"
"""

_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>[^)\s:#]+)(?P<anchor>#[^)\s]*)?\)")
_FENCE = re.compile(r"(^ *```.*?^ *```)", re.MULTILINE | re.DOTALL)


def pages() -> dict[str, Path]:
    """Return the site's files by path: all of docs/, and the files that it links to."""
    found = {
        path.relative_to(PROJECT / "docs").as_posix(): path
        for path in sorted((PROJECT / "docs").rglob("*"))
        if path.is_file()
    }
    todo = [path for path in found.values() if path.suffix == ".md"]
    while todo:
        for linked in _linked(todo.pop()):
            there = _place(linked)
            if there not in found:
                found[there] = linked
                todo += [linked] if linked.suffix == ".md" else []
    return found


def _linked(page: Path) -> Iterator[Path]:
    for link in _LINK.finditer(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        target = (page.parent / link["path"]).resolve()
        if target.is_file() and target.is_relative_to(PROJECT):
            yield target


def _place(file: Path) -> str:
    """Return the path of a project file on the site."""
    docs = PROJECT / "docs"
    if file.is_relative_to(docs):
        return file.relative_to(docs).as_posix()
    return f"{_OUTSIDE}/{file.relative_to(PROJECT).as_posix()}"


def laid_out(page: Path) -> str:
    """Return a page's text with its links rewritten to the site's paths."""
    here = posixpath.dirname(_place(page))

    def lead(link: re.Match[str]) -> str:
        target = (page.parent / link["path"]).resolve()
        if target.is_dir():
            return link["text"]
        if not target.is_file():
            return link[0]  # the generator reports it
        path = posixpath.relpath(_place(target), here or ".")
        return f"[{link['text']}]({path}{link['anchor'] or ''})"

    parts = _FENCE.split(page.read_text(encoding="utf-8"))
    return "".join(p if p.lstrip().startswith("```") else _LINK.sub(lead, p) for p in parts)


def main() -> int:
    """Build the site from scratch; return the exit status."""
    shutil.rmtree(BUILD, ignore_errors=True)
    for place, file in pages().items():
        there = BUILD / place
        there.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".md":
            there.write_text(laid_out(file), encoding="utf-8")
        else:
            shutil.copyfile(file, there)
    shutil.rmtree(BUILD.parent / _THEME.name, ignore_errors=True)
    shutil.copytree(_THEME, BUILD.parent / _THEME.name)
    settings = (PROJECT / "zensical.toml").read_text(encoding="utf-8")
    (BUILD.parent / "zensical.toml").write_text(
        with_places(settings, os.environ.get("SITE_URL", ""), os.environ.get("SITE_VERSION", "")),
        encoding="utf-8",
    )
    return 0


def with_places(settings: str, address: str, version: str) -> str:
    """Return the generator's settings with its folders, and the site's address and version."""
    places = {"docs_dir": BUILD.name, "site_dir": "site"}
    if address:
        places["site_url"] = "/".join((address.rstrip("/"), *filter(None, [version]), ""))
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in places.items())
    settings = settings.replace("[project]\n", f"[project]\n{lines}", 1)
    theme = f"[project.theme]\ncustom_dir = {json.dumps(_THEME.name)}\n"
    settings = settings.replace("[project.theme]\n", theme, 1)
    return settings + (_SWITCH if version else "")


if __name__ == "__main__":
    sys.exit(main())
