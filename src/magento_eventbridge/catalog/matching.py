"""Match a detail against an EventBridge pattern, as a rule with that pattern would.

Source: EventBridge user guide, "Comparison operators for use in event patterns".
"""

import ipaddress
import itertools
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_ABSENT: Any = object()
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


def matches(pattern: Mapping[str, Any], detail: Mapping[str, Any]) -> bool:
    """Return whether a rule with the pattern as its `detail` would match.

    EventBridge takes one member of each array of objects at a time.
    """
    return any(_object_matches(pattern, choice) for choice in _choices(detail))


def _choices(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            for members in itertools.product(*(list(_choices(inner)) for inner in value.values())):
                yield dict(zip(value, members, strict=True))
        case [dict(), *_]:
            for member in value:
                yield from _choices(member)
        case _:
            yield value


def _object_matches(pattern: Mapping[str, Any], value: Any) -> bool:
    for name, wanted in pattern.items():
        if name == "$or":
            if not any(_object_matches(choice, value) for choice in wanted):
                return False
            continue
        actual = value.get(name, _ABSENT) if isinstance(value, Mapping) else _ABSENT
        if isinstance(wanted, Mapping):
            if not _object_matches(wanted, actual):
                return False
        elif not any(_condition_matches(condition, actual) for condition in wanted):
            return False
    return True


def _condition_matches(condition: Any, actual: Any) -> bool:
    if isinstance(condition, Mapping) and "exists" in condition:
        return (actual is not _ABSENT) is condition["exists"]
    if actual is _ABSENT:
        return False
    if isinstance(actual, list):
        return any(_value_matches(condition, member) for member in actual)
    return _value_matches(condition, actual)


def _value_matches(condition: Any, actual: Any) -> bool:
    if not isinstance(condition, Mapping):
        return _equal(condition, actual)
    ((name, operand),) = condition.items()
    match name:
        case "anything-but":
            return not _is_among(operand, actual)
        case "numeric":
            if isinstance(actual, bool) or not isinstance(actual, (int, float)):
                return False
            bounds = zip(operand[::2], operand[1::2], strict=True)
            return all(_COMPARE[comparison](actual, bound) for comparison, bound in bounds)
    return isinstance(actual, str) and _text_matches(name, operand, actual)


def _is_among(operand: Any, actual: Any) -> bool:
    if isinstance(operand, Mapping):
        ((name, texts),) = operand.items()
        choices = texts if isinstance(texts, list) else [texts]
        return isinstance(actual, str) and any(
            _text_matches(name, text, actual) for text in choices
        )
    choices = operand if isinstance(operand, list) else [operand]
    return any(_equal(choice, actual) for choice in choices)


def _text_matches(name: str, operand: Any, actual: str) -> bool:
    if isinstance(operand, Mapping):  # {"prefix": {"equals-ignore-case": "…"}}
        operand, actual = operand["equals-ignore-case"].lower(), actual.lower()
    match name:
        case "prefix":
            return actual.startswith(str(operand))
        case "suffix":
            return actual.endswith(str(operand))
        case "equals-ignore-case":
            return actual.lower() == str(operand).lower()
        case "wildcard":
            return re.fullmatch(_regex(operand), actual, re.DOTALL) is not None
        case "cidr":
            return _is_in(actual, operand)
    return False


def _regex(wildcard: str) -> str:
    parts = re.findall(r"\\[*\\]|\*|[^*\\]+|\\", wildcard)
    return "".join(
        ".*" if part == "*" else re.escape(part[-1] if part[0] == "\\" else part) for part in parts
    )


def _is_in(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _equal(wanted: Any, actual: Any) -> bool:
    return type(wanted) is type(actual) and wanted == actual
