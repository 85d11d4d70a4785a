"""A Lambda function that a rule calls: act on an order's events."""

from typing import Any

from magento_eventbridge.events import OrderCanceled, OrderPlaced, UnknownEventError, parse


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Act on the type of the event.

    A malformed event raises an error: Lambda retries twice, then sends the event to the function's
    dead-letter queue. A detail-type that this version does not know is not an error.
    """
    try:
        parsed = parse(event)
    except UnknownEventError:
        return {"done": "nothing"}
    if parsed.detail.metadata.test:  # `magento-eventbridge send-test`
        return {"done": "nothing"}
    match parsed:
        case OrderPlaced(detail=order):
            articles = sum(item.qty for item in order.items)
            return {"done": "welcomed", "order": order.id, "articles": articles}
        case OrderCanceled(detail=order):
            return {"done": "regretted", "order": order.id}
        case _:
            return {"done": "nothing"}
