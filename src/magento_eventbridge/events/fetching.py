"""The arrays of a large event, from where its shop stored them in S3."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar, overload

from pydantic import ValidationError

from magento_eventbridge.events.detail import Dataref
from magento_eventbridge.events.event import EventBridgeEvent
from magento_eventbridge.events.parsing import EventError

EventT = TypeVar("EventT", bound=EventBridgeEvent[Any])


class FetchError(EventError):
    """The arrays of an event could not be read, or are not those that were stored for it."""


@overload
def fetch(event: EventT, *, s3: Any = None) -> EventT: ...
@overload
def fetch(event: Mapping[str, Any], *, s3: Any = None) -> dict[str, Any]: ...
def fetch(event: Any, *, s3: Any = None) -> Any:
    """Return an event with the arrays that its shop moved to S3; any other event unchanged.

    An event that was too large for the bus has `metadata.dataref`, and empty arrays in place of
    those that were moved.

    Args:
        event: what `parse` returned, or an event as EventBridge delivers it, as a dict: for events
            that the shop declares itself.
        s3: a client of boto3; None: one for the bucket's region is created. Needs the permission
            s3:GetObject on the object.

    Raises:
        FetchError: the object is missing, cannot be read, or is not the one that was stored.
    """
    plain = (
        event.model_dump(by_alias=True, mode="json")
        if isinstance(event, EventBridgeEvent)
        else dict(event)
    )
    stored = plain.get("detail", {}).get("metadata", {}).get("dataref")
    if stored is None:
        return event
    try:
        dataref = Dataref.model_validate(stored)
    except ValidationError:
        raise FetchError("metadata.dataref does not say where the arrays are") from None
    plain["detail"] = _filled(plain["detail"], _read(dataref, s3))
    if not isinstance(event, EventBridgeEvent):
        return plain
    try:
        return type(event).model_validate(plain)
    except ValidationError as error:
        names = {".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)}
        raise FetchError(f"{dataref.uri}: its arrays are malformed: {', '.join(names)}") from None


def _read(dataref: Dataref, s3: Any) -> dict[str, Any]:
    """Read the object, and check that it is the one that was stored."""
    if s3 is None:
        try:
            import boto3
        except ImportError:
            raise FetchError(f"reading {dataref.uri} needs boto3, or a client as s3=…") from None
        s3 = boto3.client("s3", region_name=dataref.region)
    try:
        body = s3.get_object(Bucket=dataref.bucket, Key=dataref.key)["Body"].read()
    except Exception as error:  # of a library that is not known here
        raise FetchError(f"{dataref.uri}: {error}") from error
    if len(body) != dataref.bytes or hashlib.sha256(body).hexdigest() != dataref.sha256:
        raise FetchError(f"{dataref.uri}: is not what was stored for this event")
    arrays = json.loads(body)
    if not isinstance(arrays, dict) or sorted(arrays) != sorted(dataref.fields):
        raise FetchError(f"{dataref.uri}: does not have the fields {', '.join(dataref.fields)}")
    return arrays


def _filled(detail: Mapping[str, Any], arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return a detail with the arrays in their places, and without the reference to them."""
    filled: dict[str, Any] = json.loads(json.dumps(detail))
    for path, array in arrays.items():
        *parents, name = path.split(".")
        place = filled
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = array
    del filled["metadata"]["dataref"]
    return filled
