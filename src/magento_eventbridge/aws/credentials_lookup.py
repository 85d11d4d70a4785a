"""Look up AWS credentials with botocore, as a `CredentialsSource` describes them."""

import os
from typing import Any

import botocore.session
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    Credentials,
    DeferredRefreshableCredentials,
    EnvProvider,
    InstanceMetadataProvider,
)
from botocore.exceptions import BotoCoreError
from botocore.utils import InstanceMetadataFetcher

from magento_eventbridge.aws.credentials import CredentialsError
from magento_eventbridge.delivery.routing import CredentialsSource

_EC2_SECONDS = 2
_EC2_TRIES = 3
_ROLE_SESSION = "magento-eventbridge"
_NO_ROLE = "credentials of type 'ec2', but this machine's metadata service gives no instance role"


def find_credentials(source: CredentialsSource, region: str) -> Any:
    """Return botocore's credentials, which it renews.

    Raises:
        CredentialsError: there are none.
        BotoCoreError, ClientError: looking them up failed.
    """
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
