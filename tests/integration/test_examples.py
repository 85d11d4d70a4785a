"""The examples do what their documentation says."""

import importlib.util
import json
import logging
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from moto import mock_aws

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.cli.samples import sample_event
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.events import MalformedEventError, parse
from magento_eventbridge.provisioning import patterns
from tests.support.aws import REGION, client, local_aws
from tests.support.templates import faults, terraform

DOCUMENTED = [patterns.known(event, event.detail_type) for event in EVENTS]

EXAMPLES = Path(__file__).parents[2] / "examples"
ROUTE = Route(Destination(REGION), "shop.example.com")


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, EXAMPLES / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sample(name, **detail):
    event = sample_event(name, ROUTE)
    return event | {"detail": event["detail"] | detail}


# Lambda


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        (sample("OrderPlaced"), {"done": "welcomed", "order": "000000001", "articles": 1}),
        (sample("OrderCanceled"), {"done": "regretted", "order": "000000001"}),
        (sample("StateSaved"), {"done": "nothing"}),
        (sample("OrderPlaced") | {"detail-type": "OrderTeleported"}, {"done": "nothing"}),
        (
            sample(
                "OrderPlaced", metadata=sample("OrderPlaced")["detail"]["metadata"] | {"test": True}
            ),
            {"done": "nothing"},
        ),
    ],
)
def test_the_function_acts_by_the_kind_of_event(event, answer):
    assert load("lambda/handler.py").handler(event, None) == answer


def test_the_function_fails_on_what_is_malformed():
    with pytest.raises(MalformedEventError):
        load("lambda/handler.py").handler(sample("OrderPlaced", total="many"), None)


def test_the_function_requires_the_distribution_for_consumers():
    required = (EXAMPLES / "lambda/requirements.txt").read_text().splitlines()[-1]
    assert (EXAMPLES / "lambda" / required / "pyproject.toml").exists()


def test_a_batch_reports_the_messages_that_failed():
    handler = load("lambda/batch_handler.py").handler
    about = sample("OrderPlaced")["detail"]["metadata"]
    events = [
        sample("OrderPlaced"),
        sample("OrderPlaced", total=-1.0, metadata=about | {"id": about["id"][:-1] + "1"}),
        sample("StateSaved", metadata=about | {"id": about["id"][:-1] + "2"}),
    ]
    records = [
        {"messageId": str(number), "body": json.dumps(event)} for number, event in enumerate(events)
    ]
    answer = handler({"Records": records}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}


# SQS


def test_the_worker_takes_each_event_once(capsys):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    placed = sample("OrderPlaced")
    canceled = sample("OrderCanceled", metadata=placed["detail"]["metadata"] | {"id": "another"})
    bodies = [
        placed,
        placed,
        canceled,
        placed | {"detail-type": "OrderTeleported"},
        {"non": "sense"},
    ]
    with local_aws() as url:
        sqs = client("sqs", url)
        queue = sqs.create_queue(QueueName="orders", Attributes={"VisibilityTimeout": "0"})
        for body in bodies:
            sqs.send_message(QueueUrl=queue["QueueUrl"], MessageBody=json.dumps(body))
        worker = load("sqs-worker/worker.py").Worker(sqs, queue["QueueUrl"])

        taken = sum(worker.work(wait_seconds=0) for _ in range(5))

        left = sqs.receive_message(QueueUrl=queue["QueueUrl"], MaxNumberOfMessages=10)["Messages"]
    assert taken == 2
    assert [message["Body"] for message in left] == ['{"non": "sense"}']
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["order 000000001: 64, 1 articles", "OrderCanceled"]
    assert "left in the queue: not an event of EventBridge" in printed.err


# Step Functions


@pytest.mark.parametrize(
    ("total", "output"),
    [
        (64, {"order": "000000001", "sku": ["24-MB02"], "way": "ship"}),
        (1000, {"order": "000000001", "way": "person"}),
    ],
)
def test_the_state_machine_goes_its_ways(total, output, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    definition = (EXAMPLES / "step-functions/order.asl.json").read_text()
    event = json.loads((EXAMPLES / "step-functions/input.json").read_text())
    parse(event)
    event["detail"]["total"] = total
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        import boto3

        machines = boto3.client("stepfunctions", region_name=REGION)
        machine = machines.create_state_machine(
            name="order", definition=definition, roleArn="arn:aws:iam::123456789012:role/run"
        )["stateMachineArn"]
        run = machines.start_execution(stateMachineArn=machine, input=json.dumps(event))
        until = time.monotonic() + 20
        while time.monotonic() < until:
            done = machines.describe_execution(executionArn=run["executionArn"])
            if done["status"] != "RUNNING":
                break
            time.sleep(0.05)
    assert done["status"] == "SUCCEEDED", done
    assert json.loads(done["output"]) == output


# Infrastructure


def test_the_sam_project_is_valid_and_its_pattern_matches():
    text = (EXAMPLES / "sam/template.yaml").read_text()
    assert faults(text) == []
    template = yaml.safe_load(text)
    function = template["Resources"]["OrderFunction"]["Properties"]
    module, _, name = function["Handler"].partition(".")
    assert hasattr(load(f"sam/{function['CodeUri']}/{module}.py"), name)
    pattern = function["Events"]["Order"]["Properties"]["Pattern"]
    assert pattern["source"] == [{"Ref": "SourceName"}]
    patterns.check({**pattern, "source": ["shop.example.com"]}, DOCUMENTED)


@pytest.mark.parametrize("name", ["queue.yaml", "queue_custom.yaml"])
def test_a_queue_before_the_function_has_partial_batch_failures(name):
    text = (EXAMPLES / "sam" / name).read_text()
    # cfn-lint's schemas do not have subscribers yet; tests/integration/test_subscribers.py has
    # their properties checked by the CDK.
    unknown = "Resource type 'AWS::EventsV2::Subscriber' does not exist"
    assert [fault for fault in faults(text) if unknown not in fault] == []
    resources = yaml.safe_load(text)["Resources"]
    function = resources["OrdersFunction"]["Properties"]
    module, _, handler = function["Handler"].partition(".")
    assert hasattr(load(f"sam/{function['CodeUri']}/{module}.py"), handler)
    mapping = function["Events"]["Orders"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queue = resources[mapping["Queue"]["Fn::GetAtt"][0]]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    dead = resources[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]
    assert dead.get("FifoQueue", False) == queue.get("FifoQueue", False)


def test_the_patterns_of_both_buses_match_the_same_events():
    rule = yaml.safe_load((EXAMPLES / "sam/queue.yaml").read_text())["Resources"]["OrdersRule"]
    classic = rule["Properties"]["EventPattern"]
    custom = yaml.safe_load((EXAMPLES / "sam/queue_custom.yaml").read_text())["Resources"]
    (data,) = custom["OrdersSubscriber"]["Properties"]["FilterConfiguration"]["Filters"]
    assert data["Scope"] == "DATA"
    pattern = json.loads(data["Pattern"]["Fn::Sub"].replace("${SourceName}", "shop.example.com"))
    assert pattern == {**classic, "source": ["shop.example.com"]}
    patterns.check(pattern, DOCUMENTED)


def test_the_terraform_project_is_valid_and_its_pattern_matches():
    text = (EXAMPLES / "terraform/main.tf").read_text()
    read = terraform(text)
    assert len(read["resource"]) == 7
    (names,) = re.findall(r'"detail-type" = (\[.*?\])', text)
    patterns.check({"detail-type": json.loads(names)}, DOCUMENTED)
    # Every resource that is referenced exists.
    made = {
        f"{kind}.{name}".replace('"', "")
        for block in read["resource"]
        for kind, named in block.items()
        for name in named
    }
    assert set(re.findall(r"\baws_\w+\.\w+", text)) <= made


def test_the_bucket_for_large_events_is_private_encrypted_and_emptied():
    read = terraform((EXAMPLES / "terraform-large-events/main.tf").read_text())
    kinds = {kind.strip('"') for block in read["resource"] for kind in block}
    assert kinds >= {
        "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
    }


def test_the_endpoint_of_two_regions_has_a_bus_in_each_and_replicates():
    text = (EXAMPLES / "terraform-global-endpoint/main.tf").read_text()
    kinds = [kind.strip('"') for block in terraform(text)["resource"] for kind in block]
    assert kinds.count("aws_cloudwatch_event_bus") == 2
    assert {"aws_cloudwatch_event_endpoint", "aws_route53_health_check"} <= set(kinds)
    template = (EXAMPLES / "cloudformation/global_endpoint.yaml").read_text()
    # Not every region has global endpoints.
    assert [fault for fault in faults(template) if "Endpoint' does not exist in" not in fault] == []
    resources = yaml.safe_load(re.sub(r"!\w+", "", template))["Resources"]
    assert resources["Endpoint"]["Properties"]["ReplicationConfig"] == {"State": "ENABLED"}
    # In the secondary region the template is the bus alone.
    unconditional = [name for name, about in resources.items() if "Condition" not in about]
    assert unconditional == ["EventBus"]


@pytest.mark.parametrize("name", ["terraform", "terraform-global-endpoint"])
def test_the_terraform_project_has_the_form_that_terraform_gives_it(name: str):
    found = shutil.which("terraform")
    if not found:
        pytest.skip("terraform is not on this machine, and no registry of packages has it")
    ran = subprocess.run(
        [found, "fmt", "-check", "-diff", EXAMPLES / name],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout) == (0, "")
