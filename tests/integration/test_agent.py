"""The agent: its own tests on a real PHP, and its wiring against the catalog."""

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from magento_eventbridge.catalog import EVENTS, MAGENTO_EVENTS
from tests.support.programs import php, program

AGENT = Path(__file__).parents[2] / "agent"
# Captured by former agents only; the bridge still understands it.
FORMER = {"customer_save_after_data_object"}
TOGGLES = {
    (event.config_path, magento_event)
    for event in EVENTS
    for magento_event in event.magento_events
    if magento_event not in FORMER
}


def wiring(name: str) -> ElementTree.Element:
    return ElementTree.parse(AGENT / "etc" / name).getroot()


def toggles_in_di() -> set[tuple[str, str]]:
    """Return each setting with the events that it switches on, as di.xml lists them."""
    (argument,) = wiring("di.xml").iterfind(
        ".//type[@name='MagentoEventBridge\\Agent\\Capture\\Toggles']"
        "/arguments/argument[@name='paths']"
    )
    found = set()
    for event in argument:
        for path in event if len(event) else [event]:
            found.add((str(path.text), event.attrib["name"]))
    return found


def test_the_agents_own_tests_pass() -> None:
    php("curl")
    phpunit = program("phpunit", "phpunit")
    command = [phpunit, "--configuration", str(AGENT / "Test/phpunit.xml"), "--no-coverage"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^OK \(\d+ tests", done.stdout, re.MULTILINE), done.stdout


def test_each_file_of_the_agent_is_php() -> None:
    interpreter = php()
    for file in (*AGENT.rglob("*.php"), *AGENT.rglob("*.phtml")):
        done = subprocess.run(
            [interpreter, "-l", str(file)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_agent_switches_each_magento_event_by_the_settings_of_the_catalog() -> None:
    wired = toggles_in_di()
    assert {toggle for toggle in wired if toggle[1] in MAGENTO_EVENTS} == TOGGLES
    assert {event for _, event in wired - TOGGLES} == {
        # Before the controller runs, the agent records which messages already existed.
        "controller_action_predispatch_customer",
        # A cart that another one was merged into loses its items without an event for each.
        "sales_quote_merge_after",
        "sales_quote_save_after",
    }


def test_the_agent_observes_each_magento_event_of_the_catalog() -> None:
    observed = {
        event.attrib["name"]
        for file in (AGENT / "etc").rglob("events.xml")
        for event in ElementTree.parse(file).iter("event")
    }
    by_plugin = {name for name in MAGENTO_EVENTS if name.startswith("plugin:")}
    assert observed >= MAGENTO_EVENTS - by_plugin - FORMER
    assert not observed & FORMER
    for name in observed - MAGENTO_EVENTS:
        assert re.search(
            r"_before$|_predispatch_|^sales_quote_(product_add|merge|save)_after$", name
        )


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_each_event_has_a_setting_in_the_admin_that_is_off_by_default(event) -> None:
    section, group, field = event.config_path.split("/")
    fields = wiring("adminhtml/system.xml").iterfind(
        f".//section[@id='{section}']/group[@id='{group}']/field[@id='{field}']"
    )
    assert len(list(fields)) == 1
    assert wiring("config.xml").find(f"default/{section}/{group}/{field}") is None


def test_the_agent_writes_no_secret() -> None:
    for file in (AGENT / "Snapshot").glob("*.php"):
        for secret in ("password_hash", "rp_token", "cc_number", "password'"):
            assert secret not in file.read_text(), file
