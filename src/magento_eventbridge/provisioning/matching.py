"""Whether a pattern matches an event: asked of AWS, or of moto's matcher on this machine."""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from magento_eventbridge.aws.clients import AwsError, Clients
from magento_eventbridge.install_hints import add_extra

Json = dict[str, Any]


class MatcherMissingError(Exception):
    """The matcher is not installed on this machine."""


def matches_at_aws(clients: Clients, pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Ask AWS by TestEventPattern.

    Raises:
        CredentialsError: there are none.
        AwsError: AWS refuses the pattern or the caller, or the endpoint has no TestEventPattern.
    """
    answer = clients.call(
        "events", "test_event_pattern", EventPattern=json.dumps(pattern), Event=json.dumps(event)
    )
    if not isinstance(answer.get("Result"), bool):
        raise AwsError(f"events in {clients.region}: the endpoint does not know TestEventPattern")
    return bool(answer["Result"])


def matches_here(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Ask moto's matcher.

    moto does not look into arrays of objects. EventBridge considers one member of each array at a
    time, so an event is laid out as one event for each choice of members.

    Raises:
        MatcherMissingError: moto is not installed.
    """
    try:
        from moto.events.models import EventPattern
    except ImportError:
        raise MatcherMissingError(
            f"matching on this machine needs moto: {add_extra('rules')}"
        ) from None
    matcher = EventPattern.load(json.dumps(pattern))
    return any(matcher.matches_event(plain) for plain in _laid_out(event))


def _laid_out(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            for members in itertools.product(*(list(_laid_out(inner)) for inner in value.values())):
                yield dict(zip(value, members, strict=True))
        case [dict(), *_]:
            for member in value:
                yield from _laid_out(member)
        case _:
            yield value
