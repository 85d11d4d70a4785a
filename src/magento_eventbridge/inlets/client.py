"""Hand captures to an inlet as the agent does: signed, one a line, with retries."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
from pydantic import BaseModel, ValidationError

from magento_eventbridge.errors import BridgeError
from magento_eventbridge.inlets.signatures import signed_headers
from magento_eventbridge.unreachable import why_unreachable


@dataclass(frozen=True)
class HandOverOptions:
    """How captures are handed over.

    Attributes:
        captures_per_request: at most.
        tries: of each request, while the inlet asks for a retry.
        longest_pause: between two tries, in seconds, whatever the inlet asks for.
    """

    captures_per_request: int = 50
    tries: int = 10
    longest_pause: float = 30.0


class HandOverError(BridgeError):
    """The inlet did not accept captures; the message says why."""


@dataclass(frozen=True)
class Receipt:
    """How many captures an inlet accepted, and what it refused: line number and reason."""

    accepted: int
    rejected: tuple[tuple[int, str], ...]


class _RejectedLine(BaseModel):
    line: int
    error: str


class _InletAnswer(BaseModel):
    accepted: int
    rejected: list[_RejectedLine]


_DEFAULTS = HandOverOptions()


async def hand_over(
    url: str, secret: str, lines: Sequence[bytes], options: HandOverOptions = _DEFAULTS
) -> Receipt:
    """Hand captures over, in order; blank lines are passed over.

    Raises:
        HandOverError: the inlet cannot be reached or refuses a request; captures that it accepted
            before stay accepted.
    """
    accepted = 0
    rejected: list[tuple[int, str]] = []
    size = options.captures_per_request
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
        for start in range(0, len(numbered), size):
            part = numbered[start : start + size]
            body = b"\n".join(line for _, line in part)
            target = f"{url.rstrip('/')}/v1/captures"
            answer = await _post(session, target, secret, body, options)
            accepted += answer.accepted
            rejected += [(part[line.line - 1][0], line.error) for line in answer.rejected]
    return Receipt(accepted, tuple(rejected))


async def _post(
    session: aiohttp.ClientSession, url: str, secret: str, body: bytes, options: HandOverOptions
) -> _InletAnswer:
    message = ""
    for tries_left in reversed(range(options.tries)):
        headers = {"Content-Type": "application/x-ndjson", **signed_headers(secret, body)}
        try:
            async with session.post(url, data=body, headers=headers) as response:
                text = await response.read()
                if response.status in (202, 422):
                    return _InletAnswer.model_validate_json(text)
                message = f"{response.status} {text.decode(errors='replace')[:200]}"
                if response.status not in (429, 503):
                    raise HandOverError(f"{url} answered {message}")
                pause = _pause(response.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HandOverError(f"cannot reach {url}: {why_unreachable(error)}") from error
        except ValidationError as error:
            raise HandOverError(f"{url} does not answer like an inlet") from error
        if tries_left:
            await asyncio.sleep(min(pause, options.longest_pause))
    raise HandOverError(f"{url} has no room: {message}")


def _pause(retry_after: str | None) -> float:
    """Return the pause that an answer asks for; a proxy may send a date, which counts as 1 s."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else 1.0
