"""At each statement of a queue's work the connection is lost, or the statement is killed."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pymysql
import pytest
from pymysql.cursors import Cursor

from magento_eventbridge.captures import read_capture
from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.queues.mysql.magento_db import MagentoDbQueue
from magento_eventbridge.queues.mysql.outbox import OutboxQueue
from magento_eventbridge.queues.mysql.queue import MysqlQueue
from magento_eventbridge.settings.queues import QUEUE
from tests.support import recorded
from tests.support.magento_queue import MagentoQueue
from tests.support.mariadb import Outbox

pytestmark = pytest.mark.external

_CAPTURES = 4
_MOST_STATEMENTS = 200

Result = TypeVar("Result")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", ["lost before", "lost after", "killed"])
@pytest.mark.parametrize("name", ["outbox", "magento-db"])
async def test_no_statement_loses_or_repeats_anything_when_it_fails(
    request: pytest.FixtureRequest, name: str, fault: str
) -> None:
    place: Outbox | MagentoQueue = request.getfixturevalue(
        "outbox" if name == "outbox" else "magento_queue"
    )
    for number in range(_MOST_STATEMENTS):
        captures = recorded.orders(_CAPTURES)
        place.put(captures)
        with failing(number, fault) as failed:
            claimed = await deliver(queue_of(place))
        bodies = [body for _, body in captures]
        # In order; after a failure at most the same ones once more, as its outcome was unknown.
        assert list(dict.fromkeys(claimed)) == bodies, f"statement {number}"
        assert len(claimed) <= len(bodies) + 2, f"statement {number}"
        if not failed:
            break
    else:
        raise AssertionError("no end")


def queue_of(place: Outbox | MagentoQueue) -> MysqlQueue:
    if isinstance(place, MagentoQueue):
        return MagentoDbQueue(place.options, QUEUE)
    return OutboxQueue(place.options)


async def deliver(queue: MysqlQueue) -> list[bytes]:
    """Settle all captures as the core does, which tries again what failed; return the claims."""
    claimed: list[bytes] = []
    settled: set[str] = set()
    try:
        while (await again(queue.depth)).captures:
            claims = await again(lambda: queue.claim(2))
            claimed += [claim.body for claim in claims]
            for claim in claims:
                key = read_capture(claim.body).id
                assert key not in settled, "it was claimed after it had been settled"
                await again(lambda claim=claim: settle(queue, claim))  # type: ignore[misc]
                settled.add(key)
    finally:
        await queue.close()
    return claimed


async def settle(queue: MysqlQueue, claim: Claim) -> None:
    if read_capture(claim.body).subject == "order/1":
        await queue.bury(claim, "for a test")
    else:
        await queue.ack([claim])


async def again(work: Callable[[], Awaitable[Result]]) -> Result:
    for _ in range(5):
        try:
            return await work()
        except QueueError:
            continue
    raise AssertionError("it fails for ever")


@contextmanager
def failing(number: int, fault: str) -> Iterator[list[str]]:
    """Let the statement of this number fail; yield what has failed."""
    failed: list[str] = []
    count = -1
    execute = Cursor.execute

    def run(cursor: Cursor, query: str, args: Any = None) -> int:
        nonlocal count
        count += 1
        if count != number:
            return execute(cursor, query, args)
        failed.append(query)
        if fault == "killed":
            raise pymysql.OperationalError(1317, "Query execution was interrupted")
        if fault == "lost after":
            execute(cursor, query, args)
        cursor.connection._force_close()  # type: ignore[attr-defined]
        raise pymysql.OperationalError(2013, "Lost connection to MySQL server during query")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cursor, "execute", run)
        yield failed
