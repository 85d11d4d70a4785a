"""Every page of the documentation is in the menu, or linked from a page that is."""

import re
import tomllib
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"


def _in_menu(entries: list[Any]) -> set[str]:
    found: set[str] = set()
    for entry in entries:
        for value in entry.values():
            found |= _in_menu(value) if isinstance(value, list) else {value}
    return found


def _links(page: Path) -> set[Path]:
    targets = re.findall(r"\]\(([^)\s:#]+\.md)[#)]", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in targets}


def test_every_page_can_be_reached():
    menu = tomllib.loads((PROJECT / "zensical.toml").read_text())["project"]["nav"]
    todo = [DOCS / name for name in _in_menu(menu) if (DOCS / name).exists()]
    reached: set[Path] = set()
    while todo:
        page = todo.pop().resolve()
        if page not in reached and page.exists():
            reached.add(page)
            todo += _links(page)
    pages = {page.resolve() for page in DOCS.rglob("*.md")}
    assert sorted(str(page.relative_to(DOCS)) for page in pages - reached) == []
