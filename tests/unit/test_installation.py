"""The installed versions of a store, read from its files and rows."""

import pytest

from magento_eventbridge.magento.env_php import Deployment
from magento_eventbridge.magento.installation import (
    TABLES,
    Installation,
    ModuleVersion,
    module_switches,
)
from magento_eventbridge.magento.php.values import Computed, Constant, PhpFileError


def test_modules_are_enabled_or_not():
    deployment = Deployment({}, {"modules": {"A_One": 1, "A_Two": 0}})
    assert module_switches(deployment) == {"A_One": True, "A_Two": False}
    assert module_switches(Deployment({}, {})) == {}


@pytest.mark.parametrize("switch", [Computed("line 2"), Constant("OFF", "line 2")])
def test_a_switch_that_cannot_be_read_is_reported(switch):
    for modules in (switch, {"A_One": switch}, {Constant("ONE", "line 2"): 1}):
        with pytest.raises(PhpFileError, match="line 2"):
            module_switches(Deployment({}, {"modules": modules}))


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (ModuleVersion("1.0.0", "1.0.0"), "1.0.0"),
        (ModuleVersion("1.0.1", "1.0.0"), "schema 1.0.1, data 1.0.0"),
        (ModuleVersion(None, None), "unknown"),
    ],
)
def test_a_version_is_named(version, text):
    assert str(version) == text


def test_missing_tables_are_named():
    assert Installation(tables=frozenset(TABLES)).missing_tables == []
    assert Installation(tables=frozenset(TABLES[1:])).missing_tables == [TABLES[0]]


@pytest.mark.parametrize(
    ("idle", "runs"), [(None, False), (0.0, True), (900.0, True), (901.0, False)]
)
def test_a_cron_that_is_late_does_not_run(idle, runs):
    assert Installation(cron_idle=idle).cron_runs is runs


@pytest.mark.parametrize(("idle", "runs"), [(None, False), (0.0, True), (3600.0, False)])
def test_a_bridge_without_a_recent_heartbeat_does_not_run(idle, runs):
    assert Installation(bridge_idle=idle).bridge_runs is runs
