"""What the queues in Magento's own database have in common: claims, retries, dead letters."""

import asyncio
import json
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import cast

from pymysql.cursors import Cursor

from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.delivery.ports import Claim, Depth, QueueError
from magento_eventbridge.magento.database import (
    DatabaseOptions,
    transaction,
)
from magento_eventbridge.queues.mysql.connection import QueueConnection
from magento_eventbridge.queues.mysql.dead_letters import MysqlDeadLetters, TextOf
from magento_eventbridge.queues.mysql.statements import Statements

# A claim stops at so many bytes: captures are small, but may be a megabyte each.
_BYTES_PER_CLAIM = 16_000_000
# Seconds between two looks at an empty table: right after something came, and at rest.
_EAGER_PAUSE = 0.01
_IDLE_PAUSE = 0.1
# Seconds between two looks for bridges that are gone, and how long one that lost its connection
# has to come back for its claims.
_LOOKS_EVERY = 2.0
_GRACE = 3.0


class MysqlQueue:
    """Captures in a table in Magento's database; several bridges may share it.

    A claim is written down in its row, in a short transaction. Each bridge holds a named lock
    while it lives. When the server has let go of the lock, others give its claims back.
    """

    name: str

    def __init__(
        self,
        options: DatabaseOptions,
        statements: Statements,
        *,
        text_of: TextOf = lambda body: body,
        prepare: Callable[[Cursor], None] | None = None,
    ) -> None:
        """Get ready; the database is asked for the first time when something is wanted of it.

        `prepare` is run on each new connection.
        """
        host = re.sub(r"[^\w.-]", "-", socket.gethostname(), flags=re.ASCII)[:24]
        self.bridge = f"{host}-{os.getpid()}-{secrets.token_hex(4)}"
        self._connection = QueueConnection(options, f"eventbridge/{self.bridge}", prepare=prepare)
        self._statements = statements
        self._text_of = text_of
        self._claimed: set[int] = set()
        self._without_views: list[int] = [-1]
        self._pause = _EAGER_PAUSE
        self._looks_at = 0.0
        # Whether rows may be ours that nobody was given: a claim was cut off in its middle.
        self._has_strays = False

    @property
    def place(self) -> tuple[object, ...]:
        """Where the tables are."""
        return self._connection.place

    def use(self, options: DatabaseOptions) -> None:
        """Log in with other options from the next connection on; the place stays."""
        self._connection.use(options)

    async def check(self) -> None:
        """Find out whether the tables are there.

        Raises:
            QueueError: they are not, or the database cannot be reached.
        """
        await self._connection.run(self._is_waiting)

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        """Claim up to `limit` captures that wait, passing over those of the stores named."""
        await self._bring_back_lost()
        self._without_views = sorted(without_views) or [-1]
        known = frozenset(self._claimed)

        def work(cursor: Cursor) -> list[Claim]:
            if self._has_strays:
                self._give_back(cursor, set(self._ids_of(cursor, self.bridge)) - known)
                self._has_strays = False
            if not self._is_waiting(cursor):
                return []
            self._has_strays = True
            with transaction(cursor):
                values = {"without_views": self._without_views, "limit": limit}
                ids = _within_bytes(self._statements.rows(cursor, "lock_waiting", values))
                if ids:
                    self._statements.run(cursor, "mark_claimed", ids=ids, bridge=self.bridge)
            rows = self._statements.rows(cursor, "read", {"ids": json.dumps(ids)}) if ids else []
            return [Claim(number, self._text_of(*body)) for number, *body in rows]

        claims = await self._connection.run(work)
        self._has_strays = False
        self._claimed.update(_id(claim) for claim in claims)
        if claims:
            self._pause = _EAGER_PAUSE
        return claims

    async def wait(self, seconds: float) -> None:
        """Return as soon as there may be something to claim, at the latest after `seconds`."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self._pause))
            self._pause = min(self._pause * 1.2, _IDLE_PAUSE)
            # Whoever waited to the end claims next, and so looks.
            if time.monotonic() < until and await self._connection.run(self._is_waiting):
                return

    async def ack(self, claims: Sequence[Claim]) -> None:
        """Forget captures that were delivered, or that mean nothing worth telling."""
        ids = [_id(claim) for claim in claims]

        def work(cursor: Cursor) -> None:
            with transaction(cursor):
                self._statements.run(cursor, "delivered", ids=ids)

        await self._connection.run(work)
        self._claimed.difference_update(ids)

    async def retry(self, claims: Sequence[Claim], delay: float = 0.0) -> None:
        """Give captures back; they come out again after `delay` seconds."""
        ids = [_id(claim) for claim in claims]
        await self._connection.run(lambda cursor: self._give_back(cursor, ids, delay))
        self._claimed.difference_update(ids)

    async def defer(self, claims: Sequence[Claim]) -> None:
        """Keep captures claimed without their bodies; they hold up nothing here."""

    async def recall(self, claims: Sequence[Claim]) -> list[Claim]:
        """Read claimed captures again, in their order; one that is gone is left out."""
        ids = json.dumps([_id(claim) for claim in claims])

        def work(cursor: Cursor) -> list[Claim]:
            with transaction(cursor):
                rows = self._statements.rows(cursor, "read", {"ids": ids})
            return [Claim(number, self._text_of(*body)) for number, *body in rows]

        return await self._connection.run(work)

    def holds_claims(self) -> bool:
        """Return True: the lock holds the claims as long as the connection lives."""
        return True

    async def confirm(self) -> bool:
        """Return True, as `holds_claims`."""
        return True

    async def bury(self, claim: Claim, reason: str) -> None:
        """Move a capture that can never be delivered to the dead letters."""
        number = _id(claim)

        def work(cursor: Cursor) -> None:
            with transaction(cursor):
                self._statements.run(cursor, "bury", id=number, reason=_storable(reason))

        await self._connection.run(work)
        self._claimed.discard(number)

    async def depth(self) -> Depth:
        """Tell how much there is to do."""

        def work(cursor: Cursor) -> Depth:
            ((captures, dead),) = self._statements.rows(cursor, "depth")
            oldest = self._statements.rows(cursor, "oldest")
            for written_at, *body in oldest:
                return Depth(captures, _time(self._text_of(*body), written_at), dead)
            return Depth(captures, None, dead)

        return await self._connection.run(work)

    @property
    def dead_letters(self) -> MysqlDeadLetters:
        """What it buried."""
        return MysqlDeadLetters(self._connection, self._statements, self._text_of)

    async def close(self) -> None:
        """Give back what is still claimed, and let go of the connection."""
        try:
            if self._claimed or self._has_strays:
                await self._connection.run(
                    lambda cursor: self._give_back(cursor, self._ids_of(cursor, self.bridge))
                )
        except QueueError:
            pass  # the server does it for us, once it is back: our lock is free
        finally:
            await self._connection.close()

    def _is_waiting(self, cursor: Cursor) -> bool:
        values = {"without_views": self._without_views}
        ((is_waiting,),) = self._statements.rows(cursor, "peek", values)
        return bool(is_waiting)

    def _ids_of(self, cursor: Cursor, bridge: str) -> list[int]:
        return [
            number for (number,) in self._statements.rows(cursor, "claimed_by", {"bridge": bridge})
        ]

    def _give_back(
        self, cursor: Cursor, ids: Iterable[int], delay: float = 0.0, bridge: str | None = None
    ) -> None:
        values = {"ids": list(ids), "delay": delay, "bridge": bridge or self.bridge}
        self._statements.run(cursor, "give_back", **values)

    async def _bring_back_lost(self) -> None:
        """Give back what bridges that are gone had claimed.

        Nothing is claimed meanwhile: what they had comes before what came after it.
        """
        if time.monotonic() < self._looks_at:
            return
        lost = await self._connection.run(self._lost)
        if lost:
            await asyncio.sleep(_GRACE)
            await self._connection.run(lambda cursor: self._release(cursor, lost))
        self._looks_at = time.monotonic() + _LOOKS_EVERY

    def _lost(self, cursor: Cursor) -> set[str]:
        rows = self._statements.rows(cursor, "lost_bridges", {"bridge": self.bridge})
        return {bridge for (bridge,) in rows}

    def _release(self, cursor: Cursor, lost: set[str]) -> None:
        for bridge in lost & self._lost(cursor):
            self._give_back(cursor, self._ids_of(cursor, bridge), bridge=bridge)


def _within_bytes(rows: Iterable[tuple[int, int]]) -> list[int]:
    """Give the ids of the first rows that together are not too large, at least one."""
    ids: list[int] = []
    total = 0
    for number, size in rows:
        if total >= _BYTES_PER_CLAIM:
            break
        ids.append(number)
        total += size
    return ids


def _time(body: bytes, written_at: float) -> float:
    try:
        return read_capture(body).time
    except InvalidCaptureError:
        return float(written_at)


def _storable(text: str) -> str:
    """Give a text that also fits in `utf8`, which the tables of older stores have."""
    return re.sub("[\ud800-\udfff\U00010000-\U0010ffff]", "\ufffd", text)


def _id(claim: Claim) -> int:
    return cast("int", claim.handle)
