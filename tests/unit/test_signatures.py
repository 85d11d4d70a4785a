"""Signatures of hand-overs."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.inlets.signatures import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    SignatureError,
    sign,
    signed_headers,
    verify,
)

SECRET = "0123456789abcdef-new"
FORMER = "0123456789abcdef-old"
NOW = 1795453984
BODY = b'{"version": 1}'


def check(
    *,
    secrets: tuple[str, ...] = (SECRET,),
    timestamp: str | None = str(NOW),
    signature: str | None = None,
    body: bytes = BODY,
    now: float = NOW,
) -> None:
    shown = sign(SECRET, NOW, BODY) if signature is None else signature
    verify(secrets, timestamp, shown, body, now=now, window=300)


def test_a_signature_is_the_hmac_sha256_of_time_and_body():
    digest = hmac.new(SECRET.encode(), b"1795453984." + BODY, hashlib.sha256).hexdigest()
    assert sign(SECRET, NOW, BODY) == f"v1={digest}"


def test_a_request_that_was_signed_with_the_secret_is_taken():
    check()


@pytest.mark.parametrize("secrets", [(SECRET, FORMER), (FORMER, SECRET)])
def test_each_of_several_secrets_is_taken_while_one_replaces_another(secrets):
    check(secrets=secrets)
    check(secrets=secrets, signature=sign(FORMER, NOW, BODY))


def test_a_secret_that_was_given_up_is_refused():
    with pytest.raises(SignatureError, match="the signature is wrong"):
        check(signature=sign(FORMER, NOW, BODY))


def test_nobody_is_let_in_where_there_is_no_secret():
    with pytest.raises(SignatureError, match="the signature is wrong"):
        check(secrets=())


@given(st.binary(max_size=100))
def test_a_body_that_was_changed_is_refused(body):
    if body != BODY:
        with pytest.raises(SignatureError, match="the signature is wrong"):
            check(body=body)


def test_a_timestamp_that_was_changed_is_refused():
    with pytest.raises(SignatureError, match="the signature is wrong"):
        check(timestamp=str(NOW + 1))


@pytest.mark.parametrize(
    "signature",
    ["nonsense", "v1=", "é", sign(SECRET, NOW, BODY)[3:], sign(SECRET, NOW, BODY).upper()],
)
def test_what_is_no_such_signature_is_refused(signature):
    with pytest.raises(SignatureError, match="the signature is wrong"):
        check(signature=signature)


@pytest.mark.parametrize(("timestamp", "signature"), [(None, "x"), ("", "x"), ("1", "")])
def test_headers_that_are_missing_are_named(timestamp, signature):
    with pytest.raises(SignatureError, match=f"{TIMESTAMP_HEADER} and {SIGNATURE_HEADER}"):
        check(timestamp=timestamp, signature=signature)


@pytest.mark.parametrize("timestamp", ["yesterday", "-1", "1.5", "1e9", " 1", "٣", "9" * 13])
def test_a_timestamp_that_is_none_is_named(timestamp):
    with pytest.raises(SignatureError, match=f"{TIMESTAMP_HEADER} must be seconds"):
        check(timestamp=timestamp)


@pytest.mark.parametrize("now", [NOW - 300, NOW + 300, NOW + 299.9])
def test_a_request_within_the_window_is_taken(now):
    check(now=now)


@pytest.mark.parametrize("now", [NOW + 301, NOW - 301])
def test_a_request_that_is_replayed_late_or_from_a_wrong_clock_is_refused(now):
    with pytest.raises(SignatureError, match="301 s off, 300 are allowed"):
        check(now=now)


def test_a_stranger_learns_nothing_of_the_clock():
    with pytest.raises(SignatureError, match="the signature is wrong"):
        check(signature=sign(FORMER, NOW, BODY), now=NOW + 9999)


@pytest.mark.parametrize("signature", ["wrong", ""])
def test_a_refusal_shows_neither_secret_nor_the_right_signature(signature):
    with pytest.raises(SignatureError) as caught:
        check(signature=signature)
    assert SECRET not in str(caught.value)
    assert sign(SECRET, NOW, BODY) not in str(caught.value)


def test_what_the_client_signs_is_taken():
    headers = signed_headers(SECRET, BODY)
    verify(
        [SECRET],
        headers[TIMESTAMP_HEADER],
        headers[SIGNATURE_HEADER],
        BODY,
        now=int(headers[TIMESTAMP_HEADER]),
        window=0,
    )
