"""The check for dead code finds dead code, and its exceptions are still needed."""

import pytest
from tools import dead_code


@pytest.fixture(scope="module")
def items():
    """The project's unused names: a scan takes seconds, so it is shared."""
    return dead_code.scan()


def test_nothing_is_unused(items):
    assert dead_code.unused(items) == []


def test_unused_names_are_found(tmp_path):
    (tmp_path / "module.py").write_text("def nobody_calls_this(): ...\n")
    (line,) = dead_code.unused(dead_code.scan([tmp_path]))
    assert "nobody_calls_this" in line


def test_every_exception_is_needed(items):
    assert set(dead_code.ALLOWED) - {item.name for item in items} == set()
