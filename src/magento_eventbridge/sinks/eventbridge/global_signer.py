"""AWS Signature Version 4A for calls of global endpoints: valid in all regions, signed by awscrt.

Its signatures are of ECDSA, with a key that awscrt derives from the secret. Source: IAM user guide,
"AWS Signature Version 4 for API requests".
"""

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSignedBodyHeaderType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.http import HttpHeaders, HttpRequest

from magento_eventbridge.sinks.eventbridge.signer import host_header, path_of

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

ALL_REGIONS = "*"
_SECONDS = 10.0  # awscrt signs at once: longer is a bug that must not block the bridge


class GlobalSigner:
    """Signs POST requests to one URL for one service in all regions."""

    def __init__(self, url: str, service: str, headers: dict[str, str]) -> None:
        """Prepare for requests that all have these headers, which are signed too."""
        self._path = path_of(url)
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._headers["host"] = host_header(url)
        self._service = service

    def sign(
        self, body: bytes, credentials: "ReadOnlyCredentials", now: float | None = None
    ) -> dict[str, str]:
        """Return the headers of a request with this body, signed now.

        Args:
            now: seconds since the epoch, in place of the clock's.
        """
        request = HttpRequest(
            "POST", self._path, HttpHeaders(list(self._headers.items())), io.BytesIO(body)
        )
        config = AwsSigningConfig(
            algorithm=AwsSigningAlgorithm.V4_ASYMMETRIC,
            signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=AwsCredentialsProvider.new_static(
                str(credentials.access_key), str(credentials.secret_key), credentials.token or None
            ),
            region=ALL_REGIONS,
            service=self._service,
            date=datetime.now(UTC) if now is None else datetime.fromtimestamp(now, UTC),
            use_double_uri_encode=True,
            should_normalize_uri_path=True,
            signed_body_header_type=AwsSignedBodyHeaderType.NONE,
        )
        aws_sign_request(request, config).result(_SECONDS)
        return {name.lower(): value for name, value in request.headers}
