"""Rules on a bus: what must change to have one, and which there are."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from magento_eventbridge.aws.arns import partition
from magento_eventbridge.aws.clients import AwsError, Clients
from magento_eventbridge.provisioning.targets import (
    MOST,
    SERVICE,
    Target,
    TargetError,
    log_policy,
    role_policies,
    statement,
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """A rule as it should be.

    Attributes:
        bus: name or ARN of its bus; None: the account's default bus.
        pattern: which events it takes.
    """

    name: str
    bus: str | None
    pattern: Json
    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        """Refuse more targets than AWS takes.

        Raises:
            TargetError: saying how many it takes.
        """
        if len(self.targets) > MOST:
            raise TargetError(f"rule {self.name}: has {len(self.targets)} targets, may have {MOST}")

    def arn(self, region: str, account: str) -> str:
        """Return its ARN; a rule of the default bus has no bus in it."""
        return f"arn:{partition(region)}:events:{region}:{account}:rule/{self._path}"

    @property
    def sid(self) -> str:
        """Return the statement ID (letters and digits only) used in other resources' policies.

        Names that differ in other characters, or in the bus, are distinguished by a hash.
        """
        letters = "".join(c for c in self._path if c.isascii() and c.isalnum())
        if letters != self._path:
            letters += hashlib.sha256(self._path.encode()).hexdigest()[:8]
        return f"MagentoRule{letters}"

    @property
    def _path(self) -> str:
        bus = (self.bus or "default").rpartition("event-bus/")[2]
        return self.name if bus == "default" else f"{bus}/{self.name}"


@dataclass(frozen=True)
class AwsChange:
    """One change to make, described in words."""

    action: str
    make: Callable[[], Any]


def changes(clients: Clients, rule: Rule) -> Iterator[AwsChange]:
    """Return what must be changed at AWS for the rule to be and to work; nothing if all is so.

    Permissions come before targets, so that no event finds a closed door.

    Raises:
        TargetError: a state machine without a role.
        AwsError, CredentialsError: AWS could not be asked.
    """
    for target in rule.targets:
        if target.service == "states" and not target.role_arn:
            trust, permission = role_policies(target, rule.arn(clients.region, "<account>"))
            raise TargetError(
                f"target {target.arn}: EventBridge needs a role to start it: --role-arn. Its "
                f"policy: {json.dumps(permission)} Its trust policy: {json.dumps(trust)}"
            )
    yield from _rule_changes(clients, rule)
    arn = rule.arn(clients.region, clients.account())
    for target in rule.targets:
        yield from _PERMITS[target.service](clients, rule, target, arn)
    yield from _target_changes(clients, rule)


def _of(rule: Rule) -> Json:
    return {"EventBusName": rule.bus} if rule.bus else {}


def _asked(clients: Clients, absent: str, service: str, operation: str, **about: Any) -> Json:
    """Ask for a thing that need not be there yet."""
    try:
        return clients.call(service, operation, **about)
    except AwsError as error:
        if absent in str(error):
            return {}
        raise


_ABSENT = "ResourceNotFoundException"


def _rule_changes(clients: Clients, rule: Rule) -> Iterator[AwsChange]:
    there = _asked(clients, _ABSENT, "events", "describe_rule", Name=rule.name, **_of(rule))
    if (
        there
        and there.get("State") == "ENABLED"
        and _json(there.get("EventPattern")) == rule.pattern
    ):
        return
    action = f"{'change' if there else 'create'} rule {rule.name} on bus {rule.bus or 'default'}"
    yield AwsChange(
        action,
        lambda: clients.call(
            "events",
            "put_rule",
            Name=rule.name,
            EventPattern=json.dumps(rule.pattern),
            State="ENABLED",
            **({"Description": there["Description"]} if there.get("Description") else {}),
            **({"RoleArn": there["RoleArn"]} if there.get("RoleArn") else {}),
            **_of(rule),
        ),
    )


def _target_changes(clients: Clients, rule: Rule) -> Iterator[AwsChange]:
    there = {target["Id"]: target for target in _targets(clients, rule.name, _of(rule))}
    for target in rule.targets:
        if there.get(target.id) == target.entry:
            continue
        yield AwsChange(
            f"send events of rule {rule.name} to {target.arn}",
            lambda entry=target.entry: _put_target(clients, rule, entry),  # type: ignore[misc]
        )


def _put_target(clients: Clients, rule: Rule, entry: Json) -> None:
    answer = clients.call("events", "put_targets", Rule=rule.name, Targets=[entry], **_of(rule))
    for failed in answer.get("FailedEntries", []):
        raise AwsError(f"target {entry['Arn']}: {failed['ErrorCode']}: {failed['ErrorMessage']}")


def _targets(clients: Clients, name: str, of: Json) -> list[Json]:
    found: list[Json] = []
    more: Json = {}
    while True:
        answer = _asked(clients, _ABSENT, "events", "list_targets_by_rule", Rule=name, **of, **more)
        found += answer.get("Targets", [])
        if not answer.get("NextToken"):
            return found
        more = {"NextToken": answer["NextToken"]}


def _permit_queue(clients: Clients, rule: Rule, target: Target, arn: str) -> Iterator[AwsChange]:
    account = target.arn.split(":")[4]
    url = clients.call(
        "sqs", "get_queue_url", QueueName=target.name, QueueOwnerAWSAccountId=account
    )["QueueUrl"]
    attributes = clients.call(
        "sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["Policy"]
    ).get("Attributes", {})
    document = _with(_json(attributes.get("Policy")), statement(target, arn, rule.sid))
    if document:
        yield AwsChange(
            f"let rule {rule.name} send to queue {target.name}",
            lambda: clients.call(
                "sqs",
                "set_queue_attributes",
                QueueUrl=url,
                Attributes={"Policy": json.dumps(document)},
            ),
        )


def _permit_topic(clients: Clients, rule: Rule, target: Target, arn: str) -> Iterator[AwsChange]:
    attributes = clients.call("sns", "get_topic_attributes", TopicArn=target.arn)["Attributes"]
    document = _with(_json(attributes.get("Policy")), statement(target, arn, rule.sid))
    if document:
        yield AwsChange(
            f"let rule {rule.name} publish to topic {target.name}",
            lambda: clients.call(
                "sns",
                "set_topic_attributes",
                TopicArn=target.arn,
                AttributeName="Policy",
                AttributeValue=json.dumps(document),
            ),
        )


def _permit_function(clients: Clients, rule: Rule, target: Target, arn: str) -> Iterator[AwsChange]:
    there = _asked(clients, _ABSENT, "lambda", "get_policy", FunctionName=target.arn)
    if any(
        known.get("Sid") == rule.sid and arn in json.dumps(known)
        for known in _json(there.get("Policy")).get("Statement", [])
    ):
        return
    yield AwsChange(
        f"let rule {rule.name} invoke function {target.name}",
        lambda: clients.call(
            "lambda",
            "add_permission",
            FunctionName=target.arn,
            StatementId=rule.sid,
            Action="lambda:InvokeFunction",
            Principal=SERVICE,
            SourceArn=arn,
        ),
    )


def _permit_logs(clients: Clients, rule: Rule, target: Target, arn: str) -> Iterator[AwsChange]:
    document = log_policy(target, arn)
    if rule.sid in {
        known["policyName"]
        for known in _log_policies(clients)
        if _json(known["policyDocument"]) == document
    }:
        return
    yield AwsChange(
        f"let rule {rule.name} write to log group {target.name}",
        lambda: clients.call(
            "logs",
            "put_resource_policy",
            policyName=rule.sid,
            policyDocument=json.dumps(document),
        ),
    )


def _log_policies(clients: Clients) -> Iterator[Json]:
    more: Json = {}
    while True:
        answer = clients.call("logs", "describe_resource_policies", **more)
        yield from answer.get("resourcePolicies", [])
        if not answer.get("nextToken"):
            return
        more = {"nextToken": answer["nextToken"]}


def _permit_machine(_: Clients, __: Rule, ___: Target, ____: str) -> Iterator[AwsChange]:
    """Change nothing: the role that the target has is the permission."""
    yield from ()


_PERMITS: dict[str, Callable[[Clients, Rule, Target, str], Iterator[AwsChange]]] = {
    "lambda": _permit_function,
    "logs": _permit_logs,
    "sns": _permit_topic,
    "sqs": _permit_queue,
    "states": _permit_machine,
}


def _with(document: Json, wanted: Json) -> Json | None:
    """Return a policy with a statement in it; None if it has that already."""
    others = document.get("Statement", [])
    if wanted in others:
        return None
    kept = [known for known in others if known.get("Sid") != wanted["Sid"]]
    return {"Version": "2012-10-17", **document, "Statement": [*kept, wanted]}


def _json(text: str | None) -> Json:
    document: Json = json.loads(text) if text else {}
    return document


@dataclass(frozen=True)
class ExistingRule:
    """A rule that is there."""

    name: str
    state: str
    pattern: Json | None
    targets: tuple[str, ...]


def rules_of(clients: Clients, bus: str | None) -> Iterator[ExistingRule]:
    """Return the rules of a bus with the ARNs of their targets.

    Raises:
        AwsError, CredentialsError: AWS could not be asked.
    """
    of = {"EventBusName": bus} if bus else {}
    more: Json = {}
    while True:
        answer = clients.call("events", "list_rules", **of, **more)
        for rule in answer["Rules"]:
            targets = tuple(target["Arn"] for target in _targets(clients, rule["Name"], of))
            text = rule.get("EventPattern")
            yield ExistingRule(rule["Name"], rule["State"], _json(text) if text else None, targets)
        if not answer.get("NextToken"):
            return
        more = {"NextToken": answer["NextToken"]}
