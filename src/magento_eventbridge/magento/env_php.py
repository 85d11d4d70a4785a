"""Reads `app/etc/env.php` and `config.php`: the array that they return, without running PHP."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import tree_sitter_php
from tree_sitter import Language, Node, Parser

MAX_BYTES = 2_000_000
MAX_DEPTH = 64

ENV_PHP = Path("app/etc/env.php")
CONFIG_PHP = Path("app/etc/config.php")

_LANGUAGE = Language(tree_sitter_php.language_php())
_BOM = b"\xef\xbb\xbf"

_MAX_INT = 2**63 - 1
_ARRAY_INDEX = re.compile(r"0|-?[1-9]\d{0,18}")
_STRING_PARTS = {"string_content", "escape_sequence"}
_SINGLE_QUOTED_ESCAPE = re.compile(rb"\\([\\'])")
_DOUBLE_QUOTED_ESCAPE = re.compile(
    rb'\\(?:([nrtvef\\$"])|([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u\{([0-9A-Fa-f]{1,8})\})'
)
_LETTERS = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"e": b"\x1b",
    b"f": b"\f",
}
_KINDS = {
    "anonymous_function": "a function",
    "array_creation_expression": "an array",
    "arrow_function": "a function",
    "boolean": "a yes or no",
    "by_ref": "a reference",
    "cast_expression": "a cast",
    "conditional_expression": "a condition",
    "encapsed_string": "a string with a variable in it",
    "function_call_expression": "a function call",
    "heredoc": "a heredoc",
    "include_expression": "an include",
    "include_once_expression": "an include",
    "member_call_expression": "a method call",
    "nowdoc": "a heredoc",
    "object_creation_expression": "a new object",
    "require_expression": "an include",
    "require_once_expression": "an include",
    "scoped_call_expression": "a method call",
    "shell_command_expression": "a shell command",
    "subscript_expression": "an element of a variable",
    "expression_statement": "a statement",
    "echo_statement": "text outside of PHP",
    "text_interpolation": "text outside of PHP",
    "text": "text outside of PHP",
    "variable_name": "a variable",
    "variadic_unpacking": "an unpacking",
    "unary_op_expression": "a calculation",
    "binary_expression": "a calculation",
    "class_constant_access_expression": "a constant of a changing class",
    "float": "a fraction",
}


class PhpFileError(ValueError):
    """A file that cannot be read as an array; the message names file and line, never content."""


@dataclass(frozen=True)
class Constant:
    """A constant of PHP, known by name only, as `PDO::MYSQL_ATTR_SSL_CA`."""

    name: str


@dataclass(frozen=True)
class Computed:
    """A value that only PHP can tell, as that of a function call; it fails when it is needed.

    Attributes:
        told: file, line and kind, and what to do.
    """

    told: str

    def fail(self) -> NoReturn:
        """Say that somebody needs it.

        Raises:
            PhpFileError: always.
        """
        raise PhpFileError(self.told)


PhpKey = int | str | Constant
PhpArray = dict[PhpKey, Any]
"""Its values are None, bool, int, float, str, Constant, Computed and PhpArray."""


@dataclass(frozen=True)
class Deployment:
    """What a store's two files say; `env.php` has the last word."""

    env: PhpArray
    config: PhpArray
    files: frozenset[Path] = frozenset()

    def __repr__(self) -> str:
        return "Deployment(…)"  # passwords and keys among it


def read_deployment(
    root: Path, environment: Mapping[str, str], *, php: str | None = None
) -> Deployment:
    """Read the files of the store in a folder; it may have no `config.php`.

    Raises:
        PhpFileError: a file is missing, or cannot be read as an array.
    """
    config = root / CONFIG_PHP
    return Deployment(
        env=read_php_array(root / ENV_PHP, environment),
        config=read_php_array(config, environment) if config.exists() else {},
    )


def read_php_array(path: Path, environment: Mapping[str, str] | None = None) -> PhpArray:
    """Read the array that a PHP file returns.

    A value that is no literal does not spoil the others: it is a `Computed`.

    Args:
        path: the file.
        environment: what `getenv('NAME')`, `$_ENV['NAME']` and `$_SERVER['NAME']` stand for.

    Raises:
        PhpFileError: with file and line, when there is no such array.
    """
    try:
        with path.open("rb") as file:
            source = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PhpFileError(f"{path}: {error.strerror or error}") from None
    return parse_php_array(source, str(path), environment)


def parse_php_array(
    source: bytes, name: str, environment: Mapping[str, str] | None = None
) -> PhpArray:
    """Read the array that a PHP source returns; see read_php_array."""
    if len(source) > MAX_BYTES:
        raise PhpFileError(f"{name}: longer than {MAX_BYTES} bytes")
    try:
        source.decode()
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise PhpFileError(f"{name}, line {line}: not UTF-8") from None
    return _Reader(name, environment or {}).read(source.removeprefix(_BOM))


class _Reader:
    """Reads the syntax tree of one file."""

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self._name = name
        self._environment = environment

    def read(self, source: bytes) -> PhpArray:
        root = Parser(_LANGUAGE).parse(source).root_node
        if root.has_error:
            raise self._error(_first_fault(root), "this is not PHP")
        returned = None
        for statement in root.children:
            match statement.type:
                case "php_tag" | "comment" | "empty_statement" | "?>":
                    pass
                case "declare_statement" if returned is None and len(_parts(statement)) == 1:
                    pass
                case "text_interpolation" if not _text(statement).removeprefix("?>").strip():
                    pass  # the end of the file after ?>
                case "return_statement" if returned is None:
                    returned = statement
                case _:
                    raise self._not_literal(statement, "beside the returned array")
        if returned is None or not (parts := _parts(returned)):
            raise PhpFileError(f"{self._name}: returns no array")
        value = self._value(parts[0], 0)
        if not isinstance(value, dict):
            raise self._error(returned, "does not return an array")
        return value

    def _value(self, node: Node, depth: int) -> Any:  # noqa: PLR0912 (one case a kind of literal)
        if depth > MAX_DEPTH:
            raise self._error(node, f"nested deeper than {MAX_DEPTH}")
        match node.type:
            case "array_creation_expression":
                return self._array(node, depth)
            case "string":
                return self._string(node, _SINGLE_QUOTED_ESCAPE)
            case "encapsed_string" if all(
                part.type in _STRING_PARTS for part in node.named_children
            ):
                return self._string(node, _DOUBLE_QUOTED_ESCAPE)
            case "integer" | "float":
                return self._number(node)
            case "boolean":
                return _text(node).lower() == "true"
            case "null":
                return None
            case "name" | "qualified_name":
                return Constant(_text(node).removeprefix("\\"))
            case "class_constant_access_expression":
                return self._class_constant(node)
            case "parenthesized_expression":
                return self._value(_parts(node)[0], depth + 1)
            case "unary_op_expression":
                return self._signed(node, depth)
            case "binary_expression" if _operator(node) == ".":
                return self._joined(node, depth)
            case "binary_expression" if _operator(node) == "??":
                return self._or_else(node, depth)
            case "conditional_expression" if not node.child_by_field_name("body"):
                return self._or_else(node, depth)
            case "function_call_expression" | "subscript_expression":
                variable, value = self._variable(node)
                if variable not in self._environment:
                    raise self._error(node, f"the environment has no {variable}")
                return value
        raise self._not_literal(node)

    def _array(self, node: Node, depth: int) -> PhpArray:
        array: PhpArray = {}
        following: int | None = 0  # index of an element that comes without a key
        for element in _parts(node):
            parts = _parts(element)
            if len(parts) == 2:
                key = self._key(parts[0], depth + 1)
            elif following is None:
                # A constant's number is not known here; after a negative one PHP's versions differ.
                told = "an element without a key after a constant or negative one"
                raise self._error(element, told)
            else:
                key = following
            if isinstance(key, Constant) or (isinstance(key, int) and key < 0):
                following = None
            elif isinstance(key, int) and following is not None:
                following = max(following, key + 1)
            array[key] = self._element(parts[-1], depth + 1)
        return array

    def _element(self, node: Node, depth: int) -> Any:
        try:
            return self._value(node, depth)
        except PhpFileError as error:
            return Computed(str(error))

    def _key(self, node: Node, depth: int) -> PhpKey:
        key = self._value(node, depth)
        if key is None:
            return ""
        if (
            isinstance(key, str)
            and _ARRAY_INDEX.fullmatch(key)
            and -_MAX_INT - 1 <= int(key) <= _MAX_INT
        ):
            return int(key)
        if isinstance(key, int | str | Constant):
            return int(key) if isinstance(key, bool) else key
        raise self._not_literal(node, "as a key")

    def _string(self, node: Node, escape: re.Pattern[bytes]) -> str:
        quoted = node.text or b""
        content = quoted[
            quoted.index(quoted[-1:]) + 1 : -1
        ]  # before the first quote: b, if anything
        try:
            return escape.sub(_unescaped, content).decode()
        except (UnicodeDecodeError, OverflowError, ValueError):
            raise self._error(node, "a string that is not UTF-8") from None

    def _number(self, node: Node) -> int | float:
        digits = _text(node).replace("_", "").lower()
        if digits.isdigit() and digits.startswith("0") and len(digits) > 1:
            digits = f"0o{digits}"
        try:
            if node.type == "float":
                return float(digits)
            number = int(digits, 0)
            return number if number <= _MAX_INT else float(number)
        except (ValueError, OverflowError):
            raise self._error(node, "a number that cannot be read") from None

    def _class_constant(self, node: Node) -> Constant | str:
        parts = _parts(node)
        if any(part.type not in {"name", "qualified_name"} for part in parts) or _parts(parts[1]):
            raise self._not_literal(node)
        of, name = (_text(part).removeprefix("\\") for part in parts)
        return of if name.lower() == "class" else Constant(f"{of}::{name}")

    def _signed(self, node: Node, depth: int) -> int | float:
        operand = self._value(_parts(node)[-1], depth + 1)
        sign = node.children[0].type
        if (
            sign not in {"-", "+"}
            or isinstance(operand, bool)
            or not isinstance(operand, int | float)
        ):
            raise self._not_literal(node)
        return -operand if sign == "-" else operand

    def _joined(self, node: Node, depth: int) -> str:
        operands = []
        while node.type == "binary_expression" and _operator(node) == ".":
            left, right = _parts(node)
            operands.append(right)
            node = left
        operands.append(node)
        texts = []
        for operand in reversed(operands):
            value = self._value(operand, depth + 1)
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise self._not_literal(operand, "in a joined string")
            texts.append(str(value))
        return "".join(texts)

    def _or_else(self, node: Node, depth: int) -> Any:
        """Read `getenv('NAME') ?: 'else'` and `$_ENV['NAME'] ?? 'else'`."""
        first, second = _parts(node)
        if first.type not in {"function_call_expression", "subscript_expression"}:
            raise self._not_literal(node)
        variable, value = self._variable(first)
        unset = (None,) if _operator(node) == "??" else (None, False, "", "0")
        if value in unset:
            return self._value(second, depth + 1)
        if value is False:
            raise self._error(first, f"the environment has no {variable}")
        return value

    def _variable(self, node: Node) -> tuple[str, str | bool | None]:
        """Name an environment variable that is asked for, and give what PHP would see."""
        parts = _parts(node)
        of = _text(parts[0]).removeprefix("\\")
        named: list[Node] = parts[1:]
        missing: bool | None = None
        if node.type == "function_call_expression" and of.lower() == "getenv":
            named = [part for argument in _parts(parts[1]) for part in _parts(argument)]
            missing = False
        elif of not in {"$_ENV", "$_SERVER"}:
            raise self._not_literal(node)
        if len(named) != 1 or named[0].type not in {"string", "encapsed_string"}:
            raise self._not_literal(node)
        variable = str(self._value(named[0], 0))
        return variable, self._environment.get(variable, missing)

    def _not_literal(self, node: Node, where: str = "") -> PhpFileError:
        kind = _KINDS.get(node.type, node.type.replace("_", " "))
        told = f"{kind} {where}".strip()
        return self._error(node, f"{told}: only literal values can be read without running PHP")

    def _error(self, node: Node, told: str) -> PhpFileError:
        return PhpFileError(f"{self._name}, line {node.start_point[0] + 1}: {told}")


def _first_fault(node: Node) -> Node:
    """Find where the syntax breaks: the innermost node, going down to the first at fault."""
    found = [node]
    while found:
        node = found[0]
        faulty = [child for child in node.children if child.has_error or child.is_missing]
        found = [] if node.is_error else faulty
    return node


def _parts(node: Node) -> list[Node]:
    return [part for part in node.named_children if part.type != "comment"]


def _operator(node: Node) -> str:
    operator = node.child_by_field_name("operator")
    return operator.type if operator else ""


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _unescaped(escape: re.Match[bytes]) -> bytes:
    found: bytes = escape[escape.lastindex or 0]
    match escape.lastindex:
        case 2:
            return bytes([int(found, 8) & 0xFF])
        case 3:
            return bytes([int(found, 16)])
        case 4:
            return chr(int(found, 16)).encode()
    return _LETTERS.get(found, found)


def section(array: PhpArray, *names: str) -> PhpArray:
    """Give the array that stands at a path, or an empty one.

    Raises:
        PhpFileError: something on the way is computed.
    """
    at: Any = array
    for name in names:
        at = at.get(name) if isinstance(at, dict) else None
        if isinstance(at, Computed):
            at.fail()
    return at if isinstance(at, dict) else {}
