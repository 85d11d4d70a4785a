"""Magento's own queue in a real database, and Magento's operations on it."""

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.cursors import Cursor

from magento_eventbridge.captures import Capture
from magento_eventbridge.magento.database import DatabaseOptions
from magento_eventbridge.settings.queues import QUEUE
from tests.support.mariadb import Server

_TABLES = Path(__file__).with_name("magento_queue_tables.sql").read_text()
_OURS = (
    "eventbridge_queue_message",
    "eventbridge_queue_dead_letter",
    "eventbridge_queue_bridge",
)
_MAGENTOS = ("queue_message_status", "queue_message", "queue")


@dataclass(frozen=True)
class MagentoQueue:
    """The tables of one test, under a unique prefix."""

    server: Server
    options: DatabaseOptions

    def declare(self, name: str = QUEUE) -> None:
        """Create the queue, as `setup:upgrade` does."""
        self.run("INSERT INTO {queue} (name) VALUES (%s)", name)

    def put(
        self,
        captures: Sequence[tuple[Capture, bytes]],
        connection: "pymysql.Connection[Cursor] | None" = None,
    ) -> None:
        """Publish captures as the agent does, as texts of the topic's type `string`."""
        self.publish([json.dumps(body.decode()) for _, body in captures], connection)

    def publish(
        self,
        bodies: Sequence[str],
        connection: "pymysql.Connection[Cursor] | None" = None,
        queue: str = QUEUE,
    ) -> None:
        """Publish messages as Magento does: committed, or in the transaction of a connection."""
        if connection is None:
            with self.server.connect() as own:
                self.publish(bodies, own, queue)
                own.commit()
            return
        with connection.cursor() as cursor:
            for body in bodies:
                cursor.execute(
                    self.named("INSERT INTO {queue_message} (topic_name, body) VALUES (%s, %s)"),
                    (QUEUE, body),
                )
                cursor.execute(
                    self.named(
                        "INSERT INTO {queue_message_status} (queue_id, message_id, status) "
                        "SELECT id, LAST_INSERT_ID(), 2 FROM {queue} WHERE name = %s"
                    ),
                    (queue,),
                )

    def fill(self, captures: Sequence[tuple[Capture, bytes]]) -> None:
        """Publish captures in few statements, for a large backlog."""
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(self.named("SELECT COALESCE(MAX(id), 0) FROM {queue_message}"))
            ((last,),) = cursor.fetchall()
            cursor.executemany(
                self.named("INSERT INTO {queue_message} (topic_name, body) VALUES (%s, %s)"),
                [(QUEUE, json.dumps(body.decode())) for _, body in captures],
            )
            cursor.execute(
                self.named(
                    "INSERT INTO {queue_message_status} (queue_id, message_id, status) "
                    "SELECT q.id, m.id, 2 FROM {queue_message} AS m CROSS JOIN {queue} AS q "
                    "WHERE m.id > %s AND q.name = %s ORDER BY m.id"
                ),
                (last, QUEUE),
            )
            connection.commit()

    def php_takes(self) -> int:
        """Take the first waiting message, as Magento's consumer does; return its id."""
        (((number,),)) = self.ask(
            "SELECT id FROM {queue_message_status} WHERE status IN (2, 5) "
            "ORDER BY updated_at, id LIMIT 1"
        )
        self.run("UPDATE {queue_message_status} SET status = 3 WHERE id = %s", number)
        return int(number)

    def clean_up(self) -> None:
        """Delete messages older than a week, as Magento's cron job does."""
        week_ago = "updated_at < NOW() - INTERVAL 7 DAY"
        self.run(f"UPDATE {{queue_message_status}} SET status = 7 WHERE status = 2 AND {week_ago}")
        self.run(
            "UPDATE {queue_message_status} SET status = 5, number_of_trials = number_of_trials + 1 "
            "WHERE status = 3 AND updated_at < NOW() - INTERVAL 1 DAY"
        )
        self.run(
            "DELETE FROM {queue_message} WHERE id NOT IN "
            "(SELECT message_id FROM {queue_message_status} WHERE status <> 7)"
        )

    def grow_older(self, days: int) -> None:
        """Set the times of all messages back by so many days."""
        self.run(
            f"UPDATE {{queue_message_status}} SET updated_at = updated_at - INTERVAL {days} DAY"
        )

    @property
    def statuses(self) -> list[int]:
        """The statuses of all messages, in their order."""
        return [row[0] for row in self.ask("SELECT status FROM {queue_message_status} ORDER BY id")]

    def ask(self, query: str) -> Sequence[tuple[Any, ...]]:
        """Run a query over Magento's tables or ours, named in braces, and return its rows."""
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(self.named(query))
            return cursor.fetchall()

    def run(self, statement: str, *values: object) -> None:
        """Run a statement and commit it."""
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(self.named(statement), values)
            connection.commit()

    def named(self, text: str) -> str:
        prefix = self.options.table_prefix
        return text.format(**{name: f"`{prefix}{name}`" for name in _OURS + _MAGENTOS})


@contextmanager
def queue_tables(server: Server, prefix: str = "m2_") -> Iterator[MagentoQueue]:
    """Create fresh tables of Magento's queue, with the topic's queue declared."""
    made = MagentoQueue(server, replace(server.options, table_prefix=prefix))
    for statement in _TABLES.replace("{prefix}", prefix).split(";"):
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
    made.declare()
    yield made
    for name in _OURS + _MAGENTOS:
        made.run(f"DROP TABLE IF EXISTS {{{name}}}")


@pytest.fixture
def magento_queue(mariadb: Server) -> Iterator[MagentoQueue]:
    """Magento's queue with its own tables."""
    with queue_tables(mariadb, f"t{secrets.token_hex(4)}_") as made:
        yield made
