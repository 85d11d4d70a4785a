"""Magento's queue on a real database: statuses, clean-up, Magento's consumer, several bridges."""

import asyncio
import json
import logging
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymysql.cursors import Cursor

from magento_eventbridge.delivery.ports import Claim, QueueError
from magento_eventbridge.queues.mysql import search_window
from magento_eventbridge.queues.mysql.magento_db import MagentoDbQueue
from magento_eventbridge.settings.queues import QUEUE
from tests.support import recorded
from tests.support.delivering import delivering
from tests.support.magento_queue import MagentoQueue
from tests.support.put_events import put_events
from tests.support.waiting import PATIENCE

ORIGINALS = [
    json.loads(line)["body"]
    for line in (Path(__file__).parent.parent / "unit/original_messages.ndjson")
    .read_text()
    .splitlines()
]
NEW, IN_PROGRESS, COMPLETE, RETRY_REQUIRED, ERROR = 2, 3, 4, 5, 6


@pytest.fixture
async def queue(magento_queue: MagentoQueue) -> AsyncIterator[MagentoDbQueue]:
    queue = MagentoDbQueue(magento_queue.options, QUEUE)
    yield queue
    await queue.close()


async def test_statuses_are_those_that_magento_gives(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    magento_queue.put(recorded.orders(3))
    assert magento_queue.statuses == [NEW, NEW, NEW]
    first, second, _third = await queue.claim(3)
    assert magento_queue.statuses == [IN_PROGRESS] * 3
    await queue.ack([first])
    await queue.bury(second, "for a test")
    assert magento_queue.statuses == [COMPLETE, ERROR, IN_PROGRESS]
    assert await queue.dead_letters.redrive(None) == 1
    assert magento_queue.statuses == [COMPLETE, IN_PROGRESS, IN_PROGRESS]
    (again,) = await queue.claim(3)
    await queue.ack([again])
    assert magento_queue.statuses == [COMPLETE, COMPLETE, IN_PROGRESS]


async def test_no_more_is_taken_than_is_claimed(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    magento_queue.put(recorded.orders(8))
    await queue.claim(5)
    assert Counter(magento_queue.statuses) == {IN_PROGRESS: 5, NEW: 3}
    assert (await queue.depth()).captures == 8


async def test_what_magento_wants_tried_again_is_taken(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    magento_queue.put(recorded.orders(1))
    magento_queue.run("UPDATE {queue_message_status} SET status = 5")
    assert len(await queue.claim(10)) == 1


async def test_what_a_php_consumer_took_is_not_ours(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    captures = recorded.orders(3)
    magento_queue.put(captures)
    magento_queue.php_takes()
    assert [claim.body for claim in await queue.claim(10)] == [body for _, body in captures[1:]]
    assert magento_queue.statuses == [IN_PROGRESS] * 3
    assert magento_queue.ask("SELECT COUNT(*) FROM {eventbridge_queue_message}") == ((2,),)


async def test_a_message_that_a_php_consumer_is_just_taking_holds_nothing_up(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    captures = recorded.orders(3)
    magento_queue.put(captures)
    with magento_queue.server.connect() as php, php.cursor() as cursor:
        cursor.execute(
            magento_queue.named("UPDATE {queue_message_status} SET status = 3 ORDER BY id LIMIT 1")
        )
        async with asyncio.timeout(PATIENCE):
            claims = await queue.claim(10)
        assert [claim.body for claim in claims] == [body for _, body in captures[1:]]
        php.rollback()


async def test_an_open_transaction_of_the_shop_holds_nothing_up(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    magento_queue.put(recorded.orders(4))
    late = json.dumps(recorded.orders(1)[0][1].decode())
    with magento_queue.server.connect() as shop:
        magento_queue.publish([late], shop)
        async with asyncio.timeout(PATIENCE):
            first, second, third, fourth = await queue.claim(10)
            await queue.ack([first, second])
            await queue.bury(third, "for a test")
            await queue.retry([fourth])
            assert len(await queue.claim(10)) == 1
        magento_queue.put(recorded.orders(1))
        assert len(await queue.claim(10)) == 1
        shop.commit()
    # Its id is lower than one that is already claimed.
    async with asyncio.timeout(PATIENCE):
        while not (claims := await queue.claim(10)):
            await queue.wait(0.2)
    assert [claim.body for claim in claims] == [json.loads(late).encode()]


async def test_what_a_failure_left_behind_comes_before_what_came_after_it(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    captures = recorded.orders(3)
    magento_queue.put(captures[:2])
    magento_queue.run("RENAME TABLE {queue_message} TO queue_message_away")
    with pytest.raises(QueueError):
        await queue.claim(10)
    magento_queue.run("RENAME TABLE queue_message_away TO {queue_message}")
    magento_queue.put(captures[2:])
    claims = await queue.claim(10)
    assert [claim.body for claim in claims] == [body for _, body in captures]


async def test_what_is_committed_late_comes_before_what_came_after_it(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    captures = recorded.orders(3)
    late = json.dumps(captures[1][1].decode())
    assert not await queue.claim(10)
    with magento_queue.server.connect() as shop:
        magento_queue.publish([late], shop)
        magento_queue.put(captures[:1])
        await asyncio.sleep(2.1)  # until the next full search
        assert len(await queue.claim(10)) == 1
        shop.commit()
    magento_queue.put(captures[2:])
    claims = await queue.claim(10)
    assert [claim.body for claim in claims] == [body for _, body in captures[1:]]


async def test_what_a_long_transaction_commits_comes_before_what_came_after_it(
    magento_queue: MagentoQueue, queue: MagentoDbQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So long that newer messages were delivered meanwhile."""
    monkeypatch.setattr(search_window, "_QUICK", 60)
    monkeypatch.setattr(search_window, "_OVERLAP", 0)
    captures = recorded.orders(6)
    with magento_queue.server.connect() as shop:
        magento_queue.publish([json.dumps(captures[0][1].decode())], shop)
        for capture in captures[2:]:
            magento_queue.put([capture])
            assert len(await queue.claim(10)) == 1
        shop.commit()
    magento_queue.put(captures[1:2])
    claims = await queue.claim(10)
    assert [claim.body for claim in claims] == [body for _, body in captures[:2]]


async def test_a_busy_machine_does_not_change_the_order(
    magento_queue: MagentoQueue, queue: MagentoDbQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some searches of a few rows are as slow as one of many on another machine."""
    monkeypatch.setattr(search_window, "_QUICK", -1.0)
    captures = recorded.orders(1202)
    with magento_queue.server.connect() as shop:
        magento_queue.put(captures[:1], shop)
        for first in range(1, 1201, 300):
            magento_queue.put(captures[first : first + 300])
            await queue.ack(await queue.claim(1000))
        magento_queue.put(captures[-1:], shop)
        shop.commit()
    claims = await queue.claim(10)
    assert [claim.body for claim in claims] == [captures[0][1], captures[-1][1]]


async def test_what_is_committed_late_in_a_backlog_comes_before_what_came_after_it(
    magento_queue: MagentoQueue, queue: MagentoDbQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_window, "_SHARE", 1e6)
    monkeypatch.setattr(search_window, "_QUICK", 60)
    monkeypatch.setattr(search_window, "_OVERLAP", 0)
    captures = recorded.orders(10)
    magento_queue.put(captures[:4])
    with magento_queue.server.connect() as shop:
        magento_queue.publish([json.dumps(captures[6][1].decode())], shop)
        magento_queue.put(captures[4:6])
        claims = await queue.claim(3) + await queue.claim(3)
        shop.commit()
    magento_queue.put(captures[7:])
    claims += await queue.claim(3)
    assert [claim.body for claim in claims] == [body for _, body in captures[:9]]


async def test_a_clock_that_is_set_back_does_not_change_the_order_of_a_backlog(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    captures = recorded.orders(8)
    magento_queue.put(captures)
    claims = await queue.claim(2)
    magento_queue.run(
        "UPDATE {queue_message_status} SET updated_at = updated_at - INTERVAL 1 HOUR WHERE id > 4"
    )
    while len(claims) < 8:
        claims += await queue.claim(2)
    assert [claim.body for claim in claims] == [body for _, body in captures]


async def test_a_rolled_back_transaction_emits_nothing(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    with magento_queue.server.connect() as shop:
        magento_queue.publish([json.dumps(recorded.orders(1)[0][1].decode())], shop)
        assert await queue.claim(10) == []
        shop.rollback()
    assert await queue.claim(10) == []


async def test_messages_of_other_queues_are_left_alone(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    magento_queue.declare("async.operations.all")
    magento_queue.publish(['{"any": "thing"}'], queue="async.operations.all")
    assert await queue.claim(10) == []
    assert (await queue.depth()).captures == 0
    assert magento_queue.statuses == [NEW]


async def test_magentos_clean_up_deletes_nothing_that_waits_for_aws(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    captures = recorded.orders(3)
    magento_queue.put(captures)
    first, *others = await queue.claim(10)
    await queue.bury(first, "for a test")
    magento_queue.grow_older(days=30)
    magento_queue.clean_up()
    magento_queue.run("DELETE FROM {queue_message}")  # as an administrator might
    assert len(await queue.dead_letters.page(10)) == 1
    await queue.retry(others)
    claims = await queue.claim(10)
    assert [claim.body for claim in claims] == [body for _, body in captures[1:]]
    await queue.ack(claims)
    await queue.dead_letters.redrive(None)
    assert [claim.body for claim in await queue.claim(10)] == [captures[0][1]]


async def test_what_magento_pushes_to_be_tried_again_is_not_delivered_twice(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    magento_queue.put(recorded.orders(2))
    claims = await queue.claim(10)
    magento_queue.grow_older(days=2)
    magento_queue.clean_up()
    assert magento_queue.statuses == [RETRY_REQUIRED] * 2
    await asyncio.sleep(2.1)
    assert await queue.claim(10) == []
    assert magento_queue.statuses == [IN_PROGRESS] * 2
    await queue.ack(claims)
    assert magento_queue.statuses == [COMPLETE] * 2


async def test_what_magento_pushes_to_be_tried_again_is_claimed_once(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    captures = recorded.orders(3)
    magento_queue.put(captures[:2])
    await queue.retry(await queue.claim(10))
    magento_queue.run("UPDATE {queue_message_status} SET status = %s", RETRY_REQUIRED)
    magento_queue.put(captures[2:])
    await asyncio.sleep(2.1)
    claims = await queue.claim(10)
    assert [claim.body for claim in claims] == [body for _, body in captures]
    await queue.ack(claims)
    assert magento_queue.statuses == [COMPLETE] * 3


async def test_only_what_is_still_in_its_claim_becomes_complete(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    magento_queue.put(recorded.orders(3))
    claims = await queue.claim(10)
    magento_queue.run("UPDATE {eventbridge_queue_message} SET claimed_by = 'x/1' WHERE id = 2")
    await queue.ack(claims)
    assert magento_queue.statuses == [COMPLETE, IN_PROGRESS, COMPLETE]
    assert magento_queue.ask("SELECT id FROM {eventbridge_queue_message}") == ((2,),)


async def test_a_backlog_that_nears_its_deletion_is_reported_and_saved(
    magento_queue: MagentoQueue, queue: MagentoDbQueue, caplog: pytest.LogCaptureFixture
) -> None:
    magento_queue.put(recorded.orders(3))
    magento_queue.grow_older(days=6)
    assert len(await queue.claim(10)) == 3
    assert "waited in Magento's queue for 6.0 days" in caplog.text
    magento_queue.grow_older(days=6)
    magento_queue.clean_up()
    assert magento_queue.ask("SELECT COUNT(*) FROM {eventbridge_queue_message}") == ((3,),)


async def test_the_age_of_a_backlog_is_known_without_reading_all_of_it(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    magento_queue.fill(recorded.orders(1) * 2_000)
    magento_queue.grow_older(days=6)
    await queue.check()

    def rows_read(cursor: Cursor) -> int:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler\\_read%'")
        return sum(int(count) for _, count in cursor.fetchall())

    def read_for_age(cursor: Cursor) -> int:
        before = rows_read(cursor)
        queue._report_age(cursor)
        return rows_read(cursor) - before

    assert await queue._connection.run(read_for_age) < 100


@pytest.mark.parametrize("beyond", [100, 1_900])
@pytest.mark.parametrize("statistics", ["new", "old"])
async def test_a_search_reads_only_what_it_returns(
    magento_queue: MagentoQueue, queue: MagentoDbQueue, beyond: int, statistics: str
) -> None:
    """Neither what is complete nor what comes later, whatever the database believes is there."""
    if statistics == "old":
        magento_queue.run("ALTER TABLE {queue_message_status} STATS_AUTO_RECALC = 0")
        magento_queue.fill(recorded.orders(1) * 40)
        magento_queue.run("ANALYZE TABLE {queue_message_status}")
    magento_queue.fill(recorded.orders(1) * 2_000)
    await queue.check()

    def read(cursor: Cursor) -> int:
        cursor.execute(
            "SHOW SESSION STATUS WHERE Variable_name IN"
            " ('Handler_icp_attempts', 'Handler_read_next', 'Sort_rows')"
        )
        return sum(int(count) for _, count in cursor.fetchall())

    def read_in_search(cursor: Cursor) -> int:
        before = read(cursor)
        values = {"beyond": beyond, "limit": 50}
        assert len(queue._statements.rows(cursor, "waiting_beyond", values)) == 50
        return read(cursor) - before

    assert await queue._connection.run(read_in_search) < 200


async def test_an_index_with_another_name_serves_as_well(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    """`setup:upgrade` may create it anew while the bridge runs, or a store may lack it."""
    captures = recorded.orders(4)
    table = "ALTER TABLE {queue_message_status} "
    index = "QUEUE_MESSAGE_STATUS_QUEUE_ID_MESSAGE_ID"
    taken = []
    for number, change in enumerate(
        [
            f"RENAME INDEX {index} TO `other name`",
            "ADD KEY (queue_id), DROP INDEX `other name`",
            f"ADD UNIQUE KEY {index} (queue_id, message_id)",
        ]
    ):
        magento_queue.put(captures[number : number + 1])
        taken += await queue.claim(1)
        magento_queue.run(table + change)
        with suppress(QueueError):
            assert await queue.claim(1) == []
    magento_queue.put(captures[3:])
    taken += await queue.claim(1)
    assert [claim.body for claim in taken] == [body for _, body in captures]


def _searches(
    queue: MagentoDbQueue, monkeypatch: pytest.MonkeyPatch
) -> defaultdict[str, list[Any]]:
    """Return the queries that the queue makes from now on: their values, by their names."""
    searches: defaultdict[str, list[Any]] = defaultdict(list)
    rows = queue._statements.rows

    def run(cursor: Cursor, name: str, values: Any = None) -> Any:
        searches[name].append(values)
        return rows(cursor, name, values)

    monkeypatch.setattr(queue._statements, "rows", run)
    return searches


def _slow_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let searches of everything count as very slow, as under the snapshot of a long backup."""
    monkeypatch.setattr(search_window, "_SHARE", 1e9)
    monkeypatch.setattr(search_window, "_QUICK", -1.0)
    monkeypatch.setattr(search_window, "_OVERLAP", 0)


async def test_a_claim_that_met_another_bridge_searches_on_from_there(
    magento_queue: MagentoQueue, queue: MagentoDbQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To search all messages again takes a second when a million of them are complete."""
    _slow_searches(monkeypatch)
    captures = recorded.orders(8)
    magento_queue.put(captures)
    claims = await queue.claim(2)
    searches = _searches(queue, monkeypatch)
    with magento_queue.server.connect() as other, other.cursor() as cursor:
        cursor.execute(
            magento_queue.named("SELECT id FROM {queue_message_status} WHERE id = 3 FOR UPDATE")
        )
        claims += await queue.claim(2)
        other.rollback()
    claims += await queue.claim(2)
    claims += await queue.claim(2)
    assert sorted(claim.body for claim in claims) == sorted(
        body for _, body in captures[: len(claims)]
    )
    assert len(claims) >= 7
    assert "waiting" not in searches


async def test_a_claim_after_a_start_searches_a_long_queue_once(
    magento_queue: MagentoQueue, queue: MagentoDbQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow_searches(monkeypatch)
    searches = _searches(queue, monkeypatch)
    magento_queue.put(recorded.orders(3))
    assert len(await queue.claim(2)) == 2
    assert len(searches["waiting"]) == 1
    magento_queue.put(recorded.orders(1))
    assert [len(await queue.claim(2)) for _ in range(2)] == [2, 0]


async def test_slow_searches_are_not_repeated_by_an_idle_bridge_or_after_a_burst(
    magento_queue: MagentoQueue, queue: MagentoDbQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow_searches(monkeypatch)
    assert await queue.claim(2) == []
    searches = _searches(queue, monkeypatch)
    for _ in range(3):
        assert await queue.claim(2) == []
    await queue.wait(0.5)
    captures = recorded.orders(9)
    claims = []
    for start, end in ((0, 4), (4, 6), (6, 9)):  # whole claims, and more than one
        magento_queue.put(captures[start:end])
        while found := await queue.claim(2):
            claims += found
    assert [claim.body for claim in claims] == [body for _, body in captures]
    assert "waiting" not in searches


async def test_slow_searches_of_its_own_table_are_not_repeated_while_a_backlog_is_taken(
    magento_queue: MagentoQueue, queue: MagentoDbQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow_searches(monkeypatch)
    magento_queue.put(recorded.orders(9))
    await queue.claim(2)
    searches = _searches(queue, monkeypatch)
    assert [len(await queue.claim(2)) for _ in range(3)] == [2, 2, 2]
    starts = [values["beyond"] for values in searches["candidates"]]
    assert len(starts) == 3
    assert 0 < starts[0] < starts[1] < starts[2]


async def test_a_queue_that_is_not_there_yet_is_waited_for_with_one_line(
    magento_queue: MagentoQueue, queue: MagentoDbQueue, caplog: pytest.LogCaptureFixture
) -> None:
    magento_queue.run("DELETE FROM {queue}")
    for _ in range(3):
        assert await queue.claim(10) == []
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "Magento's database has no queue 'aws.eventbridge.events.send' yet. 'bin/magento "
        "setup:upgrade' creates it, once the module that publishes to it is installed, unless the "
        "store has a broker for it. Waiting for it."
    ]
    magento_queue.declare()
    magento_queue.put(recorded.orders(1))
    assert len(await queue.claim(10)) == 1


async def test_tables_of_another_prefix_are_reported(magento_queue: MagentoQueue) -> None:
    queue = MagentoDbQueue(replace(magento_queue.options, table_prefix="nobodys_"), QUEUE)
    with pytest.raises(QueueError, match="check the table prefix"):
        await queue.claim(10)
    await queue.close()
    for table in ("message", "dead_letter", "bridge"):
        magento_queue.run(f"DROP TABLE nobodys_eventbridge_queue_{table}")


@pytest.mark.parametrize(
    ("body", "store_id"),
    [
        ('{"store_id": 7}', 7),
        ('{"snapshot": {"store_id": 8}}', 0),
        (json.dumps('{"store_id": 7, "x": "\\" \\u00e9"}'), 7),
        (json.dumps('{"store_id": "abc"}'), 0),
        (json.dumps('{"store_id": 99999999999}'), 0),
        (json.dumps('{"store_id": null}'), 0),
        (json.dumps("no JSON"), 0),
        ('"half', 0),
        ("{", 0),
        ("", 0),
        (ORIGINALS[0], 0),
    ],
)
async def test_a_message_is_taken_with_its_store_view_whatever_it_is(
    magento_queue: MagentoQueue, queue: MagentoDbQueue, body: str, store_id: int
) -> None:
    magento_queue.publish([body])
    assert len(await queue.claim(10)) == 1
    assert magento_queue.ask("SELECT store_id FROM {eventbridge_queue_message}") == ((store_id,),)


async def test_what_the_original_published_is_delivered_with_an_id_that_stays(
    magento_queue: MagentoQueue,
) -> None:
    magento_queue.publish(ORIGINALS)
    ids = []
    for _ in range(2):
        queue = MagentoDbQueue(magento_queue.options, QUEUE)
        ids.append([claim.body for claim in await queue.claim(100)])
        await queue.close()
    assert ids[0] == ids[1]
    queue = MagentoDbQueue(magento_queue.options, QUEUE)
    async with put_events() as endpoint, delivering(queue, endpoint.url):
        await endpoint.until_taken(len(ORIGINALS))
    await queue.close()
    assert len(set(endpoint.ids)) == len(ORIGINALS)
    assert all(detail["metadata"]["async"] for detail in endpoint.details)
    assert set(magento_queue.statuses) == {COMPLETE}


async def test_what_nobody_understands_is_buried_with_the_reason(
    magento_queue: MagentoQueue,
) -> None:
    magento_queue.publish(['["{}"]', "null", json.dumps(recorded.orders(1)[0][1].decode())])
    queue = MagentoDbQueue(magento_queue.options, QUEUE)
    async with put_events() as endpoint, delivering(queue, endpoint.url):
        await endpoint.until_taken(1)
    letters = await queue.dead_letters.page(10)
    assert [letter.reason for letter in letters] == [
        "not a capture: Expected `object`, got `array`",
        "not a capture: Expected `object`, got `null`",
    ]
    assert letters[0].body == b'["{}"]'
    await queue.close()
    assert magento_queue.statuses == [ERROR, ERROR, COMPLETE]


async def test_several_bridges_share_the_queue(magento_queue: MagentoQueue) -> None:
    captures = recorded.orders(3000)
    magento_queue.put(captures)
    queues = [MagentoDbQueue(magento_queue.options, QUEUE) for _ in range(3)]

    async def drain(queue: MagentoDbQueue) -> int:
        count = 0
        while claims := await queue.claim(100):
            await queue.ack(claims)
            count += len(claims)
        return count

    counts = await asyncio.gather(*map(drain, queues))
    assert sum(counts) == 3000
    assert set(magento_queue.statuses) == {COMPLETE}
    for queue in queues:
        await queue.close()


CLAIMANT = """
import asyncio, sys
from magento_eventbridge.queues.mysql.magento_db import MagentoDbQueue
from magento_eventbridge.magento.database import DatabaseOptions

async def main():
    host, port, database, user, password, prefix = sys.argv[1:]
    options = DatabaseOptions(host=host, port=int(port), database=database, user=user,
                           password=password, table_prefix=prefix)
    print(len(await MagentoDbQueue(options, "aws.eventbridge.events.send").claim(10)), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_what_a_bridge_had_claimed_when_it_died_is_taken_up_again(
    magento_queue: MagentoQueue, queue: MagentoDbQueue
) -> None:
    captures = recorded.orders(15)
    magento_queue.put(captures)
    options = magento_queue.options
    words = (options.host, options.port, options.database, options.user, options.password)
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CLAIMANT,
        *map(str, words),
        options.table_prefix,
        stdout=asyncio.subprocess.PIPE,
    )
    assert other.stdout
    assert await other.stdout.readline() == b"10\n"
    magento_queue.php_takes()
    assert len(await queue.claim(2)) == 2
    other.kill()
    await other.wait()
    claims: list[Claim] = []
    async with asyncio.timeout(PATIENCE):
        while len(claims) < 12:
            claims += await queue.claim(20)
            await queue.wait(0.1)
    taken = [body for _, body in captures[:10] + captures[13:]]
    assert Counter(claim.body for claim in claims) == Counter(taken)


async def test_tables_of_a_newer_version_are_refused(magento_queue: MagentoQueue) -> None:
    queue = MagentoDbQueue(magento_queue.options, QUEUE)
    await queue.depth()
    await queue.close()
    table = f"{magento_queue.options.table_prefix}eventbridge_queue_bridge"
    with magento_queue.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE `{table}` COMMENT 'Leases (schema 99)'")
    queue = MagentoDbQueue(magento_queue.options, QUEUE)
    with pytest.raises(QueueError, match="newer version of magento-eventbridge .schema 99"):
        await queue.depth()
    await queue.close()


async def test_tables_of_the_first_version_are_migrated(magento_queue: MagentoQueue) -> None:
    queue = MagentoDbQueue(magento_queue.options, QUEUE)
    await asyncio.to_thread(magento_queue.put, recorded.orders(2))
    await queue.claim(1)
    await queue.close()
    table = f"{magento_queue.options.table_prefix}eventbridge_queue_bridge"
    with magento_queue.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE `{table}`")
    queue = MagentoDbQueue(magento_queue.options, QUEUE)
    assert (await queue.depth()).captures == 2
    assert len(await queue.claim(10)) == 2
    await queue.close()


async def test_a_table_of_ours_that_is_dropped_while_the_bridge_runs_is_created_again(
    magento_queue: MagentoQueue,
) -> None:
    queue = MagentoDbQueue(magento_queue.options, QUEUE)
    assert await queue.claim(10) == []
    prefix = magento_queue.options.table_prefix
    with magento_queue.server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE `{prefix}eventbridge_queue_message`")
    with pytest.raises(QueueError, match="the bridge creates its own when it connects"):
        await queue.claim(10)
    captures = recorded.orders(2)
    magento_queue.put(captures)
    assert [claim.body for claim in await queue.claim(10)] == [body for _, body in captures]
    await queue.close()
