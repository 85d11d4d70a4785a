"""Rules on a bus: what must change to have one, or to be rid of it, and which exist."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from magento_eventbridge.aws.arns import account_of, name_of, partition, service_of
from magento_eventbridge.aws.clients import AwsError, Clients
from magento_eventbridge.provisioning.pattern_syntax import written
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

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class Rule:
    """A rule as it should be.

    Attributes:
        bus: name or ARN of its bus; None: the account's default bus.
        pattern: which events it matches.
        account: the account that it is in, where AWS is not asked; None: each target's own.
    """

    name: str
    bus: str | None
    pattern: Json
    targets: tuple[Target, ...]
    account: str | None = None

    def __post_init__(self) -> None:
        """Check name and targets.

        Raises:
            TargetError: AWS accepts no such name, or fewer targets.
        """
        if not _NAME.fullmatch(self.name):
            raise TargetError(
                f"rule '{self.name}': a name has 1 to 64 letters, digits, dots, hyphens and "
                "underscores"
            )
        # One target that is named twice is one.
        by_arn = {target.bare_arn: target for target in self.targets}
        object.__setattr__(self, "targets", tuple(by_arn.values()))
        if len(self.targets) > MOST:
            raise TargetError(f"rule {self.name}: has {len(self.targets)} targets, may have {MOST}")

    def arn(self, region: str, account: str) -> str:
        """Return its ARN; a rule of the default bus has no bus in it."""
        return f"arn:{partition(region)}:events:{region}:{account}:rule/{self._path}"

    def account_for(self, target: Target) -> str:
        """Return the account of the rule in infrastructure code, for one of its targets."""
        of_bus = account_of(self.bus) if self.bus and self.bus.startswith("arn:") else None
        return of_bus or self.account or account_of(target.arn)

    @property
    def sid(self) -> str:
        """Return the statement ID (letters and digits only) used in other resources' policies.

        Names that differ in other characters, or in the bus, are distinguished by a hash.
        """
        letters = "".join(c for c in self._path if c.isascii() and c.isalnum())
        if letters != self._path:
            letters += hashlib.sha256(self._path.encode()).hexdigest()[:8]
        return f"MagentoRule{letters}"

    def log_policy_name(self, target: Target) -> str:
        """Return the name of the resource policy that lets it write to a log group."""
        return f"{self.sid}-{target.digest}"

    def check(self, region: str, account: str) -> None:
        """Check what depends on where the rule is.

        Raises:
            TargetError: a target is in another region, or needs a role.
        """
        for target in self.targets:
            target.check_region(region)
            if target.needs_role(account) and not target.role_arn:
                trust, permission = role_policies(target, self.arn(region, account))
                raise TargetError(
                    f"target {target.arn}: EventBridge needs a role to reach it: --role-arn. Its "
                    f"policy: {json.dumps(permission)} Its trust policy: {json.dumps(trust)}"
                )

    @property
    def _path(self) -> str:
        bus = (self.bus or "default").rpartition("event-bus/")[2]
        return self.name if bus == "default" else f"{bus}/{self.name}"


@dataclass(frozen=True)
class AwsChange:
    """One change to make, described in words."""

    action: str
    make: Callable[[], Any]
    is_deletion: bool = False


def changes(clients: Clients, rule: Rule, *, prune: bool = False) -> Iterator[AwsChange]:
    """Return what must be changed at AWS for the rule to exist and to work, if anything.

    Permissions come before targets, so that no event is refused.

    Args:
        prune: remove the targets that the rule should not have.

    Raises:
        TargetError: a target is in another region, or needs a role.
        AwsError, CredentialsError: AWS could not be asked.
    """
    account = clients.account()
    rule.check(clients.region, account)
    yield from _rule_changes(clients, rule)
    arn = rule.arn(clients.region, account)
    for target in rule.targets:
        if not target.needs_role(account):
            yield from _PERMITS[target.kind](clients, rule, target, arn)
    for queue in dict.fromkeys(target.options.dead_letters for target in rule.targets):
        if queue:
            yield from _permit_queue(clients, rule, queue, arn)
    yield from _target_changes(clients, rule)
    if prune:
        yield from _prune_changes(clients, rule, arn)


def deletion(clients: Clients, name: str, bus: str | None) -> Iterator[AwsChange]:
    """Return what must be changed for a rule to be gone, with its targets and their permissions.

    Raises:
        AwsError, CredentialsError: AWS could not be asked.
    """
    rule = Rule(name, bus, {}, ())
    if not _asked(clients, "events", "describe_rule", Name=name, **_of(rule)):
        return
    yield from _prune_changes(clients, rule, rule.arn(clients.region, clients.account()))
    yield AwsChange(
        f"delete rule {name} on bus {bus or 'default'}",
        lambda: clients.call("events", "delete_rule", Name=name, **_of(rule)),
        is_deletion=True,
    )


def _of(rule: Rule) -> Json:
    return {"EventBusName": rule.bus} if rule.bus else {}


# The codes with which services say that a thing does not exist; those of SQS and SNS depend on the
# protocol.
_ABSENT = frozenset(
    {
        "ResourceNotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "NotFound",
        "NotFoundException",
    }
)


def _asked(clients: Clients, service: str, operation: str, **about: Any) -> Json:
    """Ask for a thing that may not exist yet: nothing then."""
    try:
        return clients.call(service, operation, **about)
    except AwsError as error:
        if error.code in _ABSENT:
            return {}
        raise


# What PutRule would remove from a rule that has it.
_KEPT = ("Description", "RoleArn", "ScheduleExpression")


def _rule_changes(clients: Clients, rule: Rule) -> Iterator[AwsChange]:
    present = _asked(clients, "events", "describe_rule", Name=rule.name, **_of(rule))
    if (
        present
        and present.get("State") == "ENABLED"
        and same_json(_json(present.get("EventPattern")), rule.pattern)
    ):
        return
    action = f"{'change' if present else 'create'} rule {rule.name} on bus {rule.bus or 'default'}"
    yield AwsChange(
        action,
        lambda: clients.call(
            "events",
            "put_rule",
            Name=rule.name,
            EventPattern=written(rule.pattern),
            State="ENABLED",
            **{name: present[name] for name in _KEPT if present.get(name)},
            **_of(rule),
        ),
    )


def _target_changes(clients: Clients, rule: Rule) -> Iterator[AwsChange]:
    existing = {target["Arn"]: target for target in _targets(clients, rule.name, _of(rule))}
    for target in rule.targets:
        present = existing.get(target.bare_arn, {})
        entry = _merged(present, target.entry)
        if entry == present:
            continue
        yield AwsChange(
            f"send events of rule {rule.name} to {target.arn}",
            lambda entry=entry: _put_target(clients, rule, entry),  # type: ignore[misc]
        )


# What a target sends: it has one of these.
_INPUTS = frozenset({"Input", "InputPath", "InputTransformer"})


def _merged(present: Json, wanted: Json) -> Json:
    """Return a target with what is wanted, and with what it has besides."""
    kept = dict(present)
    if _INPUTS & wanted.keys():
        kept = {name: value for name, value in kept.items() if name not in _INPUTS}
    if "RetryPolicy" in wanted:
        wanted = wanted | {"RetryPolicy": {**kept.get("RetryPolicy", {}), **wanted["RetryPolicy"]}}
    if "SqsParameters" in kept:
        wanted = {name: value for name, value in wanted.items() if name != "SqsParameters"}
    # A target that was put under another ID keeps it, or it would get each event twice.
    return {**kept, **wanted, **({"Id": present["Id"]} if present else {})}


def _prune_changes(clients: Clients, rule: Rule, arn: str) -> Iterator[AwsChange]:
    wanted = {target.bare_arn for target in rule.targets}
    present = _targets(clients, rule.name, _of(rule))
    kept = [target for target in present if target["Arn"] in wanted]
    for target in present:
        if target in kept:
            continue
        yield AwsChange(
            f"remove target {target['Arn']} of rule {rule.name}",
            lambda target=target: _remove_target(clients, rule, target),  # type: ignore[misc]
            is_deletion=True,
        )
        yield from _revocation(clients, rule, target["Arn"], arn)
    still_used = {_dead_letters(target) for target in kept} | wanted
    still_used |= {target.options.dead_letters for target in rule.targets}
    removed = {target["Arn"] for target in present}
    for queue in dict.fromkeys(_dead_letters(target) for target in present):
        if queue and queue not in still_used | removed:
            yield from _revocation(clients, rule, queue, arn)


def _dead_letters(target: Json) -> str | None:
    queue: str | None = target.get("DeadLetterConfig", {}).get("Arn")
    return queue


def _revocation(clients: Clients, rule: Rule, target: str, arn: str) -> Iterator[AwsChange]:
    """Return what closes a target again; nothing if a role of its own account opens it."""
    revoke = _REVOKES.get(service_of(target))
    if revoke and account_of(target) == account_of(arn):
        yield from revoke(clients, rule, target, arn)


def _put_target(clients: Clients, rule: Rule, entry: Json) -> None:
    answer = clients.call("events", "put_targets", Rule=rule.name, Targets=[entry], **_of(rule))
    _check_entries(answer, entry)


def _remove_target(clients: Clients, rule: Rule, target: Json) -> None:
    answer = clients.call(
        "events", "remove_targets", Rule=rule.name, Ids=[target["Id"]], **_of(rule)
    )
    _check_entries(answer, target)


def _check_entries(answer: Json, target: Json) -> None:
    """Check the one entry of a call: AWS answers 200 though it failed.

    Raises:
        AwsError: it failed.
    """
    failed = [*answer.get("FailedEntries", []), *[{}] * bool(answer.get("FailedEntryCount"))]
    if failed:
        about = (failed[0].get("ErrorCode"), failed[0].get("ErrorMessage"))
        reason = ": ".join(filter(None, about)) or "AWS refused it and does not say why"
        raise AwsError(f"target {target['Arn']}: {reason}")


def _targets(clients: Clients, name: str, of: Json) -> list[Json]:
    targets: list[Json] = []
    more: Json = {}
    while True:
        answer = _asked(clients, "events", "list_targets_by_rule", Rule=name, **of, **more)
        targets += answer.get("Targets", [])
        if not answer.get("NextToken"):
            return targets
        more = {"NextToken": answer["NextToken"]}


def _permit_queue_target(
    clients: Clients, rule: Rule, target: Target, arn: str
) -> Iterator[AwsChange]:
    yield from _permit_queue(clients, rule, target.arn, arn)


def _permit_queue(clients: Clients, rule: Rule, queue: str, arn: str) -> Iterator[AwsChange]:
    url, document = _queue_policy(clients, queue)
    changed = _with(document, statement(queue, arn, rule.sid))
    if changed:
        yield AwsChange(
            f"let rule {rule.name} send to queue {name_of(queue)}",
            lambda: _set_queue_policy(clients, url, changed),
        )


def _revoke_queue(clients: Clients, rule: Rule, queue: str, arn: str) -> Iterator[AwsChange]:
    try:
        url, document = _queue_policy(clients, queue)
    except AwsError as error:
        if error.code in _ABSENT:
            return  # a queue that is gone lets nobody in
        raise
    changed = _without(document, arn)
    if changed is not None:
        yield AwsChange(
            f"no longer let rule {rule.name} send to queue {name_of(queue)}",
            lambda: _set_queue_policy(clients, url, changed),
            is_deletion=True,
        )


def _queue_policy(clients: Clients, queue: str) -> tuple[str, Json]:
    url = clients.call(
        "sqs",
        "get_queue_url",
        QueueName=name_of(queue),
        QueueOwnerAWSAccountId=account_of(queue),
    )["QueueUrl"]
    attributes = clients.call(
        "sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["Policy"]
    ).get("Attributes", {})
    return str(url), _json(attributes.get("Policy"))


def _set_queue_policy(clients: Clients, url: str, document: Json) -> None:
    text = json.dumps(document) if document.get("Statement") else ""
    clients.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": text})


def _permit_topic(clients: Clients, rule: Rule, target: Target, arn: str) -> Iterator[AwsChange]:
    changed = _with(_topic_policy(clients, target.arn), statement(target.arn, arn, rule.sid))
    if changed:
        yield AwsChange(
            f"let rule {rule.name} publish to topic {target.name}",
            lambda: _set_topic_policy(clients, target.arn, changed),
        )


def _revoke_topic(clients: Clients, rule: Rule, topic: str, arn: str) -> Iterator[AwsChange]:
    try:
        document = _topic_policy(clients, topic)
    except AwsError as error:
        if error.code in _ABSENT:
            return  # a topic that is gone lets nobody in
        raise
    changed = _without(document, arn)
    if changed and changed.get("Statement"):  # a topic's policy may not be empty
        yield AwsChange(
            f"no longer let rule {rule.name} publish to topic {name_of(topic)}",
            lambda: _set_topic_policy(clients, topic, changed),
            is_deletion=True,
        )


def _topic_policy(clients: Clients, topic: str) -> Json:
    attributes = clients.call("sns", "get_topic_attributes", TopicArn=topic)["Attributes"]
    return _json(attributes.get("Policy"))


def _set_topic_policy(clients: Clients, topic: str, document: Json) -> None:
    clients.call(
        "sns",
        "set_topic_attributes",
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=json.dumps(document),
    )


def _permit_function(clients: Clients, rule: Rule, target: Target, arn: str) -> Iterator[AwsChange]:
    if any(_is_about(known, arn) for known in _function_statements(clients, target.arn)):
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


def _revoke_function(clients: Clients, rule: Rule, function: str, arn: str) -> Iterator[AwsChange]:
    for known in _function_statements(clients, function):
        if _is_about(known, arn):
            yield AwsChange(
                f"no longer let rule {rule.name} invoke function {name_of(function)}",
                lambda sid=known["Sid"]: clients.call(  # type: ignore[misc]
                    "lambda", "remove_permission", FunctionName=function, StatementId=sid
                ),
                is_deletion=True,
            )


def _function_statements(clients: Clients, function: str) -> list[Json]:
    policy = _asked(clients, "lambda", "get_policy", FunctionName=function)
    return _statements(_json(policy.get("Policy")))


def _is_about(known: Json, rule_arn: str) -> bool:
    """Return whether a statement lets this rule in."""
    sources = [
        value
        for condition in known.get("Condition", {}).values()
        for key, value in condition.items()
        if key.lower() == "aws:sourcearn"
    ]
    return known.get("Effect") == "Allow" and rule_arn in sources


def _permit_logs(clients: Clients, rule: Rule, target: Target, arn: str) -> Iterator[AwsChange]:
    document = log_policy(target, arn)
    if any(_json(known.get("policyDocument")) == document for known in _log_policies(clients)):
        return
    yield AwsChange(
        f"let rule {rule.name} write to log group {target.name}",
        lambda: clients.call(
            "logs",
            "put_resource_policy",
            policyName=rule.log_policy_name(target),
            policyDocument=json.dumps(document),
        ),
    )


def _revoke_logs(clients: Clients, rule: Rule, group: str, arn: str) -> Iterator[AwsChange]:
    document = log_policy(Target(group), arn)
    for known in _log_policies(clients):
        if _json(known.get("policyDocument")) == document:
            yield AwsChange(
                f"no longer let rule {rule.name} write to log group {name_of(group)}",
                lambda name=known["policyName"]: clients.call(  # type: ignore[misc]
                    "logs", "delete_resource_policy", policyName=name
                ),
                is_deletion=True,
            )


def _log_policies(clients: Clients) -> Iterator[Json]:
    more: Json = {}
    while True:
        answer = clients.call("logs", "describe_resource_policies", **more)
        yield from answer.get("resourcePolicies", [])
        if not answer.get("nextToken"):
            return
        more = {"nextToken": answer["nextToken"]}


_PERMITS: dict[str, Callable[[Clients, Rule, Target, str], Iterator[AwsChange]]] = {
    "lambda": _permit_function,
    "logs": _permit_logs,
    "sns": _permit_topic,
    "sqs": _permit_queue_target,
}
_REVOKES: dict[str, Callable[[Clients, Rule, str, str], Iterator[AwsChange]]] = {
    "lambda": _revoke_function,
    "logs": _revoke_logs,
    "sns": _revoke_topic,
    "sqs": _revoke_queue,
}


def _with(document: Json, wanted: Json) -> Json | None:
    """Return a policy with a statement in it; None if it has that already."""
    others = _statements(document)
    if wanted in others:
        return None
    kept = [known for known in others if known.get("Sid") != wanted["Sid"]]
    return {"Version": "2012-10-17", **document, "Statement": [*kept, wanted]}


def _without(document: Json, rule_arn: str) -> Json | None:
    """Return a policy without the statements for a rule; None if it has none."""
    others = _statements(document)
    condition = {"ArnEquals": {"aws:SourceArn": rule_arn}}
    kept = [known for known in others if known.get("Condition") != condition]
    return {**document, "Statement": kept} if len(kept) < len(others) else None


def _statements(document: Json) -> list[Json]:
    """Return the statements of a policy; a single one may stand without an array."""
    statements = document.get("Statement", [])
    return [statements] if isinstance(statements, dict) else list(statements)


def same_json(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON: to Python, true is 1, and 1.0 is 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _json(text: str | None) -> Json:
    document: Json = json.loads(text) if text else {}
    return document


@dataclass(frozen=True)
class ExistingRule:
    """A rule that exists, or a subscriber of a Custom Event Bus.

    Attributes:
        type: `FIFO` or `UNORDERED` for a subscriber; None for a rule.
    """

    name: str
    state: str
    pattern: Json | None
    targets: tuple[str, ...]
    type: str | None = None


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
