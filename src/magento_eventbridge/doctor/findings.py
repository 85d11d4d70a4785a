"""The result of one check of `doctor`."""

from dataclasses import dataclass
from typing import Literal

FindingState = Literal["ok", "info", "warn", "FAIL"]


@dataclass(frozen=True)
class Finding:
    """The result of one check; only FAIL must be fixed before events arrive."""

    name: str
    state: FindingState
    message: str

    @property
    def is_well(self) -> bool:
        """Whether nothing must be fixed."""
        return self.state != "FAIL"

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{self.state:<4}  {self.name}: {self.message}"
