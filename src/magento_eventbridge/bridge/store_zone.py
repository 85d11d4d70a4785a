"""The store's time zone: of times without one, and of the audit of each day."""

import asyncio
import os
from pathlib import Path

from magento_eventbridge.backfill.rows import StoreTables
from magento_eventbridge.magento.env_php import read_deployment
from magento_eventbridge.magento.php.values import PhpFileError, section
from magento_eventbridge.settings.model import Settings

_VARIABLE = "CONFIG__DEFAULT__GENERAL__LOCALE__TIMEZONE"


async def store_zone(settings: Settings, tables: StoreTables) -> str:
    """Return its name; as in Magento, a variable and the store's files override the database.

    Raises:
        DatabaseError: the store's tables cannot be read.
    """
    root = settings.magento_root
    if root and (name := await asyncio.to_thread(_outside, root, settings.magento_php)):
        return name
    return await tables.time_zone()


def _outside(root: Path, php: str | None) -> str | None:
    """Return the time zone that is not in the database, if there is one."""
    if name := os.environ.get(_VARIABLE):
        return name
    try:
        deployment = read_deployment(root, os.environ, php=php)
        for array in (deployment.env, deployment.config):
            name = section(array, "system", "default", "general", "locale").get("timezone")
            if isinstance(name, str) and name:
                return name
    except (OSError, PhpFileError):
        return None  # where other settings need these files, that is reported
    return None
