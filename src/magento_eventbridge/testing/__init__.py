"""Test doubles for users' tests: a queue in memory, a sink that records, delivery between them."""

from magento_eventbridge.testing.delivery import deliver
from magento_eventbridge.testing.memory_queue import MemoryQueue
from magento_eventbridge.testing.recording_sink import RecordedCall, RecordingSink

__all__ = ["MemoryQueue", "RecordedCall", "RecordingSink", "deliver"]
