"""The pages use standard technical words: readers learned English as a second language."""

import re
from pathlib import Path

import pytest

from tests.unit.test_docs import PAGES, PROJECT

INSTEAD = {
    r"told": "report, say, show",
    r"mend(s|ed)?": "fix",
    r"shall": "must, should",
    r"anew": "again",
    r"whoever": "who, the person that",
    r"lets? go of": "close, release",
    r"knows nothing of": "does not know",
    r"bring again": "redeliver",
    r"trouble": "problem",
    r"under way": "in flight",
    r"is away": "is unavailable",
    r"takes? note": "record",
    r"hangs? up": "disconnect",
    r"payed": "paid",
}
_DIALECT = re.compile(rf"\b({'|'.join(INSTEAD)})\b", re.IGNORECASE)
_CODE = re.compile(r"^ *```.*?^ *```|`[^`]*`|\]\([^)]*\)|\"[^\"\n]*\"", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_a_page_has_no_word_of_dialect(page: Path) -> None:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    found = [line.strip() for line in text.splitlines() if _DIALECT.search(line)]
    assert found == []
