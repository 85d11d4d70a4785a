"""PHP's values as the bridge keeps them, and PHP's conversions between them."""

import itertools
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

MAX_INT = 2**63 - 1
_LONGEST_NUMBER = 1000
_EXACT = 2**53  # Beyond it, PHP compares whole numbers, fractions and texts by different rules.
# PHP knows the digits and blanks of ASCII only.
_ARRAY_INDEX = re.compile(r"0|-?[1-9]\d{0,18}", re.ASCII)
_LEADING_NUMBER = re.compile(r"\s*([+-]?(?:\d+(\.\d*)?|(\.\d+))([eE][+-]?\d+)?)", re.ASCII)
_NUMERIC = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)


class PhpFileError(ValueError):
    """A file that cannot be read as an array; the message names file and line, never content."""


class ConversionError(ValueError):
    """A conversion whose result depends on PHP's version or settings."""


@dataclass(frozen=True)
class Constant:
    """A constant of PHP, known by name only, such as `PDO::MYSQL_ATTR_SSL_CA`.

    Attributes:
        name: with its class or namespace.
        place: file and line.
    """

    name: str
    place: str = field(default="env.php", compare=False)

    def fail(self) -> NoReturn:
        """Refuse to be used as a value.

        Raises:
            PhpFileError: always.
        """
        raise PhpFileError(
            f"{self.place}: the constant {self.name}: cannot be read without running PHP"
        )


@dataclass(frozen=True)
class Computed:
    """A value that only PHP can compute, such as that of an unknown function; using it fails.

    Attributes:
        reason: file, line and kind.
    """

    reason: str

    def fail(self) -> NoReturn:
        """Refuse to be used.

        Raises:
            PhpFileError: always.
        """
        raise PhpFileError(self.reason)


PhpKey = int | str | Constant
PhpArray = dict[PhpKey, Any]
"""Its values are None, bool, int, float, str, Constant, Computed and PhpArray."""


def check_known(*values: Any) -> None:
    """Refuse values that only PHP knows.

    Raises:
        PhpFileError: one is computed, or a constant.
    """
    for value in values:
        if isinstance(value, Computed | Constant):
            value.fail()


def member(array: PhpArray, name: PhpKey) -> Any:
    """Return the value under a name; None if there is none.

    Raises:
        PhpFileError: a constant, whose value may be this name, is a key of the array.
    """
    # A constant behind it may be the same name, and then counts.
    check_known(*(itertools.dropwhile(lambda key: key != name, array) if name in array else array))
    return array.get(name)


def section(array: PhpArray, *names: str) -> PhpArray:
    """Return the array at a path, or an empty one.

    Raises:
        PhpFileError: something on the way is computed, or a constant.
    """
    at: Any = array
    for name in names:
        at = member(at, name) if isinstance(at, dict) else None
        check_known(at)
    return at if isinstance(at, dict) else {}


def to_key(value: Any) -> PhpKey | None:
    """Convert to a key of an array; None if PHP's versions differ, or it cannot be one."""
    if value is None:
        return ""
    if (
        isinstance(value, str)
        and _ARRAY_INDEX.fullmatch(value)
        and -MAX_INT - 1 <= int(value) <= MAX_INT
    ):
        return int(value)
    if isinstance(value, int | str | Constant):
        return int(value) if isinstance(value, bool) else value
    return None


def to_bool(value: Any) -> bool:
    """Convert as a condition does."""
    if isinstance(value, Constant):
        raise ConversionError
    return value not in ("", "0") and bool(value)


def to_int(value: Any) -> int:
    """Convert as `(int)` does."""
    if isinstance(value, str):
        leading = _LEADING_NUMBER.match(value)
        if leading is None:
            return 0
        if len(leading[1]) > _LONGEST_NUMBER:
            raise ConversionError  # Python refuses to convert thousands of digits
        is_whole = not any(leading.groups()[1:])
        value = int(leading[1]) if is_whole else float(leading[1])
    if value is None:
        return 0
    if isinstance(value, int | float) and abs(value) <= MAX_INT:
        return int(value)
    raise ConversionError


def to_text(value: Any) -> str:
    """Convert as `(string)` does; a fraction's digits depend on PHP's settings."""
    if value is None or value is False:
        return ""
    if isinstance(value, str | int):
        return "1" if value is True else str(value)
    raise ConversionError


def to_order(value: Any) -> int | float:
    """Convert to a number that `<` and `>` compare; texts are compared by other rules."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _EXACT:
        return value
    raise ConversionError


def to_array(value: Any) -> PhpArray:
    """Convert as `(array)` does."""
    if isinstance(value, dict):
        return value
    return {} if value is None else {0: value}


def are_identical(left: Any, right: Any) -> bool:
    """Compare as `===` does."""
    if isinstance(left, Constant | Computed) or isinstance(right, Constant | Computed):
        raise ConversionError
    if isinstance(left, dict) and isinstance(right, dict):
        if any(isinstance(key, Constant) for key in (*left, *right)):
            raise ConversionError  # it may be a number
        return list(left) == list(right) and all(
            are_identical(left[key], right[key]) for key in left
        )
    return type(left) is type(right) and bool(left == right)


def are_equal(left: Any, right: Any) -> bool:
    """Compare as `==` does, where all versions of PHP agree."""
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        texts = [side for side in (left, right) if isinstance(side, str)]
        if texts and None in (left, right):
            return texts == [""]
        return to_bool(left) == to_bool(right)
    if isinstance(left, str) and isinstance(right, str):
        if not (_NUMERIC.fullmatch(left) and _NUMERIC.fullmatch(right)):
            return left == right
    elif not (_is_numeric(left) and _is_numeric(right)):
        raise ConversionError
    return to_order(float(left)) == to_order(float(right))


def _is_numeric(value: Any) -> bool:
    return isinstance(value, int | float) or (
        isinstance(value, str) and _NUMERIC.fullmatch(value) is not None
    )


def merged(*arrays: PhpArray) -> PhpArray:
    """Combine as `array_merge` does: numbers are given again, texts overwrite."""
    result: PhpArray = {}
    following = 0
    for array in arrays:
        following = unpack(result, array, following)
    return result


def unpack(array: PhpArray, more: PhpArray, following: int) -> int:
    """Add elements to an array as `...` does: texts overwrite; return the next number."""
    for key, value in more.items():
        if isinstance(key, Constant):
            raise ConversionError  # it may be a number
        if isinstance(key, int):
            array[following] = value
            following += 1
        else:
            array[key] = value
    return following


def replaced(*arrays: PhpArray) -> PhpArray:
    """Combine as `array_replace` does."""
    result: PhpArray = {}
    for array in arrays:
        result |= array
    return result


def replaced_recursively(*arrays: PhpArray) -> PhpArray:
    """Combine as `array_replace_recursive` does."""
    result: PhpArray = {}
    for array in arrays:
        for key, value in array.items():
            former = result.get(key)
            if isinstance(former, Computed) and isinstance(value, dict):
                continue  # what would be replaced is unknown
            if isinstance(former, dict) and isinstance(value, dict):
                result[key] = replaced_recursively(former, value)
            else:
                result[key] = value
    return result
