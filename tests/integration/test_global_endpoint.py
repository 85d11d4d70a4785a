"""A global endpoint: its ID is in the request, and the signature is valid in both regions."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replace_struct

from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.aws.endpoints import eventbridge_endpoint, global_endpoint
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.routing import CredentialsSource, Destination, Route
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.sinks.eventbridge.buses import EventBuses
from magento_eventbridge.sinks.eventbridge.sink import EventBridgeSink
from tests.conformance.test_sinks import entries
from tests.support import recorded
from tests.support.aws import client, environment, local_aws
from tests.support.aws_stub import Refusal, Request, aws_stub
from tests.support.put_events import put_events
from tests.support.waiting import PATIENCE
from tests.unit.test_cli import command, nothing_of_this_machine, words  # noqa: F401
from tests.unit.test_signing import public_key, verify

SECRET = "a-test-secret"
KEYS = CredentialsSource(type="keys", access_key="AKIATEST", secret_access_key=SECRET)
ID = "abcde.veo"
HASTY = Policy(backoff=Backoff(first=0.02, longest=0.1), poll_seconds=0.02, stop_seconds=5)


@pytest.fixture(autouse=True)
def nothing_is_cached() -> None:
    for cached in (global_endpoint, eventbridge_endpoint):
        cached.cache_clear()


def destination(url: str, bus: str | None = None) -> Destination:
    return Destination("eu-west-1", bus, url, KEYS, endpoint_id=ID)


@pytest.mark.parametrize(
    ("bus", "name"), [(None, "default"), ("shop", "shop"), ("default", "default")]
)
async def test_a_call_names_the_endpoint_and_the_bus_and_is_signed_for_all_regions(
    bus: str | None, name: str
) -> None:
    async with put_events() as endpoint:
        sink = EventBridgeSink(CredentialsFinder())
        where = destination(endpoint.url, bus)
        answer = await sink.put(
            where, [replace_struct(entry, event_bus=bus) for entry in entries(3)]
        )
        # The same bus without the endpoint is another destination: neither changes the other's.
        await sink.put(replace(where, endpoint_id=None), entries(1))
        await sink.close()
    assert answer.results is not None
    assert all(result.event_id for result in answer.results)
    by_endpoint, by_region = (json.loads(body) for body in endpoint.bodies)
    assert by_endpoint["EndpointId"] == ID
    assert [entry["EventBusName"] for entry in by_endpoint["Entries"]] == [name] * 3
    assert "EndpointId" not in by_region
    canonical = verify(
        endpoint.headers[0], endpoint.url, endpoint.bodies[0], public_key("AKIATEST", SECRET)
    )
    assert "x-amz-region-set:*\n" in canonical
    assert "x-amz-target:AWSEvents.PutEvents\n" in canonical
    assert endpoint.headers[1]["authorization"].startswith("AWS4-HMAC-SHA256 ")


async def test_botocores_call_has_the_same_headers_and_members() -> None:
    """What AWS's own client sends to a global endpoint is what the sink sends."""
    import boto3

    async with put_events() as endpoint:
        client = boto3.client(
            "events",
            region_name="eu-west-1",
            endpoint_url=endpoint.url,
            aws_access_key_id="AKIATEST",
            aws_secret_access_key=SECRET,
        )
        entry = replace_struct(entries(1)[0], event_bus="shop")
        await asyncio.to_thread(
            client.put_events,
            EndpointId=ID,
            Entries=[
                {
                    "Source": entry.source,
                    "DetailType": entry.detail_type,
                    "Detail": entry.detail,
                    "Time": entry.time,
                    "EventBusName": "shop",
                }
            ],
        )
        sink = EventBridgeSink(CredentialsFinder())
        await sink.put(destination(endpoint.url, "shop"), [entry])
        await sink.close()
    assert json.loads(endpoint.bodies[0]) == json.loads(endpoint.bodies[1])
    key = public_key("AKIATEST", SECRET)
    theirs, ours = (
        verify(headers, endpoint.url, body, key).split("\n\n")[-1].splitlines()[0]
        for headers, body in zip(endpoint.headers, endpoint.bodies, strict=True)
    )
    assert theirs.split(";") == ours.split(";")


async def test_without_the_extra_events_wait_and_the_reason_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    await queue.put(recorded.orders(20))
    async with put_events() as endpoint:
        credentials = CredentialsFinder()
        sink = EventBridgeSink(credentials, EventBuses(credentials))
        route = Route(destination(endpoint.url, "shop"), "shop.example.com")
        dispatcher = Dispatcher(queue, lambda _: route, lambda _: sink, HASTY)
        with monkeypatch.context() as without:
            for name in ("awscrt", "awscrt.auth"):
                without.setitem(sys.modules, name, None)
            running = asyncio.create_task(dispatcher.run())
            async with asyncio.timeout(PATIENCE):
                while not dispatcher.parked:
                    await asyncio.sleep(0.01)
            assert "pip install" in dispatcher.parked[0]
            assert "[global-endpoints]" in dispatcher.parked[0]
            assert endpoint.calls == 0
        await endpoint.until_taken(20)
        dispatcher.stop()
        await running
        await sink.close()
    assert (await queue.depth()).dead == 0
    await queue.close()


# The doctor

BUS = "arn:aws:events:{}:123456789012:event-bus/shop"
ENDPOINT = {
    "Name": "shop",
    "EndpointId": ID,
    "State": "ACTIVE",
    "EventBuses": [
        {"EventBusArn": BUS.format("eu-west-1")},
        {"EventBusArn": BUS.format("eu-central-1")},
    ],
    "ReplicationConfig": {"State": "ENABLED"},
    "RoutingConfig": {
        "FailoverConfig": {
            "Primary": {"HealthCheck": "arn:aws:route53:::healthcheck/1"},
            "Secondary": {"Route": "eu-central-1"},
        }
    },
}
OTHER = {**ENDPOINT, "Name": "other", "EndpointId": "fghij.veo"}


def finding(command: Any, monkeypatch: pytest.MonkeyPatch, endpoints: Any, *more: str) -> Any:
    """Run the doctor against an AWS with these endpoints; return what it says of ours."""

    def answer(request: Request) -> Any:
        match request.headers["x-amz-target"].partition(".")[2]:
            case "ListEndpoints":
                if isinstance(endpoints, Refusal):
                    return endpoints
                position = int(request.json.get("NextToken", 0))
                page = {"Endpoints": endpoints[position : position + 1]}
                is_last = position + 1 >= len(endpoints)
                return page if is_last else {**page, "NextToken": str(position + 1)}
            case "DescribeEventBus":
                if request.json["Name"] == BUS.format("eu-central-1") and "--missing" in more:
                    return Refusal("ResourceNotFoundException", "no such bus")
                return {"Name": request.json["Name"]}
            case _:
                failed = {"ErrorCode": "MalformedDetail", "ErrorMessage": "malformed"}
                count = len(request.json["Entries"])
                return {"FailedEntryCount": count, "Entries": [failed] * count}

    with aws_stub() as stub:
        for name, value in environment(stub.url).items():
            monkeypatch.setenv(name, value)
        stub.answer = answer
        ran = command(
            *("doctor", "--json", "--set", f"options.endpoint_id={ID}"),
            *("--set", "options.event_bus=shop"),
            *(each for each in more if each != "--missing"),
        )
    findings = {each["name"]: each for each in ran.json["findings"]}
    assert findings["bus of all store views"]["state"] == "ok", findings
    return findings["global endpoint of all store views"]


def test_the_doctor_finds_the_endpoint_among_others(command, monkeypatch):
    found = finding(command, monkeypatch, [OTHER, OTHER, ENDPOINT])
    assert found["state"] == "ok"
    assert "shop fails over from eu-west-1 to eu-central-1" in found["message"]


@pytest.mark.parametrize(
    ("endpoints", "more", "status", "message"),
    [
        ([], (), "fail", "eu-west-1 has no global endpoint with the ID abcde.veo"),
        ([OTHER], (), "fail", "no global endpoint with the ID abcde.veo"),
        (
            [{**ENDPOINT, "State": "CREATE_FAILED", "StateReason": "no role"}],
            (),
            "fail",
            "its state is CREATE_FAILED (no role)",
        ),
        ([{**ENDPOINT, "State": "UPDATING"}], (), "fail", "its state is UPDATING"),
        (
            [ENDPOINT],
            ("--set", "options.event_bus=outlet"),
            "fail",
            "not bus 'outlet': set options.event_bus to one of these",
        ),
        (
            [ENDPOINT],
            ("--set", f"options.event_bus={BUS.format('us-east-1')}"),
            "fail",
            "set options.event_bus to one of these",
        ),
        ([ENDPOINT], ("--set", "options.region=us-east-1"), "fail", "no bus in options.region"),
        ([ENDPOINT], ("--missing",), "fail", "does not exist (DescribeEventBus)"),
        (
            [{**ENDPOINT, "ReplicationConfig": {"State": "DISABLED"}}],
            (),
            "warn",
            "does not replicate events",
        ),
        (
            Refusal(
                "AccessDeniedException",
                "User: arn:aws:iam::123456789012:user/shop is not authorized to perform: "
                "events:ListEndpoints because no identity-based policy allows it",
            ),
            (),
            "warn",
            '{"Effect": "Allow", "Action": "events:ListEndpoints"',
        ),
    ],
)
def test_the_doctor_says_what_is_wrong_with_an_endpoint(
    command,
    monkeypatch,
    endpoints,
    more,
    status,
    message,
):
    found = finding(command, monkeypatch, endpoints, *more)
    assert (found["state"], message in found["message"]) == (status, True), found


def test_rules_are_those_of_one_region(command, monkeypatch):
    with local_aws() as url:
        for name, value in environment(url).items():
            monkeypatch.setenv(name, value)
        given = ("--set", f"options.endpoint_id={ID}")
        queue = "arn:aws:sqs:eu-west-1:123456789012:orders"
        client("sqs", url).create_queue(QueueName="orders")
        ran = command(
            "rules", "put", "orders", "OrderPlaced", "--target", queue, "--dry-run", *given
        )
        assert (
            "the bus in the secondary region of the global endpoint needs the same rules"
            in words(ran.err)
        )
