"""An outage is logged once, then each minute, and when it is over."""

import asyncio
import logging
import time

from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.outage import Outage
from magento_eventbridge.queues.mysql.lease import LeaseTiming


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_it_is_logged_once_then_each_minute_and_when_it_is_over(caplog):
    clock = Clock()
    outage = Outage("Cannot read", "Can be read again", clock=clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(24):  # two minutes
            outage.goes_on("no database")
            clock.now += 5
        assert [r.getMessage() for r in caplog.records] == [
            "Cannot read: no database. Retrying until it works."
        ] * 2
        outage.is_over()
        outage.is_over()
        assert [r.getMessage() for r in caplog.records][2:] == ["Can be read again."]
        outage.goes_on("no database")
        assert len(caplog.records) == 4


def test_a_new_reason_that_lasts_is_logged_soon(caplog):
    clock = Clock()
    outage = Outage("Cannot read", "Can be read again", clock=clock)
    outage.goes_on("the connection was closed")
    for _ in range(20):
        clock.now += 1
        outage.goes_on("the login is refused")
        outage.goes_on("the connection was closed")
    assert [r.getMessage() for r in caplog.records] == [
        "Cannot read: the connection was closed. Retrying until it works.",
        "Cannot read: the login is refused. Retrying until it works.",
    ]


def test_reasons_that_always_differ_are_not_all_logged(caplog):
    clock = Clock()
    outage = Outage("Cannot read", "Can be read again", clock=clock)
    for number in range(180):
        outage.goes_on(f"frame {number} is unknown")
        clock.now += 1
    assert len(caplog.records) <= 12


def test_pauses_grow_up_to_two_seconds_and_begin_anew():
    outage = Outage("lost", "found", Backoff(first=0.1, longest=60))
    pauses = [outage.goes_on("x") for _ in range(12)]
    assert pauses[0] <= 0.1
    assert max(pauses[:4]) < 1
    assert pauses[-1] == 2
    outage.is_over()
    assert outage.goes_on("x") <= 0.1


def test_a_bridge_renews_its_lease_before_others_end_it():
    """Otherwise what it delivered during the outage would be delivered twice."""
    outage = Outage("lost", "found")
    timing = LeaseTiming()
    assert max(outage.goes_on("x") for _ in range(12)) + timing.renew_seconds < timing.dead_seconds
    assert timing.hold_seconds < timing.dead_seconds


def test_an_uninterrupted_service_is_not_logged(caplog):
    Outage("lost", "found").is_over()
    assert caplog.records == []


async def test_work_without_an_answer_is_logged_while_it_lasts(caplog):
    outage = Outage("Cannot read", "Can be read again")
    with outage.reports_silence(0.05):
        pass
    await asyncio.sleep(0.6)
    assert caplog.messages == []
    with outage.reports_silence(0.05):
        await asyncio.sleep(0.6)
        assert caplog.messages == ["Cannot read: no answer for 0 s. Retrying until it works."]
    outage.is_over()
    assert caplog.messages[1:] == ["Can be read again."]


async def test_an_answer_that_came_during_a_pause_is_no_silence(caplog):
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    with Outage("Cannot read", "Can be read again").reports_silence(0.05):
        time.sleep(0.2)  # noqa: ASYNC251 # as a process that is suspended
        loop.call_soon(answer.set_result, None)
        await answer
    assert caplog.messages == []


async def test_work_that_waits_for_something_else_is_no_silence(caplog):
    with Outage("Cannot read", "Can be read again").reports_silence(0.05, unless=lambda: True):
        await asyncio.sleep(0.6)
    assert caplog.messages == []
