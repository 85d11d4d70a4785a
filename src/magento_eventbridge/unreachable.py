"""Describe why a server cannot be reached, in words for people."""

import os
import re
import socket
import ssl

_NUMBER = re.compile(r"\[Errno (\d+)\]")
_PLACE_IN_OPENSSL = re.compile(r" \(_ssl\.c:\d+\)$")


def why_unreachable(error: Exception) -> str:
    """Return the reason of a failed connection or request, without a client's internal names."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    match cause:
        case ssl.SSLCertVerificationError():
            return f"certificate not accepted: {cause.verify_message}"
        case ssl.SSLError() | socket.gaierror():
            return _PLACE_IN_OPENSSL.sub("", cause.strerror or str(cause))
        case TimeoutError(errno=None):
            return "no answer in time"
        case ConnectionResetError(errno=None):
            return "the connection was closed"
        case OSError():
            # Without a number the errors of several addresses are joined in one text.
            numbers = [cause.errno] if cause.errno else map(int, _NUMBER.findall(str(cause)))
            reasons = ", ".join(dict.fromkeys(map(os.strerror, numbers)))
            return reasons or cause.strerror or str(cause) or type(cause).__name__
        case _:
            return str(cause) or type(cause).__name__
