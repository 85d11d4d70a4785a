"""What waits apart: events that a destination refuses by their kind, not one by one. Pure.

A permission can be missing for one source and detail-type, and a wrong setting can spoil all
events of one store view. Such events leave the lane, so that they take neither room nor calls from
the others. From time to time one of them is sent as a probe; once a probe is accepted, all of its
group go back into the lane.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from magento_eventbridge.delivery.reasons import ReasonKind
from magento_eventbridge.delivery.verdicts import Fate, Verdict

if TYPE_CHECKING:
    from magento_eventbridge.delivery.lane import Pending

# Of so many different subjects in a row: then it is not the events that are at fault.
_MOST_REFUSALS = 10
# So many of the events that were buried before that are recovered.
_MOST_RECOVERED = 1000


class TypeGroup(NamedTuple):
    """The events that one permission of AWS is about."""

    source: str
    detail_type: str

    def __str__(self) -> str:
        return f"{self.detail_type} of source '{self.source}'"


class ViewGroup(NamedTuple):
    """The events of one store view."""

    id: int

    def __str__(self) -> str:
        return f"all events of store view {self.id}"


Group = TypeGroup | ViewGroup


@dataclass(frozen=True, slots=True)
class GroupStatus:
    """A group that waits apart.

    Attributes:
        reason: why the destination refuses it.
        waiting: how many of its events are in memory.
        since: when it was refused first, in seconds of a monotonic clock.
        next_probe: when one of its events is tried again, by the same clock.
    """

    group: Group
    reason: str
    waiting: int
    since: float
    next_probe: float


@dataclass(slots=True)
class _WaitingGroup:
    reason: str
    since: float
    next_probe: float
    failures: int = 1
    is_probing: bool = False
    entries: deque["Pending"] = field(default_factory=deque)


class Apart:
    """The groups that wait apart, each with its events in order."""

    def __init__(self) -> None:
        self._groups: dict[Group, _WaitingGroup] = {}
        self._size = 0
        self._bytes = 0

    def __len__(self) -> int:
        """Return how many events wait, without a probe in flight."""
        return self._size

    @property
    def bytes(self) -> int:
        """The size of what waits, in bytes."""
        return self._bytes

    @property
    def groups(self) -> list[GroupStatus]:
        """Each group that waits."""
        return [
            GroupStatus(
                group,
                waiting.reason,
                len(waiting.entries) + waiting.is_probing,
                waiting.since,
                waiting.next_probe,
            )
            for group, waiting in self._groups.items()
        ]

    def group_of(self, pending: "Pending") -> Group | None:
        """Return the group with which an entry has to wait, if there is one."""
        if not self._groups:  # nearly always
            return None
        for group in (
            ViewGroup(pending.view_id),
            TypeGroup(pending.entry.source, pending.entry.detail_type),
        ):
            if group in self._groups:
                return group
        return None

    def failures(self, group: Group) -> int:
        """Return how often a group was refused in a row; 0 if it does not wait."""
        return self._groups[group].failures if group in self._groups else 0

    def refuse(self, group: Group, reason: str, now: float, next_probe: float) -> bool:
        """Let a group wait; return whether it did not before.

        A refusal that is not a probe's says nothing new of a group that waits.
        """
        if group in self._groups:
            return False
        self._groups[group] = _WaitingGroup(reason, now, next_probe)
        return True

    def add(self, group: Group, pending: "Pending") -> None:
        """Add an entry behind the others of its group."""
        self._groups[group].entries.append(pending)
        self._count(pending, 1)

    def next_probe(self) -> float | None:
        """Return when the next probe may be sent; None while there is none to send."""
        return min(
            (w.next_probe for w in self._groups.values() if w.entries and not w.is_probing),
            default=None,
        )

    def take_probe(self, now: float, most_bytes: int) -> "Pending | None":
        """Take the entry to be sent as a probe now, if one is due.

        Args:
            most_bytes: a larger entry waits for S3 first, which says nothing of the group: it is
                the probe only if all subjects of the group begin with such an entry.
        """
        for group, waiting in self._groups.items():
            if waiting.entries and not waiting.is_probing and waiting.next_probe <= now:
                position = _first_small(waiting.entries, most_bytes)
                pending = waiting.entries[position]
                del waiting.entries[position]
                self._count(pending, -1)
                waiting.is_probing = True
                pending.probes = group
                return pending
        return None

    def probe_now(self, now: float) -> None:
        """Make a probe of each group due."""
        for waiting in self._groups.values():
            waiting.next_probe = now

    def probe_soon(self, group: Group, now: float) -> None:
        """Make a probe of a group due, if it waits."""
        if waiting := self._groups.get(group):
            waiting.next_probe = min(waiting.next_probe, now)

    def put_back_probe(self, pending: "Pending", next_probe: float) -> None:
        """Put a probe back that was not answered: it says nothing of its group."""
        group = _probed(pending)
        waiting = self._groups[group]
        waiting.is_probing = False
        waiting.next_probe = next_probe
        waiting.entries.appendleft(pending)
        self._count(pending, 1)

    def refuse_probe(self, pending: "Pending", reason: str, next_probe: float) -> None:
        """Let a probe's group wait on; the next probe is about something else, if there is any.

        A single event that is refused for its own fault must not hold up its whole store view.
        """
        group = _probed(pending)
        waiting = self._groups[group]
        waiting.is_probing = False
        waiting.next_probe = next_probe
        waiting.reason = reason
        waiting.failures += 1
        of_its_subject = [pending]
        others: deque[Pending] = deque()
        for entry in waiting.entries:
            (of_its_subject if entry.order_key == pending.order_key else others).append(entry)
        waiting.entries = others + deque(of_its_subject)
        self._count(pending, 1)

    def take_last(self, count: int) -> list["Pending"]:
        """Remove and return up to `count` entries: the last of the largest groups, in order."""
        taken: deque[Pending] = deque()
        while len(taken) < count and self._size:
            largest = max(self._groups.values(), key=lambda waiting: len(waiting.entries))
            pending = largest.entries.pop()
            self._count(pending, -1)
            taken.appendleft(pending)
        return list(taken)

    def release(self, group: Group) -> list["Pending"]:
        """Return the entries of a group, in their order, and end its wait."""
        waiting = self._groups.pop(group, None)
        released = list(waiting.entries) if waiting else []
        for pending in released:
            self._count(pending, -1)
        return released

    def drain(self) -> Iterator["Pending"]:
        """Remove and yield everything; the groups stay refused."""
        for waiting in self._groups.values():
            while waiting.entries:
                pending = waiting.entries.popleft()
                self._count(pending, -1)
                yield pending

    def _count(self, pending: "Pending", number: int) -> None:
        self._size += number
        self._bytes += number * pending.entry.size


def _first_small(entries: "deque[Pending]", most_bytes: int) -> int:
    """Return the position of the first entry of a subject that is not large; 0 if there is none."""
    subjects: set[str] = set()
    for position, pending in enumerate(entries):
        if pending.order_key not in subjects and pending.entry.size <= most_bytes:
            return position
        subjects.add(pending.order_key)
    return 0


def _probed(pending: "Pending") -> Group:
    """Return the group that a probe came from, and end the probe."""
    group, pending.probes = pending.probes, None
    assert group is not None  # noqa: S101  only what take_probe returned comes here
    return group


@dataclass(slots=True)
class RefusedInARow:
    """The events of a store view that were refused one after the other.

    Attributes:
        code: for which reason.
        subjects: what they are about; no more than decide.
        buried: the IDs of those that are dead letters.
    """

    code: str
    subjects: set[str] = field(default_factory=set)
    buried: list[str] = field(default_factory=list)


class Refusals:
    """Notices when a store view's settings are at fault, and not its events.

    AWS refuses a malformed event for its own sake. Events of many subjects, refused one after the
    other for one reason with nothing accepted in between, have something else in common.
    """

    def __init__(
        self,
        rows: dict[int, RefusedInARow] | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """Go on with the rows of each store view; `changed` is called after they changed."""
        self._rows = {} if rows is None else rows
        self._recovered: dict[int, RefusedInARow] = {}  # the last one of each store view
        self._changed = changed

    def weigh(
        self, batch: Sequence["Pending"], verdicts: list[Verdict]
    ) -> tuple[list[Verdict], list[str]]:
        """Return the verdicts, some of which hold a store view, and the IDs of events to recover.

        When a view begins to be held, the events of its row that are in this batch are held too.
        Those before them were buried already: they must be recovered.
        """
        if not self._rows and all(verdict.fate is Fate.DELIVERED for verdict in verdicts):
            return verdicts, []  # nearly always
        weighed = [self._weigh(*pair) for pair in zip(batch, verdicts, strict=True)]
        proven: set[int] = set()
        for position, pending in reversed(list(enumerate(batch))):
            if verdicts[position].fate is Fate.DELIVERED:
                proven.add(pending.view_id)
            elif pending.view_id in proven:  # one behind it in the same call was accepted
                weighed[position] = verdicts[position]
        to_recover = self._recover(batch, weighed)
        self._changed()
        return weighed, to_recover

    def _recover(self, batch: Sequence["Pending"], weighed: list[Verdict]) -> list[str]:
        """Return the IDs of dead letters to recover; hold those that would become some now."""
        held = {
            pending.view_id
            for pending, verdict in zip(batch, weighed, strict=True)
            if verdict.fate is Fate.HOLD
        }
        buried: dict[str, None] = {}
        for view_id in held & self._rows.keys():
            row = self._rows[view_id]
            if self._recovered.get(view_id) is not row:
                # It keeps them: a crash may come before they are recovered.
                self._recovered[view_id] = row
                buried.update(dict.fromkeys(row.buried))
        for position, (pending, verdict) in enumerate(zip(batch, weighed, strict=True)):
            if verdict.fate is Fate.BURY and pending.event_id in buried:
                del buried[pending.event_id]
                weighed[position] = _hold(verdict)
        return list(buried)

    def _weigh(self, pending: "Pending", verdict: Verdict) -> Verdict:
        if verdict.fate is Fate.DELIVERED:
            self._rows.pop(pending.view_id, None)
        if verdict.fate is not Fate.BURY or pending.settings_proven:
            return verdict
        code = verdict.reason.partition(":")[0]
        row = self._rows.get(pending.view_id)
        if row is None or row.code != code:
            row = self._rows[pending.view_id] = RefusedInARow(code)
        if len(row.subjects) < _MOST_REFUSALS:
            row.subjects.add(pending.order_key)
        if len(row.subjects) == _MOST_REFUSALS:
            return _hold(verdict)
        if pending.event_id not in row.buried:
            row.buried = [*row.buried[1 - _MOST_RECOVERED :], pending.event_id]
        return verdict

    def forget(self, view_id: int) -> None:
        """Begin again with a store view: one of its events was not refused."""
        if self._rows.pop(view_id, None):
            self._changed()


def _hold(verdict: Verdict) -> Verdict:
    return Verdict(Fate.HOLD, ReasonKind.VIEW_REFUSED.reason(verdict.reason))
