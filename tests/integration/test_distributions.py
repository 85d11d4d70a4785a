"""The packages that `make dist` builds: complete, without tests, the same bytes each time."""

import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

from tools import distributions

from magento_eventbridge import __version__, install_hints

PROJECT = Path(__file__).parents[2]
AT = 1_600_000_000
REPOSITORY = "https://github.example.com/shop/bridge"


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file
    return file.read()


def test_the_agents_package_is_a_composer_artifact_with_the_bridges_version():
    with zipfile.ZipFile(io.BytesIO(distributions.agent_package(AT))) as archive:
        names = archive.namelist()
        described = json.loads(archive.read("composer.json"))
    assert described["name"] == "magento-eventbridge/module-agent"
    assert described["version"] == __version__
    assert {"registration.php", "etc/module.xml", "LICENSE"} <= set(names)
    assert not [name for name in names if name.startswith("Test/")]


def test_the_types_package_has_the_declarations_and_the_bridges_version():
    with tarfile.open(fileobj=io.BytesIO(distributions.types_package(AT))) as archive:
        names = archive.getnames()
        described = json.loads(_content(archive, "package/package.json"))
        declarations = _content(archive, "package/index.d.ts")
    assert described["version"] == __version__
    assert described["types"] == "index.d.ts"
    assert b"OrderPlaced" in declarations
    assert {"package/README.md", "package/LICENSE"} <= set(names)


def test_each_package_names_the_repository_that_it_comes_from(tmp_path, monkeypatch):
    """npm refuses a package with provenance that names another repository, or none."""
    monkeypatch.setattr(install_hints, "REPOSITORY", REPOSITORY)
    with tarfile.open(fileobj=io.BytesIO(distributions.types_package(AT))) as archive:
        types = json.loads(_content(archive, "package/package.json"))
    assert types["repository"] == {"type": "git", "url": f"git+{REPOSITORY}.git"}
    with zipfile.ZipFile(io.BytesIO(distributions.agent_package(AT))) as zipped:
        agent = json.loads(zipped.read("composer.json"))
    assert agent["support"]["source"] == REPOSITORY
    # The build of a wheel reads the file.
    for name in ("hatch_build.py", "src/magento_eventbridge/__init__.py", "LICENSE"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, tmp_path / name)
    for name in ("packaging/events", "src/magento_eventbridge/events"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    (tmp_path / "src/magento_eventbridge/py.typed").touch()
    (tmp_path / "src/magento_eventbridge/install_hints.py").write_text(
        f'REPOSITORY = "{REPOSITORY}"\n'
    )
    distributions.build_python(tmp_path / "packaging/events", tmp_path, AT, "wheel")
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as built:
        (metadata,) = (name for name in built.namelist() if name.endswith("/METADATA"))
        assert f"Project-URL: Source, {REPOSITORY}\n" in built.read(metadata).decode()


def test_the_packages_of_one_commit_are_the_same_bytes(tmp_path):
    assert distributions.agent_package(AT) == distributions.agent_package(AT)
    assert distributions.types_package(AT) == distributions.types_package(AT)
    for folder in (tmp_path / "first", tmp_path / "second"):
        distributions.build_python(PROJECT, folder, AT, "wheel", "sdist")
        distributions.write_checksums(folder)
    first, second = ((tmp_path / name / "SHA256SUMS").read_text() for name in ("first", "second"))
    assert len(first.splitlines()) == 2
    assert first == second
