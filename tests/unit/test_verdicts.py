"""Verdicts: what an answer means for each entry of a call."""

import itertools

import botocore.session
import pytest
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.delivery.verdicts import (
    Answer,
    EntryResult,
    Fate,
    ResultCodes,
    Verdict,
    is_throttled,
    judge,
)
from magento_eventbridge.sinks.custom_bus.sink import CustomBusSink
from magento_eventbridge.sinks.eventbridge.codes import CLASSIC

CODES = ResultCodes(
    entry_faults=frozenset({"MalformedDetail", "InvalidArgument"}),
    denied_entries=frozenset({"NotAuthorizedForSourceException"}),
    call_faults=frozenset({"ValidationException"}),
    throttling=frozenset({"ThrottlingException"}),
    unavailable=frozenset({"InternalFailure", "ServiceUnavailable"}),
    unauthorized=frozenset({"AccessDeniedException"}),
)
UNKNOWN = "NeverHeardOf"


def fates(entries: int, answer: Answer) -> list[Fate]:
    return [verdict.fate for verdict in judge(entries, answer, CODES)]


def test_an_entry_with_an_id_is_delivered():
    assert judge(1, Answer(200, (EntryResult("e-1"),)), CODES) == [
        Verdict(Fate.DELIVERED, event_id="e-1")
    ]


@pytest.mark.parametrize("results", [EntryResult(), EntryResult(error_message="odd")])
def test_an_entry_with_neither_id_nor_code_is_not_delivered(results):
    (verdict,) = judge(1, Answer(200, (results,)), CODES)
    assert verdict.fate is Fate.WAIT
    assert "neither an event id nor an error code" in verdict.reason


@pytest.mark.parametrize(
    ("code", "fate", "reason"),
    [
        ("InternalFailure", Fate.RETRY, "InternalFailure: why"),
        ("ThrottlingException", Fate.RETRY, "ThrottlingException: why"),
        ("AccessDeniedException", Fate.DENY, "AccessDeniedException: why"),
        ("NotAuthorizedForSourceException", Fate.DENY, "NotAuthorizedForSourceException: why"),
        ("MalformedDetail", Fate.BURY, "MalformedDetail: why"),
        ("InvalidArgument", Fate.BURY, "InvalidArgument: why"),
        ("ValidationException", Fate.WAIT, "unknown code: ValidationException: why"),
        (UNKNOWN, Fate.WAIT, f"unknown code: {UNKNOWN}: why"),
        ("", Fate.WAIT, "unknown code: : why"),
    ],
)
def test_an_entrys_error_decides_its_fate_and_no_others(code, fate, reason):
    results = (
        EntryResult("e-1"),
        EntryResult(error_code=code, error_message="why"),
        EntryResult("e-3"),
    )
    assert judge(3, Answer(200, results), CODES) == [
        Verdict(Fate.DELIVERED, event_id="e-1"),
        Verdict(fate, reason),
        Verdict(Fate.DELIVERED, event_id="e-3"),
    ]


def test_an_error_without_a_message_is_reported_by_its_code():
    answer = Answer(200, (EntryResult(error_code="MalformedDetail"),))
    assert judge(1, answer, CODES)[0].reason == "MalformedDetail"


@pytest.mark.parametrize("error", [0, 1, 3])
def test_an_answer_about_other_entries_is_no_delivery(error):
    verdicts = judge(2, Answer(200, (EntryResult("e"),) * error), CODES)
    assert {verdict.fate for verdict in verdicts} == {Fate.REST}
    assert verdicts[0].reason == f"the answer has {error} results for 2 entries"


@pytest.mark.parametrize(
    ("answer", "several", "one"),
    [
        (Answer(0), Fate.REST, Fate.REST),
        (Answer(0, error_message="connection refused"), Fate.REST, Fate.REST),
        (Answer(500), Fate.REST, Fate.REST),
        (Answer(511), Fate.REST, Fate.REST),
        (Answer(503, error_code="ServiceUnavailable"), Fate.REST, Fate.REST),
        (Answer(500, error_code=UNKNOWN), Fate.REST, Fate.REST),
        (Answer(408), Fate.REST, Fate.REST),
        (Answer(429), Fate.REST, Fate.REST),
        (Answer(400, error_code="ThrottlingException"), Fate.REST, Fate.REST),
        (Answer(400, error_code="InternalFailure"), Fate.REST, Fate.REST),
        (Answer(400, error_code="AccessDeniedException"), Fate.PARK, Fate.PARK),
        (Answer(403, error_code="NotAuthorizedForSourceException"), Fate.PARK, Fate.PARK),
        (Answer(0, error_code="AccessDeniedException"), Fate.PARK, Fate.PARK),
        (Answer(503, error_code="AccessDeniedException"), Fate.PARK, Fate.PARK),
        (Answer(400, error_code="ValidationException"), Fate.ISOLATE, Fate.BURY),
        (Answer(400, error_code="MalformedDetail"), Fate.ISOLATE, Fate.BURY),
        (Answer(413, error_code="ValidationException"), Fate.ISOLATE, Fate.BURY),
        # AWS says this with no such status.
        (Answer(500, error_code="ValidationException"), Fate.REST, Fate.REST),
        (Answer(502, error_code="InvalidArgument"), Fate.REST, Fate.REST),
        (Answer(403, error_code="MalformedDetail"), Fate.SUSPECT, Fate.SUSPECT),
        (Answer(200, error_code="ValidationException"), Fate.SUSPECT, Fate.SUSPECT),
        (Answer(413), Fate.ISOLATE, Fate.SUSPECT),
        *(
            (Answer(status), Fate.SUSPECT, Fate.SUSPECT)
            for status in (200, 204, 301, 302, 400, 401, 403, 404, 405, 407, 410, 421, 451, 499)
        ),
        (Answer(400, error_code=UNKNOWN), Fate.SUSPECT, Fate.SUSPECT),
        (Answer(403, error_code="UnknownOperationException"), Fate.SUSPECT, Fate.SUSPECT),
    ],
    ids=lambda value: f"{value.status} {value.error_code}" if isinstance(value, Answer) else "",
)
def test_a_call_that_failed_as_a_whole(answer, several, one):
    assert fates(3, answer) == [several] * 3
    assert fates(1, answer) == [one]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(0), "no answer"),
        (Answer(0, error_message="refused"), "no answer: refused"),
        (Answer(503), "HTTP 503"),
        (Answer(400, error_code="ValidationException"), "ValidationException"),
        (Answer(503, error_code="X", error_message="why"), "X: why"),
    ],
)
def test_an_error_is_reported_in_one_line(answer, error):
    assert answer.error == error
    assert judge(1, answer, CODES)[0].reason == error


def test_what_is_not_awss_is_described():
    answer = Answer(403, answered_by="nginx, text/html: '<html>'")
    (verdict,) = judge(1, answer, CODES)
    assert verdict.reason == "unexpected answer: HTTP 403: nginx, text/html: '<html>'"


@pytest.mark.parametrize(
    ("answer", "is_throttling"),
    [
        (Answer(429), True),
        (Answer(400, error_code="ThrottlingException"), True),
        (Answer(503, error_code="ServiceUnavailable"), False),
        (Answer(200, (EntryResult("e"), EntryResult(error_code="ThrottlingException"))), True),
        (Answer(200, (EntryResult("e"), EntryResult(error_code="InternalFailure"))), False),
    ],
)
def test_throttling_is_recognized_in_calls_and_entries(answer, is_throttling):
    assert is_throttled(answer, CODES) is is_throttling


every_code = [
    *CODES.entry_faults,
    *CODES.denied_entries,
    *CODES.call_faults,
    *CODES.transient,
    *CODES.unauthorized,
    UNKNOWN,
]
codes = st.none() | st.sampled_from(every_code)
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
def test_only_an_id_without_an_error_is_a_delivery(entries, answer):
    for place, verdict in enumerate(judge(entries, answer, CODES)):
        if verdict.fate is Fate.DELIVERED:
            assert answer.results is not None
            assert answer.results[place].error_code is None
            assert answer.results[place].event_id is not None


@given(st.integers(1, 10), answers)
def test_only_a_documented_fault_of_an_entry_buries_it(entries, answer):
    for place, verdict in enumerate(judge(entries, answer, CODES)):
        if verdict.fate is not Fate.BURY:
            continue
        if answer.results is not None:
            assert answer.results[place].error_code in CODES.entry_faults
        else:
            assert entries == 1
            assert answer.error_code in CODES.entry_faults | CODES.call_faults
            assert answer.status in (400, 413)


# The codes of EventBridge

SINKS = {"classic": CLASSIC, "custom": CustomBusSink.codes}


def codes_that_botocore_retries() -> set[str]:
    """Return the codes that AWS's SDK treats as throttling or transient, for any service."""
    found = {*TransientRetryableChecker._TRANSIENT_ERROR_CODES}
    found |= {*ThrottledRetryableChecker._THROTTLED_ERROR_CODES}

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if "service_error_code" in node:
                found.add(node["service_error_code"])
            for value in node.values():
                walk(value)

    retry = botocore.session.Session().get_component("data_loader").load_data("_retry")
    walk(retry["definitions"])
    walk(retry["retry"]["__default__"])
    return found


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("code", sorted(codes_that_botocore_retries()))
def test_what_awss_sdk_tries_again_is_tried_again(sink, code):
    assert code in SINKS[sink].transient


@pytest.mark.parametrize("sink", SINKS)
def test_no_code_means_two_things(sink):
    codes = SINKS[sink]
    kinds = [codes.entry_faults, codes.throttling, codes.unavailable, codes.unauthorized]
    for one, other in itertools.combinations([*kinds, codes.call_faults], 2):
        assert not one & other


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize(
    "code",
    [
        "UnknownOperationException",
        "IncompleteSignatureException",
        "InvalidToken",
        "ThrottledException",
        "SlowDown",
        "PriorRequestNotComplete",
        "SubscriptionRequiredException",
        "SomethingOf2031",
    ],
)
def test_codes_that_are_not_about_an_event_never_bury_it(sink, code):
    for entries in (1, 10):
        for status in (200, 400, 403, 404, 500):
            verdicts = judge(entries, Answer(status, error_code=code), SINKS[sink])
            assert Fate.BURY not in {verdict.fate for verdict in verdicts}
    (verdict,) = judge(1, Answer(200, (EntryResult(error_code=code),)), SINKS[sink])
    assert verdict.fate is not Fate.BURY
