"""Log what people do by command, with who did it, as the console does."""

import getpass
import logging
import os

from magento_eventbridge.visible_text import visible

log = logging.getLogger(__name__)


def system_user() -> str:
    """Return the user as whom the command runs."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user of a container without a name
        return f"user {os.getuid()}"


def caller() -> str:
    """Return who runs the command: the person behind sudo, else the system's user."""
    return os.environ.get("SUDO_USER") or system_user()


def record_action(action: str, *values: object, is_deletion: bool = False) -> None:
    """Log who did what by command; at WARNING if something was deleted.

    Behind sudo the system's user is named as well: anybody can set sudo's variable.
    """
    person, user = caller(), system_user()
    who = visible(person if person == user else f"{person} (as {user})")
    level = logging.WARNING if is_deletion else logging.INFO
    log.log(level, f"Command: %s {action}", who, *values)
