"""A Lambda function behind a rule: says what became of an order."""

from typing import Any

from magento_eventbridge.events import OrderCanceled, OrderPlaced, UnknownEventError, parse


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Act by the kind of the event.

    A malformed event raises: Lambda tries twice more, then hands it to the function's dead-letter
    queue. A detail-type that is new since this was written is no fault.
    """
    try:
        told = parse(event)
    except UnknownEventError:
        return {"done": "nothing"}
    if told.detail.metadata.test:  # `magento-eventbridge send-test`
        return {"done": "nothing"}
    match told:
        case OrderPlaced(detail=order):
            articles = sum(item.qty for item in order.items)
            return {"done": "welcomed", "order": order.id, "articles": articles}
        case OrderCanceled(detail=order):
            return {"done": "regretted", "order": order.id}
        case _:
            return {"done": "nothing"}
