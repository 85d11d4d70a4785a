"""How commands print: answers on standard output, notes on standard error."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

out = Console(
    soft_wrap=True,
    highlight=False,
    markup=False,
    # Where nobody looks, no line is broken for want of room.
    width=None if sys.stdout.isatty() else 400,
)
"""Standard output: the answer, and nothing else."""


def table(*columns: str) -> Table:
    """Make a table that breaks long values over lines rather than cut them."""
    made = Table(box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def show_json(value: Mapping[str, Any] | list[Any]) -> None:
    """Print a value as JSON."""
    out.print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def tell(text: str) -> None:
    """Say something beside the answer, on standard error."""
    print(f"magento-eventbridge: {text}", file=sys.stderr)  # noqa: T201
