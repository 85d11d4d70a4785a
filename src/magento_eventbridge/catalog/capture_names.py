"""The names in captures of what details say: Magento's own, of columns, models and arrays.

Privacy settings name fields of details, but journal and dead letters hold captures. The names are
compared without case, underscores and dots, from any level down: `customer.email` is
`customer_email` as it is.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from magento_eventbridge.catalog import EVENTS

# By the path of a field, or the last name in it: what it is called in captures. A test compares
# them with what the catalog reads.
_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "baseCurrency": ("base_currency_code",),
    "carrier": ("carrier_code",),
    "cartId": ("quote_id",),
    "code": ("subscriber_confirm_code", "job_code"),
    "comments": ("comment",),
    "country": ("country_id",),
    "coupon": ("coupon_code",),
    "currency": ("order_currency_code", "quote_currency_code"),
    "email": ("subscriber_email",),
    "error": ("messages",),
    "id": ("user_id", "increment_id", "item_id"),
    "index": ("indexer_id",),
    "isSubscribed": ("subscriber_status",),
    "number": ("track_number",),
    "operation": ("qty",),
    "orderEntityId": ("order_id",),
    "orderId": ("order.increment_id",),
    "qty": ("qty_ordered", "total_qty"),
    "qty.from": ("qty",),
    "qty.to": ("qty",),
    "quantity": ("qty",),
    "status": ("state", "subscriber_status"),
    "total": ("grand_total",),
    "updatedAt": ("change_status_at",),
    "value": ("qty",),
    "weight": ("total_weight",),
}


def plain(name: str) -> str:
    """Return a name or a path as details and captures have it in common."""
    return name.replace("_", "").replace(".", "").replace("[]", "").lower()


@cache
def names_of(path: str) -> frozenset[str]:
    """Return the plain names of a detail's field, and of the fields within it, in captures."""
    names = {plain(path)}
    for leaf in _fields_within(path):
        names.add(plain(leaf))
        parent, _, last = leaf.rpartition(".")
        names |= {plain(parent + other) for other in _OTHER_NAMES.get(last, ())}
        names |= {plain(other) for other in _OTHER_NAMES.get(leaf, ())}
    return frozenset(names)


def _fields_within(path: str) -> Iterator[str]:
    yield path
    inside = f"{path}."
    for event in EVENTS:
        yield from (leaf for leaf in _leaves(event.sample_at("full")) if leaf.startswith(inside))


def _leaves(value: Any, at: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _leaves(member, f"{at}.{name}" if at else name)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield from _leaves(value[0], at)
    else:
        yield at
