"""Why a server cannot be reached is said in words, not in a client's internal names."""

import socket
import ssl
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from magento_eventbridge.unreachable import why_unreachable

_KEY: Any = SimpleNamespace(host="db", port=443, ssl=True, is_ssl=True)


def _not_accepted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] x (_ssl.c:1006)")
    error.verify_message = "certificate has expired"
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(111, "Connect call failed ('127.0.0.1', 9)"), "Connection refused"),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 9, 0, 0), "
                "[Errno 101] Connect call failed ('192.0.2.1', 9)"
            ),
            "Connection refused, Network is unreachable",
        ),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (ConnectionResetError(), "the connection was closed"),
        (ConnectionResetError(104, "x"), "Connection reset by peer"),
        (TimeoutError(), "no answer in time"),
        (ssl.SSLError(1, "[SSL] wrong version number (_ssl.c:1006)"), "[SSL] wrong version number"),
        (_not_accepted(), "certificate not accepted: certificate has expired"),
        (
            aiohttp.ClientConnectorCertificateError(_KEY, _not_accepted()),
            "certificate not accepted: certificate has expired",
        ),
        (
            aiohttp.ClientConnectorError(_KEY, OSError(111, "Connect call failed")),
            "Connection refused",
        ),
        (aiohttp.ServerDisconnectedError(), "Server disconnected"),
        (OSError(), "OSError"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_reason_is_in_words(error: Exception, reason: str) -> None:
    assert why_unreachable(error) == reason
