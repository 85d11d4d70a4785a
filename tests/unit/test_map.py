"""The maps of the source match the folders, and no two classes have one name."""

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SOURCE = PROJECT / "src/magento_eventbridge"
WITHOUT_LAYER = {"__init__", "__main__"}
TOP = ("agent", "tests", "examples", "packaging", "deploy", "fuzz", "tools", "benchmarks", "docs")


def _packages_and_modules() -> set[str]:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    return packages | {path.stem for path in SOURCE.glob("*.py")} - WITHOUT_LAYER


def _layers() -> list[list[str]]:
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (found["layers"] for found in contracts["contracts"] if found["type"] == "layers")
    return [
        [name.removeprefix("magento_eventbridge.") for name in layer.split(" : ")]
        for layer in layers
    ]


def test_every_package_and_module_has_a_layer():
    assert {name for layer in _layers() for name in layer} == _packages_and_modules()


def test_the_picture_of_the_contracts_shows_their_layers_in_order():
    text = (PROJECT / "pyproject.toml").read_text()
    picture = re.search(r"# Who may import whom.*?\n#\n(.*?)\[tool", text, re.DOTALL)
    assert picture
    drawn = [line[4:29].split() for line in picture[1].splitlines()]
    assert [sorted(layer) for layer in drawn] == [sorted(layer) for layer in _layers()]


@pytest.fixture(scope="module")
def described() -> tuple[set[str], set[str]]:
    """The names that CONTRIBUTING describes: inside the package, and outside."""
    text = (PROJECT / "CONTRIBUTING.md").read_text()
    block = text.partition("## Where things are")[2].split("```")[1]
    within = {
        name.removesuffix("/").removesuffix(".py")
        for name in re.findall(r"^  (\S+)", block, re.MULTILINE)
    }
    beside = {name.removesuffix("/") for name in re.findall(r"^(\w\S*/) ", block, re.MULTILINE)}
    return within, beside


def test_contributing_describes_every_package_and_module(described):
    assert described[0] == _packages_and_modules()


def test_contributing_describes_every_folder_of_the_project(described):
    assert described[1] == set(TOP)
    assert all((PROJECT / name).is_dir() for name in TOP)


def test_the_page_of_dependencies_names_each_of_them():
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    project = settings["project"]
    groups = [*project["optional-dependencies"].values(), *settings["dependency-groups"].values()]
    needed = {
        re.split(r"[\[<>=; ]", one)[0].lower()
        for group in (project["dependencies"], *groups)
        for one in group
    } - {project["name"]}
    page = (PROJECT / "docs/decisions/0007-dependencies.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\*\*([a-z0-9-]+)\*\*", page))
    # atheris has no wheel for each Python: `make fuzz` installs it where there is one.
    assert named - {"atheris"} == needed


def test_contributing_names_places_that_exist():
    """In its text: `events/order.py` is in the package, `docs/captures.md` in the project."""
    text = re.sub(r"```.*?```", "", (PROJECT / "CONTRIBUTING.md").read_text(), flags=re.DOTALL)
    places = set(re.findall(r"`(\.?[\w-]+(?:/[\w.-]+)*/?)`", text))
    named = {place for place in places if "/" in place}
    assert {"sinks/eventbridge/codes.py", "catalog/order.py"} <= named
    lost = {name for name in named if not any((at / name).exists() for at in (SOURCE, PROJECT))}
    assert lost == set()


def test_no_two_classes_have_one_name():
    """Private ones included: a reader who searches for a name finds one meaning."""
    found: dict[str, list[str]] = {}
    for file in SOURCE.rglob("*.py"):
        for name in re.findall(r"^class _?([A-Z]\w*)", file.read_text(), re.MULTILINE):
            found.setdefault(name, []).append(str(file.relative_to(SOURCE)))
    assert len(found) > 300
    assert {name: files for name, files in found.items() if len(files) > 1} == {}
