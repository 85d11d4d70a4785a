"""`doctor` checks that PHP can write the log that the bridge writes too."""

import os

import pytest

from magento_eventbridge.doctor.store import _log


@pytest.mark.parametrize(("mode", "state"), [(0o660, "ok"), (0o440, "FAIL")])
def test_a_log_of_the_folders_owner_must_be_writable_for_the_owner(tmp_path, mode, state):
    file = tmp_path / "aws-eventbridge.log"
    file.touch()
    file.chmod(mode)
    (finding,) = _log(file)
    assert finding.state == state


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")
@pytest.mark.parametrize(
    ("owner", "mode", "state"),
    [
        ((0, 0), 0o644, "FAIL"),
        ((0, 0), 0o660, "FAIL"),
        ((0, 65533), 0o660, "ok"),
        ((0, 65533), 0o640, "FAIL"),
        ((0, 0), 0o666, "ok"),
    ],
)
def test_a_log_of_another_user_must_be_writable_by_the_group(tmp_path, owner, mode, state):
    os.chown(tmp_path, 65534, 65533)
    file = tmp_path / "aws-eventbridge.log"
    file.touch()
    os.chown(file, *owner)
    file.chmod(mode)
    (finding,) = _log(file)
    assert finding.state == state
    assert ("chown 65534:65533" in finding.message) is (state == "FAIL")


def test_a_log_that_does_not_exist_is_no_problem(tmp_path):
    (finding,) = _log(tmp_path / "none.log")
    assert finding.is_well
    assert list(_log(None)) == []
