"""The command line: results on stdout, errors in words, exit 0, 1 or 2."""

import asyncio
import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from magento_eventbridge import __version__
from magento_eventbridge import cli as command_line
from magento_eventbridge.captures import read_capture
from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.cli.output import DataTable, out, show_json, table
from magento_eventbridge.console.login_links import LoginLinks
from magento_eventbridge.demo import store_day
from magento_eventbridge.observability.log import ROOT
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.settings import sources
from tests.unit.recorded import recorded

INSTALLED = Path(sys.executable).with_name("magento-eventbridge")
SECRET = "hunter2-hunter2-hunter2"


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Ran]


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch, tmp_path) -> None:
    for name in list(os.environ):
        if name.startswith(("MAGENTO_EVENTBRIDGE_", "AWS_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sources, "DEFAULT_CONFIG_FILE", tmp_path / "absent.toml")
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def command(monkeypatch, capsys) -> Iterator[Command]:
    """Run a command in this process, by the entry point of the installed command."""
    logger = logging.getLogger(ROOT)
    before = (logger.handlers[:], logger.level, logger.propagate)

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["magento-eventbridge", *map(str, arguments)])
        status = 0
        try:
            command_line.main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(bool(end.code))
        captured = capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    yield run
    for handler in set(logger.handlers) - set(before[0]):
        handler.close()
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def installed(*arguments: object, **environment: str) -> Ran:
    """Run the installed command as a process."""
    ran = subprocess.run(
        [INSTALLED, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environment,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def words(text: str) -> str:
    """Return text without the frames and line breaks of a terminal."""
    return re.sub(r"[\s│╭╮╰╯─]+", " ", text)


# As a process


def test_the_installed_command_answers_on_stdout_alone():
    assert installed("version") == Ran(0, f"{__version__}\n", "")


def test_the_package_runs_as_a_module():
    ran = subprocess.run(
        [sys.executable, "-m", "magento_eventbridge", "version", "--json"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(ran.stdout) == {"version": __version__}


def test_wrong_use_of_the_installed_command_exits_2_without_a_traceback():
    ran = installed("events", "show", "OrderTeleported")
    assert (ran.status, ran.out) == (2, "")
    assert "there is no event 'OrderTeleported'" in words(ran.err)
    assert "Traceback" not in ran.err


def test_a_wrong_setting_of_the_installed_command_exits_2_and_names_its_origin():
    ran = installed("doctor", MAGENTO_EVENTBRIDGE_OPTIONS__REGOIN="eu-west-1")
    assert ran == Ran(
        2,
        "",
        "magento-eventbridge: options.regoin: there is no such setting; did you mean "
        "options.region? (from environment)\n",
    )


def test_a_fault_of_the_installed_command_exits_1(tmp_path):
    (tmp_path / "file").touch()
    ran = installed(
        "dead-letters", "list", MAGENTO_EVENTBRIDGE_SPOOL__PATH=str(tmp_path / "file" / "spool")
    )
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("magento-eventbridge: ")
    assert "Traceback" not in ran.err


def test_the_command_starts_with_nothing_installed_but_what_it_depends_on():
    start = "import sys; sys.modules['click'] = None; from magento_eventbridge.cli import main"
    ran = subprocess.run(
        [sys.executable, "-c", start], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr


# Bad input


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("serv", "there is no command 'serv'; did you mean 'serve'?"),
        ("frobnicate", "there is no command 'frobnicate'"),
        ("dead-letters lst", "there is no command 'lst'; did you mean 'list'?"),
        ("dead-letters frobnicate", "there is no command 'frobnicate'\n"),
        ("--nope", "there is no option '--nope'\n"),
        ("serve --confg x", "there is no option '--confg'; did you mean '--config'?"),
        ("rules pattern --where x", "there is no option '--where'\n"),
        ("serve --config", "--config needs a value\n"),
        ("version surplus", "too many arguments: surplus\n"),
        ("consume --max-messages 0", "--max-messages': must be at least 1"),
        ("consume --max-messages abc", "--max-messages': must be a whole number"),
        ("consume --queue nope", "there is no queue 'nope'; there are: sqlite"),
        ("consume --queue sqllite", "there is no queue 'sqllite'; did you mean 'sqlite'?"),
        ("dead-letters list --limit 0", "'--limit': must be at least 1"),
        ("dead-letters show abc", "'ID': must be a whole number"),
        ("dead-letters redrive", "name the dead letters by their ids, or use --all"),
        (f"dead-letters show {2**63}", "'ID': must be at most 9223372036854775807"),
        (f"dead-letters drop 1 {10**30}", "'[ID]...': must be at most 9223372036854775807"),
        (f"dead-letters list --after {2**63}", "'--after': must be at most 9223372036854775807"),
        ("dead-letters redrive 3 --all", "name the dead letters by their ids, or use --all"),
        ("send-test OrderPlacd", "there is no event 'OrderPlacd'; did you mean 'OrderPlaced'?"),
        ("send-test orderplaced", "did you mean 'OrderPlaced'?"),
        ("send-test --store -1", "'--store': must be at least 0"),
        ("send-test --store 77", "--store 77: there is no such store view; the settings know 0 ("),
        ("rules pattern OrderPlaced --store 77", "--store 77: there is no such store view"),
        ("rules pattern Nope", "there is no event 'Nope'; 'events list' lists all"),
        ("iam policy --format nope", "'nope' is not one of 'json', 'terraform'"),
        ("iam policy --account abc", "an account number has 12 digits"),
        ("demo --detail nope", "'nope' is not one of 'documented', 'full'"),
        ("backfill orders --since 2026-13-01", "--since 2026-13-01: should be a date"),
        ("backfill nothings --since 2026-01-01", "there is nothing to backfill of 'nothings'"),
        ("backfill order", "there is nothing to backfill of 'order'; did you mean 'orders'?"),
        ("audit --since yesterday", "--since yesterday: should be a date"),
        ("replay", "the argument file is missing\n"),
        ("replay /dev/null --url nonsense", "'--url': must begin with http:// or https://"),
        ("replay /dev/null --url http://x:99999", "'--url': must have a port between 0 and 65535"),
        ("rules test .", "pattern .: Is a directory\n"),
        ("schemas export /proc/x", "cannot write to /proc/x: No such file or directory\n"),
        ("serve --config none.toml", "none.toml: there is no such file"),
        ("serve --config .", ". cannot be read: Is a directory"),
        ("serve --set region", "--set region: must be NAME=VALUE"),
        ("serve --set", "--set needs a value\n"),
        ("serve --set inlet.port=abc", "inlet.port: must be a whole number (from command line)"),
        ("agent check /nope", "/nope is no root of a Magento 2 store"),
    ],
)
def test_bad_input_is_answered_in_one_sentence_with_exit_status_2(
    line, message, tmp_path, monkeypatch, command
):
    monkeypatch.chdir(tmp_path)
    ran = command(*line.split())
    assert ran.status == 2
    assert ran.out == ""
    first, *rest = ran.err.splitlines()
    assert first.startswith("magento-eventbridge: ")
    assert message in f"{first}\n"
    assert len(rest) <= 1
    assert not re.search(r"Input should|Value error|Traceback|Errno|[│╭╰]", ran.err)


def test_a_file_that_is_no_text_is_named_with_the_place(tmp_path, command):
    file = tmp_path / "bridge.toml"
    file.write_bytes(b"[log]\n\xff")
    ran = command("serve", "--config", file)
    assert ran == Ran(2, "", f"magento-eventbridge: {file} is not UTF-8 at byte 6\n")


def in_shell(line: str) -> Ran:
    """Run a line of a shell in which `bridge` is the command."""
    bridge = f'bridge() {{ "{sys.executable}" -m magento_eventbridge "$@"; }}'
    ran = subprocess.run(
        ["bash", "-c", f"{bridge}; {line}"], capture_output=True, text=True, timeout=60, check=False
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_output_that_cannot_be_written_is_reported_in_one_sentence():
    full = "magento-eventbridge: cannot write the output: No space left on device\n"
    assert in_shell("bridge version > /dev/full") == Ran(1, "", full)
    assert in_shell("bridge events list --json | true") == Ran(0, "", "")


def test_closed_streams_are_no_error_and_messages_do_not_reach_the_output():
    assert in_shell("bridge events list >&-") == Ran(0, "", "")
    assert in_shell("bridge nonsense 2>&-") == Ran(2, "", "")


def test_json_is_json_where_the_terminal_knows_ascii_only():
    ran = in_shell("PYTHONIOENCODING=ascii bridge events show OrderPlaced --json")
    assert "…" in json.dumps(json.loads(ran.out), ensure_ascii=False)
    assert ran.out.isascii()


def test_a_question_that_nobody_answers_changes_nothing(letters, command, monkeypatch):
    ran = in_shell("bridge dead-letters drop --all <&-")
    assert (ran.status, "aborted: nothing was changed" in ran.err) == (1, True)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    ran = command("dead-letters", "drop", "1")
    assert ran.status == 1
    assert ran.err.splitlines()[-1] == (
        "magento-eventbridge: aborted: nothing was changed (a program answers with --yes)"
    )


@pytest.mark.parametrize("group", ["inlet", "metrics"])
def test_a_port_in_use_is_the_first_line(group, tmp_path, monkeypatch, command):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("MAGENTO_EVENTBRIDGE_INLET__SECRETS", "x" * 32)
        monkeypatch.setenv("MAGENTO_EVENTBRIDGE_INLET__PORT", "0")
        monkeypatch.setenv("MAGENTO_EVENTBRIDGE_CONSOLE__PORT", "0")
        monkeypatch.setenv("MAGENTO_EVENTBRIDGE_METRICS__ENABLED", "true")
        monkeypatch.setenv("MAGENTO_EVENTBRIDGE_METRICS__PORT", "0")
        monkeypatch.setenv(f"MAGENTO_EVENTBRIDGE_{group.upper()}__PORT", str(port))
        monkeypatch.setenv("MAGENTO_EVENTBRIDGE_SPOOL__PATH", str(tmp_path / "spool.sqlite"))
        ran = command("serve")
    assert ran == Ran(
        1,
        "",
        f"magento-eventbridge: cannot listen on 127.0.0.1:{port}: the port is in use, perhaps by "
        "another bridge; stop that program or choose another port\n",
    )
    assert not (tmp_path / "spool.sqlite").exists()


# Help and usage errors


def commands() -> list[tuple[str, ...]]:
    def below(group: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, found in group.commands.items():
            if hasattr(found, "commands"):
                yield from below(found, (*path, name))
            else:
                yield (*path, name)

    return list(below(command_line.all_commands(), ()))


def test_the_commands_are_those_that_are_documented():
    assert {" ".join(path) for path in commands()} == {
        "serve",
        "consume",
        "audit",
        "backfill",
        "demo",
        "iam policy",
        "rules list",
        "rules pattern",
        "rules put",
        "rules delete",
        "rules test",
        "schemas export",
        "schemas publish",
        "replay",
        "send-test",
        "doctor",
        "version",
        "agent install",
        "console login",
        "notify test",
        "agent check",
        "agent enable",
        "agent disable",
        "agent status",
        "agent uninstall",
        "events list",
        "events show",
        "events sample",
        "events check",
        "events subscribe",
        "events unsubscribe",
        "events export",
        "events generate",
        "events find",
        "dead-letters list",
        "dead-letters show",
        "dead-letters redrive",
        "dead-letters drop",
    }


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_the_help_of_every_command_shows_an_example(command, path):
    ran = command(*path, "--help")
    assert (ran.status, ran.err) == (0, "")
    assert f"Example: magento-eventbridge {' '.join(path)}" in words(ran.out)


def test_help_shows_the_default_of_the_configuration_file(command):
    assert "/etc/magento-eventbridge.toml" in words(command("consume", "--help").out)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("teleport",),
        ("events",),
        ("events", "teleport"),
        ("events", "show"),
        ("events", "show", "OrderTeleported"),
        ("events", "sample", "OrderTeleported"),
        ("version", "--teleport"),
        ("send-test", "OrderTeleported"),
        ("send-test", "--store", "-1"),
        ("consume", "--max-messages", "0"),
        ("consume", "--queue", "teleport"),
        ("consume", "--set", "options.region"),
        ("consume", "--set", "=x"),
        ("consume", "--set", "options.regoin=x"),
        ("consume", "--config", "/no/such.toml"),
        ("replay", "/no/such/file"),
        ("dead-letters",),
        ("dead-letters", "show"),
        ("dead-letters", "show", "three"),
        ("dead-letters", "redrive"),
        ("dead-letters", "redrive", "--all", "3"),
        ("dead-letters", "drop"),
        ("dead-letters", "list", "--limit", "0"),
        ("serve",),
        ("consume", "--set", "options=x", "--set", "options.region=y"),
    ],
    ids=" ".join,
)
def test_wrong_use_exits_2_with_a_message_and_no_traceback(command, arguments):
    ran = command(*arguments)
    assert ran.status == 2
    assert ran.out + ran.err
    assert "Traceback" not in ran.err


def test_a_bridge_without_a_secret_does_not_start_and_says_what_to_do(command):
    ran = command("serve")
    assert ran.status == 2
    assert "MAGENTO_EVENTBRIDGE_INLET__SECRETS" in ran.err


# events


def test_events_lists_all_with_their_settings_for_programs(command):
    listed = command("events", "list", "--json").json
    assert [event["detailType"] for event in listed] == [event.detail_type for event in EVENTS]
    assert listed[12] == {
        "detailType": "OrderPlaced",
        "scope": "order",
        "configPath": "aws_eventbridge/events_order/placed",
        "magentoEvents": ["sales_order_place_after"],
        "when": "An order was placed and saved, by whichever way it came.",
    }


def test_events_lists_whole_names_whatever_the_width(command):
    out = command("events", "list").out
    for event in EVENTS:
        assert event.detail_type in out
        assert event.config_path in out


def test_an_event_is_shown_with_its_fields(command):
    ran = command("events", "show", "OrderPlaced")
    assert (ran.status, ran.err) == (0, "")
    for result in (
        "aws_eventbridge/events_order/placed",
        "sales_order_place_after",
        "billingAddress",
        "array of objects",
        "metadata",
    ):
        assert result in ran.out


def test_an_event_is_shown_with_schema_and_sample_for_programs(command):
    shown = command("events", "show", "StateSaved", "--json").json
    assert shown["detailType"] == "StateSaved"
    assert shown["schema"]["title"] == "StateSaved"
    assert shown["sample"] == {"index": "catalog_product_price", "status": "working"}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type)
def test_a_sample_is_json(command, event):
    assert command("events", "sample", event.detail_type).json == event.sample


def test_a_whole_event_is_printed_for_rules_test(command, tmp_path):
    ran = command("events", "sample", "OrderPlaced", "--envelope")
    assert (ran.status, ran.err) == (0, "")
    assert {"id", "account", "source", "time", "region", "resources", "detail-type"} < set(ran.json)
    event = tmp_path / "event.json"
    event.write_text(ran.out)
    pattern = '{"detail-type": ["OrderPlaced"], "detail": {"total": [{"numeric": [">", 1]}]}}'
    tested = command("rules", "test", pattern, event, "--local")
    assert (tested.status, tested.out.splitlines()[0]) == (0, f"match     OrderPlaced ({event})")


@pytest.mark.parametrize("name", ["orderplaced", "ORDERPLACED"])
def test_a_name_in_another_case_is_reported_the_right_one(command, name):
    assert "did you mean 'OrderPlaced'?" in words(command("events", "show", name).err)


def test_the_version_is_reported(command):
    assert command("version").out == f"{__version__}\n"
    assert command("version", "--json").json == {"version": __version__}


# dead-letters, over a real file


REASONS = ("OrderPlaced: the snapshot has no 'items'", "too large: 2000000 bytes", "a third")


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "spool.sqlite"
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_SPOOL__PATH", str(path))
    return path


def lines(action: str) -> list[bytes]:
    return [result.line for result in store_day.captures() if result.action == action]


def fill(path: Path, bodies: list[bytes], reasons: tuple[str, ...] = ()) -> None:
    """Put captures into a spool and make the first of them dead letters, each with its reason."""

    async def filling() -> None:
        queue = SqliteQueue(path)
        await queue.put([(read_capture(body), body) for body in bodies])
        if reasons:
            claims = await queue.claim(len(reasons))
            for claim, reason in zip(claims, reasons, strict=True):
                await queue.bury(claim, reason)
        await queue.close()

    asyncio.run(filling())


def depth(path: Path) -> tuple[int, int]:
    async def looking() -> tuple[int, int]:
        queue = SqliteQueue(path)
        found = await queue.depth()
        await queue.close()
        return found.captures, found.dead

    return asyncio.run(looking())


@pytest.fixture
def letters(spool: Path) -> Path:
    fill(spool, lines("order-guest")[-3:], REASONS)
    return spool


def test_there_are_no_dead_letters_in_a_new_spool(command, spool):
    assert "there is no spool" in command("dead-letters", "list").err
    asyncio.run(SqliteQueue(spool).close())
    assert command("dead-letters", "list") == Ran(0, "No dead letters.\n", "")
    assert command("dead-letters", "list", "--json").json == []


def test_dead_letters_are_listed_oldest_first_with_their_reasons(command, letters):
    listed = command("dead-letters", "list", "--json").json
    assert [letter["reason"] for letter in listed] == list(REASONS)
    assert listed[0] == {
        "id": 1,
        "captureId": json.loads(lines("order-guest")[-3])["id"],
        "event": json.loads(lines("order-guest")[-3])["event"],
        "storeId": 1,
        "reason": REASONS[0],
        "buriedAt": listed[0]["buriedAt"],
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", listed[0]["buriedAt"])


def test_dead_letters_are_listed_page_by_page(command, letters):
    page = command("dead-letters", "list", "--limit", 1, "--after", 1, "--json").json
    assert [letter["id"] for letter in page] == [2]


def test_dead_letters_are_listed_for_people(command, letters):
    ran = command("dead-letters", "list")
    assert ran.status == 0
    for reason in REASONS:
        assert reason.split()[0] in ran.out


def test_the_list_for_people_has_whole_names(command, letters):
    assert "sales_order_save_after" in command("dead-letters", "list").out


def test_a_dead_letter_is_shown_with_its_capture(command, letters):
    ran = command("dead-letters", "show", 1)
    assert ran.status == 0
    assert f"reason: {REASONS[0]}" in ran.out
    assert json.loads(ran.out[ran.out.index("{") :]) == json.loads(lines("order-guest")[-3])


def test_a_dead_letter_is_shown_for_programs_with_its_capture_as_it_came(command, letters):
    shown = command("dead-letters", "show", 1, "--json").json
    assert shown["capture"].encode() == lines("order-guest")[-3]


def test_a_dead_letter_is_shown_without_private_fields(command, letters):
    whole = json.loads(lines("order-guest")[-3])
    assert whole["context"].pop("hostname")
    private = ("--set", "privacy.remove=tracking.hostname")
    shown = command("dead-letters", "show", 1, "--json", *private).json
    assert json.loads(shown["capture"]) == whole
    assert "hostname" not in command("dead-letters", "show", 1, *private).out


def test_output_shows_data_as_it_is(capsys):
    value = {"sku": ":x: [red]x[/red]", "name": "\x1b[31m\x9b\u202e"}
    show_json(value)
    text = capsys.readouterr().out
    assert json.loads(text) == value
    assert ":x: [red]x[/red]" in text
    assert "\u202e" not in text
    for shown in (":x: [red]x[/red]", table("reason")):
        if isinstance(shown, DataTable):
            shown.add_row(":x: [red]x[/red]\n\x1b[31m")
        with out.capture() as captured:
            out.print(shown)
        assert ":x: [red]x[/red]" in captured.get()
        assert "\x1b[31m" not in captured.get()


def test_a_dead_letter_that_is_not_there_is_named(command, letters):
    ran = command("dead-letters", "show", 99)
    assert (ran.status, ran.out) == (2, "")
    assert "there is no dead letter 99" in words(ran.err)


def test_dead_letters_are_redriven_one_by_one_or_all(command, letters):
    assert command("dead-letters", "redrive", 1).out == "1 redriven\n"
    assert depth(letters) == (1, 2)
    assert command("dead-letters", "redrive", "--all", "--json").json == {"redriven": 2}
    assert depth(letters) == (3, 0)


def test_dead_letters_are_dropped_for_good(command, letters):
    assert command("dead-letters", "drop", 1, 3, "--yes").out == "2 dropped\n"
    assert depth(letters) == (0, 1)
    assert command("dead-letters", "drop", "--all", "--yes", "--json").json == {"dropped": 1}
    assert depth(letters) == (0, 0)


def test_nothing_is_dropped_by_somebody_who_is_not_sure(letters):
    ran = installed("dead-letters", "drop", "--all")
    assert ran.status == 1
    assert "3 dead letters will be deleted, and never be delivered. Continue?" in ran.err
    assert depth(letters) == (0, 3)


def test_a_spool_that_cannot_be_read_is_reported_before_the_question(command, spool):
    spool.write_text("no database")
    ran = command("dead-letters", "drop", "--all")
    assert (ran.status, ran.out, "?" in ran.err, str(spool) in ran.err) == (1, "", False, True)


def test_nobody_is_asked_about_no_dead_letters(command, letters):
    assert command("dead-letters", "drop", "--all", "--yes").out == "3 dropped\n"
    assert command("dead-letters", "drop", "--all") == Ran(0, "0 dropped\n", "")


def test_what_a_command_without_a_log_reports_is_one_line(command) -> None:
    command("version")
    record = logging.LogRecord("x", logging.WARNING, "", 0, "%s", ("a\n\x1b[31mb\u2028c",), None)
    assert logging.lastResort
    assert logging.lastResort.format(record) == ("magento-eventbridge: a\\n\\x1b[31mb\\u2028c")


# In a dry run


@pytest.fixture
def dry_run(spool: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Set up a bridge in dry run; return the path of its log."""
    log = tmp_path / "bridge.log"
    config = tmp_path / "bridge.toml"
    config.write_text(
        f"""
        [options]
        dry_run_mode = true
        source = "shop.example.com"
        tracking = false
        [credentials]
        type = "keys"
        access_key = "{SECRET}"
        secret_access_key = "{SECRET}"
        [inlet]
        secrets = ["{SECRET}"]
        [log]
        file = "{log}"
        """
    )
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_CONFIG", str(config))
    return log


def test_a_dry_run_is_logged_as_in_the_reference(command, dry_run, spool):
    fill(spool, lines("admin-login-fail"))
    assert command("consume").out == "1 delivered, 0 passed over, 0 buried\n"
    capture = recorded("admin-login-fail", "backend_auth_user_login_failed")
    log = re.sub(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]", "[now]", dry_run.read_text(), flags=re.M)
    expected = f"""\
[now] report.DEBUG: Event 'User/LoginFailed' captured, executing.. [] []
[now] report.DEBUG: [DryRun] Sending event 'UserLoginFailed' with data: Array
(
    [username] => clerk
    [metadata] => Array
        (
            [id] => {capture.id}
            [date] => {log.partition("[date] => ")[2].partition(chr(10))[0]}
            [timestamp] => {int(capture.time)}
            [async] =>{" "}
        )
)
 [] []
[now] report.DEBUG: [DryRun] Event 'UserLoginFailed' sent with id \
'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx' [] []
"""
    assert log.startswith(expected)


def test_an_event_that_is_done_is_logged_as_in_the_reference(command, dry_run, spool):
    fill(spool, lines("admin-login-fail"))
    command("consume")
    assert re.search(
        r"report\.DEBUG: Event 'User/LoginFailed' executed in \d\.\d{3}s \[\] \[\]\n",
        dry_run.read_text(),
    )


def test_consuming_shows_what_became_of_each_capture(command, dry_run, spool):
    fill(spool, lines("cart-add-configurable"))
    assert command("consume", "--json").json == {"delivered": 1, "passed_over": 1, "buried": 0}
    assert depth(spool) == (0, 0)


def test_consuming_stops_after_so_many(command, dry_run, spool):
    fill(spool, lines("cart-update"))
    command("consume", "--max-messages", 3)
    assert depth(spool) == (1, 0)


def test_what_cannot_be_translated_is_a_dead_letter(command, dry_run, spool):
    broken = json.loads(lines("cart-add")[0])
    del broken["snapshot"]["sku"]
    fill(spool, [json.dumps(broken).encode()])
    assert command("consume").out == "0 delivered, 0 passed over, 1 buried\n"
    (letter,) = command("dead-letters", "list", "--json").json
    assert letter["reason"] == "CartProductAdded: the snapshot has no 'sku'"


def test_events_that_are_switched_off_are_passed_over(command, dry_run, spool):
    fill(spool, lines("cart-add"))
    ran = command("consume", "--set", "events.cart.product_added=false", "--json")
    assert ran.json == {"delivered": 0, "passed_over": 1, "buried": 0}


def test_a_test_event_in_a_dry_run_is_not_called_delivered(command, dry_run):
    ran = command("send-test")
    assert ran.status == 0
    assert ran.out == (
        "OrderPlaced of shop.example.com written to the log, not sent: dry run "
        "(options.dry_run_mode)\n"
    )
    assert "[test] => 1" in dry_run.read_text()


def test_a_test_event_is_reported_for_programs(command, dry_run):
    shown = command(
        "send-test", "StateSaved", "--set", "detail_types.StateSaved=IndexerStateSaved", "--json"
    ).json
    assert shown == {
        "delivered": False,
        "eventId": "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
        "reason": "",
        "source": "shop.example.com",
        "detailType": "IndexerStateSaved",
        "bus": None,
        "dryRun": True,
    }


def test_a_test_event_of_a_store_view_has_its_settings(command, dry_run):
    ran = command("send-test", "--store", 2, "--set", "stores.2.options.source=other", "--json")
    assert ran.json["source"] == "other"


def test_a_test_event_that_nobody_takes_exits_1(command, dry_run):
    ran = command(
        "send-test",
        *("--set", "options.dry_run_mode=false"),
        *("--set", "options.endpoint_url=http://127.0.0.1:9"),
    )
    assert ran.status == 1
    assert "NOT delivered: no answer" in ran.out


DRY_RUN = (
    "dry run: events are taken from the queue, written to the log and not sent; set "
    "options.dry_run_mode to false"
)


def test_doctor_finds_nothing_wrong_with_a_dry_run(command, dry_run, spool):
    ran = command("doctor", "--json")
    assert (ran.status, ran.json["ok"]) == (0, True)
    assert ran.json["findings"] == [
        {"name": "inlet", "ok": True, "state": "ok", "message": "1 secret"},
        {
            "name": "spool",
            "ok": True,
            "state": "ok",
            "message": f"does not exist yet; 'serve' creates {spool}",
        },
        {
            "name": "bus of all store views",
            "ok": True,
            "state": "warn",
            "message": DRY_RUN,
        },
    ]


def test_doctor_says_where_each_setting_came_from(command, dry_run, spool):
    ran = command("doctor", "--set", "options.region=eu-west-1", "--json")
    values = {
        result["name"]: (result["value"], result["origin"]) for result in ran.json["settings"]
    }
    assert values["options.region"] == ("eu-west-1", "command line")
    assert values["options.dry_run_mode"] == ("yes", str(dry_run.with_name("bridge.toml")))
    assert values["spool.path"] == (str(spool), "environment")
    assert values["delivery.calls_at_once"] == ("128", "default")
    assert values["options.event_bus"] == ("-", "default")


def test_doctor_never_shows_a_secret(command, dry_run):
    for form in ((), ("--json",)):
        ran = command("doctor", *form)
        assert "hunter2" not in ran.out + ran.err
        assert "********" in ran.out


def test_doctor_for_people_begins_with_what_it_found(command, dry_run):
    ran = command("doctor")
    assert ran.status == 0
    warning = ran.out.index(f"warn  bus of all store views: {DRY_RUN}")
    assert warning < ran.out.index("options.region")


def test_doctor_exits_1_when_something_must_be_fixed(command, spool):
    ran = command("doctor", "--set", "options.dry_run_mode=true")
    assert ran.status == 1
    assert "FAIL  inlet: no secret is set" in ran.out


def test_doctor_shows_that_the_spool_cannot_be_opened(command, dry_run, tmp_path):
    (tmp_path / "file").touch()
    ran = command("doctor", "--set", f"spool.path={tmp_path / 'file' / 'spool'}", "--json")
    assert (ran.status, ran.json["ok"]) == (1, False)
    assert [result["name"] for result in ran.json["findings"] if not result["ok"]] == ["spool"]


def test_doctor_looks_at_every_destination_once(command, dry_run):
    ran = command(
        "doctor",
        *("--set", "stores.1.options.source=same-bus"),
        *("--set", "stores.2.options.event_bus=other"),
        *("--set", "inlet.enabled=false"),
        "--json",
    )
    inlet, _, *buses = ran.json["findings"]
    assert inlet == {
        "name": "inlet",
        "ok": True,
        "state": "ok",
        "message": "switched off",
    }
    assert [result["name"] for result in buses] == ["bus of all store views", "bus of store view 2"]


def test_a_log_that_cannot_be_written_exits_1(command, dry_run, tmp_path):
    ran = command("send-test", "--set", f"log.file={tmp_path}")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("magento-eventbridge: cannot write the log ")


def test_console_login_prints_a_link_and_nothing_else(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "ada")
    options = ["--set", f"spool.path={tmp_path}/spool.sqlite"]
    before = command("console", "login", *options)
    assert (before.status, before.out) == (1, "")
    assert "no console is running" in before.err
    LoginLinks(tmp_path / "console-8472.login").open("http://127.0.0.1:8472")
    result = command("console", "login", *options)
    assert result.status == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:8472/login\?token=\S+\n", result.out)
    assert "logs ada in once, within ten minutes, as operator" in result.err
    shown = command("console", "login", "--read-only", "--user", "eve", "--json", *options).json
    assert (shown["user"], shown["role"]) == ("eve", "read-only")
    off = command("console", "login", *options, "--set", "console.login=false")
    assert "no login is needed" in off.err
