"""Audit a window: what the store's tables hold against ledger, queues and dead letters."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from magento_eventbridge.audit.findings import AuditFinding, Report, Verdict
from magento_eventbridge.audit.waiting import WaitingCaptures
from magento_eventbridge.backfill.kinds import KINDS, Kind
from magento_eventbridge.backfill.queue import Entity, capture_of_rows, name_of
from magento_eventbridge.backfill.rows import CHUNK, Selection, StoreTables, seconds
from magento_eventbridge.backfill.snapshots import RowError, Rows
from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture
from magento_eventbridge.catalog import BY_DETAIL_TYPE, TranslationError, event_of
from magento_eventbridge.catalog.event import DetailLevel
from magento_eventbridge.delivery.envelope import ConditionNotMetError, build_entry
from magento_eventbridge.delivery.ports import DeadLetters
from magento_eventbridge.delivery.routing import Route
from magento_eventbridge.ledger.archive import LedgerArchive, LedgerEntry
from magento_eventbridge.ledger.states import state_of

AUDITED = ("orders", "invoices", "creditmemos", "shipments", "customers")
"""The kinds of entities that an audit checks."""

_DETAIL_TYPES = {
    kind.scope: frozenset(
        name for name, event in BY_DETAIL_TYPE.items() if event.scope == kind.scope
    )
    for kind in KINDS.values()
}
_LEVELS: tuple[DetailLevel, ...] = ("documented", "full")
_LETTERS_AT_ONCE = 500
# In seconds: the ledger is written so much after a delivery, at the most.
_LEDGER_DELAY = 1.5
# In seconds: an event that was created so long before a gap may have been delivered in it.
_BEFORE_A_GAP = 3600.0


class _EntityKey(NamedTuple):
    """What an event is about: the scope and the key of the row."""

    scope: str
    key: str


@dataclass
class _Undelivered:
    """The events that wait, or that are dead letters, by what they are about."""

    waiting: dict[_EntityKey, set[str]]
    dead: dict[_EntityKey, set[str]]


@dataclass(frozen=True)
class Sources:
    """Where an audit looks.

    Attributes:
        tables: of the store.
        routes: returns the route of a store view.
        ledger: what was delivered.
        waiting: the captures that wait.
        dead_letters: of all queues.
    """

    tables: StoreTables
    routes: Callable[[int], Route]
    ledger: LedgerArchive
    waiting: WaitingCaptures
    dead_letters: Sequence[DeadLetters]


class Auditor:
    """Compares the store's tables with what became of their events."""

    def __init__(self, sources: Sources, *, ledger_delay: float = _LEDGER_DELAY) -> None:
        self._sources = sources
        self._ledger_delay = ledger_delay

    async def audit(self, since: float, until: float, kinds: Collection[str] = AUDITED) -> Report:
        """Check what was created or changed from `since` until `until` (epoch seconds).

        Raises:
            DatabaseError: the store's tables cannot be read.
            LedgerError: the ledger cannot be read.
            QueueError: dead letters cannot be read.
        """
        report = Report(since, until)
        began = await asyncio.to_thread(self._sources.ledger.began)
        gaps = await asyncio.to_thread(self._sources.ledger.gaps)
        if began is None:
            report.notes.append("there is no ledger: what was delivered is not known")
        elif began > since:
            report.notes.append("the ledger began later than the window: see 'unknown'")
        if unread := await self._unread(since):
            report.notes.append(
                f"the ledgers of some bridges that delivered ({', '.join(unread)}) were not read, "
                "or could not be written: what is missing may have been delivered by them, see "
                "'unknown'. Name the ledgers of other bridges with --ledger or audit.ledgers"
            )
        open_findings: list[AuditFinding] = []
        for name in kinds:
            kind = KINDS[name]
            async for findings in self._created(kind, since, until):
                report.add(one for one in findings if one.verdict != "missing")
                open_findings += [one for one in findings if one.verdict == "missing"]
            if kind.changed and kind.has_time_index:
                async for findings in self._changed(kind, since, until):
                    report.add(one for one in findings if one.verdict != "missing")
                    open_findings += [one for one in findings if one.verdict == "missing"]
        if open_findings:
            judged = await self._judge_again(open_findings, began, gaps)
            report.add(_unknown(one) if unread else one for one in judged)
        return report

    async def _unread(self, since: float) -> list[str]:
        """Return the hosts of bridges whose events are in other ledgers, or in none."""
        ledgers = await self._sources.waiting.ledgers(since)
        known = await asyncio.to_thread(self._sources.ledger.numbers)
        return sorted({host for number, host in ledgers.items() if number not in known - {0}})

    async def _created(
        self, kind: Kind, since: float, until: float
    ) -> AsyncIterator[list[AuditFinding]]:
        async for keys in self._sources.tables.keys(kind, Selection(since, until)):
            async for rows, entries in self._with_entries(kind, keys):
                yield [self._judge_creation(kind, rows, entries)]

    async def _changed(
        self, kind: Kind, since: float, until: float
    ) -> AsyncIterator[list[AuditFinding]]:
        async for found in self._sources.tables.changed(kind, since, until):
            changed_at = {str(one.id): one.changed for one in found}
            async for rows, entries in self._with_entries(kind, [one.id for one in found]):
                at = changed_at[rows.main[kind.key]]
                finding = self._judge_change(kind, rows, entries, since, at)
                yield [finding] if finding else []

    async def _with_entries(
        self, kind: Kind, keys: Sequence[int]
    ) -> AsyncIterator[tuple[Rows, list[LedgerEntry]]]:
        """Read entities with the ledger's entries about them."""
        if not keys:
            return
        by_key = await asyncio.to_thread(
            self._sources.ledger.entries, _DETAIL_TYPES[kind.scope], keys
        )
        for start in range(0, len(keys), CHUNK):
            some = keys[start : start + CHUNK]
            for rows in await self._sources.tables.entities(kind, some):
                yield rows, by_key.get(int(rows.main[kind.key]), [])

    def _judge_creation(
        self, kind: Kind, rows: Rows, entries: Sequence[LedgerEntry]
    ) -> AuditFinding:
        expected = self._expected(kind, rows)
        try:
            capture = capture_of_rows(kind, rows, expected or kind.created, "repair")
        except RowError:
            at = seconds(rows.main.get(kind.happened)) or 0.0
            return _finding(kind, rows, kind.created, at, "broken")
        verdict: Verdict = "missing"
        if expected is None:
            verdict = "switched off"
        else:
            verdicts = {one.verdict for one in entries if one.detail_type == expected}
            for known in _IN_LEDGER:
                if known in verdicts:
                    verdict = known
                    break
        return _finding(kind, rows, expected or kind.created, capture.time, verdict)

    def _expected(self, kind: Kind, rows: Rows) -> str | None:
        """Return the event that a new entity must have; None: it is switched off."""
        route = self._sources.routes(int(rows.main.get("store_id") or 0))
        candidates = (kind.created, "OrderPlaced") if kind.name == "orders" else (kind.created,)
        for detail_type in candidates:
            if route.is_on(BY_DETAIL_TYPE[detail_type]):
                return detail_type
        return None

    def _judge_change(
        self,
        kind: Kind,
        rows: Rows,
        entries: Sequence[LedgerEntry],
        since: float,
        changed_at: float,
    ) -> AuditFinding | None:
        detail_type = kind.updated or kind.created
        route = self._sources.routes(int(rows.main.get("store_id") or 0))
        try:
            created = capture_of_rows(kind, rows, kind.created, "repair")
            states = self._states(created, route)
        except (RowError, TranslationError, ConditionNotMetError):
            return None  # its creation is judged, or it is left out
        delivered = [one for one in entries if one.verdict == "delivered" and one.state]
        is_new = created.time >= since
        if not route.is_on(BY_DETAIL_TYPE[detail_type]):
            return None
        if not delivered:
            # Its creation is judged; of an older one nothing is known.
            return None if is_new else _finding(kind, rows, detail_type, changed_at, "touched")
        if same := [one for one in delivered if one.state in states]:
            if is_new:
                return None
            was_sent = any(one.at >= since for one in same)
            verdict: Verdict = "delivered" if was_sent else "touched"
            return _finding(kind, rows, detail_type, changed_at, verdict)
        state = _name_of(_state(created, route))
        return _finding(kind, rows, detail_type, changed_at, "missing", state)

    def _states(self, capture: Capture, route: Route) -> set[int]:
        """Return what the present state may be in the ledger, whatever `options.detail` was."""
        return {_state(capture, replace(route, detail=level)) for level in _LEVELS}

    async def _judge_again(
        self,
        findings: Sequence[AuditFinding],
        began: float | None,
        gaps: Sequence[tuple[float, float]],
    ) -> list[AuditFinding]:
        """Search queues and dead letters for what the ledger lacks, then the ledger once more."""
        about = {_EntityKey(KINDS[one.kind].scope, str(one.key)) for one in findings}
        known = await self._search(about)
        await asyncio.sleep(self._ledger_delay)
        judged: list[AuditFinding] = []
        for name in dict.fromkeys(one.kind for one in findings):
            kind = KINDS[name]
            of_kind = [one for one in findings if one.kind == name]
            keys = sorted({one.key for one in of_kind})
            by_key = {
                rows.main[kind.key]: entries
                async for rows, entries in self._with_entries(kind, keys)
            }
            for finding in of_kind:
                if str(finding.key) not in by_key:
                    continue  # deleted meanwhile
                entries = by_key[str(finding.key)]
                judged.append(
                    finding._replace(verdict=self._last_word(finding, kind, entries, known))
                )
        return [_limited(one, began, gaps) for one in judged]

    def _last_word(
        self,
        finding: AuditFinding,
        kind: Kind,
        entries: Sequence[LedgerEntry],
        known: _Undelivered,
    ) -> Verdict:
        about = _EntityKey(kind.scope, str(finding.key))
        if finding.state:
            if any(_name_of(one.state) == finding.state for one in entries):
                return "delivered"
            of_waiting, of_dead = bool(known.waiting.get(about)), bool(known.dead.get(about))
        else:
            if any(
                one.detail_type == finding.detail_type and one.verdict == "delivered"
                for one in entries
            ):
                return "delivered"
            of_waiting = finding.detail_type in known.waiting.get(about, ())
            of_dead = finding.detail_type in known.dead.get(about, ())
        if of_waiting:
            return "waiting"
        return "dead letter" if of_dead else "missing"

    async def _search(self, wanted: set[_EntityKey]) -> _Undelivered:
        found = _Undelivered({}, {})
        async for capture in self._sources.waiting.all():
            _note(found.waiting, capture, wanted)
        for letters in self._sources.dead_letters:
            after = 0
            while page := await letters.page(_LETTERS_AT_ONCE, after=after):
                after = page[-1].id
                for letter in page:
                    try:
                        _note(found.dead, read_capture(letter.body), wanted)
                    except InvalidCaptureError:
                        continue
        return found


class Missing:
    """The missing events of an audit as entities to send."""

    def __init__(self, tables: StoreTables, findings: Sequence[AuditFinding]) -> None:
        self.position = self.passed = 0
        self.left_out: list[tuple[str, str]] = []
        self._tables = tables
        self._findings = sorted(findings, key=lambda one: one.happened_at)

    async def batches(self, after: int) -> AsyncIterator[list[Entity]]:
        """Yield the entities after the one with a number, in the order of their times."""
        for start in range(after, len(self._findings), CHUNK):
            some = self._findings[start : start + CHUNK]
            found: dict[tuple[str, str], Rows] = {}
            for name in {one.kind for one in some}:
                kind = KINDS[name]
                keys = [one.key for one in some if one.kind == name]
                for rows in await self._tables.entities(kind, keys):
                    found[name, rows.main[kind.key]] = rows
            yield [
                Entity(
                    start + number, one.name, _capturing(one, found.get((one.kind, str(one.key))))
                )
                for number, one in enumerate(some, start=1)
            ]

    def advance(self, position: int, passed: int) -> None:
        """Remember how far it is: the ledger knows what was delivered."""
        self.position, self.passed = position, passed

    def leave_out(self, entity: str, reason: str) -> None:
        """Remember an entity that cannot be sent."""
        self.left_out.append((entity, reason))


def _capturing(finding: AuditFinding, rows: Rows | None) -> Callable[[], Capture]:
    def capture() -> Capture:
        if rows is None:
            raise RowError("it was deleted")
        kind = KINDS[finding.kind]
        return capture_of_rows(kind, rows, finding.detail_type, "repair", version=finding.state)

    return capture


_IN_LEDGER: tuple[Verdict, ...] = ("delivered", "switched off", "dead letter")


def _name_of(state: int) -> str:
    return f"{state:08x}"


def _state(capture: Capture, route: Route) -> int:
    event = route.catalog.event_of(capture)
    if event is None:
        raise TranslationError("it means no event")
    return state_of(build_entry(capture, event, route).detail, event.own_fields)


def _note(into: dict[_EntityKey, set[str]], capture: Capture, wanted: set[_EntityKey]) -> None:
    try:
        event = event_of(capture)
    except TranslationError:
        return
    if event and (about := _EntityKey(event.scope, event.entity_of(capture))) in wanted:
        into.setdefault(about, set()).add(event.detail_type)


def _limited(
    finding: AuditFinding, began: float | None, gaps: Iterable[tuple[float, float]]
) -> AuditFinding:
    """Return what can be said of an event that the ledger lacks."""
    at = finding.happened_at
    is_blind = began is None or at < began
    in_gap = any(start - _BEFORE_A_GAP <= at <= end for start, end in gaps)
    return _unknown(finding) if is_blind or in_gap else finding


def _unknown(finding: AuditFinding) -> AuditFinding:
    return finding._replace(verdict="unknown") if finding.verdict == "missing" else finding


def _finding(
    kind: Kind, rows: Rows, detail_type: str, at: float, verdict: Verdict, state: str = ""
) -> AuditFinding:
    key = int(rows.main[kind.key])
    return AuditFinding(kind.name, key, name_of(kind, rows), detail_type, at, verdict, state)
