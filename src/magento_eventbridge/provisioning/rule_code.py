"""A rule with its targets and permissions as infrastructure code."""

import json
from collections.abc import Iterator
from typing import Any

from magento_eventbridge.aws.arns import account_of, dns_suffix, name_of, region_of
from magento_eventbridge.provisioning.infrastructure import (
    cdk,
    cloudformation,
    terraform_block,
    terraform_encoded,
    terraform_json,
    terraform_resource,
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
    return cdk(rule.name, _DESCRIPTION, _resources(rule, region))


def _resources(rule: Rule, region: str) -> Json:
    resources: Json = {
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": rule.name,
                **({"EventBusName": rule.bus} if rule.bus else {}),
                "EventPattern": rule.pattern,
                "State": "ENABLED",
                "Targets": [
                    _cfn_target(rule, target, n) for n, target in enumerate(rule.targets, 1)
                ],
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


def _lacks_role(rule: Rule, target: Target) -> bool:
    """Return whether the code must have a role."""
    return target.needs_role(rule.account_for(target)) and not target.role_arn


def _cfn_target(rule: Rule, target: Target, number: int) -> Json:
    entry = dict(target.entry)
    if _lacks_role(rule, target):
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
        case _ if target.needs_role(rule.account_for(target)):
            if not _lacks_role(rule, target):
                return None
            arn = rule.arn(region, rule.account_for(target))
            trust, permission = role_policies(target, arn)
            return {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": trust,
                    "Policies": [{"PolicyName": "ReachTarget", "PolicyDocument": permission}],
                },
            }
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
            arn = rule.arn(region, rule.account_for(target))
            return {
                "Type": "AWS::Logs::ResourcePolicy",
                "Properties": {
                    "PolicyName": rule.log_policy_name(target),
                    "PolicyDocument": json.dumps(log_policy(target, arn)),
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
    return f"https://sqs.{region}.{dns_suffix(region)}/{account_of(queue)}/{name_of(queue)}"


_RULE = "aws_cloudwatch_event_rule.this"


def as_terraform(rule: Rule, region: str) -> str:
    """Write it in Terraform's language, for the provider hashicorp/aws."""
    parts = [
        terraform_resource(
            "aws_cloudwatch_event_rule",
            "this",
            {
                "name": terraform_text(rule.name),
                **({"event_bus_name": terraform_text(rule.bus)} if rule.bus else {}),
                "event_pattern": terraform_encoded(rule.pattern),
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
    if _lacks_role(rule, target):
        role = f"aws_iam_role.target{number}.arn"
    options = target.options
    return terraform_resource(
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
        yield terraform_block("sqs_target", {"message_group_id": '"magento"'})
    if options.dead_letters:
        yield terraform_block("dead_letter_config", {"arn": terraform_text(options.dead_letters)})
    retries = {
        "maximum_retry_attempts": options.attempts,
        "maximum_event_age_in_seconds": options.age,
    }
    if given := {name: str(value) for name, value in retries.items() if value is not None}:
        yield terraform_block("retry_policy", given)
    if options.input_template:
        values = {"input_paths": terraform_json(dict(options.input_values), 4)}
        yield terraform_block(
            "input_transformer",
            {
                **(values if options.input_values else {}),
                "input_template": terraform_text(options.input_template),
            },
        )
    if target.kind == "ecs":
        network = f"subnets = {terraform_json(list(options.subnets), 6)}"
        yield terraform_block(
            "ecs_target",
            {
                "task_definition_arn": terraform_text(options.task_definition or ""),
                **({"launch_type": '"FARGATE"'} if options.subnets else {}),
            },
            f"    network_configuration {{\n      {network}\n    }}\n" if options.subnets else "",
        )


def _terraform_queue_policy(rule: Rule, queue: str, name: str) -> str:
    document = _document(statement(queue, "\ue000", rule.sid))
    return terraform_resource(
        "aws_sqs_queue_policy",
        name,
        {"queue_url": terraform_text(_queue_url(queue)), "policy": _with_rule(document)},
    )


def _terraform_permission(rule: Rule, target: Target, number: int, region: str) -> Iterator[str]:
    name = f"target{number}"
    # An ARN that Terraform fills in, kept apart from texts, in which `${` means nothing.
    source = "\ue000"
    match target.service:
        case _ if target.needs_role(rule.account_for(target)):
            if not _lacks_role(rule, target):
                return
            # The rule's target needs the role, so the role cannot wait for the rule's ARN.
            trust, permission = role_policies(target, rule.arn(region, rule.account_for(target)))
            yield terraform_resource(
                "aws_iam_role", name, {"assume_role_policy": terraform_encoded(trust)}
            )
            yield terraform_resource(
                "aws_iam_role_policy",
                name,
                {"role": f"aws_iam_role.{name}.id", "policy": terraform_encoded(permission)},
            )
        case "sqs":
            yield _terraform_queue_policy(rule, target.arn, name)
        case "sns":
            document = _document(statement(target.arn, source, rule.sid))
            yield terraform_resource(
                "aws_sns_topic_policy",
                name,
                {"arn": terraform_text(target.arn), "policy": _with_rule(document)},
            )
        case "lambda":
            yield terraform_resource(
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
            yield terraform_resource(
                "aws_cloudwatch_log_resource_policy",
                name,
                {
                    "policy_name": terraform_text(rule.log_policy_name(target)),
                    "policy_document": _with_rule(log_policy(target, source)),
                },
            )


def _with_rule(document: Json) -> str:
    return terraform_encoded(document).replace('"\ue000"', f"{_RULE}.arn")
