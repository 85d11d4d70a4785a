"""Helm's own engine, for the chart in `deploy/helm`: linted and rendered as `helm template` does.

The engine is a large library that only these tests need, so it has an environment of its own.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
CHART = PROJECT / "deploy/helm"
_ENVIRONMENT = PROJECT / "build/helm"
_LOCKED = Path(__file__).with_name("helm.txt")

_RENDER = """
import json, sys
import helm_python as helm

folder, values = sys.argv[1], json.loads(sys.argv[2])
result = {"lint": helm.lint(folder)}
try:
    with helm.Chart.load(folder) as chart:
        result["files"] = chart.render(values, name="magento-eventbridge", namespace="shop")
except helm.HelmError as error:
    result["error"] = str(error)
print(json.dumps(result))
"""


def helm(values: dict[str, Any]) -> dict[str, Any]:
    """Lint the chart and render it with values: `lint`, and `files` or `error`."""
    command: list[str | Path] = [_python(), "-c", _RENDER, CHART, json.dumps(values)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


def _python() -> Path:
    """Return the Python of the environment; create it if it is missing."""
    python = _ENVIRONMENT / "bin/python"
    if not (_ENVIRONMENT / "installed").exists():
        uv = Path(sys.executable).with_name("uv")
        commands: list[list[str | Path]] = [
            ["venv", "--quiet", "--clear", "--python", sys.executable, _ENVIRONMENT],
            ["pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", _LOCKED],
        ]
        for words in commands:
            ran = subprocess.run([uv, *words], capture_output=True, text=True, check=False)
            if ran.returncode:
                pytest.fail(f"Helm's engine is missing and could not be installed: {ran.stderr}")
        (_ENVIRONMENT / "installed").touch()
    return python
