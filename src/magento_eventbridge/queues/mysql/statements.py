"""Named statements of SQL files, over the tables and columns of one queue."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pymysql.cursors import Cursor

from magento_eventbridge.delivery.ports import LONGEST_DELAY
from magento_eventbridge.magento.database import named_queries

_NUMBERS = "%(numbers)s"
# What stands in statements for `{listed_ids}`: a table of `ids`, beside which rows can be locked.
# MySQL cannot lock beside JSON_TABLE itself; DISTINCT keeps the inner query from becoming a join.
_LISTED_IDS = """(
  SELECT DISTINCT id
  FROM JSON_TABLE(%(ids)s, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) AS numbers
) AS listed"""
# What stands in statements for `{listed_claims}`: a table of the ids of `claims`, with the claims.
_LISTED_CLAIMS = """JSON_TABLE(%(claims)s, '$[*]' COLUMNS (
  claim VARCHAR(64) PATH '$.claim', NESTED PATH '$.ids[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')
)) AS listed"""

# What stands in statements for `{is_due}`. A time beyond the longest delay was written by a server
# whose clock was wrong.
_IS_DUE = (
    "available_at NOT BETWEEN UNIX_TIMESTAMP(NOW(6)) "
    f"AND UNIX_TIMESTAMP(NOW(6)) + {LONGEST_DELAY:.0f}"
)


class Statements:
    """The statements of a queue, by their names."""

    def __init__(
        self, sources: Sequence[str], words: Mapping[str, str], **values: str | Sequence[str]
    ) -> None:
        """Read files, a later one overriding an earlier.

        Args:
            sources: the files.
            words: what stands in statements for `{captures}` and its like: tables with the store's
                prefix, and the columns of a capture.
            values: are given to every statement.
        """
        self._texts: dict[str, str] = {}
        for source in sources:
            self._texts |= named_queries(__package__, source)
        self._words = {
            "listed_ids": _LISTED_IDS,
            "listed_claims": _LISTED_CLAIMS,
            "is_due": _IS_DUE,
        }
        self._values = values
        self.define(**words)

    def define(self, **words: str) -> None:
        """Define words, also anew: what stands in statements for them from now on."""
        self._words |= words
        self._statements = {
            name: [part for part in text.format(**self._words).split(";") if part.strip()]
            for name, text in self._texts.items()
        }

    def rows(
        self, cursor: Cursor, name: str, values: Mapping[str, Any] | None = None
    ) -> Sequence[tuple[Any, ...]]:
        """Run a query and return its rows."""
        (statement,) = self._statements[name]
        cursor.execute(statement, {**self._values, **(values or {})})
        return cursor.fetchall()

    def run(self, cursor: Cursor, name: str, **values: Any) -> int:
        """Run statements, and return how many rows the last one found.

        Ids are passed as a JSON array, and as a list where a statement asks for `numbers`; claims
        with their ids as JSON, too. Without any nothing is run.
        """
        claims = values.get("claims")
        if claims is not None:
            if not claims:
                return 0
            values["claims"] = json.dumps(claims)
        ids = values.get("ids")
        numbers: list[int] = []
        if ids is not None:
            if not ids:
                return 0
            numbers = sorted(ids)
            values["ids"] = json.dumps(numbers)
        rows = 0
        for statement in self._statements[name]:
            # Here, not by the driver, which looks at each number for much longer.
            listed = statement.replace(_NUMBERS, f"({','.join(map(str, numbers))})")
            rows = cursor.execute(listed, {**self._values, **values})
        return rows
