"""Our signatures are botocore's."""

from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.sinks.eventbridge.signer import Signer

HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "AWSEvents.PutEvents",
}
urls = st.sampled_from(
    [
        "https://events.eu-west-1.amazonaws.com",
        "https://events.eu-west-1.amazonaws.com/",
        "https://events.cn-north-1.amazonaws.com.cn:443/",
        "http://127.0.0.1:5000",
        "http://[::1]:5000/some/path",
        "http://localhost:80/",
    ]
)
keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(
    url=urls,
    region=st.sampled_from(["eu-west-1", "us-gov-west-1"]),
    body=st.binary(max_size=200),
    access_key=keys,
    secret=keys,
    token=st.none() | keys,
)
def test_a_signature_is_what_botocore_would_sign(url, region, body, access_key, secret, token):
    credentials = Credentials(access_key, secret, token)
    request = AWSRequest("POST", url, data=body, headers=dict(HEADERS))
    SigV4Auth(credentials, "events", region).add_auth(request)
    moment = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signer = Signer(url, "events", region, HEADERS)
    ours = signer.sign(body, credentials.get_frozen_credentials(), moment.timestamp())
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours.get("x-amz-security-token") == token


def test_another_day_and_another_secret_have_another_key():
    signer = Signer("https://example.com", "events", "eu-west-1", HEADERS)
    one = Credentials("A", "one").get_frozen_credentials()
    two = Credentials("A", "two").get_frozen_credentials()
    signatures = [signer.sign(b"", who, day * 86400.0) for who in (one, two) for day in (1, 2)]
    assert len({signed["authorization"] for signed in signatures}) == 4
    assert signer.sign(b"", one, 86400.0) == signatures[0]
