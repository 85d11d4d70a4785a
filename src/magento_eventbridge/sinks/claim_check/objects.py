"""Objects in S3: what one PutObject needs, in a thread, since no other event waits for it."""

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from magento_eventbridge.aws.credentials import CredentialsError, CredentialsFinder, refuses_caller
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.errors import BridgeError

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials


class StorageError(BridgeError):
    """An object could not be stored; the message has the answer of S3."""


@dataclass(frozen=True)
class Bucket:
    """A bucket for the arrays of large events.

    Attributes:
        region: None: that of the bus.
        kms_key: the key with which S3 encrypts the objects; None: as the bucket is set up.
        endpoint_url: None: AWS's own.
        seconds: how long to wait for a connection, and for the answer.
    """

    name: str
    region: str | None = None
    kms_key: str | None = None
    endpoint_url: str | None = None
    seconds: float = 5.0


class Objects:
    """Stores objects in one bucket, with the credentials of each destination."""

    def __init__(self, bucket: Bucket, credentials: CredentialsFinder) -> None:
        self._bucket = bucket
        self._credentials = credentials
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        self._creating = threading.Lock()

    async def put(self, destination: Destination, key: str, body: bytes) -> None:
        """Store an object.

        Raises:
            StorageError: S3 refused it, or did not answer.
        """
        try:
            credentials = await self._credentials.current(
                destination.credentials, destination.region
            )
        except CredentialsError as error:
            raise StorageError(str(error)) from error
        region = self._bucket.region or destination.region
        code = await asyncio.to_thread(self._put, region, credentials, key, body)
        if code is not None:
            if refuses_caller(0, code.partition(":")[0]):
                self._credentials.reload(destination.credentials, destination.region)
            raise StorageError(f"s3://{self._bucket.name}/{key}: {code}")

    def _put(
        self, region: str, credentials: "ReadOnlyCredentials", key: str, body: bytes
    ) -> str | None:
        """Return why the object could not be stored; it begins with the error's code."""
        from botocore.exceptions import BotoCoreError, ClientError

        encryption: dict[str, str] = {}
        if self._bucket.kms_key:
            encryption = {
                "ServerSideEncryption": "aws:kms",
                "SSEKMSKeyId": self._bucket.kms_key,
            }
        try:
            self._client(region, credentials).put_object(
                Bucket=self._bucket.name,
                Key=key,
                Body=body,
                ContentType="application/json",
                **encryption,
            )
        except ClientError as error:
            about = error.response.get("Error", {})
            return f"{about.get('Code', 'unknown code')}: {about.get('Message', error)}"
        except (BotoCoreError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        return None

    def _client(self, region: str, credentials: "ReadOnlyCredentials") -> Any:
        import botocore.session
        from botocore.config import Config

        known = (region, str(credentials.access_key), credentials.token)
        with self._creating:
            if known not in self._clients:
                seconds = self._bucket.seconds
                # Temporary credentials are replaced every hour; the former clients are not used.
                self._clients = {known: None}
                self._clients[known] = botocore.session.Session().create_client(
                    "s3",
                    region_name=region,
                    endpoint_url=self._bucket.endpoint_url,
                    aws_access_key_id=credentials.access_key,
                    aws_secret_access_key=credentials.secret_key,
                    aws_session_token=credentials.token,
                    config=Config(
                        connect_timeout=seconds, read_timeout=seconds, retries={"max_attempts": 0}
                    ),
                )
            return self._clients[known]
