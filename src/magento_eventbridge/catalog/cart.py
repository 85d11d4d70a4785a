"""Cart events: what a shopper puts into the cart, changes there and takes out."""

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog import full
from magento_eventbridge.catalog.event import EventDefinition
from magento_eventbridge.catalog.snapshot import Json, as_number, number, text
from magento_eventbridge.events.cart import CartProduct, CartProductUpdate


def _by_shopper(capture: Capture) -> bool:
    # Carts of admins who prepare orders are not customers' carts. The parts of a
    # configurable or a bundle are items of their own, but the shopper chose the whole.
    return capture.area != "adminhtml" and not capture.snapshot.get("has_parent")


def _quantities(capture: Capture) -> tuple[int | float, int | float]:
    after = number(capture.snapshot, "qty", None)
    before = 0 if capture.is_new else number(capture.original, "qty", after)
    return before, after


def _is_added(capture: Capture) -> bool:
    if not _by_shopper(capture):
        return False
    before, after = _quantities(capture)
    if capture.is_new:
        # Also an item of a guest's cart that was merged at login, and what a module put in.
        return after > 0
    # The item edit page adds the product again and then sets its quantity. It was an addition
    # only where the quantity grew by just what was added.
    if capture.snapshot.get("added_qty") is None:
        return False
    added = number(capture.snapshot, "added_qty")
    return as_number(after - before) == added > 0


def _is_updated(capture: Capture) -> bool:
    if capture.is_new or not _by_shopper(capture) or _is_added(capture):
        return False
    before, after = _quantities(capture)
    return before != after


def _added(capture: Capture) -> Json:
    # A module may have capped what the shopper wanted to add.
    before, after = _quantities(capture)
    return {"sku": text(capture.snapshot, "sku"), "qty": as_number(after - before)}


def _updated(capture: Capture) -> Json:
    before, after = _quantities(capture)
    return {
        "sku": text(capture.snapshot, "sku"),
        "operation": "add" if after > before else "remove",
        "value": as_number(abs(after - before)),
        "qty": {"from": before, "to": after},
    }


def _removed(capture: Capture) -> Json:
    return {"sku": text(capture.snapshot, "sku"), "qty": number(capture.snapshot, "qty")}


def _full(capture: Capture) -> Json:
    item = capture.snapshot
    return {
        **full.view(capture),
        "cartId": full.identifier(item, "quote_id"),
        "itemId": full.identifier(item, "item_id"),
        "productId": full.identifier(item, "product_id"),
        "productType": full.text(item, "product_type"),
        "name": full.text(item, "name"),
        "price": full.number(item, "price"),
        "options": full.options(item.get("options")),
        "rowTotal": full.number(item, "row_total"),
        "discountAmount": full.number(item, "discount_amount"),
        "currency": full.text(item, "quote_currency_code"),
        "baseCurrency": full.text(item, "base_currency_code"),
        "customer": full.buyer(item),
        **full.times_or_now(capture),
    }


_FULL = {
    **full.SAMPLE_VIEW,
    "cartId": 12,
    "itemId": 41,
    "productId": 7,
    "productType": "simple",
    "name": "Fusion Backpack",
    "price": 59,
    "options": full.SAMPLE_OPTIONS,
    "rowTotal": 59,
    "discountAmount": 0,
    "currency": "EUR",
    "baseCurrency": "EUR",
    "customer": full.SAMPLE_BUYER,
    **full.SAMPLE_TIMES,
}

EVENTS = (
    EventDefinition(
        detail_type="CartProductAdded",
        config_path="aws_eventbridge/events_cart/product_added",
        magento_events=("sales_quote_item_save_after",),
        detail=CartProduct,
        translate=_added,
        add_full=_full,
        full_sample=_FULL,
        applies=_is_added,
        sample={"sku": "abc-123", "qty": 1},
    ),
    EventDefinition(
        detail_type="CartProductUpdated",
        config_path="aws_eventbridge/events_cart/product_updated",
        magento_events=("sales_quote_item_save_after",),
        detail=CartProductUpdate,
        translate=_updated,
        add_full=_full,
        full_sample=_FULL,
        applies=_is_updated,
        sample={"sku": "abc-123", "operation": "add", "value": 1, "qty": {"from": 1, "to": 2}},
    ),
    EventDefinition(
        detail_type="CartProductRemoved",
        config_path="aws_eventbridge/events_cart/product_removed",
        magento_events=("sales_quote_item_delete_after",),
        detail=CartProduct,
        translate=_removed,
        add_full=_full,
        full_sample=_FULL,
        applies=_by_shopper,
        sample={"sku": "abc-123", "qty": 2},
    ),
)
