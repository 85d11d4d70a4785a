"""What `doctor` says of one thing that it looked at."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "FAIL"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; only FAIL must be mended before events arrive."""

    name: str
    state: State
    told: str

    @property
    def is_well(self) -> bool:
        """Whether nobody need act."""
        return self.state != "FAIL"

    def __str__(self) -> str:
        """Write it as a line."""
        return f"{self.state:<4}  {self.name}: {self.told}"
