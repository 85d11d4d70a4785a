"""A stand-in for the subscribers of AWS's Custom Event Bus: what moto lacks.

It checks calls as the API's model and the user guide say: each block that an update contains
replaces the stored one, and a subscriber's target and type never change.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import cbor2

from tests.support.aws_stub import Raw, Request

Json = dict[str, Any]

_OPERATION = re.compile(r"/service/AWSEventsV2/operation/(\w+)")
_BLOCKS = {
    "sqs": "SqsParameters",
    "sns": "SnsParameters",
    "kinesis": "KinesisParameters",
    "lambda": "LambdaParameters",
}


class Subscribers:
    """The subscribers by their ARN; `page` is how many a list has at most."""

    def __init__(self, account: str, region: str, page: int = 2) -> None:
        self.by_arn: dict[str, Json] = {}
        self.calls: list[tuple[str, Json]] = []
        self._account = account
        self._region = region
        self._page = page

    def answer(self, request: Request) -> Raw:
        """Answer a call of `eventbridgev2`, or of STS."""
        operation = _OPERATION.fullmatch(request.path)
        if not operation:
            return _caller(self._account)
        about = cbor2.loads(request.body)
        self.calls.append((operation[1], about))
        handlers: dict[str, Callable[[Json], Json]] = {
            "CreateSubscriber": self._create,
            "UpdateSubscriber": self._update,
            "DeleteSubscriber": self._delete,
            "DescribeSubscriber": lambda asked: self.by_arn[asked["SubscriberArn"]],
            "ListSubscribers": self._list,
        }
        try:
            return _cbor(200, handlers[operation[1]](about))
        except ValueError as error:
            refused = {"__type": "eventbridgev2#InvalidInputException", "message": str(error)}
            return _cbor(400, refused)

    def _create(self, about: Json) -> Json:
        if any(one["Name"] == about["Name"] for one in self.by_arn.values()):
            raise ValueError(f"{about['Name']} exists")
        _check(about)
        if not about["InvokeConfiguration"].get("RoleArn"):
            raise ValueError("RoleArn is required")
        end = hashlib.sha256(about["Name"].encode()).hexdigest()[:25]
        arn = f"arn:aws:events:{self._region}:{self._account}:subscriber/{about['Name']}/{end}"
        stored = {key: value for key, value in about.items() if key != "ClientToken"}
        self.by_arn[arn] = {"SubscriberArn": arn, "Type": "UNORDERED", "State": "RUNNING", **stored}
        return {"SubscriberArn": arn}

    def _update(self, about: Json) -> Json:
        if {"Type", "Name"} & about.keys() or "TargetArn" in about.get("InvokeConfiguration", {}):
            raise ValueError("cannot be changed")
        stored = self.by_arn[about["SubscriberArn"]]
        invoke = about.get("InvokeConfiguration")
        if invoke is not None:
            target = stored["InvokeConfiguration"]["TargetArn"]
            about = {**about, "InvokeConfiguration": {**invoke, "TargetArn": target}}
        merged = {**stored, **about}
        _check(merged)
        stored.update(merged)
        return {"SubscriberArn": about["SubscriberArn"]}

    def _delete(self, about: Json) -> Json:
        del self.by_arn[about["SubscriberArn"]]
        return {}

    def _list(self, about: Json) -> Json:
        matching = [
            {
                "SubscriberArn": one["SubscriberArn"],
                "Name": one["Name"],
                "EventBusArn": one["EventBusArn"],
                "TargetArn": one["InvokeConfiguration"]["TargetArn"],
                "Type": one["Type"],
                "State": one["State"],
                **({"Revoked": True} if one.get("Revoked") else {}),
            }
            for one in self.by_arn.values()
            if one["EventBusArn"] == about["EventBusArn"]
            and one["Name"].startswith(about.get("NamePrefix", ""))
        ]
        start = int(about.get("NextToken", 0))
        answer: Json = {"Subscribers": matching[start : start + self._page]}
        if start + self._page < len(matching):
            answer["NextToken"] = str(start + self._page)
        return answer


def _check(one: Json) -> None:
    invoke = one["InvokeConfiguration"]
    service = invoke["TargetArn"].split(":")[2]
    blocks = {name for name in invoke if name.endswith("Parameters")}
    if "event-busv2/" in invoke["TargetArn"]:
        expected = "EventBusV2Parameters"
    else:
        expected = _BLOCKS.get(service, "none")
    if blocks - {expected}:
        raise ValueError(f"{blocks} is not supported for target {invoke['TargetArn']}")
    for each in one.get("FilterConfiguration", {"Filters": []})["Filters"]:
        if each["Scope"] not in ("DATA", "METADATA", "SYSTEM_METADATA") or not each["Pattern"]:
            raise ValueError("a filter has a scope and a pattern")


def _cbor(status: int, content: Json) -> Raw:
    return Raw(cbor2.dumps(content), status, {"smithy-protocol": "rpc-v2-cbor"})


def _caller(account: str) -> Raw:
    return Raw(
        b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>"
        + account.encode()
        + b"</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
