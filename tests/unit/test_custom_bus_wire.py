"""Calls of the Custom Event Bus on the wire are those of AWS's own SDK."""

from datetime import UTC, datetime
from typing import Any

import botocore.session
import cbor2
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.aws.endpoints import custom_bus_endpoint
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.sinks.custom_bus.wire import (
    HEADERS,
    PATH,
    encode_call,
    group_of,
    read_answer,
)
from magento_eventbridge.sinks.eventbridge.http_client import Reply
from magento_eventbridge.sinks.eventbridge.signer import Signer

ACCOUNT = "123456789012"


def arn_in(region: str, partition: str = "aws") -> str:
    return f"arn:{partition}:events:{region}:{ACCOUNT}:event-busv2/shop/{'a1' * 12}b"


ARN = arn_in("eu-west-1")


class _SentError(Exception):
    """Ends a call of botocore before it is sent."""


def sent_by_botocore(region: str, arn: str, entries: list[dict[str, Any]], **config: Any) -> Any:
    """Return the request that AWS's SDK would send."""
    client = botocore.session.Session().create_client(
        "eventbridgev2",
        region_name=region,
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="a-test-secret",
        config=Config(**config),
    )
    requests = []

    def keep(request: Any, **_: Any) -> None:
        requests.append(request)
        raise _SentError

    client.meta.events.register("before-send.*", keep)
    with pytest.raises(_SentError):
        client.put_events(EventBusArn=arn, Entries=entries)
    return requests[0]


def entry(**changes: Any) -> Entry:
    return Entry.of(
        **{
            "source": "shop.example.com",
            "detail_type": "OrderPlaced",
            "detail": '{"id":"000000123"}',
            "time": 1_700_000_000.125,
            "event_bus": ARN,
            "id": "0189f0a8-0000-7000-8000-000000000001",
            "order_key": "1/order/000000123",
            **changes,
        }
    )


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(
    source=texts,
    detail=texts,
    time=st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000),
    resources=st.lists(texts, max_size=3),
    key=texts,
)
def test_a_call_decodes_to_what_botocore_would_send(source, detail, time, resources, key):
    ours = entry(source=source, detail=detail, time=time, resources=tuple(resources), order_key=key)
    theirs = {
        "Source": source,
        "DetailType": "OrderPlaced",
        "Detail": detail,
        "Time": datetime.fromtimestamp(time, UTC),
        "SystemMetadata": {"EventGroupId": key, "DeduplicationId": ours.id},
        **({"Resources": resources} if resources else {}),
    }
    decoded = cbor2.loads(encode_call(ARN, [ours]))
    assert set(decoded) == {"EventBusArn", "Entries"}
    assert decoded["EventBusArn"] == ARN
    [sent] = decoded["Entries"]
    assert abs(sent.pop("Time") - theirs.pop("Time")).total_seconds() < 0.001
    assert sent == theirs


def test_a_whole_call_is_the_one_of_botocore():
    entries = [entry(), entry(resources=("arn:aws:☃",), order_key="x", id="y")]
    request = sent_by_botocore(
        "eu-west-1",
        ARN,
        [
            {
                "Source": each.source,
                "DetailType": each.detail_type,
                "Detail": each.detail,
                "Time": each.time,
                "SystemMetadata": {"EventGroupId": each.order_key, "DeduplicationId": each.id},
                **({"Resources": list(each.resources)} if each.resources else {}),
            }
            for each in entries
        ],
    )
    assert cbor2.loads(encode_call(ARN, entries)) == cbor2.loads(request.body)
    assert request.url == custom_bus_endpoint(ARN) + PATH
    for name, value in HEADERS.items():
        assert request.headers[name] == value.encode()


def test_its_signature_is_the_one_of_botocore():
    request = sent_by_botocore("eu-west-1", ARN, [{"Source": "s", "DetailType": "d"}])
    moment = datetime.strptime(request.headers["X-Amz-Date"].decode(), "%Y%m%dT%H%M%SZ")
    signer = Signer(request.url, "events", "eu-west-1", HEADERS)
    credentials = Credentials("AKIATEST", "a-test-secret").get_frozen_credentials()
    ours = signer.sign(request.body, credentials, moment.replace(tzinfo=UTC).timestamp())
    assert ours["authorization"] == request.headers["Authorization"].decode()


# Of every partition that the SDK's rules know with these hosts.
REGIONS = [
    ("us-east-1", "aws"),
    ("us-east-2", "aws"),
    ("us-west-2", "aws"),
    ("ca-central-1", "aws"),
    ("sa-east-1", "aws"),
    ("eu-central-1", "aws"),
    ("eu-north-1", "aws"),
    ("eu-west-1", "aws"),
    ("eu-west-2", "aws"),
    ("ap-northeast-1", "aws"),
    ("ap-northeast-2", "aws"),
    ("ap-south-1", "aws"),
    ("ap-southeast-1", "aws"),
    ("ap-southeast-2", "aws"),
    ("cn-north-1", "aws-cn"),
    ("us-gov-west-1", "aws-us-gov"),
]
VARIANTS = [
    {},
    {"use_fips_endpoint": True},
    {"use_dualstack_endpoint": True},
    {"use_fips_endpoint": True, "use_dualstack_endpoint": True},
    {"account_id_endpoint_mode": "disabled"},
]


@pytest.mark.parametrize(("region", "partition"), REGIONS)
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: "+".join(variant) or "plain")
def test_the_host_is_the_one_that_botocore_would_call(region, partition, variant, monkeypatch):
    for name, value in variant.items():
        monkeypatch.setenv(f"AWS_{name.upper()}", str(value).lower())
    custom_bus_endpoint.cache_clear()
    arn = arn_in(region, partition)
    request = sent_by_botocore(region, arn, [{"Source": "s", "DetailType": "d"}], **variant)
    assert custom_bus_endpoint(arn) + PATH == request.url
    custom_bus_endpoint.cache_clear()


def test_a_long_key_becomes_a_stable_hash_and_the_longest_allowed_stays():
    assert group_of(entry(order_key="x" * 128)) == "x" * 128
    hashed = group_of(entry(order_key="x" * 129))
    assert hashed == group_of(entry(order_key="x" * 129))
    assert len(hashed) == 64
    assert hashed != group_of(entry(order_key="x" * 130))


def test_an_event_without_subject_is_a_group_of_its_own():
    assert group_of(entry(order_key=None)) == entry().id


# Answers


def answered(status: int, content: Any) -> Any:
    return read_answer(Reply(status, cbor2.dumps(content), {}))


def test_published_and_deduplicated_are_delivered():
    answer = answered(
        200,
        {
            "Entries": [
                {"SuccessCode": "PUBLISHED", "EventId": "e", "SequenceNumber": "1"},
                {"SuccessCode": "DEDUPLICATED"},
            ]
        },
    )
    assert [(result.event_id, result.error_code) for result in answer.results] == [
        ("e", None),
        ("", None),
    ]


@pytest.mark.parametrize("result", [{}, {"EventId": "e"}, {"SuccessCode": "MAYBE", "EventId": "e"}])
def test_a_result_without_a_code_of_success_is_no_delivery(result):
    [read] = answered(200, {"Entries": [result]}).results
    assert (read.event_id, read.error_code) == (None, None)


def test_a_failed_entry_has_its_code_and_message():
    [result] = answered(
        200,
        {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "Throttling", "ErrorMessage": "slow"}]},
    ).results
    assert (result.error_code, result.error_message) == ("Throttling", "slow")


@pytest.mark.parametrize("key", ["message", "Message"])
def test_an_error_of_the_call_has_the_code_behind_the_namespace(key):
    answer = answered(429, {"__type": "com.amazonaws.eventbridgev2#ThrottlingException", key: "m"})
    assert (answer.error_code, answer.error_message) == ("ThrottlingException", "m")
    assert answer.results is None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff", b'{"Entries":[]}', cbor2.dumps([1]), cbor2.dumps({"Entries": 1})],
    ids=["empty", "html", "break", "json", "list", "no list"],
)
def test_what_is_not_cbor_of_put_events_is_described(body):
    headers = {"server": "squid", "content-type": "text/html"}
    answer = read_answer(Reply(200, body, headers))
    assert (answer.status, answer.results, answer.error_code) == (200, None, None)
    assert answer.answered_by is not None
    assert answer.answered_by.startswith("squid, text/html")
    refused = read_answer(Reply(403, body, headers))
    assert (refused.status, refused.results, refused.error_code) == (403, None, None)


def test_a_pause_that_is_asked_for_is_read():
    assert read_answer(Reply(503, b"", {"retry-after": "7"})).retry_after == 7
    assert read_answer(Reply(503, b"", {"retry-after": "soon"})).retry_after is None
