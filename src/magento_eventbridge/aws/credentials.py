"""AWS credentials as the settings name them, found by botocore and renewed before they expire."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from magento_eventbridge.delivery.routing import CredentialsSource
from magento_eventbridge.errors import BridgeError

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials


class CredentialsError(BridgeError):
    """No usable credentials; the message says where they were looked for."""


@dataclass(frozen=True)
class FoundCredentials:
    """Credentials that were found, without their secrets."""

    method: str
    access_key: str

    def __str__(self) -> str:
        return f"{self.access_key[:4]}…{self.access_key[-4:]}, found by {self.method}"


class CredentialsFinder:
    """Finds the credentials of each source once, and keeps them fresh."""

    def __init__(self) -> None:
        self._known: dict[CredentialsSource, Any] = {}

    async def current(self, source: CredentialsSource, region: str) -> "ReadOnlyCredentials":
        """Return credentials that are valid now.

        Raises:
            CredentialsError: none were found, or AWS would not renew them.
        """
        credentials = self._known.get(source)
        if credentials is not None and not _needs_renewal(credentials):
            return credentials.get_frozen_credentials()
        # Finding and renewing ask files, the instance or STS, and wait for them.
        return await asyncio.to_thread(self._fetch, source, region)

    async def look(self, source: CredentialsSource, region: str) -> FoundCredentials:
        """Find credentials and tell which they are.

        Raises:
            CredentialsError: none were found, or AWS would not renew them.
        """
        frozen = await self.current(source, region)
        return FoundCredentials(self._known[source].method, str(frozen.access_key))

    def forget(self, source: CredentialsSource) -> None:
        """Find the credentials anew next time: AWS says that they have expired."""
        self._known.pop(source, None)

    def _fetch(self, source: CredentialsSource, region: str) -> "ReadOnlyCredentials":
        # botocore takes a second to import: only when credentials are needed.
        from botocore.exceptions import BotoCoreError, ClientError

        from magento_eventbridge.aws.credentials_lookup import find_credentials

        try:
            credentials = self._known.get(source) or find_credentials(source, region)
            frozen: ReadOnlyCredentials = credentials.get_frozen_credentials()
        except (BotoCoreError, ClientError) as error:
            raise CredentialsError(f"credentials of type '{source.type}': {error}") from error
        if not frozen.access_key or not frozen.secret_key:
            raise CredentialsError(f"credentials of type '{source.type}' are empty")
        self._known[source] = credentials
        return frozen


def _needs_renewal(credentials: Any) -> bool:
    is_due = getattr(credentials, "refresh_needed", None)
    return is_due is not None and bool(is_due())
