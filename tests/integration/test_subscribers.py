"""`rules` on a Custom Event Bus: subscribers against a stand-in of AWS's API."""

import importlib
import json

import pytest

from tests.integration.test_rules import (
    FIFO,
    LAMBDA,
    LOGS,
    QUEUE,
    ROLE,
    STREAM,
    TOPIC,
    with_targets,
)
from tests.support.aws import ACCOUNT, REGION, environment
from tests.support.aws_stub import aws_stub
from tests.support.subscribers import Subscribers
from tests.support.templates import terraform
from tests.unit.test_cli import command, nothing_of_this_machine, words  # noqa: F401

BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-busv2/shop/{'a1' * 12}b"
OTHER_BUS = BUS.replace("shop", "central")
DEAD = f"{QUEUE}-dead"
PUT = ["rules", "put", "orders", "OrderPlaced", "--detail", "total>10"]
GROUP = "{% $events.SystemMetadata.EventGroupId %}"


@pytest.fixture
def aws(monkeypatch, nothing_of_this_machine):
    subscribers = Subscribers(ACCOUNT, REGION)
    with aws_stub() as stub:
        stub.answer = subscribers.answer
        for name, value in environment(stub.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MAGENTO_EVENTBRIDGE_OPTIONS__EVENT_BUS", BUS)
        yield subscribers


def by_name(aws):
    return {one["Name"]: one for one in aws.by_arn.values()}


def test_a_subscriber_is_created_once(command, aws):
    put = [*PUT, *with_targets(FIFO), "--role-arn", ROLE, "--dlq", DEAD, "--retry", "185,86400"]
    preview = command(*put, "--dry-run")
    assert (preview.status, preview.err, aws.by_arn) == (0, "", {})
    done = command(*put)
    assert (done.status, done.err) == (0, "")
    assert done.out == f"create subscriber orders for {FIFO}\n"
    assert preview.out == f"would {done.out}"
    (subscriber,) = aws.by_arn.values()
    assert subscriber["EventBusArn"] == BUS
    assert subscriber["Type"] == "FIFO"
    (data,) = subscriber["FilterConfiguration"]["Filters"]
    assert data["Scope"] == "DATA"
    assert json.loads(data["Pattern"]) == {
        "source": ["shop.example.com"],
        "detail-type": ["OrderPlaced"],
        "detail": {"total": [{"numeric": [">", 10]}]},
    }
    assert subscriber["InvokeConfiguration"] == {
        "TargetArn": FIFO,
        "RoleArn": ROLE,
        "SqsParameters": {
            "MessageGroupId": GROUP,
            "MessageDeduplicationId": "{% $events.SystemMetadata.DeduplicationId %}",
        },
    }
    assert subscriber["RetryPolicy"] == {"MaxRetryAttempts": 185, "MaxEventAgeInSeconds": 86400}
    assert subscriber["OnFailureConfiguration"] == {"Arn": DEAD}
    assert command(*put).out == "rule orders is up to date\n"
    assert command(*PUT, *with_targets(FIFO)).out == "rule orders is up to date\n"


def test_each_target_has_a_subscriber(command, aws):
    put = [*PUT, "--role-arn", ROLE]
    targets = [QUEUE, TOPIC, LAMBDA, STREAM, OTHER_BUS]
    assert command(*put, *with_targets(*targets)).status == 0
    subscribers = by_name(aws)
    assert len(subscribers) == 5
    assert subscribers["orders"]["InvokeConfiguration"]["TargetArn"] == QUEUE
    assert all(name == "orders" or name.startswith("orders-") for name in subscribers)
    assert {one["Type"] for one in subscribers.values()} == {"UNORDERED"}
    blocks = {
        one["InvokeConfiguration"]["TargetArn"]: one["InvokeConfiguration"]
        for one in subscribers.values()
    }
    assert blocks[STREAM]["KinesisParameters"] == {"PartitionKey": GROUP}
    assert blocks[OTHER_BUS]["EventBusV2Parameters"]["SystemMetadata"]["EventGroupId"] == GROUP
    # The order in which targets are named does not matter.
    again = command(*put, *with_targets(*reversed(targets)))
    assert again.out == "rule orders is up to date\n"


def test_order_can_be_asked_for(command, aws):
    command(*PUT, *with_targets(LAMBDA), "--role-arn", ROLE, "--fifo")
    assert by_name(aws)["orders"]["Type"] == "FIFO"
    other = command(*PUT, *with_targets(LAMBDA), "--role-arn", ROLE)
    assert other.status == 2
    assert "is FIFO, and AWS cannot change that" in words(other.err)


def test_an_update_keeps_what_was_set_at_aws(command, aws):
    put = [*PUT, *with_targets(QUEUE), "--role-arn", ROLE, "--retry", "3"]
    command(*put)
    (subscriber,) = aws.by_arn.values()
    system = {"Scope": "SYSTEM_METADATA", "Pattern": '{"aws:DeliveryType": ["LIVE"]}'}
    subscriber["FilterConfiguration"] = {
        "Language": "EVENT_BRIDGE_PATTERN",
        "Filters": [*subscriber["FilterConfiguration"]["Filters"], system],
    }
    subscriber["InvokeConfiguration"]["SqsParameters"] = {"DelaySeconds": "5"}
    subscriber["Transformer"] = {"Type": "WITH_METADATA"}
    subscriber["RetryPolicy"] |= {"MaxEventAgeInSeconds": 300}
    subscriber["State"] = "STOPPED"
    assert command(*put).out == "rule orders is up to date\n"

    changed = command(
        "rules", "put", "orders", "OrderCanceled", *with_targets(QUEUE), "--retry", "9",
        "--role-arn", f"{ROLE}-new",
    )  # fmt: skip

    assert changed.out == (
        "change FilterConfiguration, InvokeConfiguration, RetryPolicy of subscriber orders\n"
    )
    (after,) = aws.by_arn.values()
    data, kept = after["FilterConfiguration"]["Filters"]
    assert json.loads(data["Pattern"])["detail-type"] == ["OrderCanceled"]
    assert kept == system
    assert after["InvokeConfiguration"] == {
        "TargetArn": QUEUE,
        "RoleArn": f"{ROLE}-new",
        "SqsParameters": {"DelaySeconds": "5"},
    }
    assert after["RetryPolicy"] == {"MaxRetryAttempts": 9, "MaxEventAgeInSeconds": 300}
    assert (after["Transformer"]["Type"], after["State"]) == ("WITH_METADATA", "STOPPED")


def test_targets_that_are_not_named_are_pruned_on_demand(command, aws):
    put = [*PUT, "--role-arn", ROLE]
    command(*put, *with_targets(QUEUE, TOPIC, LAMBDA))
    # The subscribers of another rule whose name begins alike stay.
    command("rules", "put", "orders-eu", "OrderPlaced", *with_targets(QUEUE), "--role-arn", ROLE)
    assert command(*put, *with_targets(TOPIC)).out == "rule orders is up to date\n"
    pruned = command(*put, *with_targets(TOPIC), "--prune")
    assert sorted(line.rpartition(" for ")[2] for line in pruned.out.splitlines()) == sorted(
        [QUEUE, LAMBDA]
    )
    assert {one["InvokeConfiguration"]["TargetArn"] for one in aws.by_arn.values()} == {
        TOPIC,
        QUEUE,
    }
    assert "orders-eu" in by_name(aws)


def test_subscribers_are_listed_and_deleted(command, aws):
    command(*PUT, *with_targets(QUEUE, TOPIC), "--role-arn", ROLE)
    command("rules", "put", "all", "OrderPlaced", *with_targets(FIFO), "--role-arn", ROLE)
    listed = command("rules", "list", "--json").json
    assert len(listed) == 3
    assert listed[-1] == {
        "name": "all",
        "state": "RUNNING",
        "type": "FIFO",
        "pattern": {"source": ["shop.example.com"], "detail-type": ["OrderPlaced"]},
        "targets": [FIFO],
    }
    assert "RUNNING FIFO" in command("rules", "list").out
    assert len(command("rules", "delete", "orders", "--dry-run").out.splitlines()) == 2
    assert len(aws.by_arn) == 3
    assert command("rules", "delete", "orders").status == 0
    assert list(by_name(aws)) == ["all"]
    assert command("rules", "delete", "orders").out == "there is no rule orders\n"


def test_a_subscriber_without_a_filter_is_listed(command, aws):
    command(*PUT, *with_targets(QUEUE), "--role-arn", ROLE)
    (subscriber,) = aws.by_arn.values()
    del subscriber["FilterConfiguration"]
    subscriber["Revoked"] = True
    (listed,) = command("rules", "list", "--json").json
    assert (listed["pattern"], listed["state"]) == ({}, "REVOKED")
    assert "all events" in command("rules", "list").out
    refused = command(*PUT, *with_targets(QUEUE), "--role-arn", ROLE)
    assert refused.status == 2
    assert "was revoked by the owner of the bus" in words(refused.err)


def test_the_role_is_explained(command, aws):
    refused = command(*PUT, *with_targets(QUEUE), "--dlq", DEAD)
    assert (refused.status, aws.by_arn) == (2, {})
    message = words(refused.err)
    assert "a subscriber needs a role to reach it: --role-arn" in message
    assert "sqs:SendMessage" in message
    assert f"{ACCOUNT}:subscriber/orders*/*" in message
    assert "orders-dead" in message


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--target", LOGS], "a subscriber of a Custom Event Bus cannot send to it"),
        (["--target", BUS], "is the bus itself"),
        (["--target", QUEUE, "--input-path", "$.detail"], "has no input path"),
        (["--target", QUEUE.replace(REGION, "us-east-1")], "must be in the same region"),
        (["--target", QUEUE.replace(ACCOUNT, "210987654321")], "must create the subscriber"),
        (["--target", FIFO, "--no-fifo"], "is FIFO, and --no-fifo asks for no order"),
    ],
)
def test_what_aws_refuses_is_refused_before_anything_is_created(command, aws, arguments, reason):
    ran = command(*PUT, *arguments, "--role-arn", ROLE)
    assert (ran.status, ran.out, aws.by_arn) == (2, "", {})
    assert reason in words(ran.err)


@pytest.mark.parametrize("name", ["-orders", "or ders", "x" * 65])
def test_a_name_that_aws_refuses_is_refused(command, aws, name):
    ran = command(
        "rules", "put", "--role-arn", ROLE, *with_targets(QUEUE), "--", name, "OrderPlaced"
    )
    assert (ran.status, aws.by_arn) == (2, {})
    assert "begins with a letter or a digit" in words(ran.err)


def test_order_belongs_to_custom_buses(command, aws, monkeypatch):
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_OPTIONS__EVENT_BUS", "classic")
    ran = command(*PUT, *with_targets(QUEUE), "--fifo")
    assert ran.status == 2
    assert "are for a Custom Event Bus" in words(ran.err)


def test_patterns_are_tested_as_for_a_rule(command, aws):
    ran = command("rules", "test", '{"detail-type": ["OrderPlaced"]}', "OrderPlaced", "--local")
    assert (ran.status, ran.out.splitlines()[0]) == (0, "match     OrderPlaced")


CODE = [*PUT, *with_targets(FIFO, STREAM, OTHER_BUS), "--dlq", DEAD, "--retry", "185,86400"]


@pytest.mark.parametrize("style", ["cloudformation", "sam"])
def test_cloudformation_takes_it(command, aws, style):
    ran = command(*CODE, "--format", style)
    assert (ran.status, ran.err) == (0, "")
    resources = ran.json["Resources"]
    assert ("Transform" in ran.json) == (style == "sam")
    subscribers = [r for r in resources.values() if r["Type"] == "AWS::EventsV2::Subscriber"]
    assert len(subscribers) == 3
    roles = [r for r in resources.values() if r["Type"] == "AWS::IAM::Role"]
    assert len(roles) == 3
    for subscriber in subscribers:
        _taken_by_the_cdk(subscriber["Properties"])


def _taken_by_the_cdk(properties):
    """Build the CDK's own class of subscribers, which refuses properties that it lacks."""
    eventsv2 = importlib.import_module("aws_cdk.aws_eventsv2")
    core = importlib.import_module("aws_cdk")
    known = eventsv2.CfnSubscriber
    invoke = dict(properties["InvokeConfiguration"])
    for name in ("SqsParameters", "KinesisParameters"):
        if name in invoke:
            invoke[name] = getattr(known, f"{name}Property")(**_snake(invoke[name]))
    if "EventBusV2Parameters" in invoke:
        system = invoke["EventBusV2Parameters"]["SystemMetadata"]
        invoke["EventBusV2Parameters"] = known.EventBusV2ParametersProperty(
            system_metadata=known.EventBusV2SystemMetadataProperty(**_snake(system))
        )
    invoke["RoleArn"] = ROLE
    filters = [
        known.FilterProperty(**_snake(each))
        for each in properties["FilterConfiguration"]["Filters"]
    ]
    known(
        core.Stack(),
        "Subscriber",
        name=properties["Name"],
        event_bus_arn=properties["EventBusArn"],
        type=properties["Type"],
        filter_configuration=known.FilterConfigurationProperty(filters=filters),
        invoke_configuration=known.InvokeConfigurationProperty(**_snake(invoke)),
        retry_policy=known.RetryPolicyProperty(**_snake(properties["RetryPolicy"])),
        on_failure_configuration=known.OnFailureConfigurationProperty(
            **_snake(properties["OnFailureConfiguration"])
        ),
    )
    assert properties.keys() == {
        "Name", "EventBusArn", "Type", "FilterConfiguration", "InvokeConfiguration", "RetryPolicy",
        "OnFailureConfiguration",
    }  # fmt: skip


def _snake(members):
    """Return members with the names that the CDK has for them in Python."""
    return {
        "".join(f"_{c.lower()}" if c.isupper() else c for c in name).removeprefix("_"): value
        for name, value in members.items()
    }


def test_terraform_reads_it(command, aws):
    ran = command(*CODE, "--format", "terraform")
    assert (ran.status, ran.err) == (0, "")
    resources = terraform(ran.out)["resource"]
    kinds = [next(iter(resource)).strip('"') for resource in resources]
    assert set(kinds) == {"awscc_eventsv2_subscriber", "aws_iam_role", "aws_iam_role_policy"}
    assert kinds.count("awscc_eventsv2_subscriber") == 3
    assert '"role_arn" : aws_iam_role.target1.arn' in ran.out
    assert '"message_group_id" : "{% $events.SystemMetadata.EventGroupId %}"' in ran.out


def test_a_given_role_is_used_in_code(command, aws):
    ran = command(*CODE, "--role-arn", ROLE, "--format", "terraform")
    assert ran.out.count(f'"role_arn" : "{ROLE}"') == 3
    assert "aws_iam_role" not in ran.out


def test_the_cdk_code_has_the_same_resources(command, aws, tmp_path):
    ran = command(*CODE, "--format", "cdk")
    template = command(*CODE, "--format", "cloudformation").json
    app = tmp_path / "app.py"
    app.write_text(ran.out)
    assert ran.out.count('type="AWS::EventsV2::Subscriber"') == 3
    compile(ran.out, str(app), "exec")
    assert all(f'"{name}"' in ran.out for name in template["Resources"])
