"""Named statements of SQL files, over tables whose names have the store's prefix."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pymysql.cursors import Cursor

from magento_eventbridge.magento.database import named_queries


class Statements:
    """The statements of a queue, by their names."""

    def __init__(
        self, sources: Sequence[str], tables: Mapping[str, str], **values: str | int
    ) -> None:
        """Read files, a later one overriding an earlier; every statement is given `values`."""
        texts: dict[str, str] = {}
        for source in sources:
            texts |= named_queries(__package__, source)
        self._statements = {
            name: [part for part in text.format(**tables).split(";") if part.strip()]
            for name, text in texts.items()
        }
        self._values = values

    def rows(
        self, cursor: Cursor, name: str, values: Mapping[str, Any] | None = None
    ) -> Sequence[tuple[Any, ...]]:
        """Run a query and return its rows."""
        (statement,) = self._statements[name]
        cursor.execute(statement, {**self._values, **(values or {})})
        return cursor.fetchall()

    def run(self, cursor: Cursor, name: str, **values: Any) -> int:
        """Run statements, and return how many rows the last one found.

        Ids are passed as a JSON array; without any nothing is run.
        """
        ids = values.get("ids")
        if ids is not None:
            if not ids:
                return 0
            values["ids"] = json.dumps(sorted(ids))
        rows = 0
        for statement in self._statements[name]:
            rows = cursor.execute(statement, {**self._values, **values})
        return rows
