"""Settings of delivery: concurrency, rate, limits."""

from pydantic import (
    Field,
)

from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.settings.fields import SettingsGroup


class DeliverySettings(SettingsGroup):
    """Concurrency, rate and limits of delivery."""

    calls_at_once: int = Field(
        128,
        ge=1,
        le=1024,
        description="the most calls in flight for one destination; its latency decides how many",
    )
    calls_per_second: float = Field(
        300,
        gt=0,
        description="the most calls per second to one destination; AWS's lowest quota is 400",
    )
    max_entry_bytes: int = Field(
        1_000_000,
        ge=1_000,
        le=1_048_576,
        description="the most bytes of an entry and of a call; some regions allow 262144",
    )
    answer_seconds: float = Field(15, gt=0, description="how many seconds AWS may take to answer")
    stop_seconds: float = Field(
        20, ge=0, description="how many seconds calls get to finish at a stop"
    )

    def policy(self) -> Policy:
        """Convert to the delivery core's `Policy`."""
        return Policy(
            calls_at_once=self.calls_at_once,
            calls_per_second=self.calls_per_second,
            stop_seconds=self.stop_seconds,
        )
