"""Destinations: their names for people, and the kind of their bus; which events a route sends."""

import pytest

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.delivery.routing import Destination, Route


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        (Destination("eu-west-1"), "bus 'default' in eu-west-1"),
        (Destination("eu-west-1", "shop"), "bus 'shop' in eu-west-1"),
        (
            Destination("eu-west-1", "shop", endpoint_id="abcde.veo"),
            "bus 'shop' in eu-west-1 by global endpoint abcde.veo",
        ),
        (
            Destination("eu-west-1", endpoint_url="http://127.0.0.1:4000"),
            "bus 'default' in eu-west-1 at http://127.0.0.1:4000",
        ),
    ],
)
def test_a_destination_is_named_by_everything_that_leads_to_it(destination, expected):
    assert str(destination) == expected


@pytest.mark.parametrize(
    ("bus", "expected"),
    [
        (None, False),
        ("shop", False),
        ("arn:aws:events:eu-west-1:123456789012:event-bus/shop", False),
        ("arn:aws:events:eu-west-1:123456789012:event-busv2/shop", True),
        ("arn:aws-cn:events:cn-north-1:123456789012:event-busv2/shop", True),
    ],
)
def test_the_arn_says_whether_a_bus_is_a_custom_event_bus(bus, expected):
    assert Destination("eu-west-1", bus).is_custom_bus is expected


def test_one_switch_can_be_that_of_several_events():
    route = Route(
        Destination("eu-west-1"),
        "shop",
        switched_off=frozenset({"aws_eventbridge/events_order/saved"}),
    )
    off = [event.detail_type for event in EVENTS if not route.is_on(event)]
    assert off == ["OrderCreated", "OrderUpdated"]
