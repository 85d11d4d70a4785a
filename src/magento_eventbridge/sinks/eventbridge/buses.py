"""Check whether event buses exist: PutEvents to a missing bus may be answered as a success."""

import asyncio
import logging
import time
from dataclasses import dataclass
from enum import Enum

import msgspec

from magento_eventbridge.aws.arns import RegionError
from magento_eventbridge.aws.credentials import CredentialsError, CredentialsFinder
from magento_eventbridge.aws.endpoints import ca_bundle, eventbridge_endpoint
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import is_throttled
from magento_eventbridge.sinks.eventbridge.answers import read_json, refusal
from magento_eventbridge.sinks.eventbridge.codes import CLASSIC
from magento_eventbridge.sinks.eventbridge.http_client import (
    CallError,
    Endpoint,
    HttpOptions,
    Reply,
)
from magento_eventbridge.sinks.eventbridge.signer import Signer

log = logging.getLogger(__name__)

MISSING_BUS = "ResourceNotFoundException"
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "AWSEvents.DescribeEventBus",
}
DEFAULT_BUS = "default"
_BEFORE_NAME = ":event-bus/"  # in an ARN


class BusState(Enum):
    """Whether a bus exists."""

    EXISTS = "exists"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class BusCheck:
    """The result of a check.

    Attributes:
        reason: why the bus is missing, or why nothing is known.
        is_answered: whether the endpoint answered, so that another check soon is no use.
    """

    state: BusState
    reason: str = ""
    is_answered: bool = True


@dataclass(frozen=True)
class BusCheckTiming:
    """When buses are checked; all in seconds.

    Attributes:
        interval: between two checks of a bus.
        missing_interval: at least between two checks of a bus that is missing.
        unanswered_interval: after a check that was not answered.
        answer: the longest wait for an answer.
    """

    interval: float = 60.0
    missing_interval: float = 1.0
    unanswered_interval: float = 30.0
    answer: float = 5.0


@dataclass
class _CheckedBus:
    check: BusCheck
    due_at: float
    must_wait: bool  # for the next check before the next call: nothing was ever answered


class EventBuses:
    """What is known about the event buses of destinations."""

    def __init__(
        self, credentials: CredentialsFinder, timing: BusCheckTiming | None = None
    ) -> None:
        self.timing = timing or BusCheckTiming()
        self._credentials = credentials
        self._known: dict[Destination, _CheckedBus] = {}
        self._checks: dict[Destination, asyncio.Task[BusCheck]] = {}

    async def known(self, destination: Destination) -> BusCheck:
        """Return what is known about a destination's bus; checks run concurrently with calls.

        A call waits for a check only if there was none yet, or if the bus is missing.
        """
        if not _can_be_missing(destination):
            return _EXISTS
        known = self._known.get(destination)
        if known is None or known.must_wait:
            return await self.check(destination)
        if time.monotonic() >= known.due_at:
            check = self._start(destination)
            if known.check.state is BusState.MISSING:
                return await asyncio.shield(check)
        return known.check

    async def check(self, destination: Destination) -> BusCheck:
        """Check a destination's bus now."""
        if not _can_be_missing(destination):
            return _EXISTS
        return await asyncio.shield(self._start(destination))

    def accepted(self, destination: Destination) -> None:
        """Note that a call was answered: if the check gets no answer, calls wait no longer."""
        known = self._known.get(destination)
        if known is not None:
            known.must_wait = False

    async def close(self) -> None:
        """End the checks in progress."""
        for check in self._checks.values():
            check.cancel()
        await asyncio.gather(*self._checks.values(), return_exceptions=True)

    def _start(self, destination: Destination) -> "asyncio.Task[BusCheck]":
        check = self._checks.get(destination)
        if check is None or check.done():
            check = asyncio.create_task(self._check(destination), name="check event bus")
            self._checks[destination] = check
        return check

    async def _check(self, destination: Destination) -> BusCheck:
        try:
            check = await self._describe(destination)
        except Exception as error:  # a bug of ours must not hold up delivery
            log.exception("The check of %s failed", destination)
            check = BusCheck(BusState.UNKNOWN, type(error).__name__)
        known = self._known.get(destination)
        must_wait, pause = False, self.timing.interval
        if check.state is BusState.MISSING:
            pause = self.timing.missing_interval
        elif not check.is_answered:
            must_wait, pause = True, self.timing.unanswered_interval
            if known is not None:  # what was known before still holds
                check, must_wait = known.check, known.must_wait
        self._known[destination] = _CheckedBus(check, time.monotonic() + pause, must_wait)
        return check

    async def _describe(self, destination: Destination) -> BusCheck:
        bus = destination.event_bus or DEFAULT_BUS
        try:
            credentials = await self._credentials.current(
                destination.credentials, destination.region
            )
            url = destination.endpoint_url or eventbridge_endpoint(
                destination.region, destination.credentials.profile
            )
        except (CredentialsError, RegionError) as error:
            return BusCheck(BusState.UNKNOWN, str(error), is_answered=False)
        endpoint = Endpoint(
            url,
            HttpOptions(
                connect_seconds=self.timing.answer,
                answer_seconds=self.timing.answer,
                ca_bundle=ca_bundle(destination.credentials.profile),
            ),
        )
        body = msgspec.json.encode({"Name": bus})
        headers = Signer(url, "events", destination.region, _HEADERS).sign(body, credentials)
        try:
            reply = await endpoint.post(headers, body)
        except CallError as error:
            return BusCheck(BusState.UNKNOWN, str(error), is_answered=False)
        finally:
            endpoint.close()
        return read_check(destination, reply)


def read_check(destination: Destination, reply: Reply) -> BusCheck:
    """Read the answer to DescribeEventBus."""
    content = read_json(reply.body)
    if reply.status == 200:
        answered = _bus_in(content)
        if answered is None:
            return BusCheck(BusState.UNKNOWN, "the answer is not one of DescribeEventBus")
        if not _is_same(destination.event_bus or DEFAULT_BUS, answered):
            return BusCheck(BusState.UNKNOWN, f"the answer is about another bus, {answered!r:.300}")
        return _EXISTS
    answer = refusal(reply, content)
    if answer.error_code == MISSING_BUS:
        return BusCheck(BusState.MISSING, f"{destination} does not exist (DescribeEventBus)")
    is_temporary = reply.status >= 500 or is_throttled(answer, CLASSIC)
    return BusCheck(BusState.UNKNOWN, answer.error, is_answered=not is_temporary)


def _bus_in(content: object) -> str | None:
    """Return the bus that an answer describes: its ARN, or its name if there is no such ARN."""
    fields = content if isinstance(content, dict) else {}
    arn, name = fields.get("Arn"), fields.get("Name")
    if isinstance(arn, str) and _BEFORE_NAME in arn:
        return arn
    return name if isinstance(name, str) and name else None


def _is_same(asked: str, answered: str) -> bool:
    if _BEFORE_NAME in asked and _BEFORE_NAME in answered:
        return asked == answered
    return _name(asked) == _name(answered)


def _name(bus: str) -> str:
    return bus.rpartition(_BEFORE_NAME)[2]


_EXISTS = BusCheck(BusState.EXISTS)


def _can_be_missing(destination: Destination) -> bool:
    """Return whether a check says more than PutEvents does.

    Every account has a default bus, and a missing Custom Event Bus refuses PutEvents.
    """
    return (
        destination.event_bus not in (None, DEFAULT_BUS)
        and not destination.is_custom_bus
        and not destination.dry_run
    )
