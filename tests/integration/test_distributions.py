"""The packages that `make dist` builds: complete, without tests, the same bytes each time."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

from tools import distributions

from magento_eventbridge import __version__

PROJECT = Path(__file__).parents[2]
AT = 1_600_000_000


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


def test_the_packages_of_one_commit_are_the_same_bytes(tmp_path):
    assert distributions.agent_package(AT) == distributions.agent_package(AT)
    assert distributions.types_package(AT) == distributions.types_package(AT)
    for folder in (tmp_path / "first", tmp_path / "second"):
        distributions.build_python(PROJECT, folder, AT, "wheel", "sdist")
        distributions.write_checksums(folder)
    first, second = ((tmp_path / name / "SHA256SUMS").read_text() for name in ("first", "second"))
    assert len(first.splitlines()) == 2
    assert first == second
