"""The EventBridge sink: PutEvents of the classic bus, signed by botocore, sent by aiohttp."""

import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import aiohttp
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import to_json

from magento_eventbridge import __version__
from magento_eventbridge.aws.credentials import CredentialsError, CredentialsFinder
from magento_eventbridge.aws.endpoints import RegionError, eventbridge_endpoint
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.ports import Limits
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, EntryResult, ResultCodes

# EventBridge API reference, PutEvents and PutEventsResultEntry, and the common errors of AWS
# services. What is not here is the entry's own fault: it is buried.
CODES = ResultCodes(
    retryable=frozenset(
        {
            "InternalException",
            "InternalFailure",
            "LimitExceededException",
            "OperationDisabledException",
            "RequestLimitExceeded",
            "RequestTimeout",
            "ServiceUnavailable",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        }
    ),
    parking=frozenset(
        {
            "AccessDenied",
            "AccessDeniedException",
            "CredentialsNotFound",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "InvalidAccountIdException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "NotAuthorizedForDetailTypeException",
            "NotAuthorizedForSourceException",
            "OptInRequired",
            "RegionUnknown",
            "RequestExpired",
            "ResourceNotFoundException",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        }
    ),
)

MAX_ENTRIES = 10
MAX_BYTES = 1_000_000

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_TARGET = "AWSEvents.PutEvents"
_CONTENT_TYPE = "application/x-amz-json-1.1"
_USER_AGENT = f"magento-eventbridge/{__version__}"


class _ResultEntry(BaseModel):
    event_id: str | None = Field(None, alias="EventId")
    error_code: str | None = Field(None, alias="ErrorCode")
    error_message: str | None = Field(None, alias="ErrorMessage")


class _Result(BaseModel):
    entries: list[_ResultEntry] = Field(alias="Entries")


class _Error(BaseModel):
    type: str = Field("", alias="__type")
    message: str = Field("", alias="message")
    message_capital: str = Field("", alias="Message")


class EventBridgeSink:
    """Puts entries on classic buses of EventBridge, in any region and with any credentials."""

    codes = CODES

    def __init__(
        self,
        credentials: CredentialsFinder,
        *,
        max_bytes: int = MAX_BYTES,
        connect_seconds: float = 5.0,
        answer_seconds: float = 15.0,
    ) -> None:
        self.limits = Limits(max_entries=MAX_ENTRIES, max_bytes=max_bytes)
        self._credentials = credentials
        self._timeout = aiohttp.ClientTimeout(
            total=connect_seconds + answer_seconds, sock_connect=connect_seconds
        )
        self._session: aiohttp.ClientSession | None = None

    async def put(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        """Send entries in one PutEvents call."""
        try:
            url = destination.endpoint_url or eventbridge_endpoint(destination.region)
            headers, body = await self._request(destination, url, entries)
        except CredentialsError as error:
            return Answer(status=0, error_code="CredentialsNotFound", error_message=str(error))
        except RegionError as error:
            return Answer(status=0, error_code="RegionUnknown", error_message=str(error))
        answer = await self._post(url, headers, body)
        if answer.error_code in _EXPIRED:
            self._credentials.forget(destination.credentials)
        return answer

    async def close(self) -> None:
        """Let go of connections."""
        if self._session:
            await self._session.close()

    async def _request(
        self, destination: Destination, url: str, entries: Sequence[Entry]
    ) -> tuple[Mapping[str, str], bytes]:
        credentials = await self._credentials.current(destination.credentials, destination.region)
        body = encode(entries)
        request = AWSRequest(
            method="POST",
            url=url,
            data=body,
            headers={"Content-Type": _CONTENT_TYPE, "X-Amz-Target": _TARGET},
        )
        SigV4Auth(credentials, "events", destination.region).add_auth(request)
        return dict(request.headers.items()), body

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            async with self._connections().post(url, data=body, headers=headers) as response:
                text = await response.read()
                return read_answer(response.status, text, response.headers.get("Retry-After"))
        except TimeoutError:
            return Answer(status=0, error_message=f"no answer in {self._timeout.total:.0f} s")
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
            return Answer(status=0, error_message=f"{urlsplit(url).hostname}: {_short(error)}")

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60, keepalive_timeout=30),
                timeout=self._timeout,
                # Looking for a proxy in the environment costs time with every call.
                trust_env=bool(getproxies()),
                skip_auto_headers=("Accept", "Accept-Encoding"),
                headers={"User-Agent": _USER_AGENT},
                auto_decompress=False,
                raise_for_status=False,
            )
        return self._session


def encode(entries: Sequence[Entry]) -> bytes:
    """Give the body of a PutEvents call."""
    return to_json({"Entries": [_wire(entry) for entry in entries]})


def _wire(entry: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Source": entry.source,
        "DetailType": entry.detail_type,
        "Detail": entry.detail,
        "Time": round(entry.time, 3),
    }
    if entry.event_bus:
        shown["EventBusName"] = entry.event_bus
    if entry.resources:
        shown["Resources"] = entry.resources
    return shown


def read_answer(status: int, text: bytes, retry_after: str | None = None) -> Answer:
    """Read what EventBridge, or something on the way to it, answered."""
    pause = float(retry_after) if retry_after and retry_after.isdecimal() else None
    if status == 200:
        try:
            result = _Result.model_validate_json(text)
        except ValidationError:
            return Answer(status=0, error_message="the answer is not one of PutEvents")
        return Answer(
            status=status,
            results=tuple(
                EntryResult(entry.event_id, entry.error_code, entry.error_message)
                for entry in result.entries
            ),
        )
    try:
        error = _Error.model_validate_json(text)
    except ValidationError:
        return Answer(status=status, retry_after=pause)
    # "com.amazonaws.events#ThrottlingException:http://…" is a ThrottlingException.
    code = error.type.rpartition("#")[2].partition(":")[0]
    return Answer(
        status=status,
        error_code=code or None,
        error_message=error.message or error.message_capital or None,
        retry_after=pause,
    )


def _short(error: Exception) -> str:
    return str(error) or type(error).__name__
