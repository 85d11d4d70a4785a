"""Subscribers of a Custom Event Bus: what must change at AWS to have them, and which exist.

A subscriber has one target, so a rule with several targets is several subscribers: the first has
the rule's name, the others have it with a hash of their target's ARN. Sources: API reference of
Amazon EventBridge Custom Event Bus; user guide, "Subscribers of a Custom Event Bus".
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from magento_eventbridge.aws.arns import account_of, partition, region_of
from magento_eventbridge.aws.clients import Clients
from magento_eventbridge.provisioning.pattern_syntax import written
from magento_eventbridge.provisioning.rules import AwsChange, ExistingRule, same_json
from magento_eventbridge.provisioning.targets import SERVICE, Target, TargetError

Json = dict[str, Any]

_API = "eventbridgev2"
_NAME = re.compile(r"[A-Za-z0-9][.\-_A-Za-z0-9]{0,63}")
_GROUP = "{% $events.SystemMetadata.EventGroupId %}"
_DEDUPLICATION = "{% $events.SystemMetadata.DeduplicationId %}"

_ACTIONS = {
    "lambda": ["lambda:InvokeFunction"],
    "sns": ["sns:Publish"],
    "sqs": ["sqs:SendMessage"],
    "states": ["states:StartExecution"],
    "kinesis": ["kinesis:PutRecords"],
    "firehose": ["firehose:PutRecordBatch"],
    "api-destination": ["events:InvokeApiDestination"],
    "event-bus": ["events:PutEvents"],
    # The events of a shop are forwarded as raw events; PutEvents is for those of AWS itself.
    "event-busv2": ["events:PutEvents", "events:PutRawEvents"],
}
# May be in another region.
_OTHER_BUS = "event-busv2"


@dataclass(frozen=True)
class BusSubscription:
    """The events that some targets get from a Custom Event Bus.

    Attributes:
        bus: the bus's whole ARN.
        pattern: which events.
        is_ordered: deliver the events of one subject in order; None: for FIFO targets only.
    """

    name: str
    bus: str
    pattern: Json
    targets: tuple[Target, ...]
    is_ordered: bool | None = None

    def __post_init__(self) -> None:
        """Check name and targets.

        Raises:
            TargetError: AWS accepts no such name or target.
        """
        if not _NAME.fullmatch(self.name):
            raise TargetError(
                f"subscriber '{self.name}': a name has 1 to 64 letters, digits, dots, hyphens and "
                "underscores, and begins with a letter or a digit"
            )
        # One target that is named twice is one.
        by_arn = {target.bare_arn: target for target in self.targets}
        object.__setattr__(self, "targets", tuple(by_arn.values()))
        for target in self.targets:
            self._check(target)

    def _check(self, target: Target) -> None:
        options = target.options
        if target.kind not in _ACTIONS:
            raise TargetError(
                f"target {target.arn}: a subscriber of a Custom Event Bus cannot send to it; "
                f"it can send to {', '.join(_ACTIONS)}"
            )
        if target.arn == self.bus:
            raise TargetError(f"target {target.arn}: is the bus itself")
        if options.input_path or options.input_template:
            raise TargetError(
                "a subscriber of a Custom Event Bus has no input path and no input template: set "
                "its transformer (JSONata) at AWS; a later 'rules put' keeps it"
            )
        if target.kind != _OTHER_BUS and region_of(target.arn) != region_of(self.bus):
            raise TargetError(
                f"target {target.arn}: is in {region_of(target.arn)}, and the bus in "
                f"{region_of(self.bus)}: they must be in the same region"
            )
        if self.is_ordered is False and _is_fifo(target):
            raise TargetError(f"target {target.arn}: is FIFO, and --no-fifo asks for no order")

    def order_of(self, target: Target) -> str:
        """Return the type of the subscriber of a target: `FIFO` or `UNORDERED`."""
        is_ordered = _is_fifo(target) if self.is_ordered is None else self.is_ordered
        return "FIFO" if is_ordered else "UNORDERED"

    def request(self, name: str, target: Target) -> Json:
        """Return one of its subscribers as CreateSubscriber accepts it."""
        options = target.options
        invoke: Json = {"TargetArn": target.bare_arn, **_parameters(target)}
        if target.role_arn:
            invoke["RoleArn"] = target.role_arn
        request: Json = {
            "Name": name,
            "EventBusArn": self.bus,
            "Type": self.order_of(target),
            "FilterConfiguration": {
                "Filters": [{"Scope": "DATA", "Pattern": written(self.pattern)}]
            },
            "InvokeConfiguration": invoke,
        }
        retries = {"MaxRetryAttempts": options.attempts, "MaxEventAgeInSeconds": options.age}
        if retries := {key: value for key, value in retries.items() if value is not None}:
            request["RetryPolicy"] = retries
        if options.dead_letters:
            request["OnFailureConfiguration"] = {"Arn": options.dead_letters}
        return request

    def names(self, existing: dict[str, str] | None = None) -> dict[str, str]:
        """Return the name of the subscriber of each target, by the target's ARN.

        Args:
            existing: the names that subscribers already have, by the ARN of their target.
        """
        names = dict(existing or {})
        for target in self.targets:
            if target.bare_arn not in names:
                is_taken = self.name in names.values()
                names[target.bare_arn] = f"{self.name}-{target.digest}" if is_taken else self.name
        return names

    def role_policies(self, target: Target) -> tuple[Json, Json]:
        """Return trust and permission of the role with which a subscriber reaches a target."""
        region, account = region_of(self.bus), account_of(target.arn) or account_of(self.bus)
        subscribers = f"arn:{partition(region)}:events:{region}:{account}:subscriber"
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": SERVICE},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account},
                # The end of a subscriber's ARN is known only when it exists.
                "ArnLike": {"aws:SourceArn": f"{subscribers}/{self.name}*/*"},
            },
        }
        actions = _ACTIONS[target.kind]
        resources = [target.bare_arn]
        if target.kind == "api-destination":
            resources = ["/".join(target.arn.split("/")[:2]) + "/*"]
        statements: list[Json] = [_allow(actions, resources)]
        dead_letters = target.options.dead_letters
        if dead_letters and [dead_letters, actions] != [target.arn, ["sqs:SendMessage"]]:
            statements.append(_allow(["sqs:SendMessage"], [dead_letters]))
        return (
            {"Version": "2012-10-17", "Statement": [trust]},
            {"Version": "2012-10-17", "Statement": statements},
        )


def _allow(actions: list[str], resources: list[str]) -> Json:
    return {
        "Effect": "Allow",
        "Action": actions[0] if len(actions) == 1 else actions,
        "Resource": resources[0] if len(resources) == 1 else resources,
    }


def _is_fifo(target: Target) -> bool:
    return target.kind in ("sqs", "sns") and target.arn.endswith(".fifo")


def _parameters(target: Target) -> Json:
    """Return what a target needs of each event."""
    match target.kind:
        case "sqs" | "sns" if _is_fifo(target):
            block = "SqsParameters" if target.kind == "sqs" else "SnsParameters"
            return {block: {"MessageGroupId": _GROUP, "MessageDeduplicationId": _DEDUPLICATION}}
        case "kinesis":
            return {"KinesisParameters": {"PartitionKey": _GROUP}}
        case "event-busv2":
            system = {"EventGroupId": _GROUP, "DeduplicationId": _DEDUPLICATION}
            return {"EventBusV2Parameters": {"SystemMetadata": system}}
        case _:
            return {}


def changes(
    clients: Clients, subscription: BusSubscription, *, prune: bool = False
) -> Iterator[AwsChange]:
    """Return what must be changed at AWS for the subscribers to exist, if anything.

    Args:
        prune: delete its subscribers with targets that are not named.

    Raises:
        TargetError: a target needs a role, is in another account, or has a subscriber that AWS
            cannot change.
        AwsError, CredentialsError: AWS could not be asked.
    """
    account = clients.account()
    existing = {s["TargetArn"]: s for s in _of(clients, subscription.name, subscription.bus)}
    names = subscription.names({arn: one["Name"] for arn, one in existing.items()})
    for target in subscription.targets:
        if account_of(target.arn) not in ("", account):
            raise TargetError(
                f"target {target.arn}: is not in account {account}. The account that has the "
                "target must create the subscriber, once the bus lets it (iam policy --for-bus)"
            )
        present = existing.get(target.bare_arn)
        if not target.role_arn and not present:
            trust, permission = subscription.role_policies(target)
            raise TargetError(
                f"target {target.arn}: a subscriber needs a role to reach it: --role-arn. Its "
                f"policy: {json.dumps(permission)} Its trust policy: {json.dumps(trust)}"
            )
        request = subscription.request(names[target.bare_arn], target)
        if present is None:
            yield AwsChange(
                f"create subscriber {request['Name']} for {target.arn}",
                lambda request=request: clients.call(  # type: ignore[misc]
                    _API, "create_subscriber", **request
                ),
            )
        else:
            yield from _update(clients, present["SubscriberArn"], request)
    if prune:
        wanted = {target.bare_arn for target in subscription.targets}
        for arn, one in existing.items():
            if arn not in wanted:
                yield _delete(clients, one)


def deletion(clients: Clients, name: str, bus: str) -> Iterator[AwsChange]:
    """Return what must be changed for the subscribers of a rule to be gone.

    Raises:
        AwsError, CredentialsError: AWS could not be asked.
    """
    for one in _of(clients, name, bus):
        yield _delete(clients, one)


def subscribers_of(clients: Clients, bus: str) -> Iterator[ExistingRule]:
    """Return the subscribers of a bus.

    Raises:
        AwsError, CredentialsError: AWS could not be asked.
    """
    for summary in _summaries(clients, EventBusArn=bus):
        one = clients.call(_API, "describe_subscriber", SubscriberArn=summary["SubscriberArn"])
        filters = one.get("FilterConfiguration", {}).get("Filters", [])
        patterns = [json.loads(each["Pattern"]) for each in filters if each["Scope"] == "DATA"]
        state = "REVOKED" if summary.get("Revoked") else summary.get("State", "RUNNING")
        yield ExistingRule(
            summary["Name"],
            state,
            patterns[0] if patterns else {},
            (summary["TargetArn"],),
            summary.get("Type", "UNORDERED"),
        )


def _of(clients: Clients, name: str, bus: str) -> list[Json]:
    """Return the subscribers of a rule: of its name, and of its name with their target's hash."""
    return [
        summary
        for summary in _summaries(clients, EventBusArn=bus, NamePrefix=name)
        if summary["Name"] in (name, f"{name}-{_digest(summary['TargetArn'])}")
    ]


def _digest(arn: str) -> str:
    try:
        return Target(arn).digest
    except TargetError:
        return ""  # a target of a kind that 'rules put' does not create


def _summaries(clients: Clients, **about: Any) -> Iterator[Json]:
    more: Json = {}
    while True:
        answer = clients.call(_API, "list_subscribers", **about, **more)
        yield from answer.get("Subscribers", [])
        if not answer.get("NextToken"):
            return
        more = {"NextToken": answer["NextToken"]}


def _update(clients: Clients, arn: str, request: Json) -> Iterator[AwsChange]:
    """Return the update of a subscriber that exists; each block that is sent replaces AWS's."""
    present = clients.call(_API, "describe_subscriber", SubscriberArn=arn)
    name = request["Name"]
    if present.get("Revoked"):
        raise TargetError(
            f"subscriber {name} was revoked by the owner of the bus, for good: 'rules delete' it"
        )
    if request["Type"] != (kind := present.get("Type", "UNORDERED")):
        raise TargetError(
            f"subscriber {name} is {kind}, and AWS cannot change that: 'rules delete' it first, or "
            "create one with another name beside it"
        )
    blocks: Json = {}
    known = present.get("InvokeConfiguration", {})
    # What is set at AWS besides, as the parameters of a target, stays.
    invoke = {**request["InvokeConfiguration"], **known}
    if role := request["InvokeConfiguration"].get("RoleArn"):
        invoke["RoleArn"] = role
    if invoke != known:
        blocks["InvokeConfiguration"] = {k: v for k, v in invoke.items() if k != "TargetArn"}
    filters = present.get("FilterConfiguration", {})
    if not _has_pattern(filters, request):
        others = [each for each in filters.get("Filters", []) if each["Scope"] != "DATA"]
        blocks["FilterConfiguration"] = {
            **filters,
            "Filters": [*request["FilterConfiguration"]["Filters"], *others],
        }
    for block in ("RetryPolicy", "OnFailureConfiguration"):
        merged = {**present.get(block, {}), **request.get(block, {})}
        if merged != present.get(block, {}):
            blocks[block] = merged
    if blocks:
        yield AwsChange(
            f"change {', '.join(sorted(blocks))} of subscriber {name}",
            lambda: clients.call(_API, "update_subscriber", SubscriberArn=arn, **blocks),
        )


def _has_pattern(filters: Json, request: Json) -> bool:
    wanted = [json.loads(each["Pattern"]) for each in request["FilterConfiguration"]["Filters"]]
    present = [each for each in filters.get("Filters", []) if each["Scope"] == "DATA"]
    return same_json(wanted, [json.loads(each["Pattern"]) for each in present])


def _delete(clients: Clients, one: Json) -> AwsChange:
    return AwsChange(
        f"delete subscriber {one['Name']} for {one['TargetArn']}",
        lambda: clients.call(_API, "delete_subscriber", SubscriberArn=one["SubscriberArn"]),
        is_deletion=True,
    )
