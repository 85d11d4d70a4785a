"""What EventBridge answers, or a stand-in for it, read as the result of each entry."""

import json
from typing import Any

import pytest

from magento_eventbridge.delivery.verdicts import Fate, judge
from magento_eventbridge.sinks.eventbridge.codes import CLASSIC
from magento_eventbridge.sinks.eventbridge.http_client import Reply
from magento_eventbridge.sinks.eventbridge.sink import read_answer

Result = dict[str, Any] | None


def fates_of(results: list[Result]) -> list[Fate]:
    body = json.dumps({"FailedEntryCount": 0, "Entries": results}).encode()
    answer = read_answer(Reply(200, body, {}))
    return [verdict.fate for verdict in judge(len(results), answer, CLASSIC)]


@pytest.mark.parametrize(
    ("result", "fate"),
    [
        ({"EventId": "1"}, Fate.DELIVERED),
        ({"EventId": "1", "ErrorCode": None, "ErrorMessage": None}, Fate.DELIVERED),
        # As programs write it that leave out no field.
        ({"EventId": "1", "ErrorCode": "", "ErrorMessage": ""}, Fate.DELIVERED),
        ({"EventId": "", "ErrorCode": "InternalFailure"}, Fate.RETRY),
        ({"EventId": "1", "ErrorCode": "InternalFailure"}, Fate.RETRY),
        ({"EventId": "", "ErrorCode": ""}, Fate.WAIT),
        ({"EventId": "  "}, Fate.WAIT),
        ({"ErrorCode": " "}, Fate.WAIT),
        ({}, Fate.WAIT),
        (None, Fate.WAIT),
        ({"ErrorCode": 500}, Fate.WAIT),
        ({"ErrorCode": "InternalFailure", "ErrorMessage": {"en": "later"}}, Fate.RETRY),
        ({"ErrorCode": " internalfailure "}, Fate.RETRY),
        ({"ErrorCode": "com.amazonaws.events#ThrottlingException"}, Fate.RETRY),
        # Only what AWS documents, as AWS writes it, buries an event.
        ({"ErrorCode": "malformeddetail"}, Fate.WAIT),
    ],
)
def test_each_result_is_read_by_itself(result: Result, fate: Fate) -> None:
    # Otherwise the event beside it would be sent again and again.
    assert fates_of([result, {"EventId": "2"}]) == [fate, Fate.DELIVERED]


DEEP = b'{"x":' * 100_000


@pytest.mark.parametrize(
    ("body", "header", "code"),
    [
        (b'{"__type":"ThrottlingException"}', "", "ThrottlingException"),
        (b'{"__type":"com.amazonaws.events#SlowDown"}', "", "SlowDown"),
        (b'{"__type":"SlowDown:http://internal.amazon.com/coral/#x"}', "", "SlowDown"),
        (b'{"__type":"com.amazonaws.events#SlowDown:http://a/b#c"}', "", "SlowDown"),
        (b'{"__type":" throttlingEXCEPTION"}', "", "ThrottlingException"),
        (b"", "aws.coral#SlowDown:http://internal.amazon.com/coral/#x", "SlowDown"),
        (b'{"__type":null}', "SlowDown", "SlowDown"),
        (b'{"__type":7}', "SlowDown", "SlowDown"),
        (b"[]", "SlowDown", "SlowDown"),
        (DEEP, "SlowDown", "SlowDown"),
        (DEEP, "", None),
        (b'{"__type":"SlowDown","message":null}', "", "SlowDown"),
        (b'{"__type":"SlowDown","message":{}}', "", "SlowDown"),
        (b'{"__type":"SlowDown","message":"r\xe9essayer"}', "", "SlowDown"),
        ('{"__type":"SlowDown"}'.encode("utf-8-sig"), "", "SlowDown"),
        ('{"__type":"SlowDown"}'.encode("utf-16"), "", "SlowDown"),
        # Not AWS's way of saying it.
        (b'{"code":"AccessDenied","message":"no"}', "", None),
        (b"<Code>SlowDown</Code>", "", None),
        (b" <html>Blocked</html>", "ValidationException", None),
    ],
)
def test_a_refusals_code_is_found(body: bytes, header: str, code: str | None) -> None:
    answer = read_answer(Reply(400, body, {"x-amzn-errortype": header} if header else {}))
    assert answer.error_code == code
    assert (answer.answered_by is None) == (code is not None)


def test_a_redirect_is_named_with_where_it_leads() -> None:
    headers = {"server": "portal", "location": "https://hotel.example/login"}
    answer = read_answer(Reply(302, b"", headers))
    (verdict,) = judge(1, answer, CLASSIC)
    assert verdict.reason == (
        "unexpected answer: HTTP 302: portal, no content type, "
        "redirects to https://hotel.example/login, empty"
    )
