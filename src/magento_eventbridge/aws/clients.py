"""botocore's clients for commands: what no event waits for may use botocore.

It is imported with the first call: it would be a third of the bridge's start, and most bridges need
no client.
"""

import asyncio
from functools import cached_property
from typing import Any

from magento_eventbridge import __version__
from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.errors import BridgeError

# The services of event buses: `options.endpoint_url` is theirs.
_BUSES = ("events", "eventbridgev2")


class AwsError(BridgeError):
    """AWS refused a request or could not be reached; the message has its answer.

    Attributes:
        code: AWS's code, as ResourceNotFoundException; empty if the answer has none.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Clients:
    """botocore's clients for a store view: with its region and its credentials."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._clients: dict[str, Any] = {}

    @property
    def region(self) -> str:
        """The region that they call."""
        return self._destination.region

    def __call__(self, service: str) -> Any:
        """Return the client of a service, as `sqs`.

        `options.endpoint_url` is EventBridge's. Other services are where botocore's own settings
        say (AWS_ENDPOINT_URL and its like), else at AWS.

        Raises:
            CredentialsError: there are none.
            AwsError: there is no such region.
        """
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        if service not in self._clients:
            credentials = asyncio.run(
                CredentialsFinder().current(self._destination.credentials, self.region)
            )
            try:
                self._clients[service] = self._session.create_client(
                    service,
                    region_name=self.region,
                    endpoint_url=self._destination.endpoint_url if service in _BUSES else None,
                    aws_access_key_id=credentials.access_key,
                    aws_secret_access_key=credentials.secret_key,
                    aws_session_token=credentials.token,
                    config=Config(
                        connect_timeout=5,
                        read_timeout=15,
                        retries={"mode": "standard", "max_attempts": 3},
                        user_agent_extra=f"magento-eventbridge/{__version__}",
                    ),
                )
            except (BotoCoreError, ValueError) as error:
                raise AwsError(f"{service} in {self.region}: {error}") from error
        return self._clients[service]

    @cached_property
    def _session(self) -> Any:
        import botocore.session

        return botocore.session.Session()

    def account(self) -> str:
        """Ask AWS whose credentials these are; return the account's number.

        Raises:
            CredentialsError: there are none.
            AwsError: AWS does not say.
        """
        return str(self.call("sts", "get_caller_identity")["Account"])

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation by botocore's name for it.

        Raises:
            CredentialsError: there are none.
            AwsError: it failed.
        """
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            answer: dict[str, Any] = getattr(self(service), operation)(**arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise AwsError(f"{service} in {self.region}: {error}", code) from error
        except (BotoCoreError, ResponseParserError) as error:
            raise AwsError(f"{service} in {self.region}: {error}") from error
        return answer
