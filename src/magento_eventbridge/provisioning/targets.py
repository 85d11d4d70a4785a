"""Where a rule sends its events, and the permission that EventBridge needs for each.

Source: EventBridge user guide, "Using resource-based policies for Amazon EventBridge".
"""

import re
from dataclasses import dataclass
from typing import Any

from magento_eventbridge.aws.arns import name_of, service_of

Json = dict[str, Any]

SERVICE = "events.amazonaws.com"
_LOG_DELIVERY = "delivery.logs.amazonaws.com"

SERVICES = {
    "lambda": "a Lambda function",
    "logs": "a log group",
    "sns": "an SNS topic",
    "sqs": "an SQS queue",
    "states": "a Step Functions state machine",
}


MOST = 5
"""How many targets a rule may have. Source: EventBridge user guide, "EventBridge quotas"."""


class TargetError(ValueError):
    """Targets that a rule cannot have; the message says why."""


@dataclass(frozen=True)
class Target:
    """One target of a rule.

    Attributes:
        arn: what gets the events.
        role_arn: the role that EventBridge assumes to start a state machine.
    """

    arn: str
    role_arn: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no target.

        Raises:
            TargetError: saying why.
        """
        if self.service not in SERVICES:
            raise TargetError(
                f"target {self.arn}: must be the ARN of {', '.join(SERVICES.values())}"
            )

    @property
    def service(self) -> str:
        """The service, as `sqs`."""
        return service_of(self.arn)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return name_of(self.arn)

    @property
    def id(self) -> str:
        """The id among the targets of a rule: the same for the same target."""
        return re.sub(r"[^\w.-]", "-", f"{self.service}-{self.name}")[:64]

    @property
    def entry(self) -> Json:
        """Return it as PutTargets takes it."""
        entry: Json = {"Id": self.id, "Arn": self.bare_arn}
        if self.role_arn:
            entry["RoleArn"] = self.role_arn
        if self.service == "sqs" and self.arn.endswith(".fifo"):
            entry["SqsParameters"] = {"MessageGroupId": "magento"}
        return entry

    @property
    def bare_arn(self) -> str:
        """The ARN without the `:*` that CloudWatch Logs shows."""
        return self.arn.removesuffix(":*")


def statement(target: Target, rule_arn: Any, sid: str) -> Json:
    """Return the statement that lets one rule reach a queue or a topic."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}[target.service],
        "Resource": target.arn,
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
    """Return trust and permission of the role with which a rule starts a state machine."""
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
    permission = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "states:StartExecution", "Resource": target.arn}
        ],
    }
    return trust, permission
