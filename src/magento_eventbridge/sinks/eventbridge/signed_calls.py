"""Signed calls to the buses of destinations: credentials, signature, one pool for each endpoint."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from magento_eventbridge.aws.arns import RegionError
from magento_eventbridge.aws.credentials import CredentialsError, CredentialsFinder, refuses_caller
from magento_eventbridge.aws.endpoints import EndpointError, ca_bundle
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer
from magento_eventbridge.sinks.eventbridge.http_client import (
    CallError,
    Endpoint,
    HttpOptions,
    Reply,
)
from magento_eventbridge.sinks.eventbridge.signer import Signer

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

SERVICE = "events"

# AWS moves a global endpoint to its other region by DNS, which old connections would not follow.
_GLOBAL_USE_SECONDS = 60.0


class CallAddress(NamedTuple):
    """Where calls to a destination go, and the region that they are signed for.

    Attributes:
        is_global: sign for all regions: AWS chooses the one that answers.
    """

    url: str
    region: str
    is_global: bool = False


class _CallSigner(Protocol):
    def sign(self, body: bytes, credentials: "ReadOnlyCredentials") -> dict[str, str]: ...


class _Line(NamedTuple):
    """What calls to one destination need."""

    endpoint: Endpoint
    signer: _CallSigner


class SignedCalls:
    """Posts bodies to the endpoints of destinations, signed with their credentials."""

    def __init__(
        self,
        credentials: CredentialsFinder,
        address_of: Callable[[Destination], CallAddress],
        headers: Mapping[str, str],
        *,
        connect_seconds: float,
        answer_seconds: float,
    ) -> None:
        """Prepare; nothing is opened before the first call.

        Args:
            address_of: returns where a destination is; raises RegionError or EndpointError.
            headers: of every call; they are signed too.
        """
        self._credentials = credentials
        self._address_of = address_of
        self._headers = dict(headers)
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._lines: dict[Destination, _Line] = {}
        self._endpoints: dict[tuple[str, HttpOptions], Endpoint] = {}

    async def post(self, destination: Destination, body: bytes) -> Reply | Answer:
        """Post a body; return the reply, or why there is none."""
        try:
            credentials = await self._credentials.current(
                destination.credentials, destination.region
            )
            line = self._lines.get(destination) or self._new_line(destination)
        except CredentialsError as error:
            return Answer(status=0, error_code="CredentialsNotFound", error_message=str(error))
        except RegionError as error:
            return Answer(status=0, error_code="RegionUnknown", error_message=str(error))
        except EndpointError as error:
            return Answer(status=0, error_code="EndpointUnusable", error_message=str(error))
        try:
            return await line.endpoint.post(line.signer.sign(body, credentials), body)
        except CallError as error:
            return Answer(status=0, error_message=f"{line.endpoint.host}: {error}")

    def check(self, destination: Destination, answer: Answer) -> None:
        """Load the credentials again if the answer refuses them: they may have been rotated."""
        if caller_is_refused(answer):
            self._credentials.reload(destination.credentials, destination.region)

    def close(self) -> None:
        """Close connections."""
        for endpoint in self._endpoints.values():
            endpoint.close()

    def _new_line(self, destination: Destination) -> _Line:
        address = self._address_of(destination)
        options = HttpOptions(
            connect_seconds=self._connect_seconds,
            answer_seconds=self._answer_seconds,
            ca_bundle=ca_bundle(destination.credentials.profile),
            use_seconds=_GLOBAL_USE_SECONDS if address.is_global else float("inf"),
        )
        endpoint = self._endpoints.get((address.url, options))
        if endpoint is None:
            endpoint = self._endpoints[address.url, options] = Endpoint(address.url, options)
        line = self._lines[destination] = _Line(endpoint, self._signer(address))
        return line

    def _signer(self, address: CallAddress) -> _CallSigner:
        if not address.is_global:
            return Signer(address.url, SERVICE, address.region, self._headers)
        # awscrt is an optional dependency.
        from magento_eventbridge.sinks.eventbridge.global_signer import GlobalSigner

        return GlobalSigner(address.url, SERVICE, self._headers)


def caller_is_refused(answer: Answer) -> bool:
    """Return whether the call, or one of its entries, was refused to these credentials."""
    if answer.results is None:
        return refuses_caller(answer.status, answer.error_code)
    return any(refuses_caller(0, result.error_code) for result in answer.results)
