"""Make changes at AWS that a command planned: print each, and log who made it."""

from collections.abc import Iterable

from magento_eventbridge.bridge.startup import start_log
from magento_eventbridge.cli.output import out
from magento_eventbridge.observability.operators import record_action
from magento_eventbridge.provisioning.rules import AwsChange
from magento_eventbridge.settings.model import Settings


def make(planned: Iterable[AwsChange], settings: Settings, *, dry_run: bool) -> int:
    """Make the changes, or only print them in a dry run; return how many there are.

    Raises:
        AwsError: AWS refuses one; those before it are made.
        LogFileError: the log cannot be opened; nothing was changed.
    """
    count = 0
    for change in planned:
        if not dry_run:
            if not count and settings.log_file:
                start_log(settings)
            change.make()
            if settings.log_file:  # without one, the output says the same
                record_action("changed AWS: %s", change.action, is_deletion=change.is_deletion)
        out.print(f"{'would ' if dry_run else ''}{change.action}")
        count += 1
    return count
