"""`make dist`: build every package that is published, the same bytes for the same commit, in dist/.

    python -m tools.distributions [FOLDER]

- wheel and sdist of the bridge, with the agent inside;
- the wheel of the typed events for consumers;
- the agent as a Composer package: a folder with it is a repository of type `artifact`;
- the TypeScript types as an npm package;
- sbom.cdx.json: what an installed bridge contains (CycloneDX); SHA256SUMS.

`tools.prove_distributions` installs and uses them.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from hatch_build import urls

from magento_eventbridge import __version__, install_hints
from magento_eventbridge.magento.agent.module import Module

PROJECT = Path(__file__).resolve().parent.parent
DIST = PROJECT / "dist"

AGENT = f"magento-eventbridge-module-agent-{__version__}.zip"
TYPES = f"magento-eventbridge-events-{__version__}.tgz"
SBOM = "sbom.cdx.json"
CHECKSUMS = "SHA256SUMS"

_FILE_MODE = 0o644
_BIN = Path(sys.executable).parent


def commit_time() -> int:
    """Return the time of the last commit in seconds since the epoch: the time of every file.

    The environment's SOURCE_DATE_EPOCH goes first, for builds outside a repository.
    Source: reproducible-builds.org, "SOURCE_DATE_EPOCH".
    """
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, cwd=PROJECT, check=True, capture_output=True).stdout)


def build(folder: Path = DIST) -> list[Path]:
    """Build all packages into an empty folder; return their files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    at = commit_time()
    build_python(PROJECT, folder, at, "wheel", "sdist")
    build_python(PROJECT / "packaging/events", folder, at, "wheel")
    (folder / AGENT).write_bytes(agent_package(at))
    (folder / TYPES).write_bytes(types_package(at))
    _write_sbom(next(folder.glob("magento_eventbridge-*.whl")), folder / SBOM)
    write_checksums(folder)
    return sorted(folder.iterdir())


def build_python(source: Path, folder: Path, at: int, *targets: str) -> None:
    """Build wheel or sdist of a project; `at` is the time of every file."""
    for target in targets:
        subprocess.run(
            [_BIN / "hatchling", "build", "--target", target, "--directory", folder],
            cwd=source,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(at)},
            stdout=subprocess.DEVNULL,
            check=True,
        )


def agent_package(at: int) -> bytes:
    """Return the agent as a zip file; Composer's repositories of type `artifact` need the version.

    Source: Composer's documentation, "Repositories", "Artifact".
    """
    agent = Module(PROJECT / "agent")
    described = json.loads((agent.folder / "composer.json").read_bytes())
    described = {"name": described.pop("name"), **described, "version": __version__}
    if found := _addresses():
        described["support"] = {
            "docs": found["Documentation"],
            "issues": found["Issues"],
            "source": found["Source"],
        }
    files = {str(place): (agent.folder / place).read_bytes() for place in agent.files()}
    files["composer.json"] = _json(described)
    files["LICENSE"] = (PROJECT / "LICENSE").read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, time.gmtime(at)[:6])
            info.external_attr = _FILE_MODE << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return buffer.getvalue()


def types_package(at: int) -> bytes:
    """Return the TypeScript types as npm's tar file."""
    source = PROJECT / "packaging/typescript"
    described = json.loads((source / "package.json").read_bytes()) | {"version": __version__}
    if found := _addresses():
        # npm compares it with the repository whose workflow publishes the package.
        described["repository"] = {"type": "git", "url": f"git+{found['Source']}.git"}
        described |= {"homepage": found["Homepage"], "bugs": found["Issues"]}
    declarations = PROJECT / "src/magento_eventbridge/events/events.d.ts"
    files = {
        "package/LICENSE": (PROJECT / "LICENSE").read_bytes(),
        "package/README.md": (source / "README.md").read_bytes(),
        "package/index.d.ts": declarations.read_bytes(),
        "package/package.json": _json(described),
    }
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=at) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member, content in _members(files, at):
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _addresses() -> dict[str, str]:
    """Return the addresses of this version in the public repository; none without one."""
    return urls(install_hints.REPOSITORY, f"v{__version__}")


def _members(files: Mapping[str, bytes], at: int) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for name, content in sorted(files.items()):
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = len(content), at, _FILE_MODE
        yield member, content


def _write_sbom(wheel: Path, target: Path) -> None:
    """Describe an environment that has the wheel and the locked versions of what it needs."""
    environment = PROJECT / "build/sbom"
    python = new_environment(environment)
    install(python, str(wheel))
    subprocess.run(
        [
            _BIN / "cyclonedx-py", "environment", python,
            "--pyproject", PROJECT / "pyproject.toml",
            "--output-reproducible", "--output-format", "JSON", "--output-file", target,
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    # The folders of this build must not be in the file: it would differ in another checkout.
    text = target.read_text().replace(wheel.parent.as_uri() + "/", "")
    target.write_text(text.replace(environment.as_uri() + "/", ""))


def new_environment(folder: Path) -> Path:
    """Create an empty virtual environment; return its Python."""
    shutil.rmtree(folder, ignore_errors=True)
    uv = _BIN / "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    return folder / "bin/python"


def install(python: Path, requirement: str, *options: str) -> None:
    """Install a file, optionally with extras, and what it needs in the locked versions."""
    subprocess.run(
        [
            _BIN / "uv", "pip", "install", "--quiet", *options, "--python", python,
            "--constraint", PROJECT / "requirements.lock", requirement,
        ],
        check=True,
    )  # fmt: skip


def write_checksums(folder: Path) -> None:
    """Write SHA256SUMS, as `sha256sum --check` reads it."""
    files = sorted(path for path in folder.iterdir() if path.name != CHECKSUMS)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / CHECKSUMS).write_text("".join(lines))


def _json(value: object) -> bytes:
    return json.dumps(value, indent=4, ensure_ascii=False).encode() + b"\n"


if __name__ == "__main__":
    for file in build(Path(sys.argv[1]) if len(sys.argv) > 1 else DIST):
        print(f"{file.stat().st_size:>10,}  {file.name}")
