"""A restart does not forget which events were refused in a row."""

import logging
from pathlib import Path

import pytest

from magento_eventbridge.bridge.refusal_file import RefusalFile
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Fate, Verdict
from tests.unit.test_apart import fates, orders, weighed

SHOP, OTHER = Destination("eu-west-1", "shop"), Destination("eu-west-1", "other")


def test_a_row_goes_on_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "refusals.json"
    for number in range(9):
        refusals = RefusalFile(file).of(SHOP)
        assert fates(refusals, orders(9)[number]) == [Fate.BURY]
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert fates(RefusalFile(file).of(OTHER), *orders(1)) == [Fate.BURY]
    assert fates(RefusalFile(file).of(SHOP), *orders(1, view=2)) == [Fate.BURY]
    (fate, *_), wrongly_buried = weighed(RefusalFile(file).of(SHOP), orders(10)[9])
    assert (fate, wrongly_buried) == (Fate.HOLD, [str(number) for number in range(9)])


def test_dead_letters_are_recovered_after_a_crash_too(tmp_path: Path) -> None:
    file = tmp_path / "refusals.json"
    refusals = RefusalFile(file).of(SHOP)
    assert fates(refusals, *orders(9)) == [Fate.BURY] * 9
    buried = [str(number) for number in range(9)]
    assert weighed(refusals, orders(10)[9]) == ([Fate.HOLD], buried)
    # The process ends before they are recovered. The next one recovers them, once.
    refusals = RefusalFile(file).of(SHOP)
    assert weighed(refusals, orders(11)[10]) == ([Fate.HOLD], buried)
    assert weighed(refusals, orders(12)[11]) == ([Fate.HOLD], [])
    fates(refusals, *orders(1), verdict=Verdict(Fate.DELIVERED))
    assert not file.exists()


def test_one_event_refused_after_each_restart_is_at_fault_itself(tmp_path: Path) -> None:
    file = tmp_path / "refusals.json"
    for _ in range(20):
        assert fates(RefusalFile(file).of(SHOP), *orders(1)) == [Fate.BURY]


def test_an_accepted_event_ends_it(tmp_path: Path) -> None:
    file = tmp_path / "refusals.json"
    fates(RefusalFile(file).of(SHOP), *orders(12))
    fates(RefusalFile(file).of(SHOP), *orders(1), verdict=Verdict(Fate.DELIVERED))
    assert not file.exists()
    assert fates(RefusalFile(file).of(SHOP), *orders(1)) == [Fate.BURY]


@pytest.mark.parametrize("content", [b"", b"[" * 5000, b'{"x": 1}', b"\xff"])
def test_a_damaged_file_is_reported_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    file = tmp_path / "refusals.json"
    file.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        refusals = RefusalFile(file).of(SHOP)
    assert str(file) in caplog.text
    fates(refusals, *orders(9))
    assert fates(RefusalFile(file).of(SHOP), *orders(10)[9:]) == [Fate.HOLD]


def test_without_a_folder_it_warns_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    refusals = RefusalFile(tmp_path / "file" / "refusals.json").of(SHOP)
    assert fates(refusals, *orders(10)) == [Fate.BURY] * 9 + [Fate.HOLD]
    assert len(caplog.records) == 1
