"""Programs that tests need: what is installed, else what the system's package manager installs."""

import os
import shutil
import subprocess

import pytest


def program(name: str, package: str) -> str:
    """Give the path of a program; install its package where it is missing and that is allowed."""
    if found := shutil.which(name):
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-q", "update"], check=False, env=quiet, capture_output=True)
        install = ["apt-get", "-qy", "install", "--no-install-recommends", package]
        done = subprocess.run(install, check=False, env=quiet, capture_output=True, text=True)
        if found := shutil.which(name):
            return found
        pytest.fail(f"{name} is missing and could not be installed: {done.stderr[-500:]}")
    pytest.fail(f"{name} is missing: install the package {package} (on Debian), or its like")
