"""The TypeScript compiler."""

import subprocess
from pathlib import Path

from tests.support.programs import program


def compiler_says(file: Path) -> str:
    """Return what the compiler finds wrong with a file; declarations need no browser's types."""
    strict = ("--strict", "--noEmit", "--target", "es2020", "--lib", "es2020")
    ran = subprocess.run(
        [program("tsc", "node-typescript"), *strict, file.name],
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (ran.returncode == 0) == (not ran.stdout)
    return ran.stdout
