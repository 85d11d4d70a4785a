"""The load: the recorded store day, repeated, each capture with a unique id."""

import itertools
import json
from collections.abc import Iterator

import uuid_utils

# Imported before anything is measured: with the first call, it would be a second of CPU time.
import magento_eventbridge.aws.credentials_lookup  # noqa: F401
from magento_eventbridge.captures import Capture, read_capture
from magento_eventbridge.catalog import event_of
from magento_eventbridge.delivery.envelope import Entry, build_entry
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.demo import store_day

KEYS = CredentialsSource(type="keys", access_key="AKIABENCHMARK", secret_access_key="benchmark")


def route(url: str) -> Route:
    destination = Destination(region="eu-west-1", endpoint_url=url, credentials=KEYS)
    return Route(destination=destination, source="shop.example.com")


def custom_route(url: str) -> Route:
    """Return a route to a Custom Event Bus."""
    bus = f"arn:aws:events:eu-west-1:123456789012:event-busv2/shop/{'a1' * 12}b"
    destination = Destination(region="eu-west-1", event_bus=bus, endpoint_url=url, credentials=KEYS)
    return Route(destination=destination, source="shop.example.com")


def captures(count: int) -> Iterator[tuple[Capture, bytes]]:
    """Return captures of events; each repetition of the day has its own subjects."""
    day = [json.loads(recorded.line) for recorded in store_day.captures()]
    day = [recorded for recorded in day if event_of(read_capture(json.dumps(recorded)))]
    for number, recorded in enumerate(itertools.islice(itertools.cycle(day), count)):
        subject = f"{recorded['subject']}/{number // len(day)}"
        text = json.dumps({**recorded, "id": str(uuid_utils.uuid7()), "subject": subject}).encode()
        yield read_capture(text), text


def entries(count: int, url: str) -> list[Entry]:
    sealed = []
    for capture, _ in captures(count):
        event = event_of(capture)
        assert event is not None
        sealed.append(build_entry(capture, event, route(url)))
    return sealed
