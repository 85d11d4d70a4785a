"""What is installed in a store: modules, tables, a running cron."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from magento_eventbridge.magento.env_php import Deployment
from magento_eventbridge.magento.php.values import check_known, section

AGENT = "MagentoEventBridge_Agent"
ORIGINAL = "Bitbull_AWSEventBridge"
BRIDGES = "eventbridge_bridge"
TABLES = ("eventbridge_outbox", "eventbridge_dead_letter", BRIDGES)

# Magento's cron runs each minute, but may have nothing to do for some minutes.
_CRON_IS_LATE_AFTER = 900.0
# A bridge writes its heartbeat every five seconds.
BRIDGE_IS_LATE_AFTER = 30.0


@dataclass(frozen=True)
class ModuleVersion:
    """A row of `setup_module`; newer modules, which declare their tables, need not have one."""

    schema: str | None
    data: str | None

    def __str__(self) -> str:
        """Return the version as text."""
        if self.schema == self.data:
            return self.schema or "unknown"
        return f"schema {self.schema}, data {self.data}"


@dataclass(frozen=True)
class Installation:
    """The state of a store, from its tables.

    Attributes:
        versions: of the agent and the original module, by name, where they are set up.
        tables: which of TABLES exist, without the prefix.
        cron_idle: seconds since a job of the store's cron began; None if none ever did.
        bridge_idle: seconds since a bridge's last heartbeat; None if there was none for a day.
    """

    versions: Mapping[str, ModuleVersion] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()
    cron_idle: float | None = None
    bridge_idle: float | None = None

    @property
    def missing_tables(self) -> list[str]:
        """The tables that the agent declares and the store does not have."""
        return [name for name in TABLES if name not in self.tables]

    @property
    def cron_runs(self) -> bool:
        """Whether the store's cron ran lately."""
        return self.cron_idle is not None and self.cron_idle <= _CRON_IS_LATE_AFTER

    @property
    def bridge_runs(self) -> bool:
        """Whether a bridge serves the store's outbox."""
        return self.bridge_idle is not None and self.bridge_idle <= BRIDGE_IS_LATE_AFTER


def module_switches(deployment: Deployment) -> dict[str, bool]:
    """Return the modules that `config.php` names, and whether each is enabled.

    Raises:
        PhpFileError: one of them is computed, or a constant.
    """
    switches = section(deployment.config, "modules")
    check_known(*switches, *switches.values())
    return {str(name): bool(switch) for name, switch in switches.items()}
