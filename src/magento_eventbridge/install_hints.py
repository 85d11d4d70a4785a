"""How to install the project's packages: the commands that messages and documentation show.

Until the packages are published, anyone may register their names at a package index. So hints name
a checkout. A release that publishes them sets `PUBLISHED` and runs `make docs`.
"""

import sys
from pathlib import Path

PUBLISHED = False
"""Whether the packages are at PyPI and npm, published by this project: a release sets it."""

AGENT_PUBLISHED = False
"""Whether the agent is at Packagist, which needs a repository that has `agent/` as its root."""

REPOSITORY = ""
"""The address of the public repository, such as https://github.com/OWNER/NAME; empty: none.

The wheel's metadata uses it: hatch_build.py.
"""

AGENT_PACKAGE = "magento-eventbridge/module-agent"
"""The agent's name as a Composer package."""


def pip_install(extra: str = "", *, upgrade: bool = False, published: bool = PUBLISHED) -> str:
    """Return the command that installs or upgrades the bridge, optionally with an extra.

    An unpublished version is installed from a checkout's folder; a wheel file works in its place.
    """
    name = "magento-eventbridge" if published else "."
    install = "pip install --upgrade" if upgrade else "pip install"
    return f"{install} '{name}[{extra}]'" if extra else f"{install} {name}"


def add_extra(extra: str, *, published: bool = PUBLISHED) -> str:
    """Return how to add an extra to the environment that runs this program, for messages."""
    pip = Path(sys.executable).with_name("pip")
    command = pip_install(extra, published=published)
    if pip.exists():
        command = str(pip) + command.removeprefix("pip")
    return command if published else f"{command}, in the checkout's folder"


def pip_install_events(*, published: bool = PUBLISHED) -> str:
    """Return the command that installs the typed events for consumers."""
    return f"pip install {'magento-eventbridge-events' if published else './packaging/events'}"


def agent_install(root: object, *, published: bool = AGENT_PUBLISHED) -> str:
    """Return how to install the agent in a store."""
    command = f"'magento-eventbridge agent install {root}'"
    return f"{command}, or 'composer require {AGENT_PACKAGE}' there" if published else command
