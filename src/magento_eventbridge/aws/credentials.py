"""AWS credentials as the settings name them, found by botocore and renewed before they expire."""

import asyncio
import os
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    Credentials,
    DeferredRefreshableCredentials,
    EnvProvider,
    InstanceMetadataProvider,
    ReadOnlyCredentials,
)
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import InstanceMetadataFetcher

from magento_eventbridge.delivery.routing import CredentialsSource
from magento_eventbridge.errors import BridgeError

_EC2_SECONDS = 2
_EC2_TRIES = 3
_ROLE_SESSION = "magento-eventbridge"
_NO_ROLE = "credentials of type 'ec2', but this machine's metadata service gives no instance role"


class CredentialsError(BridgeError):
    """No usable credentials; the message says where they were looked for."""


@dataclass(frozen=True)
class Found:
    """Credentials that were found, without their secrets."""

    method: str
    access_key: str

    def __str__(self) -> str:
        return f"{self.access_key[:4]}…{self.access_key[-4:]}, found by {self.method}"


class CredentialsFinder:
    """Finds the credentials of each source once, and keeps them fresh."""

    def __init__(self) -> None:
        self._known: dict[CredentialsSource, Any] = {}

    async def current(self, source: CredentialsSource, region: str) -> ReadOnlyCredentials:
        """Return credentials that are valid now.

        Raises:
            CredentialsError: none were found, or AWS would not renew them.
        """
        credentials = self._known.get(source)
        if credentials is not None and not _needs_renewal(credentials):
            return credentials.get_frozen_credentials()
        # Finding and renewing ask files, the instance or STS, and wait for them.
        return await asyncio.to_thread(self._fetch, source, region)

    async def look(self, source: CredentialsSource, region: str) -> Found:
        """Find credentials and tell which they are.

        Raises:
            CredentialsError: none were found, or AWS would not renew them.
        """
        frozen = await self.current(source, region)
        return Found(self._known[source].method, str(frozen.access_key))

    def forget(self, source: CredentialsSource) -> None:
        """Find the credentials anew next time: AWS says that they have expired."""
        self._known.pop(source, None)

    def _fetch(self, source: CredentialsSource, region: str) -> ReadOnlyCredentials:
        try:
            credentials = self._known.get(source) or _find(source, region)
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


def _find(source: CredentialsSource, region: str) -> Any:
    credentials = _base(source)
    if source.role_arn is None:
        return credentials
    session = botocore.session.Session(profile=source.profile)

    def client(service: str, **options: Any) -> Any:
        return session.create_client(service, **{"region_name": region, **options})

    extra = {"RoleSessionName": _ROLE_SESSION}
    if source.external_id:
        extra["ExternalId"] = source.external_id
    fetcher = AssumeRoleCredentialFetcher(client, credentials, source.role_arn, extra_args=extra)
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, method="assume-role")


def _base(source: CredentialsSource) -> Any:
    match source.type:
        case "keys":
            if not source.access_key or not source.secret_access_key:
                raise CredentialsError(
                    "credentials of type 'keys', but access_key or secret_access_key is empty"
                )
            return Credentials(source.access_key, source.secret_access_key, method="keys")
        case "env":
            found = EnvProvider().load()
            if found is None:
                raise CredentialsError(
                    "credentials of type 'env', but AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
                    "are not in the bridge's environment"
                )
            return found
        case "ec2":
            try:
                found = InstanceMetadataProvider(_metadata_fetcher()).load()
            except BotoCoreError as error:
                raise CredentialsError(f"{_NO_ROLE} ({error})") from error
            if found is None:
                raise CredentialsError(_NO_ROLE)
            return found
        case "default":
            found = botocore.session.Session(profile=source.profile).get_credentials()
            if found is None:
                raise CredentialsError(
                    "no credentials anywhere in AWS's default chain: environment, shared "
                    "files, SSO, container, instance role"
                )
            return found


def _metadata_fetcher() -> InstanceMetadataFetcher:
    endpoint = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    mode = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv4")
    return InstanceMetadataFetcher(
        timeout=_EC2_SECONDS,
        num_attempts=_EC2_TRIES,
        user_agent="magento-eventbridge",
        config={
            "ec2_metadata_service_endpoint": endpoint,
            "ec2_metadata_service_endpoint_mode": mode,
            "ec2_metadata_v1_disabled": True,
        },
    )
