"""The condition of a destination: answers and times in, next state out."""

import pytest

from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.condition import Change, Condition
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.verdicts import Fate, Verdict

POLICY = Policy(backoff=Backoff(first=1.0, longest=60.0), reminder_seconds=300.0)
DELIVERED = [Verdict(Fate.DELIVERED)]
RESTED = [Verdict(Fate.REST, "no answer")]
PARKED = [Verdict(Fate.PARK, "AccessDenied")]


def after(condition, verdicts, now, *, began=None, retry_after=0.0):
    return condition.after(
        verdicts,
        began=now if began is None else began,
        now=now,
        policy=POLICY,
        chance=1.0,
        retry_after=retry_after,
    )


def allows_call(condition: Condition, now: float, in_flight: int) -> bool:
    """Return whether a sender may begin a call, as the sender decides it from the condition."""
    return now >= condition.rests_until and not condition.waits_for_answer(in_flight)


def test_a_new_destination_allows_calls_at_once_and_many_in_flight():
    assert allows_call(Condition(), 0.0, 0)
    assert allows_call(Condition(), 0.0, 100)


@pytest.mark.parametrize(
    "fate", [Fate.DELIVERED, Fate.RETRY, Fate.BURY, Fate.ISOLATE, Fate.DENY, Fate.WAIT]
)
def test_a_verdict_on_single_entries_changes_nothing(fate):
    assert after(Condition(), [Verdict(fate, "reason")], 10.0) == (Condition(), ())


def test_a_failed_destination_rests_and_is_reported_once():
    resting, changes = after(Condition(), RESTED, 10.0)
    assert (resting.problem, resting.is_parked, changes) == ("no answer", False, (Change.RESTING,))
    assert not allows_call(resting, 10.9, 0)
    assert allows_call(resting, 11.0, 0)
    assert after(resting, RESTED, 11.0)[1] == ()


def test_delays_double_with_each_failure_in_a_row():
    condition, now = Condition(), 0.0
    for delay in (1.0, 2.0, 4.0, 8.0):
        condition, _ = after(condition, RESTED, now)
        assert condition.rests_until == now + delay
        now = condition.rests_until


def test_calls_in_flight_together_fail_as_one():
    first, _ = after(Condition(), RESTED, 10.0, began=9.0)
    second, _ = after(first, RESTED, 10.1, began=9.5)
    assert (first.failures, second.failures) == (1, 1)
    third, _ = after(second, RESTED, 12.0, began=11.5)
    assert third.failures == 2


@pytest.mark.parametrize(("asked", "given"), [(0.0, 1.0), (30.0, 30.0), (10_000.0, 300.0)])
def test_a_pause_that_was_asked_for_is_kept_up_to_five_minutes(asked, given):
    resting, _ = after(Condition(), RESTED, 0.0, retry_after=asked)
    assert resting.rests_until == given


def test_a_destination_with_a_problem_is_tried_by_one_call_at_a_time():
    resting, _ = after(Condition(), RESTED, 0.0)
    assert allows_call(resting, 5.0, 0)
    assert not allows_call(resting, 5.0, 1)
    assert resting.waits_for_answer(1)


@pytest.mark.parametrize(
    ("verdicts", "change"), [(RESTED, Change.RESTING), (PARKED, Change.PARKED)]
)
def test_success_resumes_and_forgets_all_failures(verdicts, change):
    failed, changes = after(Condition(), verdicts, 0.0)
    assert changes == (change,)
    assert after(failed, DELIVERED, 2.0) == (Condition(), (Change.RESUMED,))


def test_an_answer_that_nobody_documents_parks():
    parked, changes = after(Condition(), [Verdict(Fate.SUSPECT, "unexpected answer")], 0.0)
    assert (parked.problem, parked.is_parked) == ("unexpected answer", True)
    assert changes == (Change.PARKED,)


def test_a_refusal_of_all_parks_and_is_repeated_as_a_reminder():
    parked, changes = after(Condition(), PARKED, 0.0)
    assert (parked.problem, parked.is_parked, changes) == ("AccessDenied", True, (Change.PARKED,))
    parked, changes = after(parked, PARKED, 299.0)
    assert changes == ()
    assert after(parked, PARKED, 300.0)[1] == (Change.PARKED,)


def test_an_outage_after_parking_is_reported_as_an_outage():
    parked, _ = after(Condition(), PARKED, 0.0)
    resting, changes = after(parked, RESTED, 10.0)
    assert (resting.is_parked, changes) == (False, (Change.RESTING,))


def test_throttling_slows_the_pace_and_is_no_problem_of_a_destination():
    assert after(Condition(), [Verdict(Fate.THROTTLE, "ThrottlingException")], 10.0) == (
        Condition(),
        (),
    )


def test_a_throttled_destination_that_already_has_a_problem_rests_longer():
    resting, _ = after(Condition(), RESTED, 10.0)
    throttled, changes = after(resting, [Verdict(Fate.THROTTLE, "ThrottlingException")], 11.0)
    assert (throttled.problem, changes) == ("ThrottlingException", ())
    assert throttled.rests_until == 13.0
