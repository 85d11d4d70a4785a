"""Leases of bridges: which are alive, which have expired, and which claims are still ours."""

import os
import subprocess
import sys
import time

import pytest

from magento_eventbridge.magento.process_names import is_gone, is_running, new_name
from magento_eventbridge.queues.mysql import lease as lease_module
from magento_eventbridge.queues.mysql.lease import Lease, LeaseTiming, Peers, clocks

TIMING = LeaseTiming(hold_seconds=15, dead_seconds=20, watch_seconds=2)


@pytest.fixture
def peers():
    return Peers(TIMING)


def watch(peers, leases, until, *, since=0, claimants=(), changes=False):
    """Watch every two seconds, with leases that stay the same or change."""
    now = since
    while now <= until:
        now_leases = {name: now if changes else lease for name, lease in leases.items()}
        peers.watch(now_leases, claimants, now)
        now += 2


def test_a_lease_that_does_not_change_for_long_is_that_of_a_dead_bridge(peers):
    watch(peers, {"other": 5.0}, 18)
    assert not peers.dead
    watch(peers, {"other": 5.0}, 20, since=20)
    assert peers.dead == {"other": 5.0}


def test_a_lease_that_changes_is_that_of_a_bridge_that_is_alive(peers):
    watch(peers, {"other": 5.0}, 100, changes=True)
    assert not peers.dead
    assert peers.are_alive


def test_nobody_is_dead_right_after_the_database_was_unavailable(peers):
    watch(peers, {"other": 5.0}, 18)
    watch(peers, {"other": 5.0}, 96, since=78)
    assert not peers.dead
    watch(peers, {"other": 5.0}, 98, since=98)
    assert peers.dead


def test_claims_found_at_the_start_are_doubtful_until_their_bridge_is_known(peers):
    leases = {"dead": 1.0, "alive": 1.0, "stopped": 1.0, "without a lease": None}
    claimants = {"dead", "alive", "without a lease"}
    peers.watch(leases, claimants, 0)
    assert peers.doubtful == claimants
    peers.watch(leases | {"alive": 2.0}, claimants, 2)
    assert peers.doubtful == {"dead", "without a lease"}
    watch(peers, leases | {"alive": 2.0}, 20, since=4)
    assert peers.dead.keys() == {"dead", "stopped", "without a lease"}
    for name in list(peers.dead):
        peers.released(name)
    assert not peers.doubtful
    assert not peers.dead


def test_a_bridge_that_comes_later_is_not_waited_for(peers):
    peers.watch({}, (), 0)
    peers.watch({"new": 1.0}, {"new"}, 2)
    assert not peers.doubtful


def test_a_dead_bridge_that_lives_again_is_alive(peers):
    watch(peers, {"other": 5.0}, 20)
    peers.released("other")
    peers.watch({"other": 6.0}, (), 22)
    assert peers.are_alive
    watch(peers, {"other": 6.0}, 44, since=24)
    assert peers.dead == {"other": 6.0}


def test_claims_are_ours_for_a_while_after_each_confirmation(monkeypatch):
    now = [100.0, 5000.0]
    monkeypatch.setattr(lease_module, "clocks", lambda: tuple(now))
    lease = Lease(TIMING)
    assert not lease.is_fresh
    lease.confirm(tuple(now))
    now[0] += 14
    assert lease.is_fresh
    now[0] += 2
    assert not lease.is_fresh
    lease.confirm(tuple(now))
    now[1] += 16  # the machine was suspended, and its other clock stood still
    assert not lease.is_fresh
    lease.confirm(tuple(now))
    lease.lose()
    assert not lease.is_fresh


def test_clocks_go_forward():
    before = clocks()
    time.sleep(0.01)
    assert all(after > then for after, then in zip(clocks(), before, strict=True))


# Processes of this machine


def test_a_process_is_known_by_its_name_on_its_own_machine():
    name = new_name()
    assert len(name) < 56  # a claim's number follows, in a column of 64
    assert name != new_name()
    assert is_running(name)
    assert not is_gone(name)


def test_a_process_that_ended_is_gone_even_before_its_parent_knows():
    code = (
        "from magento_eventbridge.magento.process_names import new_name\n"
        "print(new_name(), flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        name = process.stdout.readline().strip()
        assert is_running(name)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # its lease has expired meanwhile
        assert is_gone(name)
    assert is_gone(name)


@pytest.mark.parametrize("other", ["", "host-1", "shop-12-abcdef01", "host-1-00000000-1f-abcdef"])
def test_nothing_is_known_of_other_machines_and_former_versions(other):
    assert not is_gone(other)
    assert not is_running(other)


def test_another_process_with_the_same_number_is_not_the_same():
    host, pid, machine, _, token = new_name().rsplit("-", 4)
    assert is_gone(f"{host}-{pid}-{machine}-1-{token}")
