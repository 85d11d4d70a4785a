"""The signature of a request to the inlet: HMAC-SHA256 over its time and body."""

import hashlib
import hmac
import time
from collections.abc import Iterable

TIMESTAMP_HEADER = "X-EventBridge-Timestamp"
SIGNATURE_HEADER = "X-EventBridge-Signature"

_VERSION = "v1"


class SignatureError(Exception):
    """The request is not signed with a known secret; the message may be sent to the client."""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return the value of the signature header.

    Args:
        timestamp: seconds since the epoch, as in the timestamp header.
    """
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode(), hashlib.sha256)
    digest.update(body)  # not joined: a body may be large
    return f"{_VERSION}={digest.hexdigest()}"


def signed_headers(secret: str, body: bytes) -> dict[str, str]:
    """Return the headers that sign a body now."""
    timestamp = int(time.time())
    return {TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: sign(secret, timestamp, body)}


def verify(
    secrets: Iterable[str],
    timestamp: str | None,
    signature: str | None,
    body: bytes,
    *,
    now: float,
    window: float,
) -> None:
    """Check a request's signature against each of the secrets.

    Args:
        now: seconds since the epoch.
        window: how far the timestamp may be from now, in seconds.

    Raises:
        SignatureError: the message says what is wrong, never what would be right.
    """
    if not timestamp or not signature:
        raise SignatureError(f"headers {TIMESTAMP_HEADER} and {SIGNATURE_HEADER} are required")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise SignatureError(f"{TIMESTAMP_HEADER} must be seconds since the epoch")
    # A header may hold any byte; bytes that are not text become surrogates.
    given = signature.encode(errors="surrogateescape")
    # Every secret is tried, so that the duration does not reveal which one was right.
    is_right = False
    for secret in secrets:
        expected = sign(secret, int(timestamp), body)
        is_right |= hmac.compare_digest(expected.encode(), given)
    if not is_right:
        raise SignatureError("the signature is wrong: do shop and bridge share a secret?")
    if abs(now - int(timestamp)) > window:
        raise SignatureError(
            f"the request's time is {abs(now - int(timestamp)):.0f} s off, {window:.0f} are "
            "allowed: is a clock wrong?"
        )
