"""Verdicts: what an answer means for each entry of a call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.delivery.verdicts import (
    Answer,
    EntryResult,
    Fate,
    ResultCodes,
    Verdict,
    judge,
)

CODES = ResultCodes(
    retryable=frozenset({"InternalFailure", "ThrottlingException"}),
    parking=frozenset({"AccessDeniedException", "NotAuthorizedForSourceException"}),
)


def fates(entries: int, answer: Answer) -> list[Fate]:
    return [verdict.fate for verdict in judge(entries, answer, CODES)]


def test_an_entry_with_an_id_is_delivered():
    assert judge(1, Answer(200, (EntryResult("e-1"),)), CODES) == [
        Verdict(Fate.DELIVERED, event_id="e-1")
    ]


@pytest.mark.parametrize(
    ("code", "fate"),
    [
        ("InternalFailure", Fate.RETRY),
        ("ThrottlingException", Fate.RETRY),
        ("AccessDeniedException", Fate.PARK),
        ("NotAuthorizedForSourceException", Fate.PARK),
        ("MalformedDetail", Fate.BURY),
        ("InvalidArgument", Fate.BURY),
        ("NeverHeardOf", Fate.BURY),
    ],
)
def test_an_entrys_error_decides_its_fate_and_no_others(code, fate):
    results = (
        EntryResult("e-1"),
        EntryResult(error_code=code, error_message="why"),
        EntryResult("e-3"),
    )
    assert judge(3, Answer(200, results), CODES) == [
        Verdict(Fate.DELIVERED, event_id="e-1"),
        Verdict(fate, f"{code}: why"),
        Verdict(Fate.DELIVERED, event_id="e-3"),
    ]


def test_an_error_without_a_message_is_told_by_its_code():
    answer = Answer(200, (EntryResult(error_code="MalformedDetail"),))
    assert judge(1, answer, CODES)[0].reason == "MalformedDetail"


@pytest.mark.parametrize("told", [0, 1, 3])
def test_an_answer_that_tells_of_other_entries_is_no_delivery(told):
    verdicts = judge(2, Answer(200, (EntryResult("e"),) * told), CODES)
    assert {verdict.fate for verdict in verdicts} == {Fate.REST}
    assert verdicts[0].reason == f"the answer has {told} results for 2 entries"


@pytest.mark.parametrize(
    ("answer", "several", "one"),
    [
        (Answer(0), Fate.REST, Fate.REST),
        (Answer(0, error_message="connection refused"), Fate.REST, Fate.REST),
        (Answer(200), Fate.REST, Fate.REST),
        (Answer(302), Fate.REST, Fate.REST),
        (Answer(500), Fate.REST, Fate.REST),
        (Answer(503, error_code="ServiceUnavailable"), Fate.REST, Fate.REST),
        (Answer(500, error_code="NeverHeardOf"), Fate.REST, Fate.REST),
        (Answer(408), Fate.REST, Fate.REST),
        (Answer(429), Fate.REST, Fate.REST),
        (Answer(400, error_code="ThrottlingException"), Fate.REST, Fate.REST),
        (Answer(400, error_code="AccessDeniedException"), Fate.PARK, Fate.PARK),
        (Answer(0, error_code="AccessDeniedException"), Fate.PARK, Fate.PARK),
        (Answer(503, error_code="AccessDeniedException"), Fate.PARK, Fate.PARK),
        (Answer(400, error_code="ValidationException"), Fate.ISOLATE, Fate.BURY),
        (Answer(400), Fate.ISOLATE, Fate.BURY),
        (Answer(413), Fate.ISOLATE, Fate.BURY),
        (Answer(499), Fate.ISOLATE, Fate.BURY),
    ],
    ids=lambda value: f"{value.status} {value.error_code}" if isinstance(value, Answer) else "",
)
def test_a_call_that_failed_as_a_whole(answer, several, one):
    assert fates(3, answer) == [several] * 3
    assert fates(1, answer) == [one]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(0), "no answer"),
        (Answer(0, error_message="refused"), "no answer: refused"),
        (Answer(503), "HTTP 503"),
        (Answer(400, error_code="ValidationException"), "ValidationException"),
        (Answer(400, error_code="X", error_message="why"), "X: why"),
    ],
)
def test_an_error_is_told_in_one_line(answer, told):
    assert answer.error == told
    assert judge(1, answer, CODES)[0].reason == told


codes = st.none() | st.sampled_from([*CODES.retryable, *CODES.parking, "Other"])
results = st.builds(EntryResult, st.none() | st.text(), codes, st.none() | st.text())
answers = st.builds(
    Answer,
    st.integers(0, 599),
    st.none() | st.lists(results, max_size=10).map(tuple),
    codes,
    st.none() | st.text(),
)


@given(st.integers(1, 10), answers)
def test_every_entry_gets_a_verdict(entries, answer):
    assert len(judge(entries, answer, CODES)) == entries


@given(st.integers(1, 10), answers)
def test_only_an_answer_that_says_so_delivers(entries, answer):
    for place, verdict in enumerate(judge(entries, answer, CODES)):
        if verdict.fate is Fate.DELIVERED:
            assert answer.results is not None
            assert not answer.results[place].error_code


@given(st.integers(2, 10), answers)
def test_an_entry_is_buried_for_its_own_fault_only(entries, answer):
    for place, verdict in enumerate(judge(entries, answer, CODES)):
        if verdict.fate is Fate.BURY:
            assert answer.results is not None
            assert answer.results[place].error_code == "Other"
