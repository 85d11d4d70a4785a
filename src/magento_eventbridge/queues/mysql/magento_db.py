"""The `magento-db` queue: Magento's own message queue in its database."""

import json
import logging
import time
from collections.abc import Collection, Sequence
from typing import NamedTuple

from pymysql.cursors import Cursor

from magento_eventbridge.catalog.messages import capture_text
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.magento.database import DatabaseOptions, transaction
from magento_eventbridge.queues.mysql.queue import MysqlQueue
from magento_eventbridge.queues.mysql.statements import Statements

log = logging.getLogger(__name__)

# Seconds between two looks at all messages that wait, and how much longer that is than such a look
# takes; in between, only what came lately is looked at, or what follows in a backlog.
_LOOKS_AT_ALL_EVERY = 2.0
_LOOKS_AT_ALL_SHARE = 50.0
# Magento's clean-up deletes new messages after 7 days unless told otherwise.
_LONG_WAIT_SECONDS = 86_400


class MagentoDbQueue(MysqlQueue):
    """Magento's queue in the database; several bridges and PHP consumers may share it.

    Messages that wait are taken into a table of our own: from there they are claimed as from the
    outbox, and nothing that Magento does to its tables can lose them. For Magento they are in
    progress as long as they are there, then complete, or in error when they are dead letters.
    """

    name = "magento-db"

    def __init__(self, options: DatabaseOptions, queue: str) -> None:
        """Get ready; the database is asked for the first time when something is wanted of it."""
        prefix = options.table_prefix
        ours = {
            "captures": f"{prefix}eventbridge_queue_message",
            "dead_letters": f"{prefix}eventbridge_queue_dead_letter",
        }
        magentos = {
            "queues": f"{prefix}queue",
            "messages": f"{prefix}queue_message",
            "statuses": f"{prefix}queue_message_status",
        }
        tables = {name: f"`{table}`" for name, table in {**ours, **magentos}.items()}
        names = {f"{name}_name": table for name, table in ours.items()}
        statements = Statements(["queue.sql", "magento_db.sql"], tables, queue=queue, **names)
        super().__init__(options, statements, text_of=_text_of, prepare=self._make_tables)
        self._queue = queue
        self._looks_at_all_at = 0.0
        # The message up to which nothing that waits was left; None: who knows.
        self._beyond: int | None = None
        # The newest message at the last look at all. The next look makes it `_beyond`, so that what
        # is committed after messages with a higher number has a while to be seen.
        self._newest: int | None = None
        self._is_backlog = False
        self._has_told_of_absence = False
        self._has_told_of_age = False

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        """Claim up to `limit` captures that wait, passing over those of the stores named."""
        await self._connection.run(lambda cursor: self._take(cursor, limit))
        return await super().claim(limit, without_views=without_views)

    def _make_tables(self, cursor: Cursor) -> None:
        ((count,),) = self._statements.rows(cursor, "tables")
        if count < 2:
            self._statements.run(cursor, "make_tables")

    def _is_waiting(self, cursor: Cursor) -> bool:
        return super()._is_waiting(cursor) or bool(self._look(cursor, 1).found)

    def _take(self, cursor: Cursor, limit: int) -> None:
        """Move up to `limit` messages to where Magento's clean-up cannot delete them."""
        look = self._look(cursor, limit)
        beyond, self._beyond = self._noted(look, limit), None
        if look.found:
            self._tell_of_age(cursor)
            with transaction(cursor):
                ids = json.dumps([number for number, _ in look.found])
                held = self._statements.rows(cursor, "hold", {"ids": ids})
                self._statements.run(cursor, "take", ids=[number for (number,) in held])
            if len(held) < len(look.found):
                return  # others take them, or let go of them
        self._beyond = beyond

    def _look(self, cursor: Cursor, limit: int) -> "_Look":
        """Find messages that wait, oldest first: beyond what is known, or from time to time all."""
        began = time.monotonic()
        if self._beyond is not None and began < self._looks_at_all_at:
            values = {"beyond": self._beyond, "limit": limit}
            found = self._statements.rows(cursor, "waiting_beyond", values)
            if not self._is_backlog or len(found) == limit:
                return _Look(found)
        if not self._is_known(cursor):
            return _Look(())
        ((newest,),) = self._statements.rows(cursor, "newest")
        found = self._statements.rows(cursor, "waiting", {"limit": limit})
        return _Look(found, newest or 0, time.monotonic() - began)

    def _noted(self, look: "_Look", limit: int) -> int | None:
        """Learn from a look; gives beyond what to look next, once what it found is taken."""
        now = time.monotonic()
        if len(look.found) == limit:
            self._is_backlog = True
            if look.newest is not None:
                pause = max(_LOOKS_AT_ALL_EVERY, _LOOKS_AT_ALL_SHARE * look.seconds)
                self._looks_at_all_at = now + pause
            return look.found[-1][1]
        beyond = self._beyond
        if look.newest is not None and (self._is_backlog or now >= self._looks_at_all_at):
            beyond = None if self._is_backlog else self._newest
            self._is_backlog, self._newest = False, look.newest
            self._looks_at_all_at = now + _LOOKS_AT_ALL_EVERY
        return beyond

    def _is_known(self, cursor: Cursor) -> bool:
        ((is_known,),) = self._statements.rows(cursor, "known")
        if is_known:
            self._has_told_of_absence = False
        elif not self._has_told_of_absence:
            self._has_told_of_absence = True
            log.warning(
                "Magento's database has no queue '%s' yet. 'bin/magento setup:upgrade' makes it, "
                "once the module that publishes to it is there, unless the store has a broker for "
                "it. Waiting for it.",
                self._queue,
            )
        return bool(is_known)

    def _tell_of_age(self, cursor: Cursor) -> None:
        if self._has_told_of_age:
            return
        self._has_told_of_age = True
        ((age,),) = self._statements.rows(cursor, "new_since")
        if age is not None and age > _LONG_WAIT_SECONDS:
            log.warning(
                "Messages have waited in Magento's queue for %.1f days. Magento deletes new ones "
                "after 7 (system/mysqlmq/new_messages_lifetime); they are taken out of its reach "
                "now. Let a bridge run all the time.",
                age / 86_400,
            )


class _Look(NamedTuple):
    """What a look found: messages' statuses and numbers.

    Attributes:
        newest: the newest message there was; None unless it was a look at all.
        seconds: how long it took.
    """

    found: Sequence[tuple[int, int]]
    newest: int | None = None
    seconds: float = 0.0


def _text_of(body: bytes, status_id: int) -> bytes:
    return capture_text(body, f"queue_message_status/{status_id}")
