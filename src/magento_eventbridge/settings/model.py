"""The whole of the settings, as one typed model."""

from pathlib import Path
from typing import Annotated

from pydantic import (
    Field,
)

from magento_eventbridge.settings.claim_check import ClaimCheckSettings
from magento_eventbridge.settings.delivery import DeliverySettings
from magento_eventbridge.settings.fields import OptionalPath, OptionalText
from magento_eventbridge.settings.listeners import ConsoleSettings, InletSettings, MetricsSettings
from magento_eventbridge.settings.notifications import NotificationSettings
from magento_eventbridge.settings.queues import (
    AmqpSettings,
    CronConsumersRunnerSettings,
    MagentoDbSettings,
    OutboxSettings,
    SpoolSettings,
)
from magento_eventbridge.settings.records import (
    AuditSettings,
    JournalSettings,
    LedgerSettings,
    LogSettings,
    TracingSettings,
)
from magento_eventbridge.settings.view import ViewSettings


class Settings(ViewSettings):
    """All settings; those of `ViewSettings` are the defaults of all store views."""

    stores: dict[Annotated[int, Field(ge=0)], ViewSettings] = Field(
        {}, description="by store view id"
    )
    inlet: InletSettings = InletSettings()
    spool: SpoolSettings = SpoolSettings()
    outbox: OutboxSettings = OutboxSettings()
    magento_db: MagentoDbSettings = MagentoDbSettings()
    amqp: AmqpSettings = AmqpSettings()
    cron_consumers_runner: CronConsumersRunnerSettings = CronConsumersRunnerSettings()
    delivery: DeliverySettings = DeliverySettings()
    claim_check: ClaimCheckSettings = ClaimCheckSettings()
    console: ConsoleSettings = ConsoleSettings()
    journal: JournalSettings = JournalSettings()
    ledger: LedgerSettings = LedgerSettings()
    audit: AuditSettings = AuditSettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()
    notifications: NotificationSettings = NotificationSettings()
    log: LogSettings = LogSettings()
    magento_root: OptionalPath = Field(
        None, description="the store's folder: the bridge uses its configuration and writes its log"
    )
    magento_php: OptionalText = Field(
        None,
        description="a PHP program, such as /usr/bin/php, that evaluates env.php and config.php, "
        "and so runs what is in them; empty: they are read without running PHP",
    )

    declarations_file: OptionalPath = Field(
        None,
        description="the file of `events export`, for a bridge that cannot read the store's "
        "folder: the shop's own events and fields",
    )

    def view(self, view_id: int) -> ViewSettings:
        """Return a store view's settings."""
        return self.stores.get(view_id, self)

    @property
    def journal_file(self) -> Path | None:
        """Where the journal is; None: there is none."""
        if not (self.console.enabled and self.journal.enabled):
            return None
        return self.journal.path or self.spool.path.with_name("journal.sqlite")

    @property
    def ledger_file(self) -> Path | None:
        """Where the ledger is; None: there is none."""
        if not (self.outbox.enabled and self.ledger.enabled):
            return None
        return self.ledger.path or self.spool.path.with_name("ledger.sqlite")

    @property
    def console_login_file(self) -> Path:
        """Where the running console keeps the key of its login links."""
        return self.spool.path.with_name(f"console-{self.console.port}.login")

    @property
    def is_in_queue_mode(self) -> bool:
        """Whether any store view is in queue mode."""
        return any(view.options.queue_mode for view in (self, *self.stores.values()))

    @property
    def queues_of_queue_mode(self) -> list[str]:
        """The names of Magento's queues that `serve` delivers from."""
        reachable = {
            "magento-db": (self.magento_db.enabled, self.outbox.enabled),
            "amqp": (self.amqp.enabled, self.amqp.host is not None),
        }
        return [
            name
            for name, (is_enabled, is_known) in reachable.items()
            if (self.is_in_queue_mode and is_known if is_enabled is None else is_enabled)
        ]

    @property
    def log_file(self) -> Path | None:
        """Where to write the log; None: standard error."""
        if self.log.file or self.magento_root is None:
            return self.log.file
        return self.magento_root / "var/log/aws-eventbridge.log"

    @property
    def is_verbose(self) -> bool:
        """Whether any store view wants each step logged."""
        views = [self, *self.stores.values()]
        return self.log.level == "debug" or any(
            view.options.debug_mode or view.options.dry_run_mode for view in views
        )
