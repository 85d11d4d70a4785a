"""The permissions that the bridge needs: the least policy, and what a refusal lacks."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from magento_eventbridge.aws.arns import event_bus_arn
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.provisioning import global_endpoints
from magento_eventbridge.provisioning.infrastructure import cloudformation, terraform_json

Json = dict[str, Any]

ACTION = "events:PutEvents"
LONGEST_POLICY = 6144
"""Characters of a managed policy, without spaces. Source: IAM user guide, "IAM quotas"."""

MOST_POLICIES = 10
"""Managed policies of a role or user, unless AWS raises the quota."""

CHECK_ACTION = "events:DescribeEventBus"

_LONGEST_SID = 24

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
    routes: Iterable[Route],
    account: Callable[[Destination], str],
    *,
    by_detail_type: bool = False,
    secondary_region: str | None = None,
) -> list[Grant]:
    """Return the least permissions that the routes of all store views need.

    Args:
        account: returns the account of a destination whose bus is not named by an ARN.
        by_detail_type: allow only the detail-types that are switched on, as they are sent.
        secondary_region: of the global endpoints; None: allow the bus in each region of theirs.
    """
    needed: dict[tuple[str, str], set[str]] = {}
    for route in routes:
        for bus in _buses(route.destination, account, secondary_region):
            needed.setdefault((bus, route.source), set()).update(_sent(route))
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (bus, source), types in needed.items():
        kept = tuple(sorted(types)) if by_detail_type else ()
        if types:  # what sends nothing needs nothing
            merged.setdefault((bus, kept), []).append(source)
    return [Grant(bus, tuple(sorted(names)), types) for (bus, types), names in merged.items()]


def _buses(
    where: Destination, account: Callable[[Destination], str], secondary_region: str | None
) -> list[str]:
    """Return the ARNs of the buses that a destination's events may arrive at."""
    bus = where.event_bus
    if bus is None or not bus.startswith("arn:"):
        bus = event_bus_arn(bus, where.region, account(where))
    if where.endpoint_id is None:
        return [bus]
    # One bus in each of the endpoint's regions, with one name, in one account.
    if secondary_region is None:
        return [_in_region(bus, "*")]
    return sorted({_in_region(bus, where.region), _in_region(bus, secondary_region)})


def _in_region(arn: str, region: str) -> str:
    parts = arn.split(":")
    return ":".join([*parts[:3], region, *parts[4:]])


def _sent(route: Route) -> set[str]:
    return {
        route.detail_type(event.detail_type) for event in route.catalog.events if route.is_on(event)
    }


def notifications_statement(topic: str) -> Json:
    """Return the statement for notifications of problems to an SNS topic, given by its ARN."""
    return {
        "Sid": "NotifyOfProblems",
        "Effect": "Allow",
        "Action": "sns:Publish",
        "Resource": topic,
    }


def policies(allowed: Iterable[Grant], more: Iterable[Json] = ()) -> list[Json]:
    """Return policy documents: put events on the buses, and check that the buses exist.

    It is one document if that is short enough for a managed policy, otherwise as few as it takes.

    Args:
        more: statements for what else the bridge needs.
    """
    grants = [part for grant in allowed for part in _short_enough(grant)]
    statements = [
        grant.statement("PutMagentoEvents" + (str(number) if len(grants) > 1 else ""))
        for number, grant in enumerate(grants, 1)
    ]
    buses = tuple(sorted({grant.bus for grant in grants if not is_custom(grant.bus)}))
    checks = list(_checks(buses))
    for number, statement in enumerate(checks, 1):
        statement["Sid"] += str(number) if len(checks) > 1 else ""
    documents: list[list[Json]] = [[]]
    for statement in [*statements, *checks, *more]:
        if documents[-1] and length(_document([*documents[-1], statement])) > LONGEST_POLICY:
            documents.append([])
        documents[-1].append(statement)
    return [_document(document) for document in documents]


def length(document: Json) -> int:
    """Return the characters of a policy as IAM counts them: without spaces between its parts."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return len(text.replace(ACCOUNT, "0" * 12))


def _document(statements: list[Json]) -> Json:
    return {"Version": "2012-10-17", "Statement": statements}


def _is_short(statement: Json) -> bool:
    return length(_document([{**statement, "Sid": "X" * _LONGEST_SID}])) <= LONGEST_POLICY


def _short_enough(grant: Grant) -> Iterator[Grant]:
    """Divide a grant until a policy can hold each part; together they allow the same."""
    sources, types = grant.sources, grant.detail_types
    if _is_short(grant.statement("")) or max(len(sources), len(types)) <= 1:
        yield grant
        return
    if len(types) > 1 and (len(sources) == 1 or len(str(types)) > len(str(sources))):
        halves = [replace(grant, detail_types=half) for half in _halves(types)]
    else:
        halves = [replace(grant, sources=half) for half in _halves(sources)]
    for half in halves:
        yield from _short_enough(half)


def _checks(buses: tuple[str, ...]) -> Iterator[Json]:
    """Return the statements that let a bridge check that buses exist."""
    if not buses:
        return
    statement: Json = {
        "Sid": "CheckMagentoBuses",
        "Effect": "Allow",
        "Action": CHECK_ACTION,
        "Resource": buses[0] if len(buses) == 1 else list(buses),
    }
    if _is_short(statement) or len(buses) == 1:
        yield statement
        return
    for half in _halves(buses):
        yield from _checks(half)


def _halves(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    middle = len(names) // 2
    return names[:middle], names[middle:]


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


def endpoints_statement() -> Json:
    """Return what lets the doctor check global endpoints; AWS has no narrower permission."""
    return {
        "Sid": "CheckGlobalEndpoints",
        "Effect": "Allow",
        "Action": global_endpoints.ACTION,
        "Resource": "*",
    }


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


def as_terraform(documents: Sequence[Json]) -> str:
    """Write policies as Terraform has them."""
    account = "${data.aws_caller_identity.current.account_id}"
    bare = "\n".join(
        f'resource "aws_iam_policy" "magento_eventbridge{_numbered("_", number)}" {{\n'
        f'  name        = "magento-eventbridge{_numbered("-", number)}"\n'
        '  description = "Put the events of a Magento shop on EventBridge"\n'
        f"  policy = jsonencode({terraform_json(document)})\n"
        "}\n"
        for number, document in enumerate(documents, 1)
    )
    text = bare.replace(ACCOUNT, account)
    identity = 'data "aws_caller_identity" "current" {}\n\n' if text != bare else ""
    return identity + text


def as_cloudformation(documents: Sequence[Json]) -> str:
    """Write policies as a CloudFormation template."""
    return cloudformation(
        "Permission to put the events of a Magento shop on EventBridge",
        {
            f"MagentoEventBridgePolicy{_numbered('', number)}": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {
                    "Description": "Put the events of a Magento shop on EventBridge",
                    "PolicyDocument": _with_accounts(document),
                },
            }
            for number, document in enumerate(documents, 1)
        },
    )


def _numbered(separator: str, number: int) -> str:
    return "" if number == 1 else f"{separator}{number}"


def _with_accounts(document: Json) -> Json:
    statements = []
    for statement in document["Statement"]:
        resource = statement["Resource"]
        is_list = isinstance(resource, list)
        placed = [_with_account(arn) for arn in resource] if is_list else _with_account(resource)
        statements.append({**statement, "Resource": placed})
    return {**document, "Statement": statements}


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
