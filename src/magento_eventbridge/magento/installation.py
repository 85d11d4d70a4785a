"""What is installed in a store, as its files and tables tell: modules, tables, a cron that runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from magento_eventbridge.magento.env_php import Deployment
from magento_eventbridge.magento.php_values import Computed, section

AGENT = "MagentoEventBridge_Agent"
ORIGINAL = "Bitbull_AWSEventBridge"
BRIDGES = "eventbridge_bridge"
TABLES = ("eventbridge_outbox", "eventbridge_dead_letter", BRIDGES)

# Magento's cron runs each minute; what it has to do comes every few.
_CRON_IS_LATE_AFTER = 900.0
# A bridge tells every five seconds that it is alive.
_BRIDGE_IS_LATE_AFTER = 30.0


@dataclass(frozen=True)
class ModuleVersion:
    """A row of `setup_module`; newer modules, which declare their tables, need not have one."""

    schema: str | None
    data: str | None

    def __str__(self) -> str:
        """Name it as people do."""
        if self.schema == self.data:
            return self.schema or "unknown"
        return f"schema {self.schema}, data {self.data}"


@dataclass(frozen=True)
class Installation:
    """What the store's tables say.

    Attributes:
        versions: of modules, by their name; those asked for that are there.
        tables: which of TABLES are there, without the prefix.
        cron_idle: seconds since a job of the store's cron began; None if none ever did.
        bridge_idle: seconds since a bridge said that it is alive; None if none has for a day.
    """

    versions: Mapping[str, ModuleVersion] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()
    cron_idle: float | None = None
    bridge_idle: float | None = None

    @property
    def missing_tables(self) -> list[str]:
        """Tables that the agent declares and the store does not have."""
        return [name for name in TABLES if name not in self.tables]

    @property
    def cron_runs(self) -> bool:
        """Whether the store's cron is alive."""
        return self.cron_idle is not None and self.cron_idle <= _CRON_IS_LATE_AFTER

    @property
    def bridge_runs(self) -> bool:
        """Whether a bridge serves the store's outbox."""
        return self.bridge_idle is not None and self.bridge_idle <= _BRIDGE_IS_LATE_AFTER


def module_switches(deployment: Deployment) -> dict[str, bool]:
    """Give the modules that `config.php` names, and whether each is enabled.

    Raises:
        PhpFileError: one of them is computed.
    """
    switches = section(deployment.config, "modules")
    for switch in switches.values():
        if isinstance(switch, Computed):
            switch.fail()
    return {str(name): bool(switch) for name, switch in switches.items()}
