"""What the owner of a bus, and of its key, must allow a bridge in another account.

Sources: EventBridge user guide, "Permissions for event buses in Amazon EventBridge" and "Encrypting
EventBridge event buses with AWS KMS keys"; API reference of the Custom Event Bus,
PutResourcePolicy; quotas "Event bus policy size" and the size of a bus's default resource policy.
"""

import json
from collections.abc import Iterable
from typing import Any

from magento_eventbridge.aws.arns import account_of, name_of, partition, region_of
from magento_eventbridge.provisioning.iam import Grant, is_custom
from magento_eventbridge.provisioning.infrastructure import (
    cloudformation,
    terraform_encoded,
    terraform_json,
    terraform_resource,
    terraform_text,
)
from magento_eventbridge.provisioning.targets import SERVICE

Json = dict[str, Any]

LONGEST_POLICY = 10_240
"""How many characters the policy of a classic bus may have, unless AWS raises the quota."""

LONGEST_CUSTOM_POLICY = 20_480
"""How many bytes that of a Custom Event Bus may have, unless AWS raises the quota."""


def bus_policies(grants: Iterable[Grant], principal: str) -> dict[str, Json]:
    """Return the policy of each bus, by its ARN.

    Args:
        principal: the ARN of the bridge's role or user, or the number of its account.
    """
    policies: dict[str, Json] = {}
    for grant in grants:
        document = policies.setdefault(grant.bus, {"Version": "2012-10-17", "Statement": []})
        sid = f"MagentoEvents{len(document['Statement']) + 1}"
        allowed = grant.statement(sid)
        who = {"Principal": {"AWS": _arn(principal, grant.bus)}}
        document["Statement"].append({"Sid": sid, "Effect": "Allow", **who, **allowed})
    return policies


def key_statements(buses: Iterable[str], principal: str) -> list[Json]:
    """Return what the policy of the key that encrypts the buses must allow, besides its owner."""
    statements: list[Json] = []
    for number, bus in enumerate(sorted(buses), 1):
        source: Json = {"StringEquals": {"aws:SourceArn": bus}}
        context: Json = source
        if not is_custom(bus):
            # EventBridge names the bus in each operation with the key.
            named = {"kms:EncryptionContext:aws:events:event-bus:arn": bus}
            context = {"StringEquals": {**source["StringEquals"], **named}}
        service = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Resource": "*"}
        statements += [
            {
                "Sid": f"CheckKeyOfMagentoBus{number}",
                **service,
                "Action": "kms:DescribeKey",
                "Condition": source,
            },
            {
                "Sid": f"EncryptMagentoEvents{number}",
                **service,
                "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
                "Condition": context,
            },
        ]
        if is_custom(bus):
            # Who puts events on an encrypted Custom Event Bus must be able to read them.
            statements.append(
                {
                    "Sid": f"PutMagentoEvents{number}",
                    "Effect": "Allow",
                    "Principal": {"AWS": _arn(principal, bus)},
                    "Action": "kms:Decrypt",
                    "Resource": "*",
                }
            )
    return statements


def _arn(principal: str, bus: str) -> str:
    if principal.startswith("arn:"):
        return principal
    return f"arn:{partition(region_of(bus))}:iam::{principal}:root"


def too_long(policies: dict[str, Json]) -> list[tuple[str, int, int]]:
    """Return the buses whose policies exceed AWS's quota: ARN, length and quota of each."""
    lengths = {bus: len(json.dumps(one, separators=(",", ":"))) for bus, one in policies.items()}
    quotas = {bus: LONGEST_CUSTOM_POLICY if is_custom(bus) else LONGEST_POLICY for bus in policies}
    return [(bus, lengths[bus], quotas[bus]) for bus in policies if lengths[bus] > quotas[bus]]


def as_json(policies: dict[str, Json], key: list[Json]) -> Json:
    """Return the policies by bus, and the statements for the key if there are any."""
    return {"buses": policies, **({"key": key} if key else {})}


def as_terraform(policies: dict[str, Json], key: list[Json]) -> str:
    """Write them in Terraform's language."""
    parts = []
    for number, (bus, document) in enumerate(policies.items(), 1):
        name = f"magento_{number}"
        if is_custom(bus):
            arguments = {
                "event_bus_arn": terraform_text(bus),
                "policy_document": terraform_encoded(document),
            }
            parts.append(terraform_resource("awscc_eventsv2_resource_policy", name, arguments))
        else:
            arguments = {
                "event_bus_name": terraform_text(name_of(bus)),
                "policy": terraform_encoded(document),
            }
            parts.append(terraform_resource("aws_cloudwatch_event_bus_policy", name, arguments))
    if key:
        parts.append(
            "# Add these statements to the policy of the buses' key.\n"
            f"locals {{\n  magento_key_statements = {terraform_json(key)}\n}}\n"
        )
    return "\n".join(parts)


def as_cloudformation(policies: dict[str, Json], key: list[Json]) -> str:
    """Write them as a CloudFormation template."""
    resources: Json = {}
    for number, (bus, document) in enumerate(policies.items(), 1):
        if is_custom(bus):
            resources[f"BusPolicy{number}"] = {
                "Type": "AWS::EventsV2::ResourcePolicy",
                "Properties": {"EventBusArn": bus, "PolicyDocument": document},
            }
            continue
        for statement in document["Statement"]:
            resources[f"BusPolicy{number}{statement['Sid']}"] = {
                "Type": "AWS::Events::EventBusPolicy",
                "Properties": {
                    "EventBusName": name_of(bus),
                    "StatementId": statement["Sid"],
                    "Statement": statement,
                },
            }
    # A key's policy is one document of its owner's: the statements are for that document.
    more = {"Metadata": {"StatementsForTheKeysPolicy": key}} if key else {}
    return cloudformation("Let a Magento shop put events on these buses", resources, **more)


def foreign(policies: Iterable[str], principal: str) -> bool:
    """Return whether any of these buses is in another account than the principal."""
    account = account_of(principal) if principal.startswith("arn:") else principal
    return any(account_of(bus) != account for bus in policies)
