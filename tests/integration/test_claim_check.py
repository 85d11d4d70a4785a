"""Large events with their arrays in S3, over HTTP: delivered whole, and holding up no others."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.delivery.claim_check import ClaimCheck
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.doctor.delivery import check_delivery
from magento_eventbridge.events import OrderPlaced, fetch, parse
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.settings.claim_check import ClaimCheckSettings
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.sinks.claim_check.objects import Bucket, Objects
from magento_eventbridge.sinks.claim_check.sink import ClaimCheckSink
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.integration.test_delivery import Bench, drain, ids
from tests.support import recorded
from tests.support.aws import REGION, client, local_aws
from tests.support.aws_stub import Raw, aws_stub
from tests.support.put_events import Take, put_events, takes_all
from tests.support.waiting import until

BUCKET = "large-events"


def large(subject: str = "000000900", items: int = 6_000) -> tuple[Any, bytes]:
    placed = recorded.of("order-guest", "sales_order_place_after")
    event = recorded.again(placed)
    event["subject"] = f"order/{subject}"
    (item, *_) = placed["snapshot"]["items"]
    event["snapshot"] = {
        **placed["snapshot"],
        "items": [{**item, "name": f"Shirt {number} " + "x" * 200} for number in range(items)],
    }
    return recorded.stored(event)


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[SqliteQueue]:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    yield queue
    await queue.close()


def sink_with(url: str, **changes: Any) -> ClaimCheckSink:
    credentials = CredentialsFinder()
    sink = EventBridgeSink(credentials, answer_seconds=2, connect_seconds=2)
    bucket = Bucket(BUCKET, endpoint_url=url, seconds=0.5, **changes)
    return ClaimCheckSink(sink, ClaimCheck(BUCKET, "shop/"), Objects(bucket, credentials))


async def test_a_large_event_is_delivered_and_can_be_fetched(spool: SqliteQueue) -> None:
    with local_aws() as url:
        s3 = client("s3", url)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        sink = sink_with(url, kms_key="alias/shop")
        async with put_events() as endpoint:
            bench = Bench(spool, endpoint, sink)  # type: ignore[arg-type]
            small = recorded.orders(5)
            await spool.put([*small, large()])
            dispatcher = await drain(bench)
        await sink.close()
        assert (dispatcher.totals.delivered, dispatcher.totals.buried) == (6, 0)
        (entry,) = [e for e in endpoint.taken if '"dataref"' in e["Detail"]]
        assert len(entry["Detail"]) < 5_000
        detail = json.loads(entry["Detail"])
        assert detail["items"] == []
        assert detail["billingAddress"]["city"]
        event = {
            "version": "0", "id": "1", "detail-type": entry["DetailType"], "detail": detail,
            "source": entry["Source"], "account": "123456789012", "region": REGION,
            "time": "2020-08-26T10:49:36Z", "resources": [],
        }  # fmt: skip
        whole = fetch(parse(event), s3=s3)
        assert isinstance(whole, OrderPlaced)
        assert len(whole.detail.items) == 6_000
        assert whole.detail.items[-1].name.startswith("Shirt 5999 ")
        stored = s3.head_object(Bucket=BUCKET, Key=detail["metadata"]["dataref"]["key"])
        assert stored["ContentType"] == "application/json"
        assert stored["ServerSideEncryption"] == "aws:kms"


_DENIED = Raw(
    b"<Error><Code>AccessDenied</Code><Message>not authorized to perform: s3:PutObject</Message>"
    b"</Error>",
    403,
)


def _large_events(dispatcher: Dispatcher) -> int:
    found = [status.large_events for status in dispatcher.destinations]
    return sum(each.waiting for each in found if each)


def _stall(_: Any) -> Raw:
    time.sleep(1.5)
    return Raw(b"")


@pytest.mark.parametrize("failure", [lambda _: _DENIED, _stall], ids=["denied", "no answer"])
async def test_while_s3_fails_large_events_wait_and_others_pass(
    spool: SqliteQueue, failure: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with aws_stub() as stub:
        stub.answer = failure
        sink = sink_with(stub.url)
        waiting = [large(f"{900 + number:09}") for number in range(12)]
        async with put_events() as endpoint:
            bench = Bench(spool, endpoint, sink)  # type: ignore[arg-type]
            async with bench.running() as dispatcher:
                await spool.put(waiting)
                await until(lambda: bool(stub.requests))
                others = recorded.orders(60)
                await spool.put(others)
                await until(lambda: len(endpoint.ids) == 60)
                assert sorted(endpoint.ids) == sorted(ids(others))
                assert dispatcher.totals.buried == 0
                # The bus is well; what is not is in the status, in health and in the log.
                (status,) = dispatcher.destinations
                assert (status.problem, status.is_parked) == (None, False)
                await until(lambda: _large_events(dispatcher) == 12)
                (problem,) = dispatcher.problems
                assert problem == f"{status.destination}, large events"
                assert dispatcher.problems[problem].startswith("not stored: ")
                assert "Cannot store the arrays of large events in s3://large-events" in caplog.text
                stub.answer = lambda _: Raw(b"")
                await until(lambda: len(endpoint.ids) == 72)
                await until(lambda: dispatcher.problems == {})
                assert _large_events(dispatcher) == 0
                assert "can be stored in s3://large-events again" in caplog.text
        await sink.close()
    assert sorted(endpoint.ids) == sorted(ids([*others, *waiting]))
    assert len(set(endpoint.ids)) == 72


async def test_a_large_event_does_not_hold_up_its_kind_when_that_is_permitted_again(
    spool: SqliteQueue,
) -> None:
    """The probe of refused events is not one that waits for S3."""
    others = recorded.orders(20)
    with aws_stub() as stub:
        stub.answer = lambda _: Raw(b"")
        sink = sink_with(stub.url)
        async with put_events() as endpoint:
            endpoint.script = lambda _, entries: Take(
                dict.fromkeys(range(len(entries)), "NotAuthorizedForDetailTypeException")
            )
            bench = Bench(spool, endpoint, sink)  # type: ignore[arg-type]
            first = large("900000001")
            await spool.put([first])
            async with bench.running() as dispatcher:
                await until(lambda: bool(dispatcher.parked))
                await spool.put(others)
                await until(lambda: dispatcher.destinations[0].refused[0].waiting > 1)
                stub.answer = lambda _: _DENIED
                endpoint.script = takes_all
                await until(lambda: len(endpoint.ids) == 20)
                assert sorted(endpoint.ids) == sorted(ids(others))
                stub.answer = lambda _: Raw(b"")
                await until(lambda: len(endpoint.ids) == 21)
        await sink.close()
    assert endpoint.ids[-1:] == ids([first])


async def test_a_large_event_keeps_its_place_among_those_of_its_subject(
    spool: SqliteQueue,
) -> None:
    with aws_stub() as stub:
        failing = iter([True] * 3)
        stub.answer = lambda _: _DENIED if next(failing, False) else Raw(b"")
        sink = sink_with(stub.url)
        first, second = large(), large(items=1)
        async with put_events() as endpoint:
            bench = Bench(spool, endpoint, sink)  # type: ignore[arg-type]
            await spool.put([first, second])
            async with bench.running():
                await until(lambda: len(endpoint.ids) == 2)
        await sink.close()
    assert endpoint.ids == ids([first, second])


async def test_what_is_too_large_without_its_arrays_is_a_dead_letter(spool: SqliteQueue) -> None:
    placed = recorded.of("order-guest", "sales_order_place_after")
    event = recorded.again(placed)
    event["snapshot"] = {**placed["snapshot"], "coupon_code": "x" * 1_000_000}
    with aws_stub() as stub:
        sink = sink_with(stub.url)
        async with put_events() as endpoint:
            await spool.put([recorded.stored(event)])
            await drain(Bench(spool, endpoint, sink))  # type: ignore[arg-type]
        await sink.close()
        assert stub.requests == []
    (letter,) = await spool.dead_letters.page(2)
    assert "and it has more than that without its arrays" in letter.reason


async def test_without_a_bucket_the_dead_letter_says_what_to_set(spool: SqliteQueue) -> None:
    sink = EventBridgeSink(CredentialsFinder())
    async with put_events() as endpoint:
        await spool.put([large()])
        await drain(Bench(spool, endpoint, sink))
    await sink.close()
    (letter,) = await spool.dead_letters.page(2)
    assert "set claim_check.bucket to deliver such events" in letter.reason


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (Raw(b""), "ok", "s3://large-events/magento-events/doctor.json was written"),
        (_DENIED, "FAIL", "such events wait: s3://large-events/magento-events/doctor.json: Access"),
    ],
)
async def test_the_doctor_writes_an_object(
    tmp_path: Path, answer: Raw, status: str, message: str
) -> None:
    with aws_stub() as stub:
        stub.answer = lambda _: answer
        async with put_events() as endpoint:
            settings = Settings.model_validate(
                {
                    "options": {"region": REGION, "endpoint_url": endpoint.url},
                    "credentials": {
                        "type": "keys", "access_key": "AKIATEST", "secret_access_key": "secret",
                    },
                    "inlet": {"enabled": False},
                    "spool": {"path": tmp_path / "spool.sqlite"},
                    "claim_check": {"bucket": BUCKET, "endpoint_url": stub.url},
                }
            )  # fmt: skip
            findings = await check_delivery(settings)
    (bucket,) = [finding for finding in findings if finding.name.startswith("bucket")]
    assert bucket.state == status
    assert message in bucket.message


def test_the_name_of_a_bucket_is_checked() -> None:
    with pytest.raises(ValueError, match="is no name of a bucket"):
        ClaimCheckSettings(bucket="arn:aws:s3:::large")
