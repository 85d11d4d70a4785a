"""A rule with its targets and permissions as infrastructure code."""

import json
from collections.abc import Iterator
from textwrap import indent
from typing import Any

from magento_eventbridge.aws.arns import account_of, name_of, partition, region_of
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
        permission = _cfn_permission(rule, target, region)
        if permission:
            resources[f"Permission{number}"] = permission
    for number, queue in enumerate(_dead_letter_queues(rule), 1):
        resources[f"DeadLetterPermission{number}"] = _cfn_queue_policy(rule, queue)
    return resources


def _dead_letter_queues(rule: Rule) -> list[str]:
    """Return the queues for dead letters that are not targets of the rule themselves."""
    targets = {target.arn for target in rule.targets}
    queues = dict.fromkeys(target.options.dead_letters for target in rule.targets)
    return [queue for queue in queues if queue and queue not in targets]


def _lacks_role(target: Target) -> bool:
    """Return whether the code must have a role; the rule is taken to be in the target's account."""
    return target.needs_role(account_of(target.arn)) and not target.role_arn


def _cfn_target(target: Target, number: int) -> Json:
    entry = dict(target.entry)
    if _lacks_role(target):
        entry["RoleArn"] = {"Fn::GetAtt": [f"Permission{number}", "Arn"]}
    if network := entry.get("EcsParameters", {}).get("NetworkConfiguration"):
        # CloudFormation writes this name in its own way.
        entry["EcsParameters"] = {
            **entry["EcsParameters"],
            "NetworkConfiguration": {"AwsVpcConfiguration": network["awsvpcConfiguration"]},
        }
    return entry


def _cfn_permission(rule: Rule, target: Target, region: str) -> Json | None:
    match target.service:
        case "sqs":
            return _cfn_queue_policy(rule, target.arn)
        case "sns":
            return {
                "Type": "AWS::SNS::TopicPolicy",
                "Properties": {
                    "Topics": [target.arn],
                    "PolicyDocument": _document(statement(target.arn, _RULE_ARN, rule.sid)),
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
            # This resource has its document as text, so the rule's ARN is written out.
            arn = rule.arn(region, account_of(target.arn))
            return {
                "Type": "AWS::Logs::ResourcePolicy",
                "Properties": {
                    "PolicyName": rule.log_policy_name(target),
                    "PolicyDocument": json.dumps(log_policy(target, arn)),
                },
            }
        case _ if _lacks_role(target):
            arn = rule.arn(region, account_of(target.arn))
            trust, permission = role_policies(target, arn)
            return {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": trust,
                    "Policies": [{"PolicyName": "ReachTarget", "PolicyDocument": permission}],
                },
            }
    return None


def _cfn_queue_policy(rule: Rule, queue: str) -> Json:
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {
            "Queues": [_queue_url(queue)],
            "PolicyDocument": _document(statement(queue, _RULE_ARN, rule.sid)),
        },
    }


def _document(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _queue_url(queue: str) -> str:
    region = region_of(queue)
    suffix = "amazonaws.com.cn" if partition(region) == "aws-cn" else "amazonaws.com"
    return f"https://sqs.{region}.{suffix}/{account_of(queue)}/{name_of(queue)}"


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
    for number, queue in enumerate(_dead_letter_queues(rule), 1):
        parts.append(_terraform_queue_policy(rule, queue, f"dead_letters{number}"))
    return "\n".join(parts)


def _terraform_target(rule: Rule, target: Target, number: int) -> str:
    role = terraform_text(target.role_arn or "")
    if _lacks_role(target):
        role = f"aws_iam_role.target{number}.arn"
    options = target.options
    return _block(
        "aws_cloudwatch_event_target",
        f"target{number}",
        {
            "rule": f"{_RULE}.name",
            **({"event_bus_name": f"{_RULE}.event_bus_name"} if rule.bus else {}),
            "target_id": terraform_text(target.id),
            "arn": terraform_text(target.bare_arn),
            **({"role_arn": role} if role != '""' else {}),
            **({"input_path": terraform_text(options.input_path)} if options.input_path else {}),
        },
        "".join(_terraform_inner(target)),
    )


def _terraform_inner(target: Target) -> Iterator[str]:
    options = target.options
    if "SqsParameters" in target.entry:
        yield _inner("sqs_target", {"message_group_id": '"magento"'})
    if options.dead_letters:
        yield _inner("dead_letter_config", {"arn": terraform_text(options.dead_letters)})
    retries = {
        "maximum_retry_attempts": options.attempts,
        "maximum_event_age_in_seconds": options.age,
    }
    if given := {name: str(value) for name, value in retries.items() if value is not None}:
        yield _inner("retry_policy", given)
    if options.input_template:
        values = {"input_paths": terraform_json(dict(options.input_values), 4)}
        yield _inner(
            "input_transformer",
            {
                **(values if options.input_values else {}),
                "input_template": terraform_text(options.input_template),
            },
        )
    if target.kind == "ecs":
        network = f"subnets = {terraform_json(list(options.subnets), 6)}"
        yield _inner(
            "ecs_target",
            {
                "task_definition_arn": terraform_text(options.task_definition or ""),
                **({"launch_type": '"FARGATE"'} if options.subnets else {}),
            },
            f"    network_configuration {{\n      {network}\n    }}\n" if options.subnets else "",
        )


def _inner(name: str, arguments: dict[str, str], inner: str = "") -> str:
    """Write a block within a resource."""
    return f"  {name} {{\n{_arguments(arguments, '    ')}{inner}  }}\n"


def _terraform_queue_policy(rule: Rule, queue: str, name: str) -> str:
    document = _document(statement(queue, "\ue000", rule.sid))
    return _block(
        "aws_sqs_queue_policy",
        name,
        {"queue_url": terraform_text(_queue_url(queue)), "policy": _with_rule(document)},
    )


def _terraform_permission(rule: Rule, target: Target, number: int, region: str) -> Iterator[str]:
    name = f"target{number}"
    # An ARN that Terraform fills in, kept apart from texts, in which `${` means nothing.
    source = "\ue000"
    match target.service:
        case "sqs":
            yield _terraform_queue_policy(rule, target.arn, name)
        case "sns":
            document = _document(statement(target.arn, source, rule.sid))
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
                    "policy_name": terraform_text(rule.log_policy_name(target)),
                    "policy_document": _with_rule(log_policy(target, source)),
                },
            )
        case _ if _lacks_role(target):
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
    lines = _arguments(arguments, "  ")
    return f'resource "{kind}" "{name}" {{\n{lines}{inner}}}\n'


def _arguments(arguments: dict[str, str], indentation: str) -> str:
    # Neighbouring arguments of one line are aligned, as `terraform fmt` has them.
    single = [key for key, value in arguments.items() if "\n" not in value]
    width = max(map(len, single), default=0)
    return "".join(
        f"{indentation}{key.ljust(width) if key in single else key} = {value}\n"
        for key, value in arguments.items()
    )
