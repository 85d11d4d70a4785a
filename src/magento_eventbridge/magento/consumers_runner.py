"""Read how cron may consume the store's queues: `cron_consumers_runner` in `env.php`."""

from dataclasses import dataclass

from magento_eventbridge.magento.connections import ConnectionSettingsError
from magento_eventbridge.magento.env_php import Deployment
from magento_eventbridge.magento.php.values import PhpArray, check_known, section

_AT = "cron_consumers_runner"


@dataclass(frozen=True)
class ConsumersRunner:
    """The settings of Magento's `ConsumersRunner`; None: `env.php` has none.

    Attributes:
        cron_run: whether cron may consume at all.
        max_messages: how many messages before a consumer ends; 0: no bound.
        consumers: the only ones that may run; empty: all.
    """

    cron_run: bool | None = None
    max_messages: int | None = None
    consumers: tuple[str, ...] = ()


def consumers_runner_of(deployment: Deployment) -> ConsumersRunner:
    """Read these settings.

    Raises:
        ConnectionSettingsError: something there is of another kind than Magento takes.
        PhpFileError: something there is computed, or a constant.
    """
    given = section(deployment.env, _AT)
    check_known(*given, *given.values(), *section(given, "consumers").values())
    return ConsumersRunner(
        cron_run=bool(given["cron_run"]) if "cron_run" in given else None,
        max_messages=_max_messages(given),
        consumers=tuple(str(name) for name in section(given, "consumers").values()),
    )


def _max_messages(given: PhpArray) -> int | None:
    value = given.get("max_messages")
    if value is None:
        return None
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal():
        raise ConnectionSettingsError(f"env.php: {_AT}/max_messages is no number")
    return int(text)
