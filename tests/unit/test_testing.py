"""The test doubles for users: their documented behaviour."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from magento_eventbridge.captures import InvalidCaptureError
from magento_eventbridge.delivery.ports import Claim
from magento_eventbridge.delivery.verdicts import Answer, EntryResult
from magento_eventbridge.testing import MemoryQueue, RecordingSink, deliver
from tests.support import recorded

PAGE = (Path(__file__).parents[2] / "docs/testing.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_of_the_documentation_run(example: str):
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_documentation_has_examples():
    assert len(EXAMPLES) == 3


async def test_only_entries_that_were_accepted_are_accepted():
    queue, sink = MemoryQueue(), RecordingSink()
    captures = recorded.orders(2)
    await queue.put(captures)
    failed = EntryResult(error_code="ThrottlingException")
    sink.answer_next(Answer(status=200, results=(EntryResult("one"), failed)))
    totals = await deliver(queue, sink)
    assert [entry.id for entry in sink.accepted] == [capture.id for capture, _ in captures]
    assert [len(call.entries) for call in sink.calls] == [2, 1]
    assert totals.delivered == 2


async def test_what_waits_for_a_person_ends_in_a_timeout_and_stays_in_the_queue():
    queue, sink = MemoryQueue(), RecordingSink()
    await queue.put(recorded.orders(1))
    sink.answer_next(*[Answer(status=400, error_code="AccessDeniedException")] * 1000)
    with pytest.raises(TimeoutError):
        await deliver(queue, sink, seconds=0.2)
    assert (await queue.depth()).captures == 1
    assert sink.accepted == []


async def test_what_is_no_capture_is_not_added():
    queue = MemoryQueue()
    (_, body) = recorded.orders(1)[0]
    with pytest.raises(InvalidCaptureError):
        await queue.put_json(body, "{}")
    assert (await queue.depth()).captures == 0


async def test_waiting_ends_when_a_postponed_capture_is_due():
    queue = MemoryQueue()
    await queue.put(recorded.orders(1))
    await queue.retry(await queue.claim(1), delay=0.05)
    assert await queue.claim(1) == []
    await asyncio.wait_for(queue.wait(60), 10)
    assert len(await queue.claim(1)) == 1


async def test_claims_of_another_queue_are_refused():
    with pytest.raises(TypeError):
        await MemoryQueue().ack([Claim("other", b"")])
