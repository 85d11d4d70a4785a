"""Our signatures are botocore's."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.sinks.eventbridge.global_signer import GlobalSigner
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


# Signatures for all regions: random, so they are verified, and the canonical request with them.

_ORDER = int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16)


def public_key(access_key: str, secret: str) -> ec.EllipticCurvePublicKey:
    """Derive the key that AWS verifies with: a KDF in counter mode by HMAC-SHA256, on P-256."""
    for counter in range(1, 255):
        context = access_key.encode() + bytes([counter])
        fixed = b"AWS4-ECDSA-P256-SHA256\0" + context + (256).to_bytes(4)
        block = hmac.digest(b"AWS4A" + secret.encode(), (1).to_bytes(4) + fixed, "sha256")
        candidate = int.from_bytes(block)
        if candidate <= _ORDER - 2:
            return ec.derive_private_key(candidate + 1, ec.SECP256R1()).public_key()
    raise AssertionError


def verify(signed: Mapping[str, str], url: str, body: bytes, key: ec.EllipticCurvePublicKey) -> str:
    """Verify the signature in a request's headers; return the canonical request that it is of."""
    headers = {name.lower(): value for name, value in signed.items()}
    match = re.fullmatch(
        r"AWS4-ECDSA-P256-SHA256 Credential=(?P<who>\S+?)/(?P<day>\d{8})/events/aws4_request, "
        r"SignedHeaders=(?P<names>\S+), Signature=(?P<signature>[0-9a-f]+)",
        headers["authorization"],
    )
    assert match
    listed = "".join(f"{name}:{headers[name]}\n" for name in match["names"].split(";"))
    path = urlsplit(url).path or "/"
    canonical = f"POST\n{path}\n\n{listed}\n{match['names']}\n{hashlib.sha256(body).hexdigest()}"
    to_sign = (
        f"AWS4-ECDSA-P256-SHA256\n{headers['x-amz-date']}\n{match['day']}/events/aws4_request\n"
        f"{hashlib.sha256(canonical.encode()).hexdigest()}"
    )
    signature = bytes.fromhex(match["signature"])
    key.verify(signature, to_sign.encode(), ec.ECDSA(hashes.SHA256()))
    return canonical


@given(
    url=urls | st.just("https://abcde.veo.endpoint.events.amazonaws.com"),
    body=st.binary(max_size=200),
    access_key=keys,
    secret=keys,
    token=st.none() | keys,
)
def test_a_signature_for_all_regions_is_of_botocores_canonical_request(
    url, body, access_key, secret, token
):
    from botocore.crt.auth import CrtSigV4AsymAuth

    credentials = Credentials(access_key, secret, token)
    request = AWSRequest("POST", url, data=body, headers=dict(HEADERS))
    CrtSigV4AsymAuth(credentials, "events", "*").add_auth(request)
    moment = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signer = GlobalSigner(url, "events", HEADERS)
    ours = signer.sign(body, credentials.get_frozen_credentials(), moment.timestamp())
    key = public_key(access_key, secret)
    canonical = verify(ours, url, body, key)
    assert canonical == verify(request.headers, url, body, key)
    assert "x-amz-region-set:*\n" in canonical
    assert ours.get("x-amz-security-token") == token
    with pytest.raises(InvalidSignature):
        verify(ours, url, body + b"x", key)


def test_a_signature_for_all_regions_is_of_now():
    credentials = Credentials("A", "one").get_frozen_credentials()
    signed = GlobalSigner("https://a.b.endpoint.events.amazonaws.com", "events", HEADERS).sign(
        b"{}", credentials
    )
    moment = datetime.strptime(signed["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
