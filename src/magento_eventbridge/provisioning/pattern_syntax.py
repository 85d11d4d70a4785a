"""What EventBridge accepts in an event pattern, whatever the events are: operators and operands.

Sources: EventBridge user guide, "Comparison operators for use in event patterns" and "EventBridge
quotas"; aws/event-ruler, AWS's own matcher, for what is refused.
"""

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from magento_eventbridge.similar_names import did_you_mean

TEXT_OPERATORS = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"})
OPERATORS = TEXT_OPERATORS | {"anything-but", "numeric", "exists", "cidr"}
LONGEST_PATTERN = 2048  # characters

_LOWER_BOUNDS = frozenset({">", ">="})
_UPPER_BOUNDS = frozenset({"<", "<="})
_GREATEST_NUMBER = 5_000_000_000
_ESCAPED = re.compile(r"\\(.?)", re.S)


def parsed(text: str) -> Any:
    """Read a pattern's JSON as EventBridge does.

    Python's parser would accept more: numbers that are none, and a second field of one name, of
    which it keeps the last without a word.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        value = json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=_members, parse_constant=_no_number
        )
        check_text(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{twice}' is there twice: put the values in one array")
    return members


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def check_text(text: str) -> None:
    """Check that a text can be sent.

    Raises:
        ValueError: it has half of a surrogate pair, which is no character.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise ValueError(f"\\u{ord(half):04x} is no character") from None


def written(pattern: Mapping[str, Any]) -> str:
    """Return a pattern as it is sent to AWS: as short as it can be."""
    return json.dumps(pattern, ensure_ascii=False, separators=(",", ":"))


def length_faults(pattern: Mapping[str, Any]) -> Iterator[str]:
    """Check the length of a pattern."""
    length = len(written(pattern))
    if length > LONGEST_PATTERN:
        yield f"the pattern has {length} characters, AWS accepts {LONGEST_PATTERN}"


def operator_faults(at: str, condition: Mapping[str, Any]) -> Iterator[str]:
    """Check a condition that has an operator, as `{"prefix": "A"}`."""
    if len(condition) != 1:
        yield f"{at}: a condition has one operator, this one has {len(condition)}"
        return
    ((operator, operand),) = condition.items()
    match operator:
        case "exists":
            if not isinstance(operand, bool):
                yield f"{at}: exists is true or false"
        case "numeric":
            yield from _numeric_faults(at, operand)
        case "anything-but":
            yield from _anything_but_faults(at, operand)
        case "cidr":
            yield from _cidr_faults(at, operand)
        case _ if operator in TEXT_OPERATORS:
            yield from _text_faults(at, operator, operand)
        case _:
            yield f"{at}: there is no operator '{operator}'{did_you_mean(operator, OPERATORS)}"


def _text_faults(at: str, operator: str, operand: Any) -> Iterator[str]:
    text = operand
    if operator in ("prefix", "suffix") and isinstance(operand, dict):
        if set(operand) != {"equals-ignore-case"}:
            yield f"{at}: {operator} accepts a text, or an object with equals-ignore-case alone"
            return
        text = operand["equals-ignore-case"]
    if not isinstance(text, str):
        yield f"{at}: {operator} needs a text"
    elif not text and operator in ("prefix", "suffix"):
        yield f'{at}: an empty {operator} fits every text: use {{"exists": true}}'
    elif operator == "wildcard":
        yield from _wildcard_faults(at, text)


def _wildcard_faults(at: str, text: str) -> Iterator[str]:
    if any(escaped not in ("*", "\\") for escaped in _ESCAPED.findall(text)):
        yield f"{at}: in a wildcard, a backslash stands before * or another backslash only"
    if "**" in _ESCAPED.sub("", text):
        yield f"{at}: a wildcard may not have two * in a row"


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _numeric_faults(at: str, operand: Any) -> Iterator[str]:
    example = f'{at}: numeric is one comparison or a range, as [">", 0, "<=", 5]'
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        yield example
        return
    signs, numbers = operand[::2], operand[1::2]
    if not all(isinstance(sign, str) for sign in signs) or not all(map(_is_number, numbers)):
        yield example
        return
    if any(sign not in _LOWER_BOUNDS | _UPPER_BOUNDS | {"="} for sign in signs):
        yield example
        return
    yield from _range_of_numbers_faults(at, numbers)
    if len(signs) == 2:
        if signs[0] not in _LOWER_BOUNDS or signs[1] not in _UPPER_BOUNDS:
            yield f"{at}: a numeric range is a lower bound (> or >=), then an upper one (< or <=)"
        elif numbers[0] >= numbers[1]:
            yield f"{at}: the numeric range from {numbers[0]} to {numbers[1]} is empty"


def _range_of_numbers_faults(at: str, numbers: Iterable[Any]) -> Iterator[str]:
    for number in numbers:
        if not abs(number) <= _GREATEST_NUMBER:  # NaN too
            yield f"{at}: {number} is not between -5000000000 and 5000000000"


def _anything_but_faults(at: str, operand: Any) -> Iterator[str]:
    if isinstance(operand, dict):
        if len(operand) != 1 or not set(operand) <= TEXT_OPERATORS:
            names = ", ".join(sorted(TEXT_OPERATORS))
            yield f"{at}: anything-but accepts values or one of {names}"
            return
        ((operator, texts),) = operand.items()
        if texts == []:
            yield f"{at}: anything-but needs a value"
        for text in texts if isinstance(texts, list) else [texts]:
            if not isinstance(text, str):
                yield f"{at}: {operator} needs a text"
            elif not text:
                yield f"{at}: anything-but an empty {operator} matches nothing"
            else:
                yield from _text_faults(at, operator, text)
        return
    values = operand if isinstance(operand, list) else [operand]
    if not values:
        yield f"{at}: anything-but needs a value"
    elif any(not isinstance(value, str) and not _is_number(value) for value in values):
        yield f"{at}: anything-but accepts texts or numbers, not null, true or false"
    elif len({isinstance(value, str) for value in values}) > 1:
        yield f"{at}: anything-but accepts texts or numbers, not both"
    else:
        yield from _range_of_numbers_faults(at, filter(_is_number, values))


def _cidr_faults(at: str, operand: Any) -> Iterator[str]:
    if not isinstance(operand, str):
        yield f"{at}: cidr needs a text"
        return
    address, _, bits = operand.partition("/")
    try:
        # Python accepts a zone after an IPv6 address, as fe80::1%eth0.
        longest = ipaddress.ip_address("" if "%" in address else address).max_prefixlen - 1
    except ValueError:
        yield f"{at}: cidr needs an address and a number of bits, as 10.0.0.0/24"
        return
    if not (bits.isascii() and bits.isdigit() and int(bits) <= longest):
        yield f"{at}: cidr needs 0 to {longest} bits after the address, as {address}/24"
