"""What an audit finds: one entity and what became of its event. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Verdict = Literal[
    "delivered", "waiting", "dead letter", "switched off", "missing", "unknown", "touched", "broken"
]
"""`unknown`: from before the ledger, or of a time when it could not be written. `touched`: has only
a newer `updated_at`, or nothing is known of its former state; it is never repaired. `broken`: its
rows cannot become an event."""

VERDICTS: tuple[Verdict, ...] = (
    "delivered",
    "waiting",
    "dead letter",
    "switched off",
    "missing",
    "unknown",
    "touched",
    "broken",
)


class AuditFinding(NamedTuple):
    """An entity of the store and what became of its event.

    Attributes:
        kind: the entity's kind, as `orders`.
        key: its primary key.
        name: its number.
        detail_type: the event that it should have, by its documented name.
        happened_at: when it was created, or changed, in seconds since the epoch.
        state: distinguishes the state of a changed entity; empty: it is about the creation.
    """

    kind: str
    key: int
    name: str
    detail_type: str
    happened_at: float
    verdict: Verdict
    state: str = ""


@dataclass
class Report:
    """The result of an audit.

    Attributes:
        since, until: the window, in seconds since the epoch.
        counts: entities by kind and verdict.
        listed: the entities that people must see.
        notes: what limits the result.
        cannot_repair: why what is missing may arrive by itself; empty: it will not.
    """

    since: float
    until: float
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    listed: list[AuditFinding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cannot_repair: str = ""

    def add(self, findings: Iterable[AuditFinding]) -> None:
        """Count findings; keep those that people must see."""
        for finding in findings:
            self.counts[finding.kind, finding.verdict] += 1
            if finding.verdict in ("missing", "dead letter", "touched", "broken"):
                self.listed.append(finding)

    def of(self, verdict: Verdict) -> list[AuditFinding]:
        """Return the listed findings with a verdict."""
        return [finding for finding in self.listed if finding.verdict == verdict]

    @property
    def missing(self) -> int:
        """How many events are missing."""
        return sum(n for (_, verdict), n in self.counts.items() if verdict == "missing")

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "since": self.since,
            "until": self.until,
            "counts": {
                verdict: sum(n for (_, of), n in self.counts.items() if of == verdict)
                for verdict in VERDICTS
            },
            "by_kind": [[*key, n] for key, n in sorted(self.counts.items())],
            "missing": [finding._asdict() for finding in self.of("missing")],
            "dead_letters": [finding._asdict() for finding in self.of("dead letter")],
            "touched": [finding._asdict() for finding in self.of("touched")],
            "broken": [finding._asdict() for finding in self.of("broken")],
            "notes": self.notes,
        }
