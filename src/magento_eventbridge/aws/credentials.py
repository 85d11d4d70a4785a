"""Load the AWS credentials that the settings name, and renew them before they expire."""

import asyncio
import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from magento_eventbridge.delivery.routing import CredentialsSource
from magento_eventbridge.errors import BridgeError

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

log = logging.getLogger(__name__)

_NEVER = float("-inf")
# Parts of the codes with which AWS's services refuse a caller, in all their spellings.
_REFUSAL = re.compile(
    "AccessDenied|NotAuthorized|Unauthorized|Forbidden|AuthFailure|MissingAuthentication|OptIn"
    "|Token|Signature|Credential|UnrecognizedClient|Expired"
)


def refuses_caller(status: int, code: str | None) -> bool:
    """Return whether an answer refuses the caller: other credentials may be accepted."""
    return status in (401, 403) or (code is not None and bool(_REFUSAL.search(code)))


class CredentialsError(BridgeError):
    """No usable credentials; the message says where they were searched and what is wrong."""


@dataclass(frozen=True)
class CredentialsSummary:
    """Which credentials are used, and where they come from; without their secrets."""

    method: str
    access_key: str

    def __str__(self) -> str:
        return f"{self.access_key[:4]}…{self.access_key[-4:]}, found by {self.method}"


@dataclass(frozen=True)
class CredentialsInUse:
    """The credentials that calls are signed with now; times in seconds since the epoch.

    Attributes:
        loaded_at: when they were loaded or last renewed.
        expires_at: None: they do not expire.
    """

    summary: CredentialsSummary
    loaded_at: float
    expires_at: float | None


@dataclass(frozen=True)
class CredentialsTiming:
    """How long to wait for credentials, and how often to load them; all in seconds.

    Attributes:
        lookup: the longest wait for a lookup.
        between_reloads: refusals by AWS cause at most one reload in this time.
        between_renewals: the pause after a failed renewal, while the present ones are valid.
        renewal_window: in the last seconds before they expire, calls wait for the renewal.
    """

    lookup: float = 30.0
    between_reloads: float = 10.0
    between_renewals: float = 30.0
    renewal_window: int = 600


class _Loaded(NamedTuple):
    """botocore's credentials, which renew themselves, and their present values."""

    credentials: Any
    values: "ReadOnlyCredentials"
    loaded_at: float  # seconds since the epoch

    def expires_within(self, seconds: int | None) -> bool:
        """Return whether they should be renewed; None is the time that AWS advises."""
        expires = getattr(self.credentials, "refresh_needed", None)
        return expires is not None and bool(expires(seconds))


class CredentialsFinder:
    """Loads the credentials of each source once, and keeps them fresh."""

    def __init__(self, timing: CredentialsTiming | None = None) -> None:
        self._timing = timing or CredentialsTiming()
        self._loaded: dict[CredentialsSource, _Loaded] = {}
        self._lookups: dict[CredentialsSource, asyncio.Future[Any]] = {}
        self._reloaded_at: dict[CredentialsSource, float] = {}
        self._renewal_failed_at: dict[CredentialsSource, float] = {}

    async def current(self, source: CredentialsSource, region: str) -> "ReadOnlyCredentials":
        """Return credentials that are valid now.

        Raises:
            CredentialsError: there are none, or they could not be loaded or renewed.
        """
        loaded = self._loaded.get(source)
        if loaded is not None:
            if not loaded.expires_within(None) or self._renewal_has_just_failed(source, loaded):
                return loaded.values
            if not loaded.expires_within(self._timing.renewal_window):
                self._lookup(source, region)  # calls go on with the old ones meanwhile
                return loaded.values
        try:
            async with asyncio.timeout(self._timing.lookup):
                result = await asyncio.shield(self._lookup(source, region))
        except TimeoutError:
            result = CredentialsError(
                f"credentials of type '{source.type}': no result in {self._timing.lookup:g} s"
            )
            result = self._still_valid(source, result) or result
        if isinstance(result, CredentialsError):
            raise result
        values: ReadOnlyCredentials = result
        return values

    async def summary(self, source: CredentialsSource, region: str) -> CredentialsSummary:
        """Load credentials, and return which ones they are.

        Raises:
            CredentialsError: there are none, or they could not be loaded or renewed.
        """
        values = await self.current(source, region)
        return CredentialsSummary(self._loaded[source].credentials.method, str(values.access_key))

    def in_use(self, source: CredentialsSource) -> CredentialsInUse | None:
        """Return the credentials that are used now; None: they were not needed yet."""
        loaded = self._loaded.get(source)
        if loaded is None:
            return None
        summary = CredentialsSummary(loaded.credentials.method, str(loaded.values.access_key))
        # botocore has no public name for it.
        expires: datetime | None = getattr(loaded.credentials, "_expiry_time", None)
        return CredentialsInUse(summary, loaded.loaded_at, expires.timestamp() if expires else None)

    def reload(self, source: CredentialsSource, region: str) -> None:
        """Start to load the credentials again, because AWS refused the present ones.

        They may have been rotated. The present ones stay in use until there are others. If AWS
        goes on refusing, this is done once in a while only.
        """
        now = time.monotonic()
        if now - self._reloaded_at.get(source, _NEVER) >= self._timing.between_reloads:
            self._reloaded_at[source] = now
            self._lookup(source, region, is_reload=True)

    def _renewal_has_just_failed(self, source: CredentialsSource, loaded: _Loaded) -> bool:
        failed_at = self._renewal_failed_at.get(source, _NEVER)
        has_failed = time.monotonic() - failed_at < self._timing.between_renewals
        return has_failed and not loaded.expires_within(0)

    def _lookup(
        self, source: CredentialsSource, region: str, *, is_reload: bool = False
    ) -> "asyncio.Future[Any]":
        """Start to load or renew credentials, unless that is in progress."""
        lookup = self._lookups.get(source)
        if lookup is None or lookup.done():
            # Files, programs, the instance or STS are asked, and may take their time.
            lookup = _in_daemon_thread(lambda: self._load(source, region, is_reload))
            self._lookups[source] = lookup
        return lookup

    def _load(
        self, source: CredentialsSource, region: str, is_reload: bool
    ) -> "ReadOnlyCredentials | CredentialsError":
        # botocore takes a second to import: only when credentials are needed.
        from magento_eventbridge.aws.credentials_lookup import (
            check_characters,
            find_credentials,
            in_one_sentence,
        )

        loaded = None if is_reload else self._loaded.get(source)
        try:
            credentials = loaded.credentials if loaded else find_credentials(source, region)
            values: ReadOnlyCredentials = credentials.get_frozen_credentials()
            check_characters(values, credentials.method)
        except CredentialsError as error:
            return self._still_valid(source, error) or error
        except Exception as error:  # providers raise what they like
            reason = CredentialsError(
                f"credentials of type '{source.type}' cannot be loaded: {in_one_sentence(error)}"
            )
            return self._still_valid(source, reason) or reason
        self._loaded[source] = _Loaded(credentials, values, time.time())
        return values

    def _still_valid(
        self, source: CredentialsSource, error: CredentialsError
    ) -> "ReadOnlyCredentials | None":
        """Return the present credentials, if there are some that have not expired."""
        loaded = self._loaded.get(source)
        if loaded is None or loaded.expires_within(0):
            return None
        self._renewal_failed_at[source] = time.monotonic()
        log.warning("%s. The present credentials stay in use.", error)
        return loaded.values


def _in_daemon_thread(work: Callable[[], Any]) -> "asyncio.Future[Any]":
    """Run a function that may hang, in a thread that does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Any] = loop.create_future()

    def finish(value: Any) -> None:
        if not result.done():
            result.set_result(value)

    def run() -> None:
        value = work()
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(finish, value)

    threading.Thread(target=run, name="aws-credentials", daemon=True).start()
    return result
