"""A notification: what is wrong, what is new, and what has recovered. Pure."""

from dataclasses import dataclass
from typing import Any, Literal

from magento_eventbridge.visible_text import visible

Kind = Literal["parked", "dead letters", "nothing delivered", "audit"]

_LONGEST_TEXT = 500
_MOST_LINES = 20


@dataclass(frozen=True)
class Problem:
    """Something that a person should know.

    Attributes:
        key: what identifies it while it lasts.
        text: one sentence.
        remedy: what to do.
        is_lasting: whether it lasts until it recovers; otherwise it happened once.
    """

    kind: Kind
    key: str
    text: str
    remedy: str = ""
    is_lasting: bool = True


@dataclass(frozen=True)
class Message:
    """What is sent at one time, through each channel.

    Attributes:
        bridge: which bridge sends it, such as its machine's name.
        remaining: problems that were reported before and last.
    """

    bridge: str
    new: tuple[Problem, ...] = ()
    recovered: tuple[Problem, ...] = ()
    remaining: tuple[Problem, ...] = ()
    is_test: bool = False

    @property
    def subject(self) -> str:
        """A short line: what is most important."""
        return _one_line(f"[magento-eventbridge] {self._headline} ({self.bridge})")

    @property
    def _headline(self) -> str:
        if self.is_test:
            return "Test notification"
        shown = self.new or self.remaining
        if not shown:
            texts = [problem.text for problem in self.recovered]
            first = f"Recovered: {texts[0]}" if texts else "Nothing to report"
            return f"{first} and {len(texts) - 1} more" if len(texts) > 1 else first
        more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
        repeated = "" if self.new else "Still: "
        return f"{repeated}{shown[0].text}{more}"

    @property
    def text(self) -> str:
        """The whole message, as lines of plain text."""
        if self.is_test:
            return f"This is a test of the notifications of {_one_line(self.bridge)}. All is well."
        lines: list[str] = []
        for title, problems in (
            ("New problems", self.new),
            ("Recovered", self.recovered),
            ("Still not solved", self.remaining),
        ):
            if not problems:
                continue
            lines += ["", f"{title}:"] if lines else [f"{title}:"]
            for problem in problems[:_MOST_LINES]:
                remedy = f" {problem.remedy}" if problem.remedy and title != "Recovered" else ""
                lines.append(f"- {_one_line(problem.text)}{remedy}")
            if len(problems) > _MOST_LINES:
                lines.append(f"- and {len(problems) - _MOST_LINES} more")
        if not self.new and not self.remaining:
            lines += ["", "No problem is left."]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return the message for programs."""
        return {
            "bridge": self.bridge,
            "subject": self.subject,
            "text": self.text,
            "test": self.is_test,
            "problems": [_as_json(problem) for problem in self.new],
            "recovered": [_as_json(problem) for problem in self.recovered],
            "remaining": [_as_json(problem) for problem in self.remaining],
        }


def _as_json(problem: Problem) -> dict[str, str]:
    return {"kind": problem.kind, "text": problem.text, "remedy": problem.remedy}


def _one_line(text: str) -> str:
    line = visible(" ".join(text.split()))
    return line if len(line) <= _LONGEST_TEXT else f"{line[:_LONGEST_TEXT]}…"
