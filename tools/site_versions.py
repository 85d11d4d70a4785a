"""Lay out the documentation's sites of all versions beside each other, for the version switch.

    python -m tools.site_versions RELEASED FOLDER

RELEASED has the sites of the releases, `site-1.2.3.tar.gz`; `build/site` is that of `main`. FOLDER
gets a folder for the newest release of each minor version, `1.2`, one for `main`, the list that the
switch reads, and a first page that leads to the newest release.
"""

import html
import json
import re
import shutil
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

from tools.docs_site import PROJECT

MAIN = "main"

_REDIRECT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={place}/">
<title>magento-eventbridge</title>
<a href="{place}/">The documentation of magento-eventbridge</a>
</html>
"""


def lay_out(released: Iterable[Path], main: Path, folder: Path) -> list[str]:
    """Fill a folder with all versions; return their names, the one that is shown first at first."""
    shutil.rmtree(folder, ignore_errors=True)
    newest = {number[:2]: (number, site) for number, site in sorted(map(_numbered, released))}
    versions = []
    for (major, minor), (number, site) in sorted(newest.items(), reverse=True):
        name = f"{major}.{minor}"
        with tarfile.open(site) as archive:
            archive.extractall(folder / name, filter="data")
        versions.append({"version": name, "title": ".".join(map(str, number)), "aliases": []})
    shutil.copytree(main, folder / MAIN)
    versions.append({"version": MAIN, "title": MAIN, "aliases": []})
    for version in versions:
        _name_first_page(folder / str(version["version"]) / "sitemap.xml")
    first = versions[0]
    first["aliases"] = ["latest"]
    (folder / "versions.json").write_text(json.dumps(versions), encoding="utf-8")
    place = html.escape(str(first["version"]))
    (folder / "index.html").write_text(_REDIRECT.format(place=place), encoding="utf-8")
    shutil.copyfile(folder / place / "404.html", folder / "404.html")
    return [str(version["version"]) for version in versions]


def _name_first_page(sitemap: Path) -> None:
    """Name a version's first page by its folder: the switch then leads to the page that is open."""
    text = sitemap.read_text(encoding="utf-8")
    places = re.findall(r"<loc>(.*)index\.html</loc>", text)
    first = min(places, key=len)
    sitemap.write_text(text.replace(f"<loc>{first}index.html<", f"<loc>{first}<"), encoding="utf-8")


def _numbered(site: Path) -> tuple[tuple[int, ...], Path]:
    """Return the version that a release's site is of, and the site."""
    found = re.fullmatch(r"site-(\d+)\.(\d+)\.(\d+)\.tar\.gz", site.name)
    if not found:
        sys.exit(f"{site}: not the site of a release, such as site-1.2.3.tar.gz")
    return tuple(map(int, found.groups())), site


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m tools.site_versions RELEASED FOLDER")
    print(*lay_out(Path(sys.argv[1]).iterdir(), PROJECT / "build/site", Path(sys.argv[2])))
