"""Explanations of the reasons of dead letters and waiting events, including those of 0.1.0."""

import pytest

from magento_eventbridge.delivery.reasons import explain, pattern_of

ID = "019aa1f8-5c2b-7d0e-9f3a-4b1c2d3e4f50"


@pytest.mark.parametrize(
    ("reason", "title"),
    [
        ("AccessDeniedException: User: arn … is not authorized", "AWS does not permit it"),
        ("ExpiredTokenException: The token has expired", "AWS does not accept the credentials"),
        ("UnrecognizedClientException", "AWS does not accept the credentials"),
        ("CredentialsNotFound: env: AWS_ACCESS_KEY_ID is not set", "There are no credentials"),
        ("ResourceNotFoundException: Event bus nope does not exist.", "The bus does not exist"),
        ("EndpointUnusable: needs awscrt", "The global endpoint cannot be used from here"),
        ("RegionUnknown: no region 'moon'", "AWS has no such region"),
        ("ThrottlingException: Rate exceeded", "AWS asks to slow down"),
        ("HTTP 429", "AWS asks to slow down"),
        ("no answer: 127.0.0.1: connection refused", "AWS does not answer"),
        ("HTTP 503", "AWS has a problem of its own"),
        ("HTTP 504", "AWS does not answer"),
        ("InternalFailure", "AWS has a problem of its own"),
        (f"OrderPlaced {ID}: MalformedDetail: no JSON", "AWS refuses this event"),
        ("MalformedDetail: no JSON", "AWS refuses this event"),
        (f"OrderPlaced {ID}: too large: 2000000 bytes, the bus takes 9", "Too large for the bus"),
        ("unknown Magento event 'tomorrow': …", "Unknown Magento event"),
        ("OrderPlaced: the snapshot has no 'x'", "The capture lacks what the event needs"),
        ("sales_order_save_after: oops", "The capture lacks what the event needs"),
        ("not a capture: JSON is malformed", "Not a capture"),
        ("internal fault: KeyError", "A bug in the bridge"),
        ("no answer: internal fault: KeyError", "A bug in the bridge"),
        ("buried by the broker: maxlen", "RabbitMQ moved it to the dead letters"),
        ("put there by another program", "Put there by another program"),
    ],
)
def test_every_reason_is_explained_with_a_remedy(reason: str, title: str) -> None:
    explanation = explain(reason)
    assert explanation.title == title
    assert explanation.remedy.endswith(".")


def test_reasons_with_one_pattern_differ_in_ids_and_numbers_only() -> None:
    one = pattern_of(f"OrderPlaced {ID}: too large: 2000 bytes, the bus takes 1000")
    other = pattern_of(f"OrderUpdated {ID[::-1]}: too large: 3 bytes, the bus takes 1000")
    assert one == "too large: # bytes, the bus takes #"
    assert other != one  # that is no id
    assert pattern_of(f"StateSaved {ID}: too large: 9 bytes, the bus takes 7") == one
    assert pattern_of("MalformedDetail") != pattern_of("InvalidArgument")
