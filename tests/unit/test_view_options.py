"""Commands check the store view that is named, and `iam policy` covers notifications."""

import json
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from magento_eventbridge.cli import events, iam, schemas


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_OPTIONS__REGION", "eu-west-1")
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_OPTIONS__SOURCE", "shop.example.com")


@pytest.mark.parametrize(
    ("app", "arguments"), [(schemas.app, ["export"]), (events.app, ["generate"])]
)
def test_an_unknown_store_view_is_refused(app: Typer, arguments: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "new"
    result = CliRunner().invoke(app, [*arguments, str(folder), "--store", "77"])
    assert result.exit_code == 2
    assert not folder.exists()


def test_the_policy_allows_notifications_to_the_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:problems"
    arguments = ["policy", "--account", "123456789012"]
    assert "sns:" not in CliRunner().invoke(iam.app, arguments).stdout
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_NOTIFICATIONS__SNS_TOPIC", topic)
    policy = json.loads(CliRunner().invoke(iam.app, arguments).stdout)
    (found,) = (one for one in policy["Statement"] if one["Action"] == "sns:Publish")
    assert found["Resource"] == topic
