"""The documentation matches the code: generated pages are current, links have targets."""

import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
from tools import generate_docs

from magento_eventbridge.catalog import EVENTS, EventDefinition
from magento_eventbridge.catalog.schema import detail_schema
from magento_eventbridge.settings.layers import Layer, load

PROJECT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in PROJECT.rglob("*.md")
    if not any(part.startswith(".") or part == "build" for part in page.relative_to(PROJECT).parts)
)

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def test_generated_pages_are_current() -> None:
    names = [str(path.relative_to(PROJECT)) for path in generate_docs.stale()]

    assert names == [], "run 'make docs'"


def test_check_names_what_is_stale_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = tmp_path / "docs"
    monkeypatch.setattr(generate_docs, "DOCS", docs)
    assert generate_docs.main([]) == 0
    assert generate_docs.main(["--check"]) == 0
    capsys.readouterr()
    (docs / "settings.md").write_text("old")
    (docs / "events" / "OrderPlaced.md").unlink()
    (docs / "events" / "OrderForgotten.md").write_text("of no event")

    assert generate_docs.main(["--check"]) == 1

    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == [
        "docs/events/OrderForgotten.md",
        "docs/events/OrderPlaced.md",
        "docs/settings.md",
    ]
    assert generate_docs.main([]) == 0
    assert generate_docs.main(["--check"]) == 0


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_the_sample_of_a_page_is_valid_by_the_schema_of_the_page(event: EventDefinition) -> None:
    sample = generate_docs.sample_detail(event)
    schema = detail_schema(event)

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(sample, schema)
    jsonschema.validate(sample | {"tracking": generate_docs.SAMPLE_TRACKING}, schema)


def test_every_scope_has_a_title() -> None:
    assert set(generate_docs.SCOPE_TITLES) == {event.scope for event in EVENTS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_toml_examples_are_settings(page: Path) -> None:
    for example in re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        load([Layer("the example", tomllib.loads(example))])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_relative_links_resolve(page: Path) -> None:
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    broken = [link for link in _LINK.findall(text) if not _resolves(page, link)]

    assert broken == []


def _resolves(page: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return False
    return not anchor or anchor in _anchors(target)


def _anchors(page: Path) -> set[str]:
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(text)
    }
