"""A Lambda function behind a queue: only failed events of a batch are redelivered."""

from typing import Any

from magento_eventbridge.events import AnyEvent, OrderPlaced, handle_all

seen: set[str] = set()


def handler(batch: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Handle each event of the batch; the event source mapping has ReportBatchItemFailures.

    A rule of a classic bus, or a subscriber of a Custom Event Bus, sends the events to the queue.
    A FIFO queue behind a FIFO subscriber keeps the order of one order's events.
    """
    return handle_all(batch, on_event)


def on_event(event: AnyEvent) -> None:
    """Handle an event once: it may be redelivered if another one of its batch failed."""
    if event.detail.metadata.id in seen:
        return
    if isinstance(event, OrderPlaced) and event.detail.total < 0:
        raise ValueError(f"order {event.detail.id} has a negative total")
    seen.add(event.detail.metadata.id)
