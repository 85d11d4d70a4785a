"""Remove the tables of a disabled agent, unless captures wait in them."""

from typing import Any

from pymysql.cursors import Cursor

from magento_eventbridge.magento.agent.module import AgentError
from magento_eventbridge.magento.database import (
    DatabaseConnection,
    DatabaseOptions,
    named_queries,
)
from magento_eventbridge.magento.installation import BRIDGE_IS_LATE_AFTER
from magento_eventbridge.magento.process_names import is_gone

CAPTURES = ("eventbridge_outbox", "eventbridge_queue_message")
DEAD_LETTERS = ("eventbridge_dead_letter", "eventbridge_queue_dead_letter")
BRIDGES = ("eventbridge_bridge", "eventbridge_queue_bridge")
"""The first of each pair is the agent's, the second is the bridge's, for Magento's own queue."""

_QUERIES = named_queries(__package__, "tables.sql")


async def drop_tables(options: DatabaseOptions) -> list[str]:
    """Drop the tables and return the names of those that existed.

    They are locked meanwhile, so that no capture can arrive between the check and the removal.

    Raises:
        AgentError: captures or dead letters are in them, or a bridge runs.
        DatabaseError: the database is unavailable, or refuses.
    """
    connection = DatabaseConnection(options)
    try:
        return await connection.run(lambda cursor: _drop(cursor, options.table_prefix))
    finally:
        await connection.close()


def _drop(cursor: Cursor, prefix: str) -> list[str]:
    names = [prefix + name for name in (*CAPTURES, *DEAD_LETTERS, *BRIDGES)]
    cursor.execute(_QUERIES["tables"], {"tables": names})
    existing = sorted(name for (name,) in cursor.fetchall())
    if not existing:
        return []
    locks = ", ".join(f"`{name}` WRITE" for name in existing)
    cursor.execute(_QUERIES["lock"].format(locks=locks))
    _refuse_if_used(cursor, prefix, existing)
    tables = ", ".join(f"`{name}`" for name in existing)
    cursor.execute(_QUERIES["drop"].format(tables=tables))
    cursor.execute(_QUERIES["unlock"])
    return existing


def _refuse_if_used(cursor: Cursor, prefix: str, existing: list[str]) -> None:
    """Raise if something would be lost; the connection is closed then, and the locks with it."""

    def rows(query: str, name: str) -> list[Any]:
        if prefix + name not in existing:
            return []
        text = _QUERIES[query].format(table=f"`{prefix}{name}`")
        cursor.execute(text, {"seconds": BRIDGE_IS_LATE_AFTER})
        return [value for (value,) in cursor.fetchall()]

    # Of a bridge on another machine only the heartbeat is known.
    bridges = {name for table in BRIDGES for name in rows("running", table)}
    if any(not is_gone(name) for name in bridges):
        raise AgentError(
            "a bridge uses the tables: stop it, then run this again, half a minute later if it ran "
            "on another machine. Nothing changed"
        )
    waiting = sum(sum(rows("count", name)) for name in CAPTURES)
    dead = sum(sum(rows("count", name)) for name in DEAD_LETTERS)
    if waiting or dead:
        raise AgentError(
            f"{waiting} captures wait and {dead} are dead letters: 'magento-eventbridge consume' "
            "delivers what waits, 'dead-letters redrive' or 'dead-letters drop' empties the rest. "
            "Nothing changed"
        )
