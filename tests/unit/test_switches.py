"""The switches of the events in a store's configuration."""

import pytest

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.magento.store_config import StoreConfig, StoreValue
from magento_eventbridge.magento.switches import SwitchError, differing, select, switches


def test_each_event_has_one_switch():
    names = [name for switch in switches() for name in switch.detail_types]
    assert sorted(names) == sorted(event.detail_type for event in EVENTS)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cart"], ["cart/product_added", "cart/product_updated", "cart/product_removed"]),
        (["OrderUpdated"], ["order/saved"]),
        (["order/placed", "OrderPlaced"], ["order/placed"]),
        (["aws_eventbridge/events_user/logged_in"], ["user/logged_in"]),
    ],
)
def test_events_are_selected_by_group_setting_or_detail_type(names, expected):
    assert [switch.name for switch in select(names)] == expected


def test_an_unknown_event_is_refused_with_what_was_meant_or_the_names_of_groups():
    with pytest.raises(SwitchError, match="'OrderPlacd' is no event; did you mean 'OrderPlaced'"):
        select(["order", "OrderPlacd"])
    with pytest.raises(SwitchError, match="'sales' is no event: name a group .*cart, .*order"):
        select(["order", "sales"])


def test_store_views_whose_own_value_differs_are_named():
    (placed,) = select(["OrderPlaced"])
    config = StoreConfig(
        {placed.path: StoreValue("1", "default")},
        {
            1: {placed.path: StoreValue("1", "default")},
            2: {placed.path: StoreValue("0", "env.php, stores/german")},
            3: {},
        },
    )
    assert [one.place for one in differing(config, [placed], True, [1, 2, 3])] == [
        "env.php, stores/german",
        "Magento's default",
    ]
    assert [one.place for one in differing(config, [placed], False, [2, 3])] == []
