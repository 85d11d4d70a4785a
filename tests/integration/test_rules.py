"""`rules` against moto's server: its rules work, and repeated runs change nothing."""

import json
import logging
import os
import re
import subprocess
import sys
import zipfile
from io import BytesIO

import pytest

from magento_eventbridge.demo import store_day
from magento_eventbridge.provisioning.targets import Target, TargetError, TargetOptions
from tests.support.aws import ACCOUNT, REGION, client, environment, local_aws
from tests.support.aws_stub import Raw, Refusal, aws_stub
from tests.support.programs import program
from tests.support.templates import faults, terraform
from tests.unit.test_cli import command, nothing_of_this_machine, words  # noqa: F401

LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:on-order"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/orders"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:fulfil"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
FIFO = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders.fifo"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:orders"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/start"
ALL = [LAMBDA, LOGS, MACHINE, QUEUE, TOPIC]
RULE_ARN = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/orders"


@pytest.fixture(scope="module")
def server():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with local_aws() as url:
        yield url


@pytest.fixture
def aws(server, monkeypatch, nothing_of_this_machine):
    """Start an empty moto; yields the settings and credentials that use it."""
    import requests

    requests.post(f"{server}/moto-api/reset", timeout=10).raise_for_status()
    for name, value in environment(server).items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def targets(aws):
    client("sqs", aws).create_queue(QueueName="orders")
    client("sns", aws).create_topic(Name="orders")
    client("logs", aws).create_log_group(logGroupName="/aws/events/orders")
    role = client("iam", aws).create_role(RoleName="start", AssumeRolePolicyDocument="{}")
    code = BytesIO()
    with zipfile.ZipFile(code, "w") as zipped:
        zipped.writestr("on_order.py", "def handler(event, context): return event")
    client("lambda", aws).create_function(
        FunctionName="on-order",
        Runtime="python3.12",
        Role=role["Role"]["Arn"],
        Handler="on_order.handler",
        Code={"ZipFile": code.getvalue()},
    )
    client("stepfunctions", aws).create_state_machine(
        name="fulfil",
        definition='{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}',
        roleArn=role["Role"]["Arn"],
    )
    return aws


def with_targets(*arns):
    return [word for arn in arns for word in ("--target", arn)]


PUT = ["rules", "put", "orders", "OrderPlaced", "--detail", "total>10", "--role-arn", ROLE]


def test_a_rule_with_every_kind_of_target_comes_about_once(command, targets):
    message = command(*PUT, *with_targets(*ALL), "--dry-run")
    assert (message.status, message.err) == (0, "")
    assert client("events", targets).list_rules()["Rules"] == []

    done = command(*PUT, *with_targets(*ALL))

    assert (done.status, done.err) == (0, "")
    assert [f"would {line}" for line in done.out.splitlines()] == message.out.splitlines()
    assert done.out.splitlines()[0] == "create rule orders on bus default"
    assert len(done.out.splitlines()) == 1 + 4 + 5  # the state machine's permission is its role
    rule = client("events", targets).describe_rule(Name="orders")
    assert json.loads(rule["EventPattern"]) == {
        "source": ["shop.example.com"],
        "detail-type": ["OrderPlaced"],
        "detail": {"total": [{"numeric": [">", 10]}]},
    }
    entries = client("events", targets).list_targets_by_rule(Rule="orders")["Targets"]
    assert sorted(entry["Arn"] for entry in entries) == sorted(ALL)
    assert {entry["Arn"]: entry.get("RoleArn") for entry in entries}[MACHINE] == ROLE
    again = command(*PUT, *with_targets(*ALL))
    assert again.out == "rule orders is up to date\n"
    assert command(*PUT, *with_targets(*ALL), "--dry-run").out == again.out


def test_each_target_lets_this_rule_in_and_no_other(command, targets):
    command(*PUT, *with_targets(*ALL))

    sqs = client("sqs", targets)
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    policies = {
        "sqs": sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"],
        "sns": client("sns", targets).get_topic_attributes(TopicArn=TOPIC)["Attributes"],
    }
    for service, action in (("sqs", "sqs:SendMessage"), ("sns", "sns:Publish")):
        statement = json.loads(policies[service]["Policy"])["Statement"][-1]
        assert statement["Action"] == action
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": RULE_ARN}}
    function = json.loads(client("lambda", targets).get_policy(FunctionName="on-order")["Policy"])
    assert RULE_ARN in json.dumps(function)
    (logs,) = client("logs", targets).describe_resource_policies()["resourcePolicies"]
    assert RULE_ARN in logs["policyDocument"]


def test_events_reach_the_queue(command, targets):
    command(*PUT, *with_targets(QUEUE))
    command("send-test", "OrderPlaced", "--set", f"options.endpoint_url={targets}")

    sqs = client("sqs", targets)
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["detail"]["id"] == "000000001"


def test_others_statements_stay(command, targets):
    sqs = client("sqs", targets)
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    others = {
        "Sid": "Theirs",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [others]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    command(*PUT, *with_targets(QUEUE))

    now = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    assert [s["Sid"] for s in json.loads(now)["Statement"]] == ["Theirs", "MagentoRuleorders"]


def test_only_what_differs_is_changed(command, targets):
    command(*PUT, *with_targets(QUEUE))
    changed = command(
        "rules", "put", "orders", "OrderPlaced", "OrderCanceled", *with_targets(QUEUE, TOPIC)
    )
    assert changed.out.splitlines() == [
        "change rule orders on bus default",
        "let rule orders publish to topic orders",
        f"send events of rule orders to {TOPIC}",
    ]


def test_a_rule_on_a_bus_of_its_own(command, targets, monkeypatch):
    client("events", targets).create_event_bus(Name="shop")
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_OPTIONS__EVENT_BUS", "shop")
    assert command(*PUT, *with_targets(QUEUE)).status == 0
    (rule,) = client("events", targets).list_rules(EventBusName="shop")["Rules"]
    assert rule["Arn"] == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/shop/orders"
    sqs = client("sqs", targets)
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    assert rule["Arn"] in policy["Policy"]


def test_rules_of_like_names_have_permissions_of_their_own(command, targets):
    for name in ("orders", "or-ders", "or.ders"):
        put = command("rules", "put", name, "OrderPlaced", *with_targets(QUEUE, LAMBDA))
        assert put.status == 0, put.err
    sqs = client("sqs", targets)
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    statements = json.loads(policy["Policy"])["Statement"]
    assert len({s["Sid"] for s in statements}) == 3
    assert all(s["Sid"].isalnum() for s in statements)


def test_every_page_of_rules_and_targets_is_read(command, stub):
    # moto returns all in one page.
    def answer(request):
        pages = {"ListRules": "Rules", "ListTargetsByRule": "Targets"}
        field = pages[request.headers["x-amz-target"].rpartition(".")[2]]
        number = int(request.json.get("NextToken", 0))
        member = {
            "Rules": {"Name": f"rule{number}", "State": "ENABLED", "EventPattern": "{}"},
            "Targets": {"Id": f"{number}", "Arn": f"arn{number}"},
        }[field]
        return {field: [member], **({"NextToken": f"{number + 1}"} if number < 2 else {})}

    stub.answer = answer
    listed = command("rules", "list", "--json").json
    assert [rule["name"] for rule in listed] == ["rule0", "rule1", "rule2"]
    assert all(rule["targets"] == ["arn0", "arn1", "arn2"] for rule in listed)


def test_a_refusal_whose_text_names_another_error_is_reported(command, stub):
    stub.answer = lambda _: Refusal("AccessDeniedException", "no ResourceNotFoundException", 400)
    ran = command("rules", "delete", "orders")
    assert ran.status == 1
    assert "AccessDeniedException" in ran.err


def test_a_target_that_aws_does_not_take_is_reported(command, stub):
    failed = {"ErrorCode": "ManagedRuleException", "ErrorMessage": "not yours", "TargetId": "x"}

    def answer(request):
        match request.headers.get("x-amz-target", "").rpartition(".")[2]:
            case "DescribeRule":
                return Refusal("ResourceNotFoundException", "no such rule")
            case "PutTargets":
                return {"FailedEntryCount": 1, "FailedEntries": [failed]}
            case _ if b"GetCallerIdentity" in request.body:
                return Raw(
                    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012"
                    b"</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
                )
            case _:
                return {}

    stub.answer = answer
    ran = command(*PUT, *with_targets(MACHINE))
    assert ran.status == 1
    assert f"target {MACHINE}: ManagedRuleException: not yours" in ran.err


@pytest.mark.parametrize(
    ("failed", "message"),
    [
        ([{"ErrorCode": "InternalException", "ErrorMessage": "later"}], "InternalException: later"),
        ([{"ErrorCode": "ConcurrentModificationException"}], "ConcurrentModificationException"),
        ([], "AWS refused it and does not say why"),
    ],
)
@pytest.mark.parametrize("operation", ["PutTargets", "RemoveTargets"])
def test_a_target_that_fails_within_a_successful_answer_is_reported(
    command, stub, operation, failed, message
):
    def answer(request):
        match request.headers.get("x-amz-target", "").rpartition(".")[2]:
            case name if name == operation:
                return {"FailedEntryCount": 1, "FailedEntries": failed}
            case "DescribeRule":
                return {"Name": "orders", "State": "ENABLED", "EventPattern": "{}"}
            case "ListTargetsByRule":
                return {"Targets": [{"Id": "1", "Arn": STREAM}]}
            case _ if b"GetCallerIdentity" in request.body:
                return Raw(
                    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012"
                    b"</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
                )
            case _:
                return {}

    stub.answer = answer
    if operation == "PutTargets":
        ran = command(*PUT, *with_targets(MACHINE))
        assert f"target {MACHINE}: {message}" in words(ran.err)
    else:
        ran = command("rules", "delete", "orders")
        assert f"target {STREAM}: {message}" in words(ran.err)
        assert "delete rule" not in ran.out
    assert ran.status == 1


def test_rules_are_listed_with_patterns_and_targets(command, targets):
    assert command("rules", "list", "--json").json == []
    command(*PUT, *with_targets(QUEUE))
    client("events", targets).put_rule(Name="nightly", ScheduleExpression="rate(1 day)")

    listed = {rule["name"]: rule for rule in command("rules", "list", "--json").json}

    assert listed["orders"]["targets"] == [QUEUE]
    assert listed["orders"]["pattern"]["detail-type"] == ["OrderPlaced"]
    assert listed["nightly"]["pattern"] is None
    shown = command("rules", "list").out
    assert QUEUE in shown
    assert "a schedule" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (with_targets(MACHINE), "EventBridge needs a role to reach it: --role-arn"),
        (with_targets("arn:aws:s3:::bucket"), "must be the ARN of a Lambda function"),
        ([], "give --target"),
        (with_targets(FIFO, *ALL), "has 6 targets, may have 5"),
        (["--pattern", "{}", *with_targets(QUEUE)], "--pattern replaces"),
    ],
)
def test_a_rule_that_cannot_work_is_wrong_use(command, targets, arguments, message):
    ran = command("rules", "put", "orders", "OrderPlaced", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert message in words(ran.err)


def test_a_target_that_is_not_there_is_reported_before_anything_changes(command, targets):
    absent = f"arn:aws:sqs:{REGION}:{ACCOUNT}:absent"
    ran = command(*PUT, *with_targets(absent), "--dry-run")
    assert ran.status == 1
    assert "sqs in eu-west-1" in ran.err


def test_without_credentials_a_rule_is_not_put(command, monkeypatch):
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_CREDENTIALS__TYPE", "env")
    ran = command(*PUT, *with_targets(QUEUE))
    assert ran.status == 1
    assert "AWS_ACCESS_KEY_ID" in ran.err


# Similar targets, options that are kept, targets that are removed


def with_rule(*arguments):
    return ["rules", "put", "orders", "OrderPlaced", *arguments]


def entries(url):
    targets = client("events", url).list_targets_by_rule(Rule="orders")["Targets"]
    return {target["Arn"]: target for target in targets}


def test_targets_of_one_name_are_targets_of_their_own():
    alike = [
        f"{LAMBDA}:prod",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:on-refund:prod",
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/orders",
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/other/orders",
        QUEUE,
        QUEUE.replace(ACCOUNT, "210987654321"),
    ]
    identities = {Target(arn).id for arn in alike}
    assert len(identities) == len(alike)
    assert all(len(identity) <= 64 for identity in identities)
    long = Target(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/{'x' * 300}")
    assert len(long.id) <= 64
    assert Target(LOGS).id == Target(f"{LOGS}:*").id


def test_two_log_groups_have_permissions_of_their_own(command, targets):
    other = LOGS.replace("/aws/events/", "/aws/other/")
    client("logs", targets).create_log_group(logGroupName="/aws/other/orders")
    assert command(*with_rule(*with_targets(LOGS, other))).status == 0
    policies = client("logs", targets).describe_resource_policies()["resourcePolicies"]
    assert len(policies) == 2
    assert {LOGS in p["policyDocument"] for p in policies} == {True, False}
    again = command(*with_rule(*with_targets(LOGS, other)))
    assert again.out == "rule orders is up to date\n"


def test_what_put_does_not_manage_is_kept(command, targets):
    command(*with_rule(*with_targets(QUEUE)))
    events = client("events", targets)
    (target,) = events.list_targets_by_rule(Rule="orders")["Targets"]
    target |= {
        "RetryPolicy": {"MaximumRetryAttempts": 7, "MaximumEventAgeInSeconds": 600},
        "DeadLetterConfig": {"Arn": QUEUE},
        "InputPath": "$.detail",
    }
    events.put_targets(Rule="orders", Targets=[target])

    assert command(*with_rule(*with_targets(QUEUE))).out == "rule orders is up to date\n"
    assert entries(targets)[QUEUE] == target
    assert command(*with_rule(*with_targets(QUEUE), "--retry", "9")).status == 0
    assert entries(targets)[QUEUE]["RetryPolicy"] == {
        "MaximumRetryAttempts": 9,
        "MaximumEventAgeInSeconds": 600,
    }


def test_a_target_with_another_id_is_not_put_twice(command, targets):
    events = client("events", targets)
    events.put_rule(Name="orders", EventPattern='{"source": ["shop.example.com"]}')
    events.put_targets(Rule="orders", Targets=[{"Id": "sqs-orders", "Arn": QUEUE}])
    assert command(*with_rule(*with_targets(QUEUE))).status == 0
    assert [t["Id"] for t in events.list_targets_by_rule(Rule="orders")["Targets"]] == [
        "sqs-orders"
    ]


def test_dead_letters_retries_and_a_template(command, targets):
    client("sqs", targets).create_queue(QueueName="undelivered")
    undelivered = QUEUE.replace(":orders", ":undelivered")
    put = with_rule(
        *with_targets(QUEUE), "--dlq", undelivered, "--retry", "3,120",
        "--input-template", '"Order <id>"', "--input-value", "id=$.detail.id",
    )  # fmt: skip
    done = command(*put)
    assert (done.status, done.err) == (0, "")
    assert "let rule orders send to queue undelivered" in done.out
    entry = entries(targets)[QUEUE]
    assert entry["DeadLetterConfig"] == {"Arn": undelivered}
    assert entry["RetryPolicy"] == {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 120}
    assert entry["InputTransformer"] == {
        "InputPathsMap": {"id": "$.detail.id"},
        "InputTemplate": '"Order <id>"',
    }
    assert command(*put).out == "rule orders is up to date\n"
    changed = command(*with_rule(*with_targets(QUEUE), "--input-path", "$.detail"))
    assert changed.status == 0
    entry = entries(targets)[QUEUE]
    assert (entry["InputPath"], "InputTransformer" in entry) == ("$.detail", False)


def test_targets_that_are_not_named_are_removed_on_demand(command, targets):
    command(*PUT, *with_targets(*ALL))
    assert command(*PUT, *with_targets(QUEUE)).out == "rule orders is up to date\n"
    message = command(*PUT, *with_targets(QUEUE), "--prune", "--dry-run")
    done = command(*PUT, *with_targets(QUEUE), "--prune")
    assert (done.status, done.err) == (0, "")
    assert [f"would {line}" for line in done.out.splitlines()] == message.out.splitlines()
    assert list(entries(targets)) == [QUEUE]
    topic = client("sns", targets).get_topic_attributes(TopicArn=TOPIC)["Attributes"]["Policy"]
    assert RULE_ARN not in topic
    assert client("logs", targets).describe_resource_policies()["resourcePolicies"] == []
    again = command(*PUT, *with_targets(QUEUE), "--prune")
    assert again.out == "rule orders is up to date\n"


def test_a_rule_is_deleted_with_its_targets_and_permissions(
    command, targets, monkeypatch, tmp_path
):
    command(*PUT, *with_targets(*ALL))
    log = tmp_path / "bridge.log"
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_LOG__FILE", str(log))
    assert command("rules", "delete", "orders", "--dry-run").status == 0
    assert len(client("events", targets).list_rules()["Rules"]) == 1
    done = command("rules", "delete", "orders")
    assert (done.status, done.err) == (0, log.read_text())
    assert done.out.splitlines()[-1] == "delete rule orders on bus default"
    logged = re.findall(r"WARNING: Command: \S+ changed AWS: (.+?) \[\]", log.read_text())
    assert logged == done.out.splitlines()
    assert client("events", targets).list_rules()["Rules"] == []
    sqs = client("sqs", targets)
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    assert RULE_ARN not in json.dumps(policy.get("Attributes", {}))
    assert command("rules", "delete", "orders").out == "there is no rule orders\n"


def test_rules_whose_names_begin_alike_have_permissions_of_their_own_on_a_function(
    command, targets
):
    def sources():
        policy = client("lambda", targets).get_policy(FunctionName="on-order")["Policy"]
        return {
            statement["Condition"]["ArnLike"]["AWS:SourceArn"]
            for statement in json.loads(policy)["Statement"]
        }

    for name in ("orders-eu", "orders"):
        put = command("rules", "put", name, "OrderPlaced", *with_targets(LAMBDA))
        assert f"let rule {name} invoke function on-order" in put.out
    assert sources() == {RULE_ARN, f"{RULE_ARN}-eu"}
    assert command("rules", "delete", "orders").status == 0
    assert sources() == {f"{RULE_ARN}-eu"}


def test_a_rule_is_deleted_though_its_targets_are_gone_already(command, targets):
    command(*PUT, *with_targets(*ALL))
    sqs = client("sqs", targets)
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="orders")["QueueUrl"])
    client("sns", targets).delete_topic(TopicArn=TOPIC)
    client("lambda", targets).delete_function(FunctionName="on-order")
    client("logs", targets).delete_log_group(logGroupName="/aws/events/orders")
    done = command("rules", "delete", "orders")
    assert (done.status, done.err) == (0, "")
    assert client("events", targets).list_rules()["Rules"] == []


def test_targets_of_another_account_are_removed_without_asking_there(command, targets):
    far = "arn:aws:sqs:eu-west-1:210987654321:orders"
    assert command(*PUT, *with_targets(far)).status == 0
    done = command("rules", "delete", "orders")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"remove target {far} of rule orders",
        "delete rule orders on bus default",
    ]


def test_the_queue_of_dead_letters_is_closed_with_the_last_target_that_uses_it(command, targets):
    sqs = client("sqs", targets)
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]

    def policy():
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        return json.dumps(attributes.get("Attributes", {}))

    dead = ("--dlq", f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead")
    assert command(*PUT, *with_targets(QUEUE, TOPIC), *dead).status == 0
    assert RULE_ARN in policy()
    assert command(*PUT, *with_targets(QUEUE), "--prune").status == 0
    assert RULE_ARN in policy()
    assert command("rules", "delete", "orders").status == 0
    assert RULE_ARN not in policy()


def test_a_policy_whose_statement_stands_alone_is_kept(command, targets):
    sqs = client("sqs", targets)
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    own = {
        "Sid": "Own",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": own})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})
    assert command(*with_rule(*with_targets(QUEUE))).status == 0
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    first, second = json.loads(attributes["Policy"])["Statement"]
    assert first == own
    assert second["Condition"] == {"ArnEquals": {"aws:SourceArn": RULE_ARN}}


def test_a_target_that_is_named_twice_is_one(command, targets):
    done = command(*with_rule(*with_targets(QUEUE, QUEUE, LOGS, f"{LOGS}:*")))
    assert done.status == 0
    assert len(done.out.splitlines()) == 1 + 2 + 2
    assert sorted(entries(targets)) == sorted([QUEUE, LOGS])


def test_a_schedule_is_kept(command, targets):
    events = client("events", targets)
    events.put_rule(Name="orders", ScheduleExpression="rate(1 day)")
    assert command(*with_rule(*with_targets(QUEUE))).status == 0
    rule = events.describe_rule(Name="orders")
    assert rule["ScheduleExpression"] == "rate(1 day)"
    assert "OrderPlaced" in rule["EventPattern"]


def test_a_pattern_of_another_type_is_another_pattern(command, targets):
    """To Python, true is 1 and 1.0 is 1; to EventBridge they are not."""
    pattern = '{"detail-type":["OrderPlaced"],"detail":{"metadata":{"async":[%s]}}}'
    events = client("events", targets)
    events.put_rule(Name="orders", EventPattern=pattern % "1")
    put = command("rules", "put", "orders", "--pattern", pattern % "true", "--target", QUEUE)
    assert put.out.splitlines()[0] == "change rule orders on bus default"


def test_nothing_is_changed_when_a_target_is_missing(command, targets):
    absent = f"arn:aws:sqs:{REGION}:{ACCOUNT}:absent"
    assert command(*with_rule(*with_targets(QUEUE, absent))).status == 1
    assert client("events", targets).list_rules()["Rules"] == []


STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"
FIREHOSE = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/orders"
API = f"arn:aws:events:{REGION}:{ACCOUNT}:api-destination/crm/0a1b2c3d-0000-0000-0000-000000000000"
OTHER_BUS = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/central"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/workers"
TASK = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/on-order:3"
BY_ROLE = {
    STREAM: "kinesis:PutRecord",
    FIREHOSE: "firehose:PutRecord",
    API: "events:InvokeApiDestination",
    OTHER_BUS: "events:PutEvents",
    CLUSTER: "ecs:RunTask",
}


@pytest.mark.parametrize("arn", BY_ROLE)
def test_kinds_that_are_reached_with_a_role(command, targets, arn):
    put = with_rule("--target", arn, "--task-definition", TASK, "--subnet", "subnet-0a1b2c3d")
    refused = command(*put)
    assert refused.status == 2
    assert "needs a role to reach it" in words(refused.err)
    assert BY_ROLE[arn] in words(refused.err)
    assert command(*put, "--role-arn", ROLE).status == 0
    entry = entries(targets)[arn]
    assert entry["RoleArn"] == ROLE
    assert ("EcsParameters" in entry) == (arn == CLUSTER)
    assert command(*put, "--role-arn", ROLE).out == "rule orders is up to date\n"


def test_a_rule_forwards_to_a_custom_event_bus(command, targets):
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-busv2/shop/{'a1' * 12}b"
    put = [
        "rules", "put", "forward", "--pattern", '{"source": ["shop.example.com"]}', "--target", bus,
    ]  # fmt: skip
    refused = command(*put)
    assert refused.status == 2
    assert "events:PutRawEvents" in words(refused.err)
    assert command(*put, "--role-arn", ROLE).status == 0
    (entry,) = client("events", targets).list_targets_by_rule(Rule="forward")["Targets"]
    assert (entry["Arn"], entry["RoleArn"]) == (bus, ROLE)
    assert command(*put, "--role-arn", ROLE).out == "rule forward is up to date\n"


def test_a_target_in_another_account_needs_a_role(command, targets):
    theirs = QUEUE.replace(ACCOUNT, "210987654321")
    refused = command(*with_rule(*with_targets(theirs)))
    assert refused.status == 2
    assert "sqs:SendMessage" in words(refused.err)
    assert command(*with_rule(*with_targets(theirs), "--role-arn", ROLE)).status == 0
    assert entries(targets)[theirs]["RoleArn"] == ROLE


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--target", QUEUE.replace(REGION, "us-east-1")], "only an event bus may be in another"),
        (["--target", CLUSTER], "a cluster needs --task-definition"),
        (["--target", QUEUE, "--dlq", TOPIC], "dead letters go to a standard SQS queue"),
        (["--target", QUEUE, "--dlq", FIFO], "dead letters go to a standard SQS queue"),
        (["--target", QUEUE, "--retry", "186"], "must be 0 to 185"),
        (["--target", QUEUE, "--retry", "1,59"], "must be 60 to 86400"),
        (["--target", QUEUE, "--retry", "often"], "must be ATTEMPTS"),
        (["--target", QUEUE, "--input-template", "<id>"], "<id> has no value"),
        (["--target", QUEUE, "--input-path", "detail"], "begins with $"),
        (
            ["--target", QUEUE, "--input-path", "$.detail", "--input-template", "x"],
            "not both",
        ),
        (["--target", QUEUE, "--input-value", "id"], "must be NAME=PATH"),
    ],
)
def test_targets_that_aws_refuses_are_refused(command, targets, arguments, reason):
    ran = command(*with_rule(*arguments))
    assert (ran.status, ran.out) == (2, "")
    assert reason in words(ran.err)
    assert client("events", targets).list_rules()["Rules"] == []


@pytest.mark.parametrize(
    "resource",
    [
        "sqs:eu-west-1:123456789012:",
        "sqs:eu-west-1::orders",
        "sqs::123456789012:orders",
        "sqs:eu-west-1:1234:orders",
        "sqs:eu-west-1:123456789012:orders\n",
        "sqs:eu-west-1:123456789012:my orders",
        "sns:eu-west-1:123456789012:orders:0a1b2c3d-subscription",
        "lambda:eu-west-1:123456789012:function",
        "lambda:eu-west-1:123456789012:layer:orders",
        "lambda:eu-west-1:123456789012:function:on-order:alias:live",
        "logs:eu-west-1:123456789012:/aws/events/orders",
        "logs:eu-west-1:123456789012:log-group:/orders:log-stream:one",
        "states:eu-west-1:123456789012:execution:fulfil:1",
        "kinesis:eu-west-1:123456789012:orders",
        "ecs:eu-west-1:123456789012:service/workers",
        "events:eu-west-1:123456789012:event-bus",
        "events:eu-west-1:123456789012:event-busv2/shop",
    ],
)
def test_an_arn_of_something_else_is_refused(resource):
    with pytest.raises(TargetError, match="looks like arn:aws:"):
        Target(f"arn:aws:{resource}", None, TargetOptions(task_definition="task"))


@pytest.mark.parametrize(
    ("partition", "region"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
)
def test_targets_are_of_the_partition_of_the_rule(partition, region):
    for resource in (
        f"sqs:{region}:123456789012:orders",
        f"lambda:{region}:123456789012:function:on-order:live",
        f"logs:{region}:123456789012:log-group:/aws/events/orders:*",
        f"events:{region}:123456789012:event-bus/other",
    ):
        target = Target(f"arn:{partition}:{resource}")
        target.check_region(region)
        with pytest.raises(TargetError, match="in the partition aws, and reaches no other"):
            target.check_region("eu-west-1")


def test_a_fifo_topic_and_a_far_queue_of_dead_letters_are_refused():
    with pytest.raises(TargetError, match="FIFO topic"):
        Target(f"{TOPIC}.fifo").check_region(REGION)
    dead = TargetOptions(dead_letters=f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead")
    with pytest.raises(TargetError, match="must be in the region of the rule, eu-west-1"):
        Target(QUEUE, None, dead).check_region(REGION)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"input_values": (("id", "$.id"),)}, "there is none"),
        ({"input_template": ""}, "1 to 8192 characters"),
        ({"input_template": "x" * 8193}, "1 to 8192 characters"),
        ({"input_path": "$." + "x" * 255}, "at most 256 characters"),
        ({"input_template": "x", "input_values": (("AWS.id", "$.id"),)}, "begin with AWS"),
        ({"input_template": "x", "input_values": (("a b", "$.id"),)}, "letters, digits"),
        (
            {"input_template": "x", "input_values": tuple((f"n{n}", "$.id") for n in range(101))},
            "at most 100 values",
        ),
    ],
)
def test_inputs_that_aws_refuses_are_refused(options, reason):
    with pytest.raises(TargetError, match=reason):
        TargetOptions(**options)


@pytest.mark.parametrize("name", ["two words", "or/ders", "x" * 65, "bestellung-ä"])
def test_a_name_that_aws_refuses_is_refused(command, targets, name):
    ran = command("rules", "put", name, "OrderPlaced", *with_targets(QUEUE))
    assert (ran.status, ran.out) == (2, "")
    assert "1 to 64 letters" in words(ran.err)


# Pattern and test


def test_the_command_prints_the_pattern(command):
    ran = command(
        "rules", "pattern", "CartProductAdded", "CartProductUpdated", "--detail", "sku=WJ12-S-Blue",
        "--set", "options.source=example.com",
    )  # fmt: skip
    assert ran.json == {
        "source": ["example.com"],
        "detail-type": ["CartProductAdded", "CartProductUpdated"],
        "detail": {"sku": ["WJ12-S-Blue"]},
    }


def test_store_views_give_sources_and_names(command, tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text(
        '[options]\nsource = "a"\n[stores.2.options]\nsource = "b"\n'
        '[stores.2.detail_types]\nStateSaved = "IndexerStateSaved"\n'
    )
    both = command("rules", "pattern", "StateSaved", "--config", config).json
    assert both == {"source": ["a", "b"], "detail-type": ["StateSaved", "IndexerStateSaved"]}
    one = command("rules", "pattern", "StateSaved", "--config", config, "--store", 2).json
    assert one == {"source": ["b"], "detail-type": ["IndexerStateSaved"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no detail-type is given"),
        (["OrderTeleported"], "there is no event 'OrderTeleported'"),
        (["OrderPlaced", "--detail", "totl>1"], "did you mean 'total'?"),
    ],
)
def test_a_wrong_pattern_is_wrong_use(command, arguments, message):
    ran = command("rules", "pattern", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert message in words(ran.err)


ORDERS = '{"source": ["shop.example.com"], "detail": {"total": [{"numeric": [">", 10]}]}}'


@pytest.fixture
def stub(monkeypatch, nothing_of_this_machine):
    with aws_stub() as stand_in:
        for name, value in environment(stand_in.url).items():
            monkeypatch.setenv(name, value)
        yield stand_in


def test_aws_is_asked_where_it_can_be(command, stub):
    # moto has no TestEventPattern.
    stub.answer = lambda request: {"Result": '"OrderPlaced"' in request.json["Event"]}
    ran = command("rules", "test", ORDERS, "OrderPlaced", "OrderCanceled", "--json")
    assert ran.json == {
        "matcher": "AWS's TestEventPattern",
        "events": [
            {"event": "OrderPlaced", "matches": True},
            {"event": "OrderCanceled", "matches": False},
        ],
    }
    asked = stub.requests[0]
    assert asked.headers["x-amz-target"] == "AWSEvents.TestEventPattern"
    assert json.loads(asked.json["EventPattern"]) == json.loads(ORDERS)
    # AWS refuses an event that lacks one of these.
    assert set(json.loads(asked.json["Event"])) >= {
        "id", "account", "source", "time", "region", "resources", "detail-type",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("InvalidEventPatternException", 1, "InvalidEventPatternException"),
        ("AccessDeniedException", 0, "the pattern is tested on this machine"),
    ],
)
def test_what_aws_refuses_is_reported(command, stub, code, status, message):
    stub.answer = lambda _: Refusal(code, "on command")
    ran = command("rules", "test", ORDERS, "OrderPlaced")
    assert ran.status == status
    assert message in ran.err


@pytest.mark.parametrize(
    "answer",
    [{}, Raw(b"<html>a proxy</html>"), Raw(b"<html>a proxy</html>", 404), Raw(b"", 501)],
    ids=["without a result", "page", "page with 404", "not implemented"],
)
def test_an_endpoint_without_the_operation_is_named_and_this_machine_is_asked(
    command, stub, answer
):
    stub.answer = lambda _: answer
    ran = command("rules", "test", ORDERS, "OrderPlaced")
    assert (ran.status, ran.out.splitlines()[-1]) == (0, "1 of 1 match, by moto on this machine")
    assert "the pattern is tested on this machine" in ran.err


def test_motos_server_lacks_the_operation(command, aws):
    ran = command("rules", "test", ORDERS, "OrderPlaced")
    assert ran.status == 0
    assert "the endpoint does not know TestEventPattern" in words(ran.err)


def test_without_credentials_this_machine_is_asked(command, monkeypatch, tmp_path):
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_CREDENTIALS__TYPE", "env")
    monkeypatch.setenv("MAGENTO_EVENTBRIDGE_OPTIONS__SOURCE", "shop.example.com")
    wanted = tmp_path / "pattern.json"
    wanted.write_text('{"source": ["shop.example.com"], "detail-type": ["OrderPlaced"]}')
    ran = command("rules", "test", wanted, "OrderPlaced", "OrderCanceled")
    assert ran.status == 0
    assert ran.out.splitlines() == [
        "match     OrderPlaced",
        "no match  OrderCanceled",
        "",
        "1 of 2 match, by moto on this machine",
    ]
    assert "AWS cannot be asked" in ran.err


def test_all_samples_are_tested_where_none_is_named(command, tmp_path):
    ran = command("rules", "test", '{"detail-type": [{"prefix": "Order"}]}', "--local", "--json")
    assert sum(event["matches"] for event in ran.json["events"]) == 5
    assert len(ran.json["events"]) == 37
    none = command("rules", "test", '{"source": ["other"]}', "--local")
    assert (none.status, none.out.splitlines()[-1]) == (1, "0 of 37 match, by moto on this machine")


def test_captured_events_are_tested(command, tmp_path):
    captures = tmp_path / "captures.ndjson"
    captures.write_bytes(b"\n".join(recorded.line for recorded in store_day.captures()))
    ran = command(
        "rules", "test", '{"detail-type": ["OrderPlaced"]}', captures, "--local", "--json"
    )
    matching = [event["event"] for event in ran.json["events"] if event["matches"]]
    assert len(matching) == sum(e["OrderPlaced"] for e in store_day.expected().values())
    assert matching[0].startswith(f"OrderPlaced ({captures}, line ")


def test_an_event_of_a_target_is_tested(command, tmp_path):
    event = tmp_path / "event.json"
    event.write_text(
        json.dumps({"detail-type": "OrderPlaced", "source": "s", "detail": {}}, indent=1)
    )
    ran = command("rules", "test", '{"source": ["s"]}', event, "--local")
    assert ran.out.startswith(f"match     OrderPlaced ({event})")


def test_lines_end_where_json_says(command, tmp_path):
    event = {"detail-type": "OrderPlaced", "detail": {"note": "one\u2028two\x85three"}}
    lines = "\r\n".join(json.dumps(event, ensure_ascii=False) for _ in range(2))
    file = tmp_path / "events.ndjson"
    file.write_text(f"\ufeff{lines}\n", encoding="utf-8")
    ran = command("rules", "test", '{"detail-type":["OrderPlaced"]}', file, "--local", "--json")
    assert [each["matches"] for each in ran.json["events"]] == [True, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "line 1: not a JSON object"),
        ('{"a": 1}', "neither an event nor a capture"),
        (None, "it is not a detail-type"),
    ],
)
def test_a_file_without_events_is_reported(command, tmp_path, text, message):
    file = tmp_path / "f"
    if text is not None:
        file.write_text(text)
    ran = command("rules", "test", '{"source": ["s"]}', file, "--local")
    assert (ran.status, ran.out) == (2, "")
    assert message in words(ran.err)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("absent.json", "pattern absent.json"),
        ("{", "not JSON"),
        ('{"detail-type": ["OrderPlacd"]}', "did you mean 'OrderPlaced'?"),
    ],
)
def test_a_pattern_that_is_none_is_reported(command, given, message):
    ran = command("rules", "test", given, "--local")
    assert (ran.status, ran.out) == (2, "")
    assert message in words(ran.err)


# Infrastructure code

CODE = ["rules", "put", "orders", "OrderPlaced", "--set", f"options.region={REGION}"]


@pytest.mark.parametrize("style", ["cloudformation", "sam"])
def test_cloudformation_and_sam_take_it(command, style):
    ran = command(*CODE, *with_targets(FIFO, *ALL[:4]), "--format", style)
    assert (ran.status, ran.err) == (0, "")
    assert faults(ran.out) == []
    assert len(ran.json["Resources"]) == 1 + 5
    assert ("Transform" in ran.json) == (style == "sam")
    urls = [r["Properties"].get("Queues") for r in ran.json["Resources"].values()]
    assert [f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/orders"] in urls


def test_terraform_reads_it(command):
    ran = command(*CODE, *with_targets(FIFO, *ALL[:4]), "--format", "terraform")
    assert (ran.status, ran.err) == (0, "")
    kinds = [next(iter(resource)).strip('"') for resource in terraform(ran.out)["resource"]]
    assert sorted(set(kinds)) == [
        "aws_cloudwatch_event_rule",
        "aws_cloudwatch_event_target",
        "aws_cloudwatch_log_resource_policy",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_lambda_permission",
        "aws_sqs_queue_policy",
    ]
    assert ran.out.count('"aws:SourceArn" : aws_cloudwatch_event_rule.this.arn') == 3
    assert 'message_group_id = "magento"' in ran.out


def test_every_form_lets_the_rule_publish_to_a_topic(command):
    written = {
        style: command(*CODE, *with_targets(TOPIC), "--format", style).out
        for style in ("cloudformation", "terraform", "cdk")
    }
    assert faults(written["cloudformation"]) == []
    terraform(written["terraform"])
    assert 'resource "aws_sns_topic_policy" "target1"' in written["terraform"]
    assert all("sns:Publish" in text for text in written.values())


EXTRAS = [
    "--dlq",
    QUEUE,
    "--retry",
    "3,120",
    "--task-definition",
    TASK,
    "--subnet",
    "subnet-0a1b2c3d",
]
TEMPLATE = ["--input-template", '"Order <id>"', "--input-value", "id=$.detail.id"]


@pytest.mark.parametrize("style", ["cloudformation", "terraform", "cdk"])
def test_every_kind_of_target_and_option_can_be_written_as_code(command, style):
    ran = command(*CODE, *with_targets(*BY_ROLE), *EXTRAS, *TEMPLATE, "--format", style)
    assert (ran.status, ran.err) == (0, "")
    assert all(action in ran.out for action in BY_ROLE.values())
    assert "sqs:SendMessage" in ran.out
    match style:
        case "cloudformation":
            assert faults(ran.out) == []
            assert len(ran.json["Resources"]) == 1 + 5 + 1
        case "terraform":
            kinds = [next(iter(r)).strip('"') for r in terraform(ran.out)["resource"]]
            assert kinds.count("aws_iam_role") == 5
            for block in ("ecs_target", "retry_policy", "dead_letter_config", "input_transformer"):
                assert block in ran.out


def test_a_machine_with_a_role_gets_no_other(command):
    ran = command(*CODE, *with_targets(MACHINE), "--role-arn", ROLE, "--format", "terraform")
    assert ROLE in ran.out
    assert "aws_iam_role" not in ran.out


@pytest.mark.parametrize("style", ["cloudformation", "terraform", "cdk"])
def test_targets_of_another_account_get_a_role_in_code(command, style):
    theirs = [arn.replace(ACCOUNT, "210987654321") for arn in (QUEUE, TOPIC, LAMBDA)]
    ran = command(*CODE, *with_targets(*theirs), "--account", ACCOUNT, "--format", style)
    assert ran.status == 0
    assert "its owner must allow the rule's role" in words(ran.err)
    for action in ("sqs:SendMessage", "sns:Publish", "lambda:InvokeFunction"):
        assert action in ran.out
    # Policies of their things are not this account's to write.
    for kind in (
        "QueuePolicy",
        "TopicPolicy",
        "Lambda::Permission",
        "queue_policy",
        "topic_policy",
    ):
        assert kind not in ran.out
    if style == "cloudformation":
        assert faults(ran.out) == []
        kinds = [resource["Type"] for resource in ran.json["Resources"].values()]
        assert kinds.count("AWS::IAM::Role") == 3
        targets = ran.json["Resources"]["Rule"]["Properties"]["Targets"]
        assert all("Fn::GetAtt" in target["RoleArn"] for target in targets)
        # The rule's ARN in the trust policies is that of its own account.
        assert f"arn:aws:events:{REGION}:{ACCOUNT}:rule/orders" in ran.out
    given = command(
        *CODE, *with_targets(*theirs), "--account", ACCOUNT, "--role-arn", ROLE, "--format", style
    )
    assert given.out.count(ROLE) == 3


def test_the_account_of_a_bus_with_an_arn_is_the_rules(command):
    bus = f"options.event_bus=arn:aws:events:{REGION}:{ACCOUNT}:event-bus/shop"
    theirs = QUEUE.replace(ACCOUNT, "210987654321")
    ran = command(*CODE, "--set", bus, *with_targets(theirs), "--format", "cloudformation")
    assert "AWS::IAM::Role" in ran.out


@pytest.mark.parametrize(
    ("partition", "region", "domain"),
    [
        ("aws-cn", "cn-north-1", "amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
        ("aws-iso", "us-iso-east-1", "c2s.ic.gov"),
        ("aws-eusc", "eusc-de-east-1", "amazonaws.eu"),
    ],
)
def test_each_partition_has_its_own_addresses(command, partition, region, domain):
    queue = f"arn:{partition}:sqs:{region}:{ACCOUNT}:orders"
    ran = command(
        "rules", "put", "orders", "OrderPlaced", "--set", f"options.region={region}",
        "--set", "options.event_bus=shop", "--target", queue, "--format", "terraform",
    )  # fmt: skip
    assert f"https://sqs.{region}.{domain}/{ACCOUNT}/orders" in ran.out
    assert 'event_bus_name = "shop"' in ran.out


def test_the_cdk_makes_the_same_template_of_it(command, tmp_path):
    program("node", "nodejs")  # the CDK runs on it
    ran = command(*CODE, *with_targets(*ALL), "--format", "cdk")
    template = command(*CODE, *with_targets(*ALL), "--format", "cloudformation").json
    app = tmp_path / "app.py"
    app.write_text(ran.out)
    subprocess.run(
        [sys.executable, app],
        cwd=tmp_path,
        env=os.environ | {"CDK_OUTDIR": str(tmp_path / "out")},
        check=True,
        capture_output=True,
        timeout=110,
    )
    (synthesized,) = (tmp_path / "out").glob("*.template.json")
    assert json.loads(synthesized.read_text())["Resources"] == template["Resources"]
