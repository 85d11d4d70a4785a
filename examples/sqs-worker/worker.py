"""A worker for a queue: handle each event once, leave messages that cannot be read.

python worker.py https://sqs.eu-west-1.amazonaws.com/123456789012/orders
"""

import sys
from typing import Any

import boto3

from magento_eventbridge.events import (
    AnyEvent,
    MalformedEventError,
    OrderPlaced,
    UnknownEventError,
    parse,
)


class Worker:
    """Handle the messages of one queue."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url
        # The bridge delivers at least once. Store these IDs with the results of the work, in the
        # same transaction: a set in memory is enough only for an example.
        self._done: set[str] = set()

    def work(self, wait_seconds: int = 20) -> int:
        """Receive some messages, handle them, and return how many were new."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds
        )
        return sum(self._take(message) for message in answer.get("Messages", []))

    def _take(self, message: dict[str, Any]) -> bool:
        try:
            event = parse(message)
        except UnknownEventError:
            self._delete(message)  # from another source, or newer than this worker
            return False
        except MalformedEventError as error:
            # SQS redelivers it, and after some attempts moves it to the dead-letter queue.
            print(f"left in the queue: {error}", file=sys.stderr)
            return False
        is_new = event.detail.metadata.id not in self._done
        if is_new:
            self._act(event)
            self._done.add(event.detail.metadata.id)
        self._delete(message)
        return is_new

    def _act(self, event: AnyEvent) -> None:
        match event:
            case OrderPlaced(detail=order):
                print(f"order {order.id}: {order.total}, {len(order.items)} articles")
            case _:
                print(event.detail_type)

    def _delete(self, message: dict[str, Any]) -> None:
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])


def main() -> None:
    """Handle messages until stopped."""
    worker = Worker(boto3.client("sqs"), sys.argv[1])
    while True:
        worker.work()


if __name__ == "__main__":
    main()
