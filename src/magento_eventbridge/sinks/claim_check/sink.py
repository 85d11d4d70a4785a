"""The claim check: stores the arrays of large events in S3, and passes everything on to a sink.

What cannot be stored now is answered as a failure of its entry, which is tried again by itself:
all other events pass. While S3 fails, one event at a time tries it; the others are answered at once
and use no call of the destination.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from magento_eventbridge.delivery.claim_check import ClaimCheck, SplitEntry
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.outage import Outage
from magento_eventbridge.delivery.ports import Limits, Sink
from magento_eventbridge.delivery.reasons import ReasonKind
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.delivery.verdicts import Answer, EntryResult, ResultCodes
from magento_eventbridge.sinks.claim_check.objects import Objects, StorageError

log = logging.getLogger(__name__)

# Large events are rare. More at once would take the calls of the others.
_MOST_AT_ONCE = 4
# In seconds: how long a large event waits for the others.
_LONGEST_WAIT = 1.0


class ClaimCheckSink:
    """Makes large entries small enough for the sink behind it."""

    def __init__(self, sink: Sink, claim_check: ClaimCheck, objects: Objects) -> None:
        self._sink = sink
        self._claim_check = claim_check
        self._objects = objects
        self._slots = asyncio.Semaphore(_MOST_AT_ONCE)
        self._outage = Outage(
            f"Cannot store the arrays of large events in s3://{claim_check.bucket}: these events "
            "wait, others pass",
            f"The arrays of large events can be stored in s3://{claim_check.bucket} again",
        )
        self._problem: str | None = None
        self._tries_at = 0.0

    @property
    def limits(self) -> Limits:
        """What one call may hold, and that larger events are made smaller here."""
        return replace(self._sink.limits, claim_check=self._claim_check)

    @property
    def codes(self) -> ResultCodes:
        """What the error codes of the sink mean, and that of this one."""
        codes = self._sink.codes
        return replace(codes, unavailable=codes.unavailable | {ReasonKind.NOT_STORED.code})

    async def put(self, destination: Destination, entries: Sequence[Entry]) -> Answer:
        """Store what is too large of the entries, then send those that were stored or fit."""
        limit = self._sink.limits.max_bytes
        if all(entry.size <= limit for entry in entries):
            return await self._sink.put(destination, entries)
        ready: list[Entry] = []
        results: list[EntryResult | None] = []
        for entry in entries:
            small = entry if entry.size <= limit else await self._stored(destination, entry)
            if isinstance(small, Entry):
                ready.append(small)
                results.append(None)
            else:
                results.append(small)
        if not ready:
            return Answer(
                status=200, results=[result for result in results if result], is_local=True
            )
        answer = await self._sink.put(destination, ready)
        if answer.results is None or len(answer.results) != len(ready):
            return answer
        sent = iter(answer.results)
        merged = [next(sent) if result is None else result for result in results]
        return replace(answer, results=merged)

    async def close(self) -> None:
        """Close the sink behind it."""
        await self._sink.close()

    async def _stored(self, destination: Destination, entry: Entry) -> Entry | EntryResult:
        """Return the entry without the arrays that were stored, or why they were not."""
        limit = self._sink.limits.max_bytes
        split = self._claim_check.split(entry, limit, destination.region)
        if split is None:  # the dispatcher has checked it, so this is another limit's bug
            return EntryResult(
                error_code=ReasonKind.TOO_LARGE.code, error_message=f"{entry.size} bytes"
            )
        problem = await self._store(destination, split)
        if problem is not None:
            return EntryResult(error_code=ReasonKind.NOT_STORED.code, error_message=problem)
        log.info(
            "Event '%s' has %d bytes: %d bytes of it are in s3://%s/%s",
            entry.detail_type,
            entry.size,
            len(split.body),
            self._claim_check.bucket,
            split.key,
            extra={"event_id": entry.id},
        )
        return split.entry

    async def _store(self, destination: Destination, split: SplitEntry) -> str | None:
        """Store the arrays; return why it did not work."""
        now = time.monotonic()
        if self._problem is not None:
            if now < self._tries_at:
                return self._problem
            self._tries_at = now + _LONGEST_WAIT  # meanwhile no other event tries
        acquired = False
        with contextlib.suppress(TimeoutError):
            acquired = await asyncio.wait_for(self._slots.acquire(), _LONGEST_WAIT)
        if not acquired:
            return self._problem or "other large events are stored first"
        try:
            await self._objects.put(destination, split.key, split.body)
        except StorageError as error:
            self._problem = str(error)
            self._tries_at = time.monotonic() + self._outage.goes_on(error)
            return self._problem
        finally:
            self._slots.release()
        self._problem = None
        self._outage.is_over()
        return None
