"""The check for dead code finds dead code, and its exceptions are still needed."""

from tools import dead_code


def test_nothing_is_unused():
    assert dead_code.unused() == []


def test_what_is_unused_is_found(tmp_path, monkeypatch):
    (tmp_path / "module.py").write_text("def nobody_calls_this(): ...\n")
    monkeypatch.setattr(dead_code, "SCANNED", [*dead_code.SCANNED, tmp_path])
    (line,) = dead_code.unused()
    assert "nobody_calls_this" in line


def test_every_exception_is_needed(monkeypatch):
    allowed = dict(dead_code.ALLOWED)
    monkeypatch.setattr(dead_code, "ALLOWED", {})
    found = "\n".join(dead_code.unused())
    assert [name for name in allowed if f"'{name}'" not in found] == []
