"""README.md works where it is published: in the repository, and at a package index."""

import re
from pathlib import Path

from hatch_build import readme, urls

from magento_eventbridge.cli import all_commands
from tests.unit.test_docs import PROJECT

TEXT = (PROJECT / "README.md").read_text(encoding="utf-8")
RELATIVE = re.compile(r"\]\((?![a-z]+:|#)[^)]*\)")
REPOSITORY = "https://github.example.com/shop/bridge"


def test_readme_links_to_files_of_the_project():
    assert len(RELATIVE.findall(TEXT)) > 50


def test_a_package_index_shows_links_to_this_version_in_the_repository():
    text = readme(TEXT, REPOSITORY, "v1.2.3")
    assert RELATIVE.findall(text) == []
    assert f"[documented events]({REPOSITORY}/blob/v1.2.3/docs/events/README.md)" in readme(
        "[documented events](docs/events/README.md)", REPOSITORY, "v1.2.3"
    )
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", text)
    assert len(pictures) >= 2
    for picture in pictures:
        assert picture.startswith(f"{REPOSITORY}/raw/v1.2.3/")
        assert (PROJECT / picture.removeprefix(f"{REPOSITORY}/raw/v1.2.3/")).is_file()
    assert f"console-overview.png)]({REPOSITORY}/blob/v1.2.3/docs/console.md)" in text


def test_without_a_repository_no_link_leads_nowhere():
    text = readme(TEXT, "", "v1.2.3")
    assert RELATIVE.findall(text) == []
    assert "![" not in text
    assert "as 37 documented events, and" in text
    assert "](https://docs.getmoto.org/)" in text
    assert urls("", "v1.2.3") == {}


def test_the_addresses_are_those_of_the_repository():
    assert urls(REPOSITORY, "v1.2.3")["Changelog"] == f"{REPOSITORY}/blob/v1.2.3/CHANGELOG.md"


def test_the_table_of_commands_has_each_command():
    rows = re.findall(r"^\| `([a-z-]+) ?([a-z\\|-]*)[^`]*` \|", TEXT, re.MULTILINE)
    listed = {
        f"{name} {inner}".strip() for name, words in rows for inner in (words or "").split("\\|")
    }
    assert listed == set(_commands())


def _commands() -> list[str]:
    group = all_commands()
    context = group.make_context("magento-eventbridge", ["version"], resilient_parsing=True)
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = getattr(command, "commands", None)
        found += [f"{name} {one}" for one in inner] if inner else [name]
    return found


def test_the_picture_of_the_flow_has_both_color_schemes_and_says_what_it_shows():
    picture = (PROJECT / "docs/images/flow.svg").read_text(encoding="utf-8")
    assert "@media (prefers-color-scheme: dark)" in picture
    assert "<title" in picture
    assert "<desc" in picture
    assert not re.search(r"(href|src|url)\W+https?:", picture)


def test_the_pictures_of_the_readme_are_in_the_project():
    for path in re.findall(r"!\[[^\]]*\]\(([^)]*)\)", TEXT):
        assert (PROJECT / Path(path)).is_file()
