"""`make dist`: prove the packages in dist/: check them, install each into an empty place, use it.

    python -m tools.prove_distributions [FOLDER]

Needs PHP and Composer for the agent's package, Node.js and npm for the types; a missing program
is an error that names it. Everything is installed below build/prove, nothing elsewhere.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from magento_eventbridge import __version__
from tools.distributions import CHECKSUMS, DIST, PROJECT, SBOM, install, new_environment

_PLACE = PROJECT / "build/prove"
_BIN = Path(sys.executable).parent

_RATING = 8
"""Of pyroma's ten points: two need the address of a public repository, which an owner sets."""

_TYPESCRIPT = "5.9"

_TOLERANCE = 0.05
"""Of the documented size of the environment; wheels for other Pythons differ a little."""

_USE_EVENTS = """
import json, sys
from magento_eventbridge.events import OrderPlaced, parse
event = parse(json.loads(sys.stdin.read()))
assert isinstance(event, OrderPlaced), event
print(event.detail.metadata.id)
"""

_USE_TYPES = """
import type { AnyEvent, OrderPlaced } from "@magento-eventbridge/events";

export function pieces(event: OrderPlaced): number {
  return event.detail.items.reduce((sum, item) => sum + item.qty, 0);
}
export const name = (event: AnyEvent): string => event["detail-type"];
export const sample: OrderPlaced = %s;
"""

# Stands for Magento's class, with which the agent's registration.php registers its folder.
_REGISTRAR = """<?php
namespace Magento\\Framework\\Component;

class ComponentRegistrar
{
    const MODULE = 'module';

    public static function register($type, $name, $path)
    {
        echo $type, ' ', $name, ' ', basename($path), "\\n";
    }
}
"""


class ProofError(Exception):
    """A package does not do what it should; the message says which, and how it shows."""


def run(*command: str | Path, cwd: Path = PROJECT, given: str | None = None) -> str:
    """Run a command and return its output.

    Raises:
        ProofError: it is missing, or it failed.
    """
    name = Path(command[0]).name
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        "COMPOSER_ALLOW_SUPERUSER": "1",
    }
    try:
        ran = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise ProofError(f"{name} is missing: install it, then run 'make dist' again") from None
    if ran.returncode:
        words = " ".join(str(word) for word in command)
        raise ProofError(f"'{words}' failed:\n{(ran.stdout + ran.stderr)[-3000:]}")
    return ran.stdout


def prove_metadata(dist: Path) -> str:
    """Check metadata and contents by the tools of the Python Packaging Authority and others."""
    wheels, sdists = sorted(dist.glob("*.whl")), sorted(dist.glob("*.tar.gz"))
    run(_BIN / "twine", "check", "--strict", *wheels, *sdists)
    run(_BIN / "check-wheel-contents", *wheels)
    run(_BIN / "pyroma", "--min", str(_RATING), *sdists)
    run("sha256sum", "--check", "--strict", CHECKSUMS, cwd=dist)
    return f"{len(wheels)} wheels, {len(sdists)} sdist"


def prove_bridge(dist: Path) -> str:
    """Install the wheel with the demo's extra, without the checkout, and run the demo."""
    python = new_environment(_PLACE / "wheel")
    (wheel,) = dist.glob("magento_eventbridge-*.whl")
    install(python, f"{wheel}[demo]")
    command = python.with_name("magento-eventbridge")
    version = run(command, "version", cwd=_PLACE)
    if __version__ not in version:
        raise ProofError(f"the wheel says that it is version {version}")
    return run(command, "demo", cwd=_PLACE).splitlines()[-1]


def prove_size(dist: Path) -> str:
    """Compare the size of an environment like the image's with the documented size."""
    python = new_environment(_PLACE / "size")
    (wheel,) = dist.glob("magento_eventbridge-*.whl")
    install(python, str(wheel), "--compile-bytecode")
    files = (path for path in python.parents[1].rglob("*") if not path.is_symlink())
    size = sum(path.stat().st_blocks * 512 for path in files) / 2**20
    text = (PROJECT / "docs/operating.md").read_text(encoding="utf-8")
    (documented,) = re.findall(r"an environment of (\d+) MB", text)
    if abs(size - int(documented)) > int(documented) * _TOLERANCE:
        raise ProofError(f"docs/operating.md says {documented} MB, the environment has {size:.0f}")
    return f"{size:.0f} MB, {documented} MB documented"


def prove_sdist(dist: Path) -> str:
    """Install the sdist, and install the agent from it into a folder that looks like a store."""
    python = new_environment(_PLACE / "sdist")
    (sdist,) = dist.glob("magento_eventbridge-*.tar.gz")
    install(python, str(sdist))
    store = _PLACE / "store"
    (store / "app/etc").mkdir(parents=True)
    (store / "bin").mkdir()
    (store / "bin/magento").touch()
    run(python.with_name("magento-eventbridge"), "agent", "install", store, cwd=_PLACE)
    installed = store / "app/code/MagentoEventBridge/Agent"
    if not (installed / "registration.php").is_file():
        raise ProofError("the agent is not in the sdist")
    return f"agent of {sum(path.is_file() for path in installed.rglob('*'))} files installed"


def prove_events(dist: Path) -> str:
    """Install the typed events alone, and read an event with them."""
    python = new_environment(_PLACE / "events")
    (wheel,) = dist.glob("magento_eventbridge_events-*.whl")
    install(python, str(wheel))
    read = run(python, "-c", _USE_EVENTS, cwd=_PLACE, given=_sample())
    return f"OrderPlaced {read.strip()}"


def prove_agent(dist: Path) -> str:
    """Install the agent with Composer from the folder; Magento's packages are only names."""
    root = _PLACE / "composer"
    shutil.rmtree(root, ignore_errors=True)
    (root / "stubs").mkdir(parents=True)
    (root / "stubs/ComponentRegistrar.php").write_text(_REGISTRAR)
    required = json.loads((PROJECT / "agent/composer.json").read_bytes())["require"]
    described = {
        "name": "magento-eventbridge/proof",
        "description": "A store in which the agent is installed",
        "license": "MIT",
        "repositories": [{"type": "artifact", "url": str(dist)}, {"packagist.org": False}],
        "require": {"magento-eventbridge/module-agent": f"^{__version__}"},
        "replace": {name: _satisfying(spec) for name, spec in required.items() if "/" in name},
        "autoload": {"psr-4": {"Magento\\Framework\\Component\\": "stubs/"}},
    }
    (root / "composer.json").write_text(json.dumps(described))
    run("composer", "validate", "--strict", cwd=root)
    run("composer", "install", "--no-interaction", "--no-progress", "--no-cache", cwd=root)
    registered = run("php", "-r", "require 'vendor/autoload.php';", cwd=root).strip()
    if "MagentoEventBridge_Agent" not in registered:
        raise ProofError(f"the agent does not register itself: {registered!r}")
    return registered


def _satisfying(constraint: str) -> str:
    """Return a version that a constraint accepts: its highest lower bound, else any."""
    bounds = [part.lstrip("^~>=") for part in constraint.replace("||", " ").split()]
    numbers = [bound for bound in bounds if bound[:1].isdigit()]
    return max(
        numbers, key=lambda bound: [int(n) for n in bound.split(".") if n.isdigit()], default="*"
    )


def prove_types(dist: Path) -> str:
    """Install the types with npm, and compile a program that uses them."""
    root = _PLACE / "npm"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / "package.json").write_text('{"private": true}')
    (root / "use.ts").write_text(_USE_TYPES % _sample())
    (package,) = dist.glob("*.tgz")
    npm = ("npm", "install", "--silent", "--no-audit", "--no-fund")
    run(*npm, str(package), f"typescript@{_TYPESCRIPT}", cwd=root)
    run("npx", "tsc", "--strict", "--noEmit", "--module", "nodenext", "use.ts", cwd=root)
    return "compiled"


def prove_sbom(dist: Path) -> str:
    """Check that the bill of materials names the bridge and each package that it needs."""
    found = json.loads((dist / SBOM).read_bytes())
    names = {component["name"] for component in found["components"]}
    missing = {"aiohttp", "botocore", "msgspec", "pydantic"} - names
    if found["bomFormat"] != "CycloneDX" or missing:
        raise ProofError(f"{SBOM} lacks {', '.join(sorted(missing)) or 'its format'}")
    return f"{len(names)} packages, CycloneDX {found['specVersion']}"


def _sample() -> str:
    """Return a whole event as EventBridge delivers it."""
    return run(_BIN / "magento-eventbridge", "events", "sample", "OrderPlaced", "--envelope")


PROOFS: Sequence[tuple[str, Callable[[Path], str]]] = (
    ("metadata", prove_metadata),
    ("bridge, wheel", prove_bridge),
    ("size of the environment", prove_size),
    ("bridge, sdist", prove_sdist),
    ("typed events", prove_events),
    ("agent, Composer", prove_agent),
    ("types, npm", prove_types),
    ("bill of materials", prove_sbom),
)


def main(dist: Path) -> int:
    """Run all proofs; return the exit status."""
    shutil.rmtree(_PLACE, ignore_errors=True)
    _PLACE.mkdir(parents=True)
    failed = 0
    for name, prove in PROOFS:
        try:
            print(f"ok    {name}: {prove(dist)}", flush=True)
        except ProofError as error:
            failed += 1
            print(f"FAIL  {name}: {error}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else DIST))
