"""A Lambda function that a queue calls with several events: only those that failed come again."""

from typing import Any

from magento_eventbridge.events import AnyEvent, OrderPlaced, handle_all

seen: set[str] = set()


def handler(batch: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Handle each event of the batch; the event source mapping has ReportBatchItemFailures.

    The queue gets the events from a rule of a classic bus, or from a subscriber of a Custom Event
    Bus. A FIFO queue behind a FIFO subscriber gets the events of one order in their order.
    """
    return handle_all(batch, on_event)


def on_event(event: AnyEvent) -> None:
    """Handle an event once: it may come again when another of its batch failed."""
    if event.detail.metadata.id in seen:
        return
    if isinstance(event, OrderPlaced) and event.detail.total < 0:
        raise ValueError(f"order {event.detail.id} has a negative total")
    seen.add(event.detail.metadata.id)
