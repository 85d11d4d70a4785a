"""Evaluate the expressions of PHP that are plain; everything else is refused."""

import itertools
import os.path
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tree_sitter import Node

from magento_eventbridge.magento.php.files import Files, PhpContext
from magento_eventbridge.magento.php.functions import FILE_CHECKS, FUNCTIONS
from magento_eventbridge.magento.php.literals import number, pieces_of
from magento_eventbridge.magento.php.names import PhpNames
from magento_eventbridge.magento.php.side_effects import VARIABLES_OF_PHP
from magento_eventbridge.magento.php.syntax import (
    INCLUDES,
    MAX_BYTES,
    MAX_DEPTH,
    PhpSource,
    operator_of,
    parts_of,
    text_of,
)
from magento_eventbridge.magento.php.values import (
    MAX_INT,
    Computed,
    Constant,
    ConversionError,
    PhpArray,
    PhpFileError,
    PhpKey,
    are_equal,
    are_identical,
    check_known,
    to_array,
    to_bool,
    to_int,
    to_key,
    to_order,
    to_text,
    unpack,
)

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "===": are_identical,
    "!==": lambda left, right: not are_identical(left, right),
    "<": lambda left, right: to_order(left) < to_order(right),
    "<=": lambda left, right: to_order(left) <= to_order(right),
    ">": lambda left, right: to_order(left) > to_order(right),
    ">=": lambda left, right: to_order(left) >= to_order(right),
    "==": are_equal,
    "!=": lambda left, right: not are_equal(left, right),
    "<>": lambda left, right: not are_equal(left, right),
}
_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "int": to_int,
    "integer": to_int,
    "string": to_text,
    "bool": to_bool,
    "boolean": to_bool,
    "array": to_array,
}
# An argument is an expression; `...$x` is not.
_ARGUMENTS = {
    "array_creation_expression",
    "binary_expression",
    "boolean",
    "cast_expression",
    "class_constant_access_expression",
    "conditional_expression",
    "encapsed_string",
    "function_call_expression",
    "heredoc",
    "integer",
    "match_expression",
    "name",
    "nowdoc",
    "null",
    "parenthesized_expression",
    "qualified_name",
    "string",
    "subscript_expression",
    "unary_op_expression",
    "variable_name",
    *INCLUDES,
}


# What PHP itself sets, on the command line, too.
_SET_IN_SERVER = {
    "argc",
    "argv",
    "DOCUMENT_ROOT",
    "PATH_TRANSLATED",
    "PHP_SELF",
    "REQUEST_TIME",
    "REQUEST_TIME_FLOAT",
    "SCRIPT_FILENAME",
    "SCRIPT_NAME",
}


@dataclass(frozen=True)
class Absent:
    """A variable that this process's environment lacks; PHP's own may have it.

    Conditions go by `value`, what PHP has for it; any other use fails with `error`.
    """

    value: bool | None
    error: PhpFileError


class Expressions:
    """Evaluates the expressions in one file. All methods raise PhpFileError, with file and line."""

    def __init__(
        self,
        source: PhpSource,
        context: PhpContext,
        names: PhpNames,
        run: Callable[[Path, bytes], Any],
    ) -> None:
        """Create it.

        Args:
            source: the file.
            context: what it shares with other files.
            names: the names that the file gives to classes, functions and constants.
            run: evaluates a file that is included, and returns the value of the expression.
        """
        self._source = source
        self._context = context
        self._names = names
        self._files = Files(source, context)
        self._run = run
        self._depth = -1

    def value(self, node: Node) -> Any:
        """Return a value that is there and known."""
        value = self._raw(node)
        if isinstance(value, Absent):
            raise value.error
        if isinstance(value, Computed):
            value.fail()
        return value

    def _raw(self, node: Node, *, or_null: bool = False) -> Any:
        """Return a value, which may be absent from the environment or computed.

        With `or_null`, None stands for a variable or an element that is not set; only `node`
        itself may be missing, nothing that it is calculated from.
        """
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                raise self._source.error(node, f"nested deeper than {MAX_DEPTH}")
            with self.conversions(node):
                return self.bounded(node, self._evaluate(node, or_null=or_null))
        finally:
            self._depth -= 1

    def bounded(self, node: Node, value: Any) -> Any:
        """Refuse a text that was doubled again and again, before it fills the memory."""
        if isinstance(value, str) and len(value) > MAX_BYTES:
            raise self._source.error(node, f"a text longer than {MAX_BYTES} characters")
        return value

    @contextmanager
    def conversions(self, node: Node) -> Iterator[None]:
        try:
            yield
        except (ConversionError, OverflowError, RecursionError):
            raise self._source.refusal(node) from None

    def _evaluate(self, node: Node, *, or_null: bool) -> Any:  # noqa: PLR0912  one case a kind of expression
        match node.type:
            case "array_creation_expression":
                return self._array(node)
            case "string" | "encapsed_string" | "heredoc" | "nowdoc":
                return self._string(node)
            case "match_expression":
                return self._match(node)
            case "integer" | "float":
                return number(node, self._source)
            case "boolean":
                return text_of(node).lower() == "true"
            case "null":
                return None
            case "name" | "qualified_name":
                return self._constant(node)
            case "class_constant_access_expression":
                return self._class_constant(node)
            case "variable_name":
                return self._variable(node, or_null=or_null)
            case "parenthesized_expression":
                return self._raw(parts_of(node)[0], or_null=or_null)
            case "unary_op_expression":
                return self._unary(node)
            case "binary_expression":
                return self._binary(node)
            case "conditional_expression":
                return self._conditional(node)
            case "cast_expression":
                return self._cast(node)
            case "subscript_expression":
                return self._subscript(node, or_null=or_null)
            case "function_call_expression":
                return self._call(node)
            case _ if node.type in INCLUDES:
                return self.include(node)
        raise self._source.refusal(node)

    def _array(self, node: Node) -> PhpArray:
        array: PhpArray = {}
        following: int | None = 0  # index of an element that comes without a key
        for element in parts_of(node):
            parts = parts_of(element)
            if parts[0].type == "variadic_unpacking":
                # What is unpacked is needed to know the array's keys: nothing is left out.
                more = self.value(parts_of(parts[0])[0])
                if not isinstance(more, dict) or following is None:
                    raise self._source.refusal(parts[0])
                following = unpack(array, more, following)
                continue
            if len(parts) == 2:
                key = self.key(parts[0])
            elif following is None:
                # A constant's number is not known here; after a negative one PHP's versions differ.
                message = "an element without a key after a constant or negative one"
                raise self._source.error(element, message)
            else:
                key = following
            if isinstance(key, Constant) or (isinstance(key, int) and key < 0):
                following = None
            elif isinstance(key, int) and following is not None:
                following = max(following, key + 1)
            array[key] = self.element(parts[-1])
        return array

    def element(self, node: Node, *, is_raw: bool = False) -> Any:
        """Return a value; one that cannot be evaluated fails only when it is used."""
        try:
            return self._raw(node) if is_raw else self.value(node)
        except PhpFileError as error:
            self._context.forget(node, str(error))
            return Computed(str(error))

    def key(self, node: Node) -> PhpKey:
        key = to_key(self.value(node))
        if key is None:
            raise self._source.refusal(node, "as a key")
        return key

    def _match(self, node: Node) -> Any:
        subject, block = parts_of(node)
        value = self._compared(subject)
        default: Node | None = None
        for arm in parts_of(block):
            if arm.type == "match_default_expression":
                default = parts_of(arm)[0]
                continue
            conditions, result = parts_of(arm)
            for condition in parts_of(conditions):
                with self.conversions(condition):
                    if are_identical(value, self._compared(condition)):
                        return self._raw(result)
        if default is None:
            raise self._source.refusal(node)
        return self._raw(default)

    def _constant(self, node: Node) -> Any:
        match text_of(node).upper():
            case "__DIR__" if self._source.folder:
                return str(self._source.folder)
            case "__FILE__" if self._source.path:
                return str(self._source.path)
            case "__DIR__" | "__FILE__":
                raise self._source.refusal(node)
        for name in (names := self._names.of_constant(text_of(node))):
            if name in self._context.constants:
                return self._context.constants[name]
        return Constant(names[-1], self._source.line_of(node))

    def _class_constant(self, node: Node) -> Constant | str:
        parts = parts_of(node)
        if any(part.type not in {"name", "qualified_name"} for part in parts) or parts_of(parts[1]):
            raise self._source.refusal(node)
        of, name = self._names.of_class(text_of(parts[0])), text_of(parts[1])
        return (
            of if name.lower() == "class" else Constant(f"{of}::{name}", self._source.line_of(node))
        )

    def _variable(self, node: Node, *, or_null: bool) -> Any:
        name = text_of(node)
        if name in VARIABLES_OF_PHP:
            raise self._source.refusal(node)
        if name not in self._context.variables and not self._context.lost and not or_null:
            raise self._source.refusal(node)
        return self._context.variable(name)

    def _unary(self, node: Node) -> Any:
        sign, operand = node.children[0].type, parts_of(node)[-1]
        if sign == "!":
            return not self.is_true(operand)
        value = self.value(operand)
        if sign not in {"-", "+"} or isinstance(value, bool) or not isinstance(value, int | float):
            raise self._source.refusal(node)
        return -value if sign == "-" else value

    def _binary(self, node: Node) -> Any:
        operator = operator_of(node).lower()
        left, right = parts_of(node)
        match operator:
            case ".":
                return self._joined(node)
            case "??":
                value = self.value_or_null(left)
                return self._raw(right) if value is None else value
            case "&&" | "and":
                return self.is_true(left) and self.is_true(right)
            case "||" | "or":
                return self.is_true(left) or self.is_true(right)
            case "+" | "-" | "*":
                return self.calculated(node, operator, self.value(left), self.value(right))
        if operator in _COMPARISONS:
            return _COMPARISONS[operator](self._compared(left), self._compared(right))
        raise self._source.refusal(node)

    def calculated(self, node: Node, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, dict) and isinstance(right, dict) and operator == "+":
            check_known(*left, *right)  # a constant may be a key of the other
            return left | {key: right[key] for key in right if key not in left}
        if type(left) is not int or type(right) is not int:
            raise self._source.refusal(node)
        results = {"+": left + right, "-": left - right, "*": left * right}
        if abs(results[operator]) > MAX_INT:
            raise self._source.refusal(node)
        return results[operator]

    def _joined(self, node: Node) -> str:
        operands = []
        while node.type == "binary_expression" and operator_of(node) == ".":
            left, right = parts_of(node)
            operands.append(right)
            node = left
        operands.append(node)
        texts = []
        for operand in reversed(operands):
            value = self.value(operand)
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise self._source.refusal(operand, "in a joined string")
            texts.append(str(value))
        return "".join(texts)

    def _conditional(self, node: Node) -> Any:
        condition, *branches = parts_of(node)
        if len(branches) == 1:  # ?:
            value = self._raw(condition)
            return value if to_bool(self._condition(value)) else self._raw(branches[0])
        return self._raw(branches[0] if self.is_true(condition) else branches[1])

    def is_true(self, node: Node) -> bool:
        with self.conversions(node):
            return to_bool(self._compared(node))

    def _compared(self, node: Node) -> Any:
        return self._condition(self._raw(node))

    def _condition(self, value: Any) -> Any:
        """Return a value for a condition: what the environment lacks is absent there, too."""
        if isinstance(value, Computed):
            value.fail()
        return value.value if isinstance(value, Absent) else value

    def value_or_null(self, node: Node) -> Any:
        """Return a value as `??` and `isset` take it: None if it is not set."""
        value = self._raw(node, or_null=True)
        check_known(value)
        if not isinstance(value, Absent):
            return value
        # getenv() returns false, which is set: PHP's own environment would decide.
        if value.value is not None:
            raise value.error
        return None

    def _cast(self, node: Node) -> Any:
        to, operand = parts_of(node)
        cast = _CASTS.get(text_of(to).strip().lower())
        if cast is None:
            raise self._source.refusal(node)
        return cast(self.value(operand))

    def _subscript(self, node: Node, *, or_null: bool) -> Any:
        parts = parts_of(node)
        if len(parts) != 2:
            raise self._source.refusal(node)
        of, index = parts
        # In "$variable[name]" and "$variable[01]" the index stands for itself.
        is_bare = (
            index.type != "variable_name"
            and node.parent is not None
            and node.parent.type in {"encapsed_string", "heredoc_body"}
            and (node.prev_sibling is None or node.prev_sibling.type != "{")
        )
        if of.type == "variable_name" and text_of(of) in {"$_ENV", "$_SERVER"}:
            name = text_of(index) if is_bare else self._value_as_name(node, index)
            if text_of(of) == "$_SERVER" and name in _SET_IN_SERVER:
                raise self._source.refusal(node)
            return self._from_environment(node, name, None)
        array = self.value_or_null(of) if or_null else self.value(of)
        key = to_key(text_of(index)) if is_bare else self.key(index)
        if or_null and (array is None or (isinstance(array, dict) and key not in array)):
            check_known(key, *(array or ()))  # a constant may be this key
            return None
        if not isinstance(array, dict) or key not in array:
            raise self._source.refusal(node)
        return array[key]

    def _value_as_name(self, node: Node, index: Node) -> str:
        name = self.value(index)
        if not isinstance(name, str):
            raise self._source.refusal(node)
        return name

    def _from_environment(self, node: Node, name: str, absent: bool | None) -> Any:
        if self._context.lost:
            raise PhpFileError(self._context.lost)
        if name in self._context.environment:
            return self._context.environment[name]
        if self._context.added:
            raise PhpFileError(self._context.added)
        return Absent(absent, self._source.error(node, f"the environment has no {name}"))

    def called(self, node: Node) -> tuple[str, list[Node]]:
        """Return a function's name in lower case, and its arguments."""
        function, arguments = parts_of(node)
        if function.type not in {"name", "qualified_name"}:
            raise self._source.refusal(node)
        nodes: list[Node] = []
        for argument in parts_of(arguments):
            parts = parts_of(argument)
            if argument.type != "argument" or len(parts) != 1 or parts[0].type not in _ARGUMENTS:
                raise self._source.refusal(node)
            nodes += parts
        return self._names.of_function(text_of(function)), nodes

    def _call(self, node: Node) -> Any:
        name, arguments = self.called(node)
        match name:
            case "getenv" if len(arguments) in {1, 2}:
                return self._from_environment(node, self._value_as_name(node, arguments[0]), False)
            case "isset" if arguments:
                return all(self.value_or_null(argument) is not None for argument in arguments)
            case "empty" if len(arguments) == 1:
                return not to_bool(self._condition(self._raw(arguments[0], or_null=True)))
            case "defined" if len(arguments) == 1:
                return self._is_defined(node, str(self.value(arguments[0])).removeprefix("\\"))
            case "file_get_contents" if len(arguments) == 1:
                return self._files.content(node, Path(self._file(node, arguments[0])))
            case "realpath" if len(arguments) == 1:
                path = self._file(node, arguments[0])
                return os.path.realpath(path) if os.path.exists(path) else False  # noqa: PTH110
        if name in FILE_CHECKS and len(arguments) == 1:
            return FILE_CHECKS[name](self._file(node, arguments[0]))
        function = FUNCTIONS.get(name)
        if function is None or not function.least <= len(arguments) <= function.most:
            raise self._source.refusal(node)
        return function.call(*(self.value(argument) for argument in arguments))

    def _is_defined(self, node: Node, name: str) -> bool:
        if name in self._context.constants:
            return True
        if self._context.added or name not in self._names.constants_of_file(node):
            raise self._source.refusal(node)  # PHP, an extension or another file may define it
        return False

    def _string(self, node: Node) -> str:
        pieces = pieces_of(node, self._source)
        for before, piece in itertools.pairwise(pieces):
            if isinstance(before, Node) and isinstance(piece, str) and piece.startswith("?->"):
                raise self._source.refusal(node)  # a property, which the grammar takes for text
        return "".join(
            piece if isinstance(piece, str) else to_text(self.value(piece)) for piece in pieces
        )

    def _file(self, node: Node, argument: Node) -> str:
        return self._files.whole_path(node, self.value(argument))

    def include(self, node: Node) -> Any:
        """Include a file; return what it returns, as PHP does."""
        if self._source.folder is None:
            raise self._source.refusal(node)
        path = self._files.path(node, self.value(parts_of(node)[0]))
        content = self._files.included(node, path)
        return True if content is None else self._run(path, content)
