"""Login links: each is valid once and for ten minutes, and only the bridge's own user creates one.

The running console keeps a key in a private file; `magento-eventbridge console login` reads it.
"""

import hashlib
import hmac
import json
import os
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from magento_eventbridge.errors import BridgeError, cause
from magento_eventbridge.sqlite_files import make_private

Role = Literal["operator", "read-only"]

VALID_SECONDS = 600.0


class LoginLinkError(BridgeError):
    """No login link can be created; the message says why."""


@dataclass(frozen=True)
class Visitor:
    """Who a link logs in."""

    user: str
    role: Role


def create_link(file: Path, visitor: Visitor, now: float | None = None) -> str:
    """Return a link to the running console that logs the visitor in.

    Raises:
        LoginLinkError: no console is running, or its key cannot be read.
    """
    try:
        content = json.loads(file.read_text())
        url, key = str(content["url"]), bytes.fromhex(content["key"])
    except FileNotFoundError:
        raise LoginLinkError(
            f"no console is running with these settings: there is no {file}. Start "
            "'magento-eventbridge serve', or name the same --config as the service does"
        ) from None
    except PermissionError:
        raise LoginLinkError(
            f"cannot read {file}: run this command as the user of the service or as root, for "
            "example 'sudo -u magento-eventbridge magento-eventbridge console login'"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LoginLinkError(f"cannot read {file}: {cause(error)}. Restart the service") from None
    expires = (time.time() if now is None else now) + VALID_SECONDS
    return _link(url, key, visitor, expires)


class LoginLinks:
    """The running console's side: the key's file, and the links that have been used."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        self._key = secrets.token_bytes(32)  # of this run: links do not outlive a restart
        self._used: dict[str, float] = {}  # tokens by the time at which they expire

    def open(self, url: str) -> None:
        """Write the key where the command finds it.

        Raises:
            OSError: the file cannot be written.
        """
        temporary = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        make_private(temporary)
        temporary.write_text(json.dumps({"url": url, "key": self._key.hex()}))
        temporary.replace(self._file)

    def close(self) -> None:
        """Remove the key's file, unless another console has replaced it."""
        try:
            if json.loads(self._file.read_text())["key"] == self._key.hex():
                self._file.unlink()
        except (OSError, ValueError, KeyError, TypeError):
            return  # the key dies with this process

    def link(self, url: str, visitor: Visitor) -> str:
        """Return a link for the terminal that the console was started in."""
        return _link(url, self._key, visitor, self._clock() + VALID_SECONDS)

    def redeem(self, token: str) -> Visitor | None:
        """Use a link's token up; return who it logs in, None when it is not valid."""
        now = self._clock()
        self._used = {used: expires for used, expires in self._used.items() if expires > now}
        visitor = self.visitor_of(token)
        if visitor:
            self._used[token] = now + VALID_SECONDS  # at least as long as it could be used
        return visitor

    def visitor_of(self, token: str) -> Visitor | None:
        """Return who a link's token logs in; None when it is forged, expired or used."""
        payload, _, signature = token.partition(".")
        expected = _signature(self._key, payload)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return None
        user, role, expires, _nonce = json.loads(urlsafe_b64decode(payload))
        is_valid = expires > self._clock() and token not in self._used
        return Visitor(user, role) if is_valid else None


def _link(url: str, key: bytes, visitor: Visitor, expires: float) -> str:
    content = json.dumps([visitor.user, visitor.role, expires, secrets.token_hex(16)])
    payload = urlsafe_b64encode(content.encode()).decode()
    return f"{url}/login?token={quote(f'{payload}.{_signature(key, payload)}')}"


def _signature(key: bytes, payload: str) -> str:
    return hmac.new(key, payload.encode(), hashlib.sha256).hexdigest()
