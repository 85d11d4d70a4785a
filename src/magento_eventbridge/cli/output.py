"""Print answers on standard output and notes on standard error."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from magento_eventbridge.visible_text import json_visible, visible

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class Output(Console):
    """A terminal that shows data as it is: no markup, no emoji codes, no control characters."""

    def __init__(self) -> None:
        super().__init__(
            soft_wrap=True,
            highlight=False,
            markup=False,
            emoji=False,
            # Without a terminal, lines are not wrapped.
            width=None if sys.stdout.isatty() else 400,
        )

    def print(self, *values: Any, **options: Any) -> None:
        """Print texts and tables; texts keep their line breaks."""
        shown = (visible(v, keep="\n\t") if isinstance(v, str) else v for v in values)
        super().print(*shown, **options)


class DataTable(Table):
    """A table of data; long values are wrapped, not cut."""

    def add_row(self, *values: Any, **options: Any) -> None:
        """Add a row of texts."""
        super().add_row(*(Text(visible(str(value))) for value in values), **options)


out = Output()
"""Standard output: the answer, and nothing else."""


def table(*columns: str) -> DataTable:
    """Create a table with these columns."""
    created = DataTable(box=None, pad_edge=False)
    for column in columns:
        created.add_column(column, overflow="fold")
    return created


def show_json(value: Mapping[str, Any] | list[Any]) -> None:
    """Print a value as JSON, unchanged by the terminal's renderer."""
    # Only then are characters that the output's encoding lacks escapes of JSON.
    is_ascii = (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8"
    text = json.dumps(value, indent=2, ensure_ascii=is_ascii, default=str)
    print(json_visible(text), flush=True)  # noqa: T201


def note(text: str) -> None:
    """Print a note on standard error, apart from the output."""
    print(f"magento-eventbridge: {visible(text)}", file=sys.stderr)  # noqa: T201
