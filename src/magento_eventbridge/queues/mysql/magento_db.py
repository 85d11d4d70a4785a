"""The `magento-db` queue: Magento's own message queue in its database."""

import json
import logging
import re
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from pymysql.cursors import Cursor

from magento_eventbridge.catalog.messages import capture_text
from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.magento.database import DatabaseOptions
from magento_eventbridge.queues.mysql.lease import LeaseTiming
from magento_eventbridge.queues.mysql.queue import (
    Handle,
    MysqlQueue,
    in_order,
    listed,
    order_key,
    within_bytes,
)
from magento_eventbridge.queues.mysql.search_window import SearchWindow
from magento_eventbridge.queues.mysql.statements import Statements

log = logging.getLogger(__name__)

_IF_ABSENT = (
    "'bin/magento setup:upgrade' creates Magento's queue tables, and the bridge creates its own "
    "when it connects: check the database, and check the table prefix"
)

# The version of our own tables, in the comment of one of them.
_SCHEMA = re.compile(r"\(schema (\d+)\)")
_KNOWN_SCHEMA = 2

_LAST_ID = 2**63 - 1  # of a message: none comes after it
# In seconds: Magento's clean-up deletes new messages after 7 days by default.
_LONG_WAIT = 86_400


class MagentoDbQueue(MysqlQueue):
    """Magento's queue in the database; several bridges and PHP consumers may share it.

    Waiting messages are taken into a table of our own: from there they are claimed as from the
    outbox, and nothing that Magento does to its tables can lose them. For Magento they are in
    progress as long as they are there, then complete, or in error when they are dead letters.
    """

    name = "magento-db"

    def __init__(
        self, options: DatabaseOptions, queue: str, timing: LeaseTiming | None = None
    ) -> None:
        """Create it; it connects when it is used for the first time."""
        prefix = options.table_prefix
        ours = {
            "captures": f"{prefix}eventbridge_queue_message",
            "dead_letters": f"{prefix}eventbridge_queue_dead_letter",
            "bridges": f"{prefix}eventbridge_queue_bridge",
        }
        magentos = {
            "queues": f"{prefix}queue",
            "messages": f"{prefix}queue_message",
            "statuses": f"{prefix}queue_message_status",
        }
        words = {name: f"`{table}`" for name, table in {**ours, **magentos}.items()}
        words["columns"] = "o.id, o.body, o.status_id"
        words["by_message"] = words["by_time"] = ""
        names = {f"{name}_name": table for name, table in {**ours, **magentos}.items()}
        statements = Statements(
            ["queue.sql", "magento_db.sql"],
            words,
            queue=queue,
            table_names=(*ours.values(), *magentos.values()),
            **names,
        )
        super().__init__(
            options,
            statements,
            text_of=_text_of,
            if_absent=_IF_ABSENT,
            prepare=self._prepare,
            timing=timing,
        )
        self._queue = queue
        self._messages = SearchWindow()  # in Magento's table, by the numbers of messages
        self._has_reported_absence = False
        self._has_reported_age = False

    def _prepare(self, cursor: Cursor) -> None:
        self._create_tables(cursor)
        self._statements.define(
            by_message=self._index(cursor, "queue_id", "message_id"),
            by_time=self._index(cursor, "status", "updated_at"),
        )

    def _index(self, cursor: Cursor, first: str, second: str) -> str:
        """Return the words that make a search use Magento's index of two columns."""
        found = self._statements.rows(cursor, "index", {"first": first, "second": second})
        return f"FORCE INDEX (`{found[0][0]}`)" if found else ""

    def _create_tables(self, cursor: Cursor) -> None:
        comments = [str(comment) for (comment,) in self._statements.rows(cursor, "tables")]
        versions = [int(found[1]) for text in comments if (found := _SCHEMA.search(text))]
        if max(versions, default=_KNOWN_SCHEMA) > _KNOWN_SCHEMA:
            raise QueueError(
                f"the tables of the queue '{self.name}' were created by a newer version of "
                f"magento-eventbridge (schema {max(versions)}; this version knows "
                f"{_KNOWN_SCHEMA}): install that version again"
            )
        if len(comments) < 3:
            self._statements.run(cursor, "create_tables")

    def _is_waiting(self, cursor: Cursor) -> bool:
        if self._messages.is_backlog or super()._is_waiting(cursor):
            return True
        search = self._search(cursor, 1)
        if not search.messages:
            self._messages.searched(left=None, last=search.newest, is_all=True)
        elif search.newest is not None and not self._messages.is_repeatable:
            # The claim that follows need not search all of them once more.
            self._messages.searched(left=search.messages[0][1], last=None, is_all=True)
        return bool(search.messages)

    def _claim_waiting(self, cursor: Cursor, name: str, limit: int) -> list[Claim]:
        """Claim what was taken from Magento before, then take more and claim it."""
        claims = super()._claim_waiting(cursor, name, limit)
        left = limit - len(claims)
        if left and not self._has_left:
            # One that Magento lets retry may be among those that were claimed just now.
            seen = {claim.handle for claim in claims}
            return claims + [c for c in self._take(cursor, name, left) if c.handle not in seen]
        if left:  # what is left there comes before what is taken now
            self._take(cursor, None, left)
            claims += super()._claim_waiting(cursor, name, left)
        return claims

    def _forget_search(self) -> None:
        super()._forget_search()
        self._messages.search_everything()

    def _take(self, cursor: Cursor, name: str | None, limit: int) -> list[Claim]:
        """Move up to `limit` messages to where Magento's clean-up cannot delete them.

        With the name of a claim, claim them at the same time, except those of the store views to
        pass over.
        """
        search = self._search(cursor, limit)
        ids = within_bytes((number, size) for number, _, size in search.messages)
        if len(ids) < len(search.messages):  # the others are too large to be taken now
            search, limit = search._replace(messages=search.messages[: len(ids)]), len(ids)
        rows = self._statements.rows(cursor, "hold", {"ids": json.dumps(ids)}) if ids else []
        texts = {number: _text_of(body, number) for number, body in rows}
        left: int | None = None
        claims: list[Claim] = []
        if ids:
            self._report_age(cursor)
            taken = [number for number in ids if number in texts]
            if len(taken) < len(ids):  # others take the rest, or unlock it
                left = search.messages[0][1]
                if not self._peers.are_alive:
                    taken = in_order(ids, texts, self._order_keys(cursor, search.messages))
            messages = {number: message for number, message, _ in search.messages}
            claims = self._copy(cursor, name, [(n, messages[n], texts[n]) for n in taken])
        last = search.messages[-1][1] if search.messages else search.newest
        self._messages.searched(left=left, last=last, is_all=len(search.messages) < limit)
        return claims

    def _copy(
        self, cursor: Cursor, name: str | None, messages: Sequence[tuple[int, int, bytes]]
    ) -> list[Claim]:
        """Copy messages to our own table; return the claims of those that are claimed there.

        Each message has the id of its status, its own, and its text.
        """
        if not messages:
            return []
        rows = []
        for number, message, text in messages:
            view = _view_of(text)
            is_claimed = name is not None and view not in self._without_views
            rows.append([number, message, view, int(is_claimed)])
        texts = {number: text for number, _, text in messages}
        self._statements.run(cursor, "take", ids=texts, messages=json.dumps(rows), claim=name)
        claimed = [number for number, *_, is_claimed in rows if is_claimed]
        if name is None or not claimed:
            return []
        # One that was here already, as Magento lets it retry, is not in this claim.
        present = self._statements.rows(cursor, "present", {"claim": name})
        if self._without_views == [-1]:  # all that waited before is claimed
            last = max((number for number, _ in present), default=None)
            self._window.searched(left=None, last=last, is_all=True)
        wanted = set(claimed)
        return [
            Claim(_TakenHandle.of(number, name, status), texts[status])
            for number, status in present
            if status in wanted
        ]

    def _order_keys(
        self, cursor: Cursor, messages: Sequence[tuple[int, int, int]]
    ) -> dict[int, str | None]:
        rows = self._statements.rows(cursor, "messages", {"messages": json.dumps(messages)})
        return {number: order_key(_text_of(body, number)) for number, body in rows}

    def _remove(self, cursor: Cursor, handles: Sequence[Handle]) -> None:
        """Remove rows; if all that were claimed when they were taken still are, by their ids."""
        taken = {handle: handle.status_id for handle in handles if isinstance(handle, _TakenHandle)}
        if taken:
            self._statements.run(cursor, "keep")
            if self._statements.run(cursor, "remove", claims=listed(taken)) == len(taken):
                self._statements.run(cursor, "complete", ids=taken.values())
            else:
                self._statements.run(cursor, "undo")
                super()._remove(cursor, list(taken))
        super()._remove(cursor, [handle for handle in handles if handle not in taken])

    def _search(self, cursor: Cursor, limit: int) -> "_Search":
        """Find waiting messages, oldest first: the recent ones, or from time to time all."""
        began = time.monotonic()
        if (beyond := self._messages.start(began)) is not None:
            values = {"beyond": beyond, "limit": limit}
            messages = _sorted(self._statements.rows(cursor, "waiting_beyond", values))
            numbers = [number for _, number, _ in messages]
            if not self._messages.is_too_narrow(numbers):
                return _Search(messages)
        if not self._is_known(cursor):
            return _Search(())
        ((newest,),) = self._statements.rows(cursor, "newest")
        beyond = self._messages.recent if self._messages.is_backlog else _LAST_ID
        values = {"beyond": beyond, "limit": limit}
        messages = _sorted(self._statements.rows(cursor, "waiting", values))
        now = time.monotonic()
        self._messages.searched_everything(now, now - began, len(messages))
        return _Search(messages, newest or 0)

    def _is_known(self, cursor: Cursor) -> bool:
        ((is_known,),) = self._statements.rows(cursor, "known")
        if is_known:
            self._has_reported_absence = False
        elif not self._has_reported_absence:
            self._has_reported_absence = True
            log.warning(
                "Magento's database has no queue '%s' yet. 'bin/magento setup:upgrade' creates it, "
                "once the module that publishes to it is installed, unless the store has a broker "
                "for it. Waiting for it.",
                self._queue,
            )
        return bool(is_known)

    def _report_age(self, cursor: Cursor) -> None:
        if self._has_reported_age:
            return
        self._has_reported_age = True
        ((age,),) = self._statements.rows(cursor, "new_since")
        if age is not None and age > _LONG_WAIT:
            log.warning(
                "Messages have waited in Magento's queue for %.1f days. Magento deletes new ones "
                "after 7 (system/mysqlmq/new_messages_lifetime); they are taken out of its reach "
                "now. Let a bridge run all the time.",
                age / 86_400,
            )


class _TakenHandle(Handle):
    """A handle that also knows the message's status; it is equal to one that does not."""

    status_id: int

    @classmethod
    def of(cls, number: int, claim: str, status_id: int) -> "_TakenHandle":
        """Create it."""
        handle = cls(number, claim)
        handle.status_id = status_id
        return handle


class _Search(NamedTuple):
    """The result of a search.

    Attributes:
        messages: the ids of their statuses, their numbers, and their sizes.
        newest: the newest message before a search of all; None if it was another search.
    """

    messages: Sequence[tuple[int, int, int]]
    newest: int | None = None


def _sorted(messages: Sequence[tuple[int, int, int]]) -> Sequence[tuple[int, int, int]]:
    """Return them by their numbers: a server may join a sorted list in another order."""
    return sorted(messages, key=lambda message: message[1])


def _text_of(body: bytes, status_id: int) -> bytes:
    return capture_text(body, f"queue_message_status/{status_id}")


class _OfView(msgspec.Struct):
    store_id: object = 0


_of_view = msgspec.json.Decoder(_OfView)


def _view_of(text: bytes) -> int:
    """Return the store view that a capture names at its top, else 0."""
    try:
        view_id = _of_view.decode(text).store_id
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return 0
    return view_id if type(view_id) is int and 0 <= view_id < 10**9 else 0
