"""What EventBridge answers, or a stand-in for it, read as the result of each entry."""

import json

import pytest

from magento_eventbridge.delivery.verdicts import Fate, judge
from magento_eventbridge.sinks.eventbridge.codes import CLASSIC
from magento_eventbridge.sinks.eventbridge.http_client import Reply
from magento_eventbridge.sinks.eventbridge.sink import read_answer


def fate_of(result: dict[str, str | None]) -> Fate:
    body = json.dumps({"FailedEntryCount": 0, "Entries": [result]}).encode()
    (verdict,) = judge(1, read_answer(Reply(200, body, {})), CLASSIC)
    return verdict.fate


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
    ],
)
def test_an_empty_id_or_code_is_none(result: dict[str, str | None], fate: Fate) -> None:
    assert fate_of(result) is fate
