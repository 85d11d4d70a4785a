"""How long to wait before the next try."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Doubling delays in seconds, from `first` up to `longest`."""

    first: float = 0.5
    longest: float = 60.0

    def delay(self, failures: int, chance: float) -> float:
        """Return the delay after so many failures in a row (1 or more).

        `chance` (0 to 1) picks from the upper half of the delay, so that many who failed at once
        do not come back at once.
        """
        # The exponent is bounded because 2.0 ** 1024 overflows, and an outage can last.
        full = min(self.longest, self.first * 2.0 ** min(failures - 1, 64))
        return full * (0.5 + chance / 2)
