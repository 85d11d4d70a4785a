"""A rule with its targets and permissions as infrastructure code."""

import json
from collections.abc import Iterator
from textwrap import indent
from typing import Any

from magento_eventbridge.aws.arns import account_of, partition, region_of
from magento_eventbridge.provisioning.infrastructure import (
    cloudformation,
    terraform_json,
    terraform_text,
)
from magento_eventbridge.provisioning.rules import Rule
from magento_eventbridge.provisioning.targets import (
    SERVICE,
    Target,
    log_policy,
    role_policies,
    statement,
)

Json = dict[str, Any]

_DESCRIPTION = "Events of a Magento shop"
_RULE_ARN = {"Fn::GetAtt": ["Rule", "Arn"]}


def as_cloudformation(rule: Rule, region: str) -> str:
    """Write it as a CloudFormation template, in JSON."""
    return cloudformation(_DESCRIPTION, _resources(rule, region))


def as_sam(rule: Rule, region: str) -> str:
    """Write it as a template of the Serverless Application Model, in JSON."""
    return cloudformation(
        _DESCRIPTION, _resources(rule, region), Transform="AWS::Serverless-2016-10-31"
    )


def as_cdk(rule: Rule, region: str) -> str:
    """Write it as a stack of the CDK, in Python.

    CDK's own constructs for rules change no policy of a queue or topic that another stack made, so
    the permissions are resources here.
    """
    parts = []
    for name, resource in _resources(rule, region).items():
        parts.append(
            f"CfnResource(\n    self,\n    {_python(name)},\n"
            f"    type={_python(resource['Type'])},\n"
            f"    properties={_python(resource['Properties'], '    ')},\n)"
        )
    body = indent("\n".join(parts), " " * 8)
    return (
        f'"""{_DESCRIPTION}: deploy with `cdk deploy --app "python3 app.py"`."""\n\n'
        "from aws_cdk import App, CfnResource, Stack\n"
        "from constructs import Construct\n\n\n"
        "class MagentoRuleStack(Stack):\n"
        "    def __init__(self, scope: Construct, construct_id: str) -> None:\n"
        "        super().__init__(scope, construct_id)\n"
        f"{body}\n\n\n"
        "app = App()\n"
        f"MagentoRuleStack(app, {_python(_logical(rule.name))})\n"
        "app.synth()\n"
    )


def _python(value: Any, at: str = "") -> str:
    """Write a value as Python has it, the members of a dict on lines of their own."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False)
        case [str(), *_] | []:
            return f"[{', '.join(_python(member) for member in value)}]"
        case list():
            inner = "".join(f"{at}    {_python(member, at + '    ')},\n" for member in value)
            return f"[\n{inner}{at}]"
        case dict():
            inner = "".join(
                f"{at}    {_python(name)}: {_python(member, at + '    ')},\n"
                for name, member in value.items()
            )
            return f"{{\n{inner}{at}}}"
        case _:
            return repr(value)


def _logical(name: str) -> str:
    return "".join(c for c in name.title() if c.isalnum()) or "Rule"


def _resources(rule: Rule, region: str) -> Json:
    resources: Json = {
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": rule.name,
                **({"EventBusName": rule.bus} if rule.bus else {}),
                "EventPattern": rule.pattern,
                "State": "ENABLED",
                "Targets": [_cfn_target(target, n) for n, target in enumerate(rule.targets, 1)],
            },
        }
    }
    for number, target in enumerate(rule.targets, 1):
        made = _cfn_permission(rule, target, region)
        if made:
            resources[f"Permission{number}"] = made
    return resources


def _cfn_target(target: Target, number: int) -> Json:
    entry = dict(target.entry)
    if target.service == "states" and not target.role_arn:
        entry["RoleArn"] = {"Fn::GetAtt": [f"Permission{number}", "Arn"]}
    return entry


def _cfn_permission(rule: Rule, target: Target, region: str) -> Json | None:
    match target.service:
        case "sqs":
            return {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {
                    "Queues": [_queue_url(target)],
                    "PolicyDocument": _document(statement(target, _RULE_ARN, rule.sid)),
                },
            }
        case "sns":
            return {
                "Type": "AWS::SNS::TopicPolicy",
                "Properties": {
                    "Topics": [target.arn],
                    "PolicyDocument": _document(statement(target, _RULE_ARN, rule.sid)),
                },
            }
        case "lambda":
            return {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "FunctionName": target.arn,
                    "Action": "lambda:InvokeFunction",
                    "Principal": SERVICE,
                    "SourceArn": _RULE_ARN,
                },
            }
        case "logs":
            # This resource takes its document as text, so the rule's ARN is written out.
            arn = rule.arn(region, account_of(target.arn))
            return {
                "Type": "AWS::Logs::ResourcePolicy",
                "Properties": {
                    "PolicyName": rule.sid,
                    "PolicyDocument": json.dumps(log_policy(target, arn)),
                },
            }
        case "states" if not target.role_arn:
            arn = rule.arn(region, account_of(target.arn))
            trust, permission = role_policies(target, arn)
            return {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": trust,
                    "Policies": [{"PolicyName": "StartExecution", "PolicyDocument": permission}],
                },
            }
    return None


def _document(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _queue_url(target: Target) -> str:
    region = region_of(target.arn)
    suffix = "amazonaws.com.cn" if partition(region) == "aws-cn" else "amazonaws.com"
    return f"https://sqs.{region}.{suffix}/{account_of(target.arn)}/{target.name}"


_RULE = "aws_cloudwatch_event_rule.this"


def as_terraform(rule: Rule, region: str) -> str:
    """Write it in Terraform's language, for the provider hashicorp/aws."""
    parts = [
        _block(
            "aws_cloudwatch_event_rule",
            "this",
            {
                "name": terraform_text(rule.name),
                **({"event_bus_name": terraform_text(rule.bus)} if rule.bus else {}),
                "event_pattern": _encoded(rule.pattern),
            },
        )
    ]
    for number, target in enumerate(rule.targets, 1):
        parts.append(_terraform_target(rule, target, number))
        parts += _terraform_permission(rule, target, number, region)
    return "\n".join(parts)


def _terraform_target(rule: Rule, target: Target, number: int) -> str:
    role = terraform_text(target.role_arn or "")
    if target.service == "states" and not target.role_arn:
        role = f"aws_iam_role.target{number}.arn"
    fifo = target.entry.get("SqsParameters")
    return _block(
        "aws_cloudwatch_event_target",
        f"target{number}",
        {
            "rule": f"{_RULE}.name",
            **({"event_bus_name": f"{_RULE}.event_bus_name"} if rule.bus else {}),
            "target_id": terraform_text(target.id),
            "arn": terraform_text(target.bare_arn),
            **({"role_arn": role} if role != '""' else {}),
        },
        '  sqs_target {\n    message_group_id = "magento"\n  }\n' if fifo else "",
    )


def _terraform_permission(rule: Rule, target: Target, number: int, region: str) -> Iterator[str]:
    name = f"target{number}"
    # An ARN that Terraform fills in, kept apart from texts, in which `${` means nothing.
    source = "\ue000"
    match target.service:
        case "sqs":
            document = _document(statement(target, source, rule.sid))
            yield _block(
                "aws_sqs_queue_policy",
                name,
                {
                    "queue_url": terraform_text(_queue_url(target)),
                    "policy": _with_rule(document),
                },
            )
        case "sns":
            document = _document(statement(target, source, rule.sid))
            yield _block(
                "aws_sns_topic_policy",
                name,
                {"arn": terraform_text(target.arn), "policy": _with_rule(document)},
            )
        case "lambda":
            yield _block(
                "aws_lambda_permission",
                name,
                {
                    "statement_id": terraform_text(rule.sid),
                    "function_name": terraform_text(target.arn),
                    "action": terraform_text("lambda:InvokeFunction"),
                    "principal": terraform_text(SERVICE),
                    "source_arn": f"{_RULE}.arn",
                },
            )
        case "logs":
            yield _block(
                "aws_cloudwatch_log_resource_policy",
                name,
                {
                    "policy_name": terraform_text(rule.sid),
                    "policy_document": _with_rule(log_policy(target, source)),
                },
            )
        case "states" if not target.role_arn:
            # The rule's target needs the role, so the role cannot wait for the rule's ARN.
            trust, permission = role_policies(target, rule.arn(region, account_of(target.arn)))
            yield _block("aws_iam_role", name, {"assume_role_policy": _encoded(trust)})
            yield _block(
                "aws_iam_role_policy",
                name,
                {"role": f"aws_iam_role.{name}.id", "policy": _encoded(permission)},
            )


def _encoded(value: Json) -> str:
    return f"jsonencode({terraform_json(value)})"


def _with_rule(document: Json) -> str:
    return _encoded(document).replace('"\ue000"', f"{_RULE}.arn")


def _block(kind: str, name: str, arguments: dict[str, str], inner: str = "") -> str:
    # Neighbouring arguments of one line are aligned, as `terraform fmt` has them.
    lines = []
    single = [key for key, value in arguments.items() if "\n" not in value]
    width = max(map(len, single), default=0)
    for key, value in arguments.items():
        lines.append(f"  {key.ljust(width) if key in single else key} = {value}\n")
    return f'resource "{kind}" "{name}" {{\n{"".join(lines)}{inner}}}\n'
