"""The permissions that the bridge needs: the least policy, and what a refusal lacks."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from magento_eventbridge.aws.arns import event_bus_arn
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.provisioning.infrastructure import cloudformation, terraform_json

Json = dict[str, Any]

ACTION = "events:PutEvents"
LONGEST_POLICY = 6144
"""Characters of a managed policy, without spaces. Source: IAM user guide, "IAM quotas"."""

CHECK_ACTION = "events:DescribeEventBus"

# Stands for the account's number where the infrastructure's own tool will put it. A character
# of Unicode's private use area: nobody's source has it in its name.
ACCOUNT = "\ue000"


@dataclass(frozen=True)
class Grant:
    """What one statement allows.

    Attributes:
        bus: the ARN of the event bus.
        sources: with these sources only.
        detail_types: with these detail-types only; empty: with any.
    """

    bus: str
    sources: tuple[str, ...]
    detail_types: tuple[str, ...] = ()

    def statement(self, sid: str) -> Json:
        """Return it as a statement of a policy.

        AWS judges each entry of a call by itself, so the keys have one value each. Source:
        EventBridge user guide, "Using IAM policy conditions in Amazon EventBridge".
        """
        condition = {"events:source": list(self.sources)}
        if self.detail_types:
            condition["events:detail-type"] = list(self.detail_types)
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Action": ACTION,
            "Resource": self.bus,
            "Condition": {"StringEquals": condition},
        }


def grants(
    routes: Iterable[Route], account: Callable[[Destination], str], *, by_detail_type: bool = False
) -> list[Grant]:
    """Return the least permissions that the routes of all store views need.

    Args:
        account: returns the account of a destination whose bus is not named by an ARN.
        by_detail_type: allow only the detail-types that are switched on, as they are sent.
    """
    needed: dict[tuple[str, str], set[str]] = {}
    for route in routes:
        where = route.destination
        bus = where.event_bus
        if bus is None or not bus.startswith("arn:"):
            bus = event_bus_arn(bus, where.region, account(where))
        needed.setdefault((bus, route.source), set()).update(_sent(route))
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (bus, source), types in needed.items():
        kept = tuple(sorted(types)) if by_detail_type else ()
        if types:  # what sends nothing needs nothing
            merged.setdefault((bus, kept), []).append(source)
    return [Grant(bus, tuple(sorted(names)), types) for (bus, types), names in merged.items()]


def _sent(route: Route) -> set[str]:
    return {
        route.detail_type(event.detail_type)
        for event in route.catalog.events
        if event.config_path not in route.switched_off
    }


def policy(allowed: Iterable[Grant], claim_check: Iterable[Json] = ()) -> Json:
    """Return a policy document: put events on the buses, and check that the buses exist.

    Args:
        claim_check: the statements that let it store the arrays of large events.
    """
    grants = list(allowed)
    statements = [
        grant.statement("PutMagentoEvents" + (str(number) if len(grants) > 1 else ""))
        for number, grant in enumerate(grants, 1)
    ]
    buses = sorted({grant.bus for grant in grants if not is_custom(grant.bus)})
    if buses:
        statements.append(
            {
                "Sid": "CheckMagentoBuses",
                "Effect": "Allow",
                "Action": CHECK_ACTION,
                "Resource": buses[0] if len(buses) == 1 else buses,
            }
        )
    return {"Version": "2012-10-17", "Statement": [*statements, *claim_check]}


def claim_check_statements(
    bucket: str, prefix: str, where: str, kms_key_arn: str | None = None
) -> list[Json]:
    """Return the statements that let a bridge store the arrays of large events.

    Args:
        where: the partition of the bucket's region.
        kms_key_arn: of the key that encrypts the objects, if it is not S3's own.
    """
    statements: list[Json] = [
        {
            "Sid": "StoreLargeMagentoEvents",
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": f"arn:{where}:s3:::{bucket}/{prefix}*",
        }
    ]
    if kms_key_arn:
        statements.append(
            {
                "Sid": "EncryptLargeMagentoEvents",
                "Effect": "Allow",
                "Action": "kms:GenerateDataKey",
                "Resource": kms_key_arn,
            }
        )
    return statements


def encrypted_bus_statement(kms_key: str) -> Json:
    """Return what a bridge needs to put events on a Custom Event Bus with a key of its owner."""
    return {
        "Sid": "UseKeyOfMagentoBuses",
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": kms_key,
    }


def is_custom(bus: str) -> bool:
    """Return whether a bus is a Custom Event Bus: PutEvents says if it is missing."""
    return ":event-busv2/" in bus


def as_terraform(document: Json) -> str:
    """Write a policy as Terraform has it."""
    account = "${data.aws_caller_identity.current.account_id}"
    bare = terraform_json(document)
    text = bare.replace(ACCOUNT, account)
    identity = 'data "aws_caller_identity" "current" {}\n\n' if text != bare else ""
    return (
        f'{identity}resource "aws_iam_policy" "magento_eventbridge" {{\n'
        '  name        = "magento-eventbridge"\n'
        '  description = "Put the events of a Magento shop on EventBridge"\n'
        f"  policy = jsonencode({text})\n"
        "}\n"
    )


def as_cloudformation(document: Json) -> str:
    """Write a policy as a CloudFormation template."""
    for statement in document["Statement"]:
        resource = statement["Resource"]
        if isinstance(resource, list):
            statement["Resource"] = [_with_account(each) for each in resource]
        else:
            statement["Resource"] = _with_account(resource)
    return cloudformation(
        "Permission to put the events of a Magento shop on EventBridge",
        {
            "MagentoEventBridgePolicy": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {
                    "Description": "Put the events of a Magento shop on EventBridge",
                    "PolicyDocument": document,
                },
            }
        },
    )


def _with_account(arn: str) -> Json | str:
    return {"Fn::Sub": arn.replace(ACCOUNT, "${AWS::AccountId}")} if ACCOUNT in arn else arn


_DENIED = re.compile(
    r"(?:User: (?P<who>\S+) )?is not authorized to perform: (?P<action>[\w-]+:\w+)"
    r"(?: on resource: (?P<resource>\S+))?(?P<why>.*)",
    re.DOTALL,
)
_KIND = re.compile(r"(?:in an?|no) ([\w -]+? polic(?:y|ies)|permissions boundary)")


def missing(message: str, source: str) -> str | None:
    """Return the statement that a refusal lacks; None if it is not about a permission.

    Args:
        message: AWS's message, as `User: … is not authorized to perform: … on resource: …`.
        source: of the entries that were refused.

    Source: IAM user guide, "Troubleshoot access denied error messages".
    """
    refusal = _DENIED.search(message)
    if not refusal:
        return None
    who, action, why = refusal["who"] or "the caller", refusal["action"], refusal["why"]
    kind = _KIND.search(why)
    if "explicit deny" in why:
        where = kind[1] if kind else "policy"
        return (
            f"a Deny for {action} in {_a(where)} of {who} forbids it, and no Allow helps "
            "against a Deny: remove that statement, or exclude this resource from it"
        )
    statement: Json = {"Effect": "Allow", "Action": action}
    if resource := (refusal["resource"] or "").rstrip(".,"):
        statement["Resource"] = resource
    if action == ACTION:
        statement["Condition"] = {"StringEquals": {"events:source": source}}
    where = kind[1] if kind else "identity-based policy"
    place = "the bus's own policy" if where == "resource-based policy" else f"{_a(where)} of {who}"
    return f"missing in {place}: {json.dumps(statement, ensure_ascii=False)}"


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
