"""Where a rule sends its events, and the permission that EventBridge needs for each.

Sources: EventBridge user guide, "Event bus targets", "Using resource-based policies" and "IAM roles
for sending events to targets".
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from magento_eventbridge.aws.arns import account_of, name_of, partition, region_of, service_of

Json = dict[str, Any]

SERVICE = "events.amazonaws.com"
_LOG_DELIVERY = "delivery.logs.amazonaws.com"

KINDS = {
    "lambda": "a Lambda function",
    "logs": "a log group",
    "sns": "an SNS topic",
    "sqs": "an SQS queue",
    "states": "a Step Functions state machine",
    "kinesis": "a Kinesis stream",
    "firehose": "a Firehose stream",
    "api-destination": "an API destination",
    "event-bus": "another event bus",
    "event-busv2": "a Custom Event Bus",
    "ecs": "an ECS cluster",
}

_ARN = re.compile(
    r"arn:aws(-[a-z]+)*:[a-z0-9-]+:(?P<region>[a-z]+(-[a-z0-9]+)+):[0-9]{12}:(?P<resource>\S+)"
)
# How the end of an ARN looks, and an example of it.
_RESOURCES = {
    "lambda": (r"function:[\w-]+(:[\w$-]+)?", "function:NAME"),
    "logs": (r"log-group:[\w./#-]+(:\*)?", "log-group:NAME"),
    "sns": (r"[\w-]+(\.fifo)?", "NAME"),
    "sqs": (r"[\w-]+(\.fifo)?", "NAME"),
    "states": (r"stateMachine:[\w-]+(:[\w-]+)?", "stateMachine:NAME"),
    "kinesis": (r"stream/[\w.-]+", "stream/NAME"),
    "firehose": (r"deliverystream/[\w.-]+", "deliverystream/NAME"),
    "api-destination": (r"api-destination/[\w.-]+/[\w-]+", "api-destination/NAME/ID"),
    "event-bus": (r"event-bus/[\w./-]+", "event-bus/NAME"),
    "event-busv2": (r"event-busv2/[\w.-]+/\w+", "event-busv2/NAME/ID"),
    "ecs": (r"cluster/[\w-]+", "cluster/NAME"),
}

# What the rule's role may do; kinds that are not here are opened by a policy of their own.
_ROLE_ACTIONS = {
    "states": ["states:StartExecution"],
    "kinesis": ["kinesis:PutRecord", "kinesis:PutRecords"],
    "firehose": ["firehose:PutRecord", "firehose:PutRecordBatch"],
    "api-destination": ["events:InvokeApiDestination"],
    "event-bus": ["events:PutEvents"],
    # Raw events are those that no AWS service sent.
    "event-busv2": ["events:PutEvents", "events:PutRawEvents"],
    "ecs": ["ecs:RunTask"],
}
# With a role a rule reaches these in another account.
_CROSS_ACCOUNT_ACTIONS = {
    "sqs": ["sqs:SendMessage"],
    "sns": ["sns:Publish"],
    "lambda": ["lambda:InvokeFunction"],
}

MOST = 5
"""How many targets a rule may have. Source: EventBridge user guide, "EventBridge quotas"."""

_MOST_ATTEMPTS = 185
_SHORTEST_AGE, _LONGEST_AGE = 60, 86_400  # seconds
_LONGEST_PATH, _LONGEST_TEMPLATE = 256, 8192  # characters
_MOST_VALUES = 100
_VALUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_PLACEHOLDER = re.compile(r"<([^<>]+)>")


class TargetError(ValueError):
    """Targets that a rule cannot have; the message says why."""


@dataclass(frozen=True)
class TargetOptions:
    """What a target may have besides its ARN; what is None or empty is left as it is at AWS.

    Attributes:
        dead_letters: the ARN of the queue for events that cannot be delivered.
        attempts, age: how often, and for how many seconds, delivery is tried again.
        input_path: the JSON path of the part of the event that is sent.
        input_template: the text that is sent, with `<name>` for the values of `input_values`.
        input_values: JSON paths by name.
        task_definition: of the task that a cluster runs.
        subnets: for a task on Fargate.
    """

    dead_letters: str | None = None
    attempts: int | None = None
    age: int | None = None
    input_path: str | None = None
    input_template: str | None = None
    input_values: tuple[tuple[str, str], ...] = ()
    task_definition: str | None = None
    subnets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            TargetError: AWS accepts no such value.
        """
        if self.dead_letters is not None and (
            service_of(self.dead_letters) != "sqs" or self.dead_letters.endswith(".fifo")
        ):
            raise TargetError(f"{self.dead_letters}: dead letters go to a standard SQS queue")
        if self.attempts is not None and not 0 <= self.attempts <= _MOST_ATTEMPTS:
            raise TargetError(f"{self.attempts} attempts: must be 0 to {_MOST_ATTEMPTS}")
        if self.age is not None and not _SHORTEST_AGE <= self.age <= _LONGEST_AGE:
            raise TargetError(f"{self.age} seconds: must be {_SHORTEST_AGE} to {_LONGEST_AGE}")
        if self.input_path is not None and self.input_template is not None:
            raise TargetError("a target has an input path or an input template, not both")
        self._check_input()

    def _check_input(self) -> None:
        """Check what is sent. Source: API reference, InputTransformer and Target."""
        if self.input_values and self.input_template is None:
            raise TargetError("input values are for an input template, and there is none")
        if self.input_template is not None and not (
            0 < len(self.input_template) <= _LONGEST_TEMPLATE
        ):
            raise TargetError(f"input template: must have 1 to {_LONGEST_TEMPLATE} characters")
        if len(self.input_values) > _MOST_VALUES:
            raise TargetError(f"an input template has at most {_MOST_VALUES} values")
        for name, _ in self.input_values:
            if not _VALUE_NAME.fullmatch(name) or name.upper().startswith("AWS"):
                raise TargetError(
                    f"input value {name}: a name has letters, digits, '_' and '-', and does not "
                    "begin with AWS"
                )
        names = {name for name, _ in self.input_values}
        for name in _PLACEHOLDER.findall(self.input_template or ""):
            if name not in names and not name.startswith("aws.events."):
                raise TargetError(f"input template: <{name}> has no value")
        for path in (self.input_path, *(path for _, path in self.input_values)):
            if path is not None and not path.startswith("$"):
                raise TargetError(f"{path}: a JSON path begins with $, as $.detail.id")
            if path is not None and len(path) > _LONGEST_PATH:
                raise TargetError(
                    f"{path[:20]}…: a JSON path has at most {_LONGEST_PATH} characters"
                )

    @property
    def entry(self) -> Json:
        """Return them as PutTargets accepts them."""
        entry: Json = {}
        if self.dead_letters:
            entry["DeadLetterConfig"] = {"Arn": self.dead_letters}
        retries = {"MaximumRetryAttempts": self.attempts, "MaximumEventAgeInSeconds": self.age}
        if retries := {name: value for name, value in retries.items() if value is not None}:
            entry["RetryPolicy"] = retries
        if self.input_path:
            entry["InputPath"] = self.input_path
        if self.input_template:
            entry["InputTransformer"] = {
                **({"InputPathsMap": dict(self.input_values)} if self.input_values else {}),
                "InputTemplate": self.input_template,
            }
        return entry


@dataclass(frozen=True)
class Target:
    """One target of a rule.

    Attributes:
        arn: what gets the events.
        role_arn: the role that EventBridge assumes to reach it.
    """

    arn: str
    role_arn: str | None = None
    options: TargetOptions = field(default_factory=TargetOptions)

    def __post_init__(self) -> None:
        """Check that it is a target.

        Raises:
            TargetError: it is none.
        """
        if self.kind not in KINDS:
            raise TargetError(f"target {self.arn}: must be the ARN of {', '.join(KINDS.values())}")
        pattern, example = _RESOURCES[self.kind]
        arn = _ARN.fullmatch(self.arn)
        if not arn or not re.fullmatch(pattern, arn["resource"], re.ASCII):
            raise TargetError(
                f"target {self.arn}: the ARN of {KINDS[self.kind]} looks like "
                f"arn:aws:{self.service}:REGION:ACCOUNT:{example}"
            )
        if self.kind == "ecs" and not self.options.task_definition:
            raise TargetError(f"target {self.arn}: a cluster needs --task-definition")

    @property
    def service(self) -> str:
        """The service, as `sqs`."""
        return service_of(self.arn)

    @property
    def kind(self) -> str:
        """What it is: the service, or for EventBridge's own targets their kind."""
        if self.service != "events":
            return self.service
        return self.arn.split(":", 5)[5].partition("/")[0]

    @property
    def name(self) -> str:
        """What a person calls it."""
        return name_of(self.arn)

    @property
    def id(self) -> str:
        """The ID among the targets of a rule: the same for the same ARN, and only for that."""
        readable = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{self.kind}-{self.name}")[:50]
        return f"{readable}-{self.digest}"

    @property
    def digest(self) -> str:
        """A few characters that distinguish its ARN from others."""
        return hashlib.sha256(self.bare_arn.encode()).hexdigest()[:8]

    @property
    def entry(self) -> Json:
        """Return it as PutTargets accepts it."""
        entry: Json = {"Id": self.id, "Arn": self.bare_arn, **self.options.entry}
        if self.role_arn:
            entry["RoleArn"] = self.role_arn
        if self.kind == "sqs" and self.arn.endswith(".fifo"):
            entry["SqsParameters"] = {"MessageGroupId": "magento"}
        if self.kind == "ecs":
            entry["EcsParameters"] = {
                "TaskDefinitionArn": self.options.task_definition,
                "TaskCount": 1,
            }
            if self.options.subnets:
                network = {"awsvpcConfiguration": {"Subnets": list(self.options.subnets)}}
                entry["EcsParameters"] |= {
                    "LaunchType": "FARGATE",
                    "NetworkConfiguration": network,
                }
        return entry

    @property
    def bare_arn(self) -> str:
        """The ARN without the `:*` that CloudWatch Logs shows."""
        return self.arn.removesuffix(":*")

    def needs_role(self, account: str) -> bool:
        """Return whether a rule of this account reaches it only with a role."""
        if self.kind in _ROLE_ACTIONS:
            return True
        return self.kind in _CROSS_ACCOUNT_ACTIONS and account_of(self.arn) not in ("", account)

    def check_region(self, region: str) -> None:
        """Check that a rule of a classic bus in a region can have it.

        Raises:
            TargetError: it is in another region, and no event bus; or a topic that is FIFO.
        """
        if self.kind == "sns" and self.arn.endswith(".fifo"):
            raise TargetError(
                f"target {self.arn}: a rule of a classic bus cannot send to a FIFO topic: send to "
                "a FIFO queue, or from a Custom Event Bus"
            )
        its_region, dead_letters = region_of(self.arn), self.options.dead_letters
        if dead_letters is not None and region_of(dead_letters) != region:
            raise TargetError(
                f"{dead_letters}: the queue for dead letters must be in the region of the rule, "
                f"{region}"
            )
        if self.arn.split(":", 2)[1] != partition(region):
            raise TargetError(
                f"target {self.arn}: a rule in {region} is in the partition {partition(region)}, "
                "and reaches no other"
            )
        if not self.kind.startswith("event-bus") and its_region not in ("", region):
            raise TargetError(
                f"target {self.arn}: is in {its_region}, and the rule in {region}: only an event "
                "bus may be in another region"
            )


def statement(queue_or_topic: str, rule_arn: Any, sid: str) -> Json:
    """Return the statement that lets one rule reach a queue or a topic."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}[service_of(queue_or_topic)],
        "Resource": queue_or_topic,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }


def log_policy(target: Target, rule_arn: Any) -> Json:
    """Return the resource policy of CloudWatch Logs that lets one rule write to a log group."""
    common = {
        "Effect": "Allow",
        "Principal": {"Service": [SERVICE, _LOG_DELIVERY]},
    }
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                **common,
                "Action": "logs:CreateLogStream",
                "Resource": f"{target.bare_arn}:*",
            },
            {
                **common,
                "Action": "logs:PutLogEvents",
                "Resource": f"{target.bare_arn}:*",
                "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
            },
        ],
    }


def role_policies(target: Target, rule_arn: Any) -> tuple[Json, Json]:
    """Return trust and permission of the role with which a rule reaches a target."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": SERVICE},
                "Action": "sts:AssumeRole",
                "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
            }
        ],
    }
    actions = (_ROLE_ACTIONS | _CROSS_ACCOUNT_ACTIONS)[target.kind]
    resource = target.arn
    if target.kind == "ecs":
        resource = re.sub(r":\d+$", ":*", target.options.task_definition or "*")
    elif target.kind == "api-destination":
        resource = "/".join(target.arn.split("/")[:2]) + "/*"
    statements: list[Json] = [
        {
            "Effect": "Allow",
            "Action": actions[0] if len(actions) == 1 else actions,
            "Resource": resource,
        }
    ]
    if target.kind == "ecs":
        where = partition(region_of(target.arn))
        statements.append(
            {
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": f"arn:{where}:iam::{account_of(target.arn)}:role/*",
                "Condition": {"StringLike": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            }
        )
    return trust, {"Version": "2012-10-17", "Statement": statements}
