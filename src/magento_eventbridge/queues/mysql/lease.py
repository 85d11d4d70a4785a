"""Leases of bridges: which claims are still ours, and which bridges are dead. Pure but for clocks.

A bridge renews its row in the store's database every few seconds. Others watch the row's value, by
their own clocks: no clock is compared with another. A bridge is dead when its row has not changed
for `dead_seconds`, in which the watching bridge reached the database all the time.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from magento_eventbridge.magento.process_names import is_gone, is_running

_NEVER = -1.0  # no lease has this value


@dataclass(frozen=True)
class LeaseTiming:
    """How leases are renewed and watched, in seconds.

    Attributes:
        renew_seconds: between two renewals of our own lease.
        hold_seconds: how long claims are surely ours after a renewal; less than `dead_seconds`.
        dead_seconds: a bridge whose lease has not changed for so long is dead.
        watch_seconds: between two checks of the leases of other bridges.
        orphans_seconds: between two searches for claims of bridges that have no lease.
    """

    renew_seconds: float = 3.0
    hold_seconds: float = 15.0
    dead_seconds: float = 20.0
    watch_seconds: float = 2.0
    orphans_seconds: float = 60.0


class Lease:
    """When the bridge's own lease was confirmed last, by clocks that also count suspended time."""

    def __init__(self, timing: LeaseTiming) -> None:
        self._timing = timing
        self._confirmed_at: tuple[float, ...] | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether nobody can have taken our claims since the last confirmation."""
        if self._confirmed_at is None:
            return False
        elapsed = (now - then for now, then in zip(clocks(), self._confirmed_at, strict=True))
        return all(seconds < self._timing.hold_seconds for seconds in elapsed)

    def confirm(self, began: tuple[float, ...]) -> None:
        """Record a renewal that began then."""
        self._confirmed_at = began

    def lose(self) -> None:
        """Record that another bridge ended the lease."""
        self._confirmed_at = None


class Peers:
    """The other bridges on a queue, as far as their leases show."""

    def __init__(self, timing: LeaseTiming) -> None:
        self._timing = timing
        self._leases: dict[str, float | None] = {}
        self._unchanged_since: dict[str, float] = {}
        self._alive: set[str] = set()
        self._released: dict[str, float | None] = {}
        self._watched_at = float("-inf")
        self.doubtful: set[str] = set()
        """Bridges that had claims before this one began, and may be alive or dead."""

    @property
    def are_alive(self) -> bool:
        """Whether other bridges were seen alive lately."""
        return bool(self._alive)

    def watch(
        self, leases: Mapping[str, float | None], claimants: Collection[str], now: float
    ) -> None:
        """Compare leases with those seen before.

        Args:
            leases: by bridge; None for a bridge that has claims but no lease.
            claimants: bridges that have claims, when they were searched for.
            now: on a clock of this process.
        """
        if now - self._watched_at > 3 * self._timing.watch_seconds + 1:
            # The database was unavailable, or this bridge was paused: the others may have been too.
            self._unchanged_since = dict.fromkeys(self._unchanged_since, now)
        is_first = self._watched_at == float("-inf")
        self._watched_at = now
        for name, lease in leases.items():
            if name not in self._leases:
                self._unchanged_since[name] = now
                if is_running(name):
                    self._alive.add(name)
                elif is_first and name in claimants:
                    self.doubtful.add(name)
            elif self._leases[name] != lease:
                self._unchanged_since[name] = now
                self._alive.add(name)
        self._leases = dict(leases)
        for name in self._unchanged_since.keys() - leases.keys():
            del self._unchanged_since[name]
        self._alive = {name for name in self._alive if name in leases and not self._is_dead(name)}
        self.doubtful = {
            name for name in self.doubtful if name in leases and name not in self._alive
        }
        self._released = {name: lease for name, lease in self._released.items() if name in leases}

    @property
    def dead(self) -> dict[str, float | None]:
        """The bridges whose claims may be released, with the lease that each must still have."""
        return {
            name: lease
            for name, lease in self._leases.items()
            if self._released.get(name, _NEVER) != lease and self._is_dead(name)
        }

    def released(self, name: str) -> None:
        """Record that a dead bridge has no claims left."""
        self.doubtful.discard(name)
        self._released[name] = self._leases[name]

    def _is_dead(self, name: str) -> bool:
        unchanged = self._watched_at - self._unchanged_since[name]
        return is_gone(name) or unchanged >= self._timing.dead_seconds


def clocks() -> tuple[float, ...]:
    """Return the time on several clocks: a suspended machine stops some, a wrong clock jumps."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return (time.monotonic() if boot is None else time.clock_gettime(boot), time.time())
