"""The log: Magento's own line format, JSON, and its destinations."""

import errno
import io
import json
import logging
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from magento_eventbridge.observability.log import ROOT, LogFileError, MagentoFormatter, set_up
from magento_eventbridge.observability.print_r import print_r

LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] report\.[A-Z]+: .* \[\] \[\]\n")


@pytest.fixture(autouse=True)
def the_log_as_it_was() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (ROOT, "aiohttp", "asyncio")]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, handlers, level, propagate in before:
        for handler in logger.handlers[:]:
            if handler not in handlers:
                logger.removeHandler(handler)
                handler.close()
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture
def far_from_utc(monkeypatch) -> Iterator[None]:
    monkeypatch.setitem(os.environ, "TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def record(message: str, *values: object, level: int = logging.DEBUG) -> logging.LogRecord:
    made = logging.LogRecord(f"{ROOT}.x", level, "x.py", 1, message, values, None)
    made.created = 1598438976.25  # 2020-08-26 10:49:36 UTC
    return made


def logger() -> logging.Logger:
    return logging.getLogger(f"{ROOT}.delivery")


def test_a_line_is_written_as_magento_writes_it():
    line = MagentoFormatter().format(record("Event '%s' captured, executing..", "User/LoginFailed"))
    assert line == (
        "[2020-08-26 10:49:36] report.DEBUG: Event 'User/LoginFailed' captured, executing.. [] []"
    )


def test_data_over_several_lines_end_as_in_the_reference():
    data = record("[DryRun] Sending event '%s' with data: %s", "UserLoginFailed", "Array\n(\n)\n")
    data.is_block = True
    line = MagentoFormatter().format(data)
    assert line == (
        "[2020-08-26 10:49:36] report.DEBUG: [DryRun] Sending event 'UserLoginFailed' with data: "
        "Array\n(\n)\n [] []"
    )


def test_the_context_of_a_line_about_an_event_is_its_id():
    result = record("A capture is now a dead letter", level=logging.ERROR)
    result.event_id = "019aa1f8-5c2b-7d0e-9f3a-4b1c2d3e4f50"
    assert (
        MagentoFormatter()
        .format(result)
        .endswith(' dead letter {"event_id":"019aa1f8-5c2b-7d0e-9f3a-4b1c2d3e4f50"} []')
    )


def test_a_line_of_the_debug_mode_keeps_to_the_documented_form_whatever_it_is_about():
    result = record("Event '%s' captured, executing..", "User/LoginFailed")
    result.event_id = "019aa1f8-5c2b-7d0e-9f3a-4b1c2d3e4f50"
    assert MagentoFormatter().format(result).endswith("executing.. [] []")


def test_json_carries_the_id_of_the_event_in_a_field_of_its_own(capsys):
    set_up(level=logging.INFO, style="json", file=None)
    logger().info("result", extra={"event_id": "019aa1f8"})
    assert json.loads(capsys.readouterr().err)["event_id"] == "019aa1f8"


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_levels_are_called_as_in_magento(level):
    line = MagentoFormatter().format(record("result", level=getattr(logging, level)))
    assert line == f"[2020-08-26 10:49:36] report.{level}: result [] []"


def test_times_are_utc_wherever_the_machine_is(far_from_utc):
    assert MagentoFormatter().format(record("result")).startswith("[2020-08-26 10:49:36]")


def test_the_log_is_written_to_its_file_which_is_made_with_its_folder(tmp_path):
    file = tmp_path / "var" / "log" / "aws-eventbridge.log"
    set_up(level=logging.INFO, style="magento", file=file)
    logger().info("Grüße")
    logger().debug("too much")
    assert LINE.fullmatch(file.read_text(encoding="utf-8"))
    assert "Grüße" in file.read_text(encoding="utf-8")


def test_a_file_that_was_moved_away_is_opened_again(tmp_path):
    file = tmp_path / "bridge.log"
    set_up(level=logging.INFO, style="magento", file=file)
    logger().info("one")
    file.rename(tmp_path / "bridge.log.1")
    logger().info("two")
    assert "two" in file.read_text()
    assert "two" not in (tmp_path / "bridge.log.1").read_text()


def test_without_a_file_the_log_is_standard_error(capsys):
    set_up(level=logging.INFO, style="magento", file=None)
    logger().warning("result")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert LINE.fullmatch(captured.err)


def test_json_is_one_object_a_line(capsys):
    set_up(level=logging.INFO, style="json", file=None)
    logger().error("No delivery to %s", "bus 'default' in eu-west-1")
    (line,) = capsys.readouterr().err.splitlines()
    result = json.loads(line)
    assert result.pop("asctime")
    assert result == {
        "levelname": "ERROR",
        "name": f"{ROOT}.delivery",
        "message": "No delivery to bus 'default' in eu-west-1",
    }


def test_json_keeps_an_exception_in_its_line(capsys):
    set_up(level=logging.INFO, style="json", file=None)
    try:
        int("broken")
    except ValueError:
        logger().exception("It broke")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exc_info"]


def test_times_in_json_are_utc_wherever_the_machine_is(far_from_utc, capsys):
    set_up(level=logging.INFO, style="json", file=None)
    handler = logging.getLogger(ROOT).handlers[0]
    assert json.loads(handler.format(record("result")))["asctime"].startswith("2020-08-26")
    assert "10:49:36" in json.loads(handler.format(record("result")))["asctime"]


def test_setting_up_again_replaces_the_former_log(tmp_path, capsys):
    set_up(level=logging.INFO, style="magento", file=tmp_path / "one.log")
    set_up(level=logging.INFO, style="magento", file=tmp_path / "two.log")
    logger().info("result")
    assert (tmp_path / "one.log").read_text() == ""
    assert (tmp_path / "two.log").read_text().count("result") == 1


def test_other_libraries_do_not_write_into_the_log(tmp_path, capsys):
    set_up(level=logging.DEBUG, style="magento", file=tmp_path / "bridge.log")
    logging.getLogger("botocore").debug("secret")
    assert (tmp_path / "bridge.log").read_text() == ""


def test_a_log_that_cannot_be_written_is_a_fault_reported_by_its_path(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, Path(tmp_path / "file" / "bridge.log")):
        with pytest.raises(LogFileError, match=f"cannot write the log {re.escape(str(path))}: "):
            set_up(level=logging.INFO, style="magento", file=path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_log_on_a_full_disk_is_reported_once_and_in_words(capsys):
    set_up(level=logging.INFO, style="magento", file=Path("/dev/full"))
    logger().info("one")
    logger().info("two")
    result = capsys.readouterr().err
    assert result == (
        "magento-eventbridge: cannot write the log /dev/full: No space left on device; log lines "
        "are lost until this is fixed\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_under_log_and_standard_error_stops_nobody(monkeypatch):
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sys.stderr", Full())
    set_up(level=logging.INFO, style="magento", file=Path("/dev/full"))
    logger().warning("one")
    logger().warning("two")


def test_a_log_whose_folder_has_gone_harms_nobody_who_logs(tmp_path, capsys):
    folder = tmp_path / "var"
    set_up(level=logging.INFO, style="magento", file=folder / "bridge.log")
    folder.rename(tmp_path / "elsewhere")
    logger().info("lost")
    assert "cannot write the log" in capsys.readouterr().err
    folder.mkdir()
    logger().info("written")
    assert "written" in (folder / "bridge.log").read_text()
    folder.rename(tmp_path / "elsewhere2")
    logger().info("lost again")
    assert "cannot write the log" in capsys.readouterr().err


FORGED = "x\n[2020-08-26 10:49:36] report.CRITICAL: forged [] []\r\x1b[31m\u202e"


@pytest.mark.parametrize("style", ["magento", "json"])
def test_foreign_text_cannot_forge_a_line(style, capsys):
    set_up(level=logging.INFO, style=style, file=None)
    logger().warning("refused %s", FORGED)
    logging.getLogger("aiohttp.server").error("Bad request %s", FORGED)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("forged" in line and "\x1b" not in line for line in lines)


def test_a_traceback_is_part_of_its_line(capsys):
    set_up(level=logging.INFO, style="magento", file=None)
    try:
        int(FORGED)
    except ValueError:
        logger().exception("It broke")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(" [] []")
    assert r"It broke\nTraceback" in line
    assert "ValueError" in line


def test_values_of_a_dry_run_cannot_forge_a_line():
    data = record("[DryRun] Sending event '%s' with data: %s", "X", print_r({FORGED: FORGED}))
    data.is_block = True
    lines = MagentoFormatter().format(data).splitlines()
    assert [line for line in lines if line.startswith("[2020")] == lines[:1]


@pytest.mark.parametrize(("folder", "expected"), [(0o775, 0o664), (0o2770, 0o660), (0o755, 0o644)])
def test_a_new_log_can_be_written_by_those_who_can_write_its_folder(tmp_path, folder, expected):
    tmp_path.chmod(folder)
    file = tmp_path / "bridge.log"
    set_up(level=logging.INFO, style="magento", file=file)
    assert stat.S_IMODE(file.stat().st_mode) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root creates files for other users")
def test_a_log_created_by_root_belongs_to_the_owner_of_its_folder(tmp_path):
    os.chown(tmp_path, 65534, 65533)
    file = tmp_path / "var" / "log" / "bridge.log"
    set_up(level=logging.INFO, style="magento", file=file)
    for path in (file, file.parent, file.parent.parent):
        assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65533)
    file.rename(file.with_suffix(".1"))
    logging.getLogger("magento_eventbridge").error("after logrotate")
    assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65533)


def test_a_link_may_be_there_before_the_log_that_it_leads_to(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o775)
    link = tmp_path / "bridge.log"
    link.symlink_to(shared / "bridge.log")
    folder = tmp_path / "log"
    folder.symlink_to(tmp_path / "new")

    for file in (link, folder / "bridge.log"):
        set_up(level=logging.INFO, style="magento", file=file)
        assert file.exists()

    assert stat.S_IMODE((shared / "bridge.log").stat().st_mode) == 0o664


def test_an_existing_log_keeps_its_owner_and_mode(tmp_path):
    file = tmp_path / "bridge.log"
    file.touch()
    file.chmod(0o600)
    set_up(level=logging.INFO, style="magento", file=file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_warnings_and_errors_of_a_log_file_also_reach_standard_error(tmp_path, capsys):
    file = tmp_path / "bridge.log"
    set_up(level=logging.DEBUG, style="magento", file=file)
    logger().info("only in the file")
    logger().warning("a warning")
    logging.getLogger("aiohttp.server").error("an error of a library")
    lines = capsys.readouterr().err.splitlines(keepends=True)
    assert [LINE.fullmatch(line) is not None for line in lines] == [True, True]
    assert lines == file.read_text().splitlines(keepends=True)[1:]


def test_a_log_file_that_cannot_be_written_leaves_warnings_on_standard_error(capsys):
    set_up(level=logging.INFO, style="magento", file=Path("/dev/full"))
    logger().warning("still seen")
    assert "still seen" in capsys.readouterr().err


def _as_the_journal(monkeypatch, file) -> None:
    status = os.fstat(file.fileno())
    monkeypatch.setattr("sys.stderr", file)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")


@pytest.mark.parametrize("style", ["magento", "json"])
def test_lines_for_systemds_journal_begin_with_their_priority(style, tmp_path, monkeypatch):
    with (tmp_path / "journal").open("w+") as journal:
        _as_the_journal(monkeypatch, journal)
        set_up(level=logging.DEBUG, style=style, file=None)
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, 50):
            logger().log(level, "a line")
        block = logging.LogRecord(ROOT, logging.DEBUG, "x.py", 1, "data:\nsecond", (), None)
        block.is_block = True
        logging.getLogger(ROOT).handle(block)
        journal.seek(0)
        lines = journal.read().splitlines()
    assert [line[:3] for line in lines[:5]] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    assert {line[:3] for line in lines[5:]} == {"<7>"}
    assert len(lines) == (7 if style == "magento" else 6)


@pytest.mark.parametrize("named", ["", "1:2", "nonsense"])
def test_standard_error_that_is_not_the_journal_gets_no_priorities(named, monkeypatch, capsys):
    monkeypatch.setenv("JOURNAL_STREAM", named)
    set_up(level=logging.INFO, style="magento", file=None)
    logger().warning("result")
    assert LINE.fullmatch(capsys.readouterr().err)
