"""Hands captures to an inlet as the agent does: signed, a line each, again when told to wait."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
from pydantic import BaseModel, ValidationError

from magento_eventbridge.errors import BridgeError
from magento_eventbridge.inlets.signatures import signed_headers

_BATCH = 50
_TRIES = 10
_LONGEST_PAUSE = 30.0


class HandOverError(BridgeError):
    """The inlet did not take captures; the message says why."""


@dataclass(frozen=True)
class Receipt:
    """What an inlet took, and what it refused: number of the line and reason."""

    accepted: int
    rejected: tuple[tuple[int, str], ...]


class _Fault(BaseModel):
    line: int
    error: str


class _Answer(BaseModel):
    accepted: int
    rejected: list[_Fault]


async def hand_over(url: str, secret: str, lines: Sequence[bytes]) -> Receipt:
    """Hand captures over, in order.

    Raises:
        HandOverError: the inlet cannot be reached or will not have us; what was handed over
            before stays handed over.
    """
    accepted = 0
    rejected: list[tuple[int, str]] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        for start in range(0, len(lines), _BATCH):
            body = b"\n".join(lines[start : start + _BATCH])
            answer = await _post(session, f"{url.rstrip('/')}/v1/captures", secret, body)
            accepted += answer.accepted
            rejected += [(start + fault.line, fault.error) for fault in answer.rejected]
    return Receipt(accepted, tuple(rejected))


async def _post(session: aiohttp.ClientSession, url: str, secret: str, body: bytes) -> _Answer:
    told = ""
    for _ in range(_TRIES):
        headers = {"Content-Type": "application/x-ndjson", **signed_headers(secret, body)}
        try:
            async with session.post(url, data=body, headers=headers) as response:
                text = await response.read()
                if response.status in (202, 422):
                    return _Answer.model_validate_json(text)
                told = f"{response.status} {text.decode(errors='replace')[:200]}"
                if response.status not in (429, 503):
                    raise HandOverError(f"{url} answered {told}")
                pause = float(response.headers.get("Retry-After", "1"))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HandOverError(f"cannot reach {url}: {error or 'no answer'}") from error
        except ValidationError as error:
            raise HandOverError(f"{url} does not answer like an inlet") from error
        await asyncio.sleep(min(pause, _LONGEST_PAUSE))
    raise HandOverError(f"{url} has no room: {told}")
