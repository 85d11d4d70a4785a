"""What the queues in Magento's own database have in common: claims, leases, dead letters."""

import asyncio
import json
import logging
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, cast

from pymysql.cursors import Cursor

from magento_eventbridge.captures import InvalidCaptureError, read_capture
from magento_eventbridge.counting import count
from magento_eventbridge.delivery.ports import Claim, Depth, QueueError
from magento_eventbridge.magento.database import CREATED_BY_AGENT, DatabaseOptions, transaction
from magento_eventbridge.magento.process_names import new_name
from magento_eventbridge.queues.mysql.connection import QueueConnection
from magento_eventbridge.queues.mysql.dead_letters import MysqlDeadLetters, TextOf
from magento_eventbridge.queues.mysql.lease import Lease, LeaseTiming, Peers, clocks
from magento_eventbridge.queues.mysql.search_window import SearchWindow
from magento_eventbridge.queues.mysql.statements import Statements

log = logging.getLogger(__name__)

# A claim stops at so many bytes: captures are small, but may be a megabyte each.
BYTES_PER_CLAIM = 16_000_000
# In seconds, between two queries for waiting captures: right after some came, a second later, and
# when none have come for some ten seconds.
_EAGER_PAUSE = 0.01
_CALM_PAUSE = 0.1
_IDLE_PAUSE = 0.25
# In bytes: a server takes statements of at least one megabyte by default, and each byte may count
# twice. Beside the body a statement has its own words.
_LARGE_BODY = 250_000
_BESIDE_A_BODY = 1000


class Handle(NamedTuple):
    """A claimed row: its id, and the name of the claim that is written in it."""

    id: int
    claim: str

    def __str__(self) -> str:
        return f"{self.id} ({self.claim})"


class MysqlQueue:
    """Captures in a table in Magento's database; several bridges may share it.

    A claim is written in its rows, in a short transaction. Each bridge has a lease, a row that it
    renews every few seconds. When a lease has not been renewed for long, the others end it, and
    release the claims.
    """

    name: str

    def __init__(
        self,
        options: DatabaseOptions,
        statements: Statements,
        *,
        text_of: TextOf = lambda body: body,
        if_absent: str = CREATED_BY_AGENT,
        prepare: Callable[[Cursor], None] | None = None,
        timing: LeaseTiming | None = None,
    ) -> None:
        """Create it; it connects when it is used for the first time.

        Args:
            options: how to reach the database.
            statements: the statements over the tables of this queue.
            text_of: returns the capture's text for a row's body.
            if_absent: what to do about a missing table, for the error message.
            prepare: is run on each new connection.
            timing: of leases.
        """
        self.bridge = new_name()
        self._statements = statements
        self._text_of = text_of
        self._timing = timing or LeaseTiming()

        def prepare_connection(cursor: Cursor) -> None:
            seconds = max(1, int(self._timing.hold_seconds))
            self._statements.run(cursor, "limit_idleness", seconds=seconds)
            if prepare:
                prepare(cursor)

        self._connection = QueueConnection(options, if_absent=if_absent, prepare=prepare_connection)
        self._lease = Lease(self._timing)
        self._has_lease = False
        self._is_lost = False  # another bridge has ended the lease
        self._has_checked_tables = False
        self._peers = Peers(self._timing)
        self._orphaned: set[str] = set()  # bridges that have claims, and no lease
        self._watches_at = self._searches_orphans_at = float("-inf")
        self._renewing: asyncio.Task[None] | None = None
        self._claimed: set[Handle] = set()
        self._claim_number = 0
        self._unfinished: set[str] = set()  # claims that were cut off: rows may bear their names
        self._without_views: list[int] = [-1]
        self._has_left = False  # the last claim left captures that wait in the table
        self._window = SearchWindow()
        self._pause = _EAGER_PAUSE
        self._looks_at = 0.0  # when to query for waiting captures again, on the monotonic clock

    @property
    def place(self) -> tuple[object, ...]:
        """Where the tables are."""
        return self._connection.place

    @property
    def waits_for_others(self) -> bool:
        """Whether it does not claim before it knows which other bridges are alive."""
        return bool(self._peers.doubtful)

    def use(self, options: DatabaseOptions) -> None:
        """Log in with other options from the next connection on; the place stays."""
        self._connection.use(options)

    def when_login_refused(self, call: Callable[[], None]) -> None:
        """Call this whenever the database refuses the login, which may have been changed."""
        self._connection.on_refused_login = call

    async def check(self) -> None:
        """Check that the tables exist.

        Raises:
            QueueError: they do not, or the database is unavailable.
        """
        await self._connection.run(self._is_waiting)

    async def check_writing(self) -> None:
        """Check that the login may do all that delivery does; no row is changed.

        Raises:
            QueueError: it may not, a table has no transactions, the server is read-only, or it is
                unavailable.
        """
        # No row has the id 0. The server checks rights before it searches rows.
        nothing = {"ids": [0], "claim": "-", "claims": listed([Handle(0, "-")])}

        def work(cursor: Cursor) -> None:
            if problem := self._without_transactions(cursor):
                raise QueueError(problem)
            for name, values in (
                ("mark_claimed", {}),
                ("give_back", {"delay": 0}),
                ("delivered", {}),
                ("bury", {"id": 0, "reason": "", "body": None, "subject": None}),
                ("dead_redrive", {}),
                ("dead_delete", {}),
            ):
                self._statements.run(cursor, name, **nothing, **values)
            with transaction(cursor):
                for name in ("take_lease", "renew_lease", "end_lease"):
                    self._statements.run(cursor, name, bridge=self.bridge)

        await self._connection.run(work)

    async def claim(self, limit: int, *, without_views: Collection[int] = ()) -> list[Claim]:
        """Claim up to `limit` waiting captures, except those of the store views named."""
        await self._watch_peers()
        self._without_views = sorted(without_views) or [-1]
        self._claim_number += 1
        name = f"{self.bridge}/{self._claim_number:x}"
        try:
            claims = await self._connection.run(lambda cursor: self._claim(cursor, name, limit))
        except QueueError:
            self._forget_search()  # what this claim saw may wait again
            raise
        self._claimed.update(_handle(claim) for claim in claims)
        self._unfinished.clear()
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._keep_renewing(), name="lease")
        if claims:
            self._pause = _EAGER_PAUSE
        return claims

    async def wait(self, seconds: float) -> None:
        """Return as soon as there may be something to claim, at the latest after `seconds`."""
        now = time.monotonic()
        until, self._looks_at = now + seconds, now + self._pause
        while (left := until - time.monotonic()) > 0:
            if await self._connection.look(self._look, left, self._until_look):
                return

    def _until_look(self) -> float:
        return max(0.0, self._looks_at - time.monotonic())

    def _look(self, cursor: Cursor) -> bool:
        growth = 1.2 if self._pause < _CALM_PAUSE else 1.02
        self._pause = min(self._pause * growth, _IDLE_PAUSE)
        self._looks_at = time.monotonic() + self._pause
        return self._is_waiting(cursor)

    async def ack(self, claims: Sequence[Claim]) -> None:
        """Remove captures that were delivered, or that mean no event."""
        handles = [_handle(claim) for claim in claims]

        def work(cursor: Cursor) -> None:
            with transaction(cursor):
                self._remove(cursor, handles)

        await self._connection.run(work)
        self._claimed.difference_update(handles)

    async def retry(self, claims: Sequence[Claim], delay: float = 0.0) -> None:
        """Return captures to the queue; they can be claimed again after `delay` seconds."""
        handles = [_handle(claim) for claim in claims]

        def work(cursor: Cursor) -> None:
            self._statements.run(cursor, "give_back", claims=listed(handles), delay=delay)

        await self._connection.run(work)
        self._claimed.difference_update(handles)
        if handles:
            due = time.monotonic() + delay if delay > 0 else 0.0
            self._window.returned(min(handle.id for handle in handles), due)

    async def defer(self, claims: Sequence[Claim]) -> None:
        """Keep captures claimed without their bodies; they hold up nothing here."""

    async def recall(self, claims: Sequence[Claim]) -> list[Claim]:
        """Read claimed captures again, in their order; one that is gone is left out."""
        handles = [_handle(claim) for claim in claims]

        def work(cursor: Cursor) -> list[Claim]:
            with transaction(cursor):
                recalled = [
                    Claim(Handle(number, name), text)
                    for name, ids in _by_claim(handles)
                    for number, text in self._texts(cursor, "read_claimed", ids, name)
                ]
            return sorted(recalled, key=_handle)

        return await self._connection.run(work)

    def holds_claims(self) -> bool:
        """Return whether the lease was confirmed lately, or nothing is claimed."""
        return not self._claimed or (not self._is_lost and self._lease.is_fresh)

    async def confirm(self) -> bool:
        """Renew the lease, and return whether it was still there."""
        if await self._renew():
            return True

        def work(cursor: Cursor) -> None:
            with transaction(cursor):
                self._give_back_all(cursor, self.bridge)

        await self._connection.run(work)
        self._claimed.clear()
        self._has_lease = self._is_lost = False
        self._window.search_everything()
        return False

    async def bury(self, claim: Claim, reason: str, body: bytes | None = None) -> None:
        """Move a capture that can never be delivered to the dead letters."""
        handle = _handle(claim)
        values = {
            "id": handle.id,
            "claim": handle.claim,
            "reason": _storable(reason),
            "body": body,
            "subject": body and _subject_of(body),
        }

        def work(cursor: Cursor) -> None:
            if body and len(body) > _LARGE_BODY:
                self._check_size(cursor, body)
            with transaction(cursor):
                self._statements.run(cursor, "bury", **values)

        await self._connection.run(work)
        self._claimed.discard(handle)

    async def depth(self) -> Depth:
        """Return how much there is to deliver."""

        def work(cursor: Cursor) -> Depth:
            ((captures, dead),) = self._statements.rows(cursor, "depth")
            oldest = self._statements.rows(cursor, "oldest")
            for written_at, *body in oldest:
                return Depth(captures, _time(self._text_of(*body), written_at), dead)
            return Depth(captures, None, dead)

        return await self._connection.run(work)

    @property
    def dead_letters(self) -> MysqlDeadLetters:
        """The captures that it buried."""
        return MysqlDeadLetters(self._connection, self._statements, self._text_of)

    async def close(self) -> None:
        """Return what is still claimed to the queue, and close the connection."""
        if self._renewing:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)

        def work(cursor: Cursor) -> None:
            with transaction(cursor):
                if self._claimed or self._unfinished:
                    self._give_back_all(cursor, self.bridge)
                self._statements.run(cursor, "give_up_lease", bridge=self.bridge)

        try:
            if self._has_lease:
                await self._connection.run(work)
        except QueueError as error:
            log.debug("Claims are not released; other bridges do that: %s", error)
        finally:
            await self._connection.close()

    # Claims

    def _claim(self, cursor: Cursor, name: str, limit: int) -> list[Claim]:
        if self._unfinished:
            self._forget_search()
            with transaction(cursor):
                for unfinished in self._unfinished:
                    self._give_back_all(cursor, unfinished)
        if not self._has_lease:
            self._take_lease(cursor)
        if not self._is_waiting(cursor):
            return []
        self._unfinished.add(name)
        began = clocks()
        with transaction(cursor):
            if not self._statements.run(cursor, "renew_lease", bridge=self.bridge):
                self._is_lost = bool(self._claimed)
                self._has_lease = self._is_lost
                return []
            claims = self._claim_waiting(cursor, name, limit)
        self._lease.confirm(began)
        return claims

    def _claim_waiting(self, cursor: Cursor, name: str, limit: int) -> list[Claim]:
        """Claim what waits in the queue's table; called in a transaction."""
        candidates = self._candidates(cursor, limit)
        ids = within_bytes(candidates)
        locked = dict(self._texts(cursor, "lock", ids)) if ids else {}
        claimed = [number for number in ids if number in locked]
        self._has_left = len(candidates) == limit or len(claimed) < len(candidates)
        if len(claimed) < len(ids) and not self._peers.are_alive:
            texts = dict(self._texts(cursor, "read", ids))
            claimed = in_order(ids, locked, {number: order_key(texts[number]) for number in texts})
        marked = self._statements.run(cursor, "mark_claimed", ids=claimed, claim=name)
        if marked != len(claimed):
            raise QueueError(
                f"only {marked} of {len(claimed)} captures that were locked in the queue "
                f"'{self.name}' could be claimed, as if another database server had been asked; "
                "a proxy must send all statements of a transaction to the same server"
            )
        if self._without_views == [-1]:
            taken = set(claimed)
            left = next((number for number, _ in candidates if number not in taken), None)
            last = candidates[-1][0] if candidates else None
            self._window.searched(left=left, last=last, is_all=len(candidates) < limit)
        return [Claim(Handle(number, name), locked[number]) for number in claimed]

    def _forget_search(self) -> None:
        """Search everything next: what was found was not claimed after all."""
        self._window.search_everything()

    def _candidates(self, cursor: Cursor, limit: int) -> Sequence[tuple[int, int]]:
        """Read the ids and sizes of waiting captures, oldest first."""
        beyond = self._window.start(time.monotonic())
        rows = self._waiting_beyond(cursor, beyond, limit)
        if beyond is not None and self._window.is_too_narrow([number for number, _ in rows]):
            rows = self._waiting_beyond(cursor, None, limit)
        return rows

    def _waiting_beyond(
        self, cursor: Cursor, beyond: int | None, limit: int
    ) -> Sequence[tuple[int, int]]:
        began = time.monotonic()
        values = {"beyond": beyond or 0, "limit": limit, "without_views": self._without_views}
        rows = self._statements.rows(cursor, "candidates", values)
        if beyond is None:
            self._searched_everything(cursor, began, len(rows))
        return cast("Sequence[tuple[int, int]]", rows)

    def _searched_everything(self, cursor: Cursor, began: float, found: int) -> None:
        now = time.monotonic()
        self._window.searched_everything(now, now - began, found)
        if not found and not self._window.is_repeatable and self._without_views == [-1]:
            ((next_id,),) = self._statements.rows(cursor, "next_id")
            self._window.searched(left=None, last=(next_id or 1) - 1, is_all=True)

    def _texts(
        self, cursor: Cursor, statement: str, ids: Sequence[int], claim: str | None = None
    ) -> Iterator[tuple[int, bytes]]:
        values = {"ids": json.dumps(ids), "claim": claim}
        for number, *body in self._statements.rows(cursor, statement, values):
            yield number, self._text_of(*body)

    def _is_waiting(self, cursor: Cursor) -> bool:
        began = time.monotonic()
        beyond = self._window.start(began)
        values = {"beyond": beyond or 0, "without_views": self._without_views}
        ((is_waiting,),) = self._statements.rows(cursor, "peek", values)
        if not is_waiting and beyond is None:
            self._searched_everything(cursor, began, 0)
        return bool(is_waiting)

    def _remove(self, cursor: Cursor, handles: Sequence[Handle]) -> None:
        """Remove rows that are still in their claims; called in a transaction."""
        self._statements.run(cursor, "delivered", claims=listed(handles))

    def _give_back_all(self, cursor: Cursor, name: str) -> int:
        """Return all rows of a claim, or of a bridge, to the queue; return how many there were."""
        handles = {
            handle
            for statement in ("lock_claimed_by", "claimed_by")  # those that others lock: waited for
            for handle in self._claims_in_table(cursor, name, statement)
        }
        self._give_back(cursor, handles)
        return len(handles)

    def _claims_in_table(self, cursor: Cursor, name: str, statement: str) -> list[Handle]:
        """Read the rows of a claim, or of a bridge."""
        rows = self._statements.rows(cursor, statement, {"claim": f"{name}%"})
        handles = (Handle(number, claim) for number, claim in rows)
        # A pattern also matches longer names, and anything if the name is empty.
        return [handle for handle in handles if name in {handle.claim, handle.claim.split("/")[0]}]

    def _give_back(self, cursor: Cursor, handles: Iterable[Handle]) -> None:
        self._statements.run(cursor, "give_back", claims=listed(handles), delay=0.0)
        self._window.search_everything()

    def _give_back_unknown(self, cursor: Cursor) -> None:
        """Return rows to the queue that bear our name although they were settled.

        A backup that was restored contains them, and so does a server that took over from another
        before it had our last statements. Nobody else releases them while this bridge is alive.
        """
        with transaction(cursor):
            unknown = [
                handle
                for handle in self._claims_in_table(cursor, self.bridge, "lock_claimed_by")
                if handle not in self._claimed and handle.claim not in self._unfinished
            ]
            self._give_back(cursor, unknown)
        if unknown:
            log.warning(
                "The queue '%s' has %s again that this bridge has finished: a backup was restored, "
                "or the database failed over. They are delivered once more.",
                self.name,
                count(len(unknown), "capture"),
            )

    def _check_size(self, cursor: Cursor, body: bytes) -> None:
        """Check that a statement may have a body: the server would end the connection."""
        ((limit,),) = self._statements.rows(cursor, "largest_statement")
        if len(cursor.mogrify("%s", (body,))) + _BESIDE_A_BODY > limit:
            raise QueueError(
                f"a dead letter without private values has {len(body)} bytes, too many for a "
                f"statement (max_allowed_packet is {limit}): raise the limit in the database's "
                "configuration"
            )

    def _without_transactions(self, cursor: Cursor) -> str | None:
        """Return which tables have an engine without transactions, and what to do; None: none."""
        found = self._statements.rows(cursor, "without_transactions")
        if not found:
            return None
        tables = ", ".join(f"{table} ({engine})" for table, engine in found)
        return (
            f"no transactions in {tables}: events of rolled-back transactions are sent, and a "
            "crash may lose or repeat events; convert each by 'ALTER TABLE ... ENGINE=InnoDB'"
        )

    # Leases

    def _take_lease(self, cursor: Cursor) -> None:
        if not self._has_checked_tables:
            self._has_checked_tables = True
            if problem := self._without_transactions(cursor):
                log.error("The queue '%s' has %s.", self.name, problem)
        began = clocks()
        self._statements.run(cursor, "take_lease", bridge=self.bridge)
        self._has_lease = True
        self._lease.confirm(began)

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(self._timing.renew_seconds)
            if self._has_lease and not self._is_lost:
                try:
                    await self._renew()
                except QueueError as error:
                    log.debug("The lease is not renewed: %s", error)
                except Exception:
                    log.exception("Renewing the lease failed")

    async def _renew(self) -> bool:
        """Renew the lease; return False if another bridge has ended it."""

        def work(cursor: Cursor) -> bool:
            return bool(self._statements.run(cursor, "renew_lease", bridge=self.bridge))

        began = clocks()
        if not self._is_lost and await self._connection.run(work):
            self._lease.confirm(began)
            return True
        self._is_lost = True
        self._lease.lose()
        return False

    async def _watch_peers(self) -> None:
        """Release the claims of dead bridges.

        Nothing is claimed while it is unknown whether a bridge with claims is dead: what it had
        claimed comes before what came after it.
        """
        reported = False
        while True:
            if time.monotonic() >= self._watches_at:
                await self._connection.run(self._watch)
            if not self._peers.doubtful:
                return
            if not reported:
                reported = True
                log.info(
                    "Other bridges (%s) have claims in the queue '%s'. Waiting up to %.0f s to see "
                    "whether they are alive.",
                    ", ".join(sorted(self._peers.doubtful)),
                    self.name,
                    self._timing.dead_seconds,
                )
            await asyncio.sleep(min(0.5, self._timing.watch_seconds))

    def _watch(self, cursor: Cursor) -> None:
        leases: dict[str, float | None] = dict(
            self._statements.rows(cursor, "leases", {"bridge": self.bridge})
        )
        now = time.monotonic()  # a lease may have been renewed just before it was read
        claimants: set[str] = set()
        if now >= self._searches_orphans_at:
            rows = self._statements.rows(cursor, "claimants")
            claimants = {name for (name,) in rows} - {self.bridge}
            self._orphaned = claimants - leases.keys()
            if self._has_lease and not self._is_lost:
                self._give_back_unknown(cursor)
            seconds = time.monotonic() - now
            self._searches_orphans_at = now + max(self._timing.orphans_seconds, 50 * seconds)
        leases |= dict.fromkeys(self._orphaned - leases.keys())
        self._peers.watch(leases, claimants, now)
        for name, lease in self._peers.dead.items():
            self._release(cursor, name, lease)
        self._watches_at = now + self._timing.watch_seconds

    def _release(self, cursor: Cursor, name: str, lease: float | None) -> None:
        """Release the claims of a dead bridge, unless it has renewed its lease meanwhile.

        One that was frozen, or lost its network, in a transaction still has rows locked. The
        database ends the transaction in time; nothing waits for that here.
        """
        with transaction(cursor):
            rows = self._statements.rows(cursor, "lock_lease", {"bridge": name})
            if (rows[0][0] if rows else None) != lease:
                return
            number = len(self._claims_in_table(cursor, name, "claimed_by"))
            claims = self._claims_in_table(cursor, name, "lock_claimed_by")
            if len(claims) < number:
                return
            self._give_back(cursor, claims)
            if claims:
                self._statements.run(cursor, "end_lease", bridge=name)
        self._peers.released(name)
        if claims:
            log.warning("Bridge %s is dead; its %d claims are released.", name, len(claims))


def in_order(ids: Iterable[int], locked: Collection[int], keys: dict[int, str | None]) -> list[int]:
    """Return the locked ids, without those behind one of the same key that is not locked."""
    held_up: set[str] = set()
    result = []
    for number in ids:
        key = keys.get(number)
        if number not in locked:
            held_up.update([key] if key else [])
        elif key not in held_up:
            result.append(number)
    return result


def _subject_of(text: bytes) -> str | None:
    try:
        return read_capture(text).subject
    except InvalidCaptureError:
        return None


def order_key(text: bytes) -> str | None:
    """Return the key of captures whose order is kept; None for a text that is no capture."""
    try:
        return read_capture(text).order_key
    except InvalidCaptureError:
        return None


def within_bytes(rows: Iterable[tuple[int, int]]) -> list[int]:
    """Return the ids of the first rows that together are not too large, at least one."""
    ids: list[int] = []
    total = 0
    for number, size in rows:
        if total >= BYTES_PER_CLAIM:
            break
        ids.append(number)
        total += size
    return ids


def listed(handles: Iterable[Handle]) -> list[dict[str, str | list[int]]]:
    """Return claims in the form of a statement's `claims`."""
    return [{"claim": name, "ids": sorted(ids)} for name, ids in _by_claim(handles)]


def _by_claim(handles: Iterable[Handle]) -> Iterable[tuple[str, list[int]]]:
    """Return the ids of each claim, with its name."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for handle in handles:
        groups[handle.claim].append(handle.id)
    return groups.items()


def _time(body: bytes, written_at: float) -> float:
    try:
        return read_capture(body).time
    except InvalidCaptureError:
        return float(written_at)


def _storable(text: str) -> str:
    """Return a text that also fits in `utf8`, which the tables of older stores have."""
    return re.sub("[\ud800-\udfff\U00010000-\U0010ffff]", "\ufffd", text)


def _handle(claim: Claim) -> Handle:
    return cast("Handle", claim.handle)
