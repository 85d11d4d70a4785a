"""Programs that tests need: installed ones, else installed now by the system's package manager."""

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

_ADMINISTRATORS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_POLICY = Path("/usr/sbin/policy-rc.d")
_PHP_PACKAGES = {"pdo_mysql": "php-mysql"}
"""Debian's packages of PHP's extensions that have another name than theirs."""
_LOCK = Path(tempfile.gettempdir(), f"magento-eventbridge-tests-{os.geteuid()}.lock")


def program(name: str, package: str, *, folders: tuple[str, ...] = ()) -> str:
    """Return the path of a program; install its package if it is missing and that is allowed.

    Args:
        name: the program's name.
        package: its Debian package.
        folders: searched before PATH and the administrators' folders.
    """
    if found := _find(name, folders):
        return found
    return _installed(package, lambda: _find(name, folders), name)


def library(path: Path, package: str) -> Path:
    """Return the path of a library; install its package if it is missing and that is allowed."""

    def look() -> str | None:
        return str(path) if path.exists() else None

    return Path(look() or _installed(package, look, path.name))


def php(*extensions: str) -> str:
    """Return the path of PHP with these extensions; install missing ones if that is allowed."""
    path = program("php", "php-cli")

    def path_with(extension: str) -> str | None:
        loaded = subprocess.run([path, "-m"], check=True, capture_output=True, text=True).stdout
        return path if extension in loaded.split() else None

    for extension in extensions:
        if not path_with(extension):
            package = _PHP_PACKAGES.get(extension, f"php-{extension}")
            _installed(package, partial(path_with, extension), f"PHP's extension {extension}")
    return path


def _installed(package: str, look: Callable[[], str | None], what: str) -> str:
    """Install a package, and return the result of `look` then."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.fail(f"{what} is missing: install the package {package} (on Debian), or its like")
    with _our_turn(), _services_stay_off():
        if found := look():
            return found
        _apt_get("update")
        result = _apt_get("install", "--yes", "--no-install-recommends", package)
    if found := look():
        return found
    pytest.fail(f"{what} is missing and could not be installed: {result[-500:]}")


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that are free at this moment."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _find(name: str, folders: tuple[str, ...]) -> str | None:
    path = os.pathsep.join((*folders, os.environ.get("PATH", os.defpath), *_ADMINISTRATORS))
    return shutil.which(name, path=path)


def _apt_get(*words: str) -> str:
    ran = subprocess.run(
        ["apt-get", "--quiet", "-o", "DPkg::Lock::Timeout=300", *words],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        check=False,
        text=True,
    )
    return ran.stderr


@contextlib.contextmanager
def _our_turn() -> Iterator[None]:
    """Wait until no other test process installs: only one apt-get can run at a time."""
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _services_stay_off() -> Iterator[None]:
    """Keep Debian from starting installed services, unless the machine has its own policy."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()
