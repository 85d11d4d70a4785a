"""Subscribers of a Custom Event Bus with their roles as infrastructure code."""

from typing import Any

from magento_eventbridge.provisioning.infrastructure import (
    cdk,
    cloudformation,
    terraform_encoded,
    terraform_json,
    terraform_resource,
    terraform_text,
)
from magento_eventbridge.provisioning.subscribers import BusSubscription
from magento_eventbridge.provisioning.targets import Target

Json = dict[str, Any]

_DESCRIPTION = "Events of a Magento shop"


def as_cloudformation(subscription: BusSubscription) -> str:
    """Write them as a CloudFormation template, in JSON."""
    return cloudformation(_DESCRIPTION, _resources(subscription))


def as_sam(subscription: BusSubscription) -> str:
    """Write them as a template of the Serverless Application Model, in JSON."""
    return cloudformation(
        _DESCRIPTION, _resources(subscription), Transform="AWS::Serverless-2016-10-31"
    )


def as_cdk(subscription: BusSubscription) -> str:
    """Write them as a stack of the CDK, in Python."""
    return cdk(subscription.name, _DESCRIPTION, _resources(subscription))


def _resources(subscription: BusSubscription) -> Json:
    resources: Json = {}
    for number, (name, target) in enumerate(_named(subscription), 1):
        properties = subscription.request(name, target)
        if not target.role_arn:
            trust, permission = subscription.role_policies(target)
            resources[f"Role{number}"] = {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": trust,
                    "Policies": [{"PolicyName": "ReachTarget", "PolicyDocument": permission}],
                },
            }
            role = {"Fn::GetAtt": [f"Role{number}", "Arn"]}
            properties["InvokeConfiguration"] = {
                **properties["InvokeConfiguration"],
                "RoleArn": role,
            }
        resources[f"Subscriber{number}"] = {
            "Type": "AWS::EventsV2::Subscriber",
            "Properties": properties,
        }
    return resources


def as_terraform(subscription: BusSubscription) -> str:
    """Write them in Terraform's language.

    The provider hashicorp/aws has no subscribers; hashicorp/awscc has them from 1.104 on.
    """
    parts = []
    for number, (name, target) in enumerate(_named(subscription), 1):
        role = terraform_text(target.role_arn or "")
        if not target.role_arn:
            role = f"aws_iam_role.target{number}.arn"
            trust, permission = subscription.role_policies(target)
            parts.append(
                terraform_resource(
                    "aws_iam_role",
                    f"target{number}",
                    {"assume_role_policy": terraform_encoded(trust)},
                )
            )
            parts.append(
                terraform_resource(
                    "aws_iam_role_policy",
                    f"target{number}",
                    {
                        "role": f"aws_iam_role.target{number}.id",
                        "policy": terraform_encoded(permission),
                    },
                )
            )
        request = subscription.request(name, target)
        arguments = {_SNAKE[key]: _terraform(value) for key, value in request.items()}
        arguments["invoke_configuration"] = _terraform(
            {**request["InvokeConfiguration"], "RoleArn": _ROLE}
        ).replace(f'"{_ROLE}"', role)
        parts.append(terraform_resource("awscc_eventsv2_subscriber", f"target{number}", arguments))
    return "\n".join(parts)


# Stands for the expression of a role, kept apart from texts.
_ROLE = "\ue000"

_SNAKE = {
    "Name": "name",
    "EventBusArn": "event_bus_arn",
    "Type": "type",
    "FilterConfiguration": "filter_configuration",
    "InvokeConfiguration": "invoke_configuration",
    "RetryPolicy": "retry_policy",
    "OnFailureConfiguration": "on_failure_configuration",
    "Filters": "filters",
    "Scope": "scope",
    "Pattern": "pattern",
    "TargetArn": "target_arn",
    "RoleArn": "role_arn",
    "SqsParameters": "sqs_parameters",
    "SnsParameters": "sns_parameters",
    "KinesisParameters": "kinesis_parameters",
    "EventBusV2Parameters": "event_bus_v2_parameters",
    "MessageGroupId": "message_group_id",
    "MessageDeduplicationId": "message_deduplication_id",
    "PartitionKey": "partition_key",
    "SystemMetadata": "system_metadata",
    "EventGroupId": "event_group_id",
    "DeduplicationId": "deduplication_id",
    "MaxRetryAttempts": "max_retry_attempts",
    "MaxEventAgeInSeconds": "max_event_age_in_seconds",
    "Arn": "arn",
}


def _terraform(value: Any) -> str:
    """Write a value with the names that hashicorp/awscc has for CloudFormation's."""
    return terraform_json(_in_snake_case(value))


def _in_snake_case(value: Any) -> Any:
    match value:
        case dict():
            return {_SNAKE[name]: _in_snake_case(member) for name, member in value.items()}
        case list():
            return [_in_snake_case(member) for member in value]
        case _:
            return value


def _named(subscription: BusSubscription) -> list[tuple[str, Target]]:
    names = subscription.names()
    return [(names[target.bare_arn], target) for target in subscription.targets]
