"""The agent's files: those that this version ships, and those in a store."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from magento_eventbridge.errors import BridgeError
from magento_eventbridge.install_hints import AGENT_PACKAGE
from magento_eventbridge.magento.installation import AGENT

COPIED_TO = Path("app/code/MagentoEventBridge/Agent")
COMPOSER_PUTS_IT_IN = Path("vendor") / AGENT_PACKAGE

_IN_WHEEL = Path(__file__).with_name("module")
_IN_CHECKOUT = Path(__file__).parents[4] / "agent"
_CONSOLE = Path("bin/magento")
_FOR_DEVELOPERS = "Test"
_VERSION_IN = Path("Capture/Context.php")
_VERSION = re.compile(r"public const VERSION = '([^']+)';")


class AgentError(BridgeError):
    """The agent cannot be put into a store, or looked at; the message says what to do."""


@dataclass(frozen=True)
class Module:
    """A folder that holds the agent."""

    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether Magento would find the agent here."""
        registration = self.folder / "registration.php"
        return registration.is_file() and AGENT.encode() in registration.read_bytes()

    @property
    def version(self) -> str:
        """The version in its PHP constant, which tracking shows too.

        Raises:
            AgentError: there is none.
        """
        file = self.folder / _VERSION_IN
        try:
            found = _VERSION.search(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = None
        if found is None:
            raise AgentError(
                f"{file} does not say which version of the agent this is: install it again"
            )
        return found[1]

    def files(self) -> Iterator[Path]:
        """Return its files, by their path in the folder; without its tests."""
        for path in sorted(self.folder.rglob("*")):
            place = path.relative_to(self.folder)
            if path.is_file() and place.parts[0] != _FOR_DEVELOPERS:
                yield place

    def differences(self, other: "Module") -> list[Path]:
        """Return the files that only one of both has, or that differ."""
        ours, theirs = set(self.files()), set(other.files())
        changed = {
            place
            for place in ours & theirs
            if (self.folder / place).read_bytes() != (other.folder / place).read_bytes()
        }
        return sorted(ours ^ theirs | changed)


def shipped() -> Module:
    """Return the agent that belongs to this version of the bridge.

    Raises:
        AgentError: it is missing.
    """
    for folder in (_IN_WHEEL, _IN_CHECKOUT):
        module = Module(folder)
        if module.is_there:
            return module
    raise AgentError(f"the agent is not in {_IN_WHEEL}: install magento-eventbridge again")


@dataclass(frozen=True)
class StoreFolder:
    """The folder of a Magento store."""

    root: Path

    def __post_init__(self) -> None:
        """Check that it is one.

        Raises:
            NoStoreError: it is not.
        """
        if not self.is_at(self.root):
            raise NoStoreError(
                f"{self.root} is no root of a Magento 2 store: that has bin/magento and app/etc"
            )

    @staticmethod
    def is_at(root: Path) -> bool:
        """Whether a folder is a store's."""
        return (root / _CONSOLE).is_file() and (root / "app/etc").is_dir()

    @property
    def console(self) -> Path:
        """Magento's own command."""
        return self.root / _CONSOLE

    @property
    def copied(self) -> Module:
        """The agent where `agent install` puts it."""
        return Module(self.root / COPIED_TO)

    @property
    def by_composer(self) -> Module:
        """The agent where composer puts it."""
        return Module(self.root / COMPOSER_PUTS_IT_IN)

    def modules(self) -> list[Module]:
        """Return the installed agents: none, one, or one too many."""
        return [module for module in (self.copied, self.by_composer) if module.is_there]


class NoStoreError(AgentError):
    """A folder that was taken for a store's."""

    exit_status = 2
