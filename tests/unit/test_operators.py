"""What people do by command is logged with who did it."""

import logging

import pytest

from magento_eventbridge.observability.operators import caller, record_action
from tests.unit.test_cli import command  # noqa: F401  the fixture


@pytest.fixture(autouse=True)
def no_sudo(monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr("getpass.getuser", lambda: "magento-eventbridge")


def test_the_system_user_is_named(caplog):
    caplog.set_level(logging.INFO)
    record_action("redrove %d dead letters of %s", 3, "outbox")
    assert caplog.messages == ["Command: magento-eventbridge redrove 3 dead letters of outbox"]
    assert caplog.records[0].levelno == logging.INFO


def test_the_person_behind_sudo_is_named_with_the_system_user(caplog, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ada")
    record_action("dropped %d dead letters of %s", 3, "outbox", is_deletion=True)
    assert caplog.messages == [
        "Command: ada (as magento-eventbridge) dropped 3 dead letters of outbox"
    ]
    assert caplog.records[0].levelno == logging.WARNING


def test_a_name_cannot_forge_a_line(caplog, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ada\n[2026] report.INFO: forged")
    record_action("dropped", is_deletion=True)
    assert "\n" not in caplog.messages[0]


def test_a_user_without_a_name_is_named_by_number(monkeypatch):
    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", nobody)
    assert caller().startswith("user ")


@pytest.mark.parametrize(("words", "done"), [("redrive", "redrove"), ("drop --yes", "dropped")])
def test_acting_on_dead_letters_is_logged(words, done, tmp_path, monkeypatch, command):
    monkeypatch.setenv("SUDO_USER", "ada")
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_SPOOL__PATH", str(tmp_path / "spool.sqlite"))
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_LOG__FILE", str(tmp_path / "bridge.log"))
    command("consume")  # creates the spool
    ran = command("dead-letters", *words.split(), "--all")
    assert ran.status == 0
    log = (tmp_path / "bridge.log").read_text()
    assert f"Command: ada (as magento-eventbridge) {done} 0 dead letters of sqlite" in log


def test_looking_at_dead_letters_is_not_logged(tmp_path, monkeypatch, command):
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_SPOOL__PATH", str(tmp_path / "spool.sqlite"))
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_LOG__FILE", str(tmp_path / "bridge.log"))
    command("consume")
    before = (tmp_path / "bridge.log").read_text()
    assert command("dead-letters", "list").status == 0
    assert (tmp_path / "bridge.log").read_text() == before
