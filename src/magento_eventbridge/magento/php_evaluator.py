"""Evaluate the plain part of PHP that configuration files use; everything else is refused."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import tree_sitter_php
from tree_sitter import Language, Node, Parser

from magento_eventbridge.magento.php_functions import FILE_CHECKS, FUNCTIONS, WITHOUT_RESULT
from magento_eventbridge.magento.php_values import (
    MAX_INT,
    Computed,
    Constant,
    ConversionError,
    PhpArray,
    PhpFileError,
    PhpKey,
    are_equal,
    are_identical,
    merged,
    to_array,
    to_bool,
    to_int,
    to_key,
    to_order,
    to_text,
)

MAX_BYTES = 2_000_000
MAX_DEPTH = 64
_MAX_INCLUDES = 20
_MAX_SECRET_BYTES = 65_536

_LANGUAGE = Language(tree_sitter_php.language_php())
_BOM = b"\xef\xbb\xbf"

_SINGLE_QUOTED_ESCAPE = re.compile(rb"\\([\\'])")
_DOUBLE_QUOTED_ESCAPE = re.compile(
    rb'\\(?:([nrtvef\\$"])|([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u\{([0-9A-Fa-f]{1,8})\})'
)
_HEREDOC_ESCAPE = re.compile(_DOUBLE_QUOTED_ESCAPE.pattern.replace(b'$"', b"$"))
_VARIABLE = re.compile(rb"(?<!\\)(?:\\\\)*(?:\$[A-Za-z_{\x80-\xff]|\{\$)")
_LETTERS = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"e": b"\x1b",
    b"f": b"\f",
}
_INCLUDES = {
    "include_expression",
    "include_once_expression",
    "require_expression",
    "require_once_expression",
}
_KINDS = {
    "anonymous_function": "a function",
    "array_creation_expression": "an array",
    "arrow_function": "a function",
    "assignment_expression": "an assignment",
    "augmented_assignment_expression": "an assignment",
    "binary_expression": "a calculation",
    "boolean": "a yes or no",
    "by_ref": "a reference",
    "cast_expression": "a cast",
    "class_constant_access_expression": "a constant of a changing class",
    "conditional_expression": "a condition",
    "echo_statement": "text outside of PHP",
    "encapsed_string": "a string with a variable in it",
    "float": "a fraction",
    "function_call_expression": "a function call",
    "heredoc": "a heredoc",
    "if_statement": "a condition",
    "match_expression": "a match",
    "member_call_expression": "a method call",
    "name": "a constant",
    "nowdoc": "a heredoc",
    "object_creation_expression": "a new object",
    "qualified_name": "a constant",
    "scoped_call_expression": "a method call",
    "shell_command_expression": "a shell command",
    "subscript_expression": "an element of a variable",
    "text": "text outside of PHP",
    "text_interpolation": "text outside of PHP",
    "unary_op_expression": "a calculation",
    "variable_name": "a variable",
    "variadic_unpacking": "an unpacking",
} | dict.fromkeys(_INCLUDES, "an include")

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


class _UndefinedError(PhpFileError):
    """A variable or an element that is not set; `??` and `isset` accept that."""


@dataclass(frozen=True)
class _Absent:
    """A variable that this process's environment lacks; PHP's own may have it.

    Conditions go by `value`, what PHP has for it; any other use fails with `error`.
    """

    value: bool | None
    error: PhpFileError


@dataclass
class PhpContext:
    """What files that include each other share.

    Attributes:
        environment: what `getenv('NAME')`, `$_ENV['NAME']` and `$_SERVER['NAME']` return.
        root: of the store, the constant `BP`; None: it is not known.
        files: what was read or looked for.
    """

    environment: Mapping[str, str]
    root: Path | None = None
    files: set[Path] = field(default_factory=set)
    variables: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    includes: int = 0
    included: set[Path] = field(default_factory=set)


class _Nothing:
    """The result of a file, or of a statement, that returns nothing."""


_NOTHING = _Nothing()


def evaluate_file(
    source: bytes, name: str, context: PhpContext, folder: Path | None = None
) -> PhpArray:
    """Return the array that a PHP source returns.

    Args:
        source: the text of the file.
        name: of the file, for messages.
        context: what it shares with other files.
        folder: where it is; None: it can read no other files.

    Raises:
        PhpFileError: with file and line, when there is no such array.
    """
    evaluator = _Evaluator(name, context, folder)
    value = evaluator.run(source)
    if value is None or isinstance(value, _Nothing):
        raise PhpFileError(f"{name}: returns no array")
    if not isinstance(value, dict):
        raise PhpFileError(f"{evaluator.returned_at}: does not return an array")
    return value


class _Evaluator:
    """Evaluates the syntax tree of one file."""

    def __init__(self, name: str, context: PhpContext, folder: Path | None) -> None:
        self.returned_at = name
        self._name = name
        self._context = context
        self._folder = folder
        self._depth = -1
        self._namespace = ""
        self._classes: dict[str, str] = {}  # the names that `use` gives to classes, in lower case

    def run(self, source: bytes) -> Any:
        if len(source) > MAX_BYTES:
            raise PhpFileError(f"{self._name}: longer than {MAX_BYTES} bytes")
        root = Parser(_LANGUAGE).parse(source.removeprefix(_BOM)).root_node
        if root.has_error:
            raise self._error(_first_fault(root), "this is not PHP")
        return self._execute(root.children)

    # Statements

    def _execute(self, statements: Sequence[Node]) -> Any:
        """Execute statements up to a `return`, and return its value."""
        for statement in statements:
            result = self._statement(statement)
            if not isinstance(result, _Nothing):
                return result
        return _NOTHING

    def _statement(self, node: Node) -> Any:
        match node.type:
            case "php_tag" | "comment" | "empty_statement" | "?>" | "{" | "}" | ":":
                return _NOTHING
            case "namespace_use_declaration":
                self._use(node)
                return _NOTHING
            case "namespace_definition" if len(_parts(node)) == 1:
                self._namespace = f"{_text(_parts(node)[0])}\\"
                return _NOTHING
            case "declare_statement" if len(_parts(node)) == 1:
                return _NOTHING
            case "text_interpolation" if _is_blank(node):
                return _NOTHING  # between ?> and <?php, or the end of the file
            case "return_statement":
                self.returned_at = f"{self._name}, line {node.start_point[0] + 1}"
                parts = _parts(node)
                return self._value(parts[0]) if parts else None
            case "compound_statement" | "colon_block":
                return self._execute(node.children)
            case "if_statement":
                return self._if(node)
            case "const_declaration":
                for element in _parts(node):
                    name, value = _parts(element)
                    self._context.constants.setdefault(_text(name), self._element(value))
                return _NOTHING
            case "expression_statement" if self._expression(_parts(node)[0]):
                return _NOTHING
            case "expression_statement":
                node = _parts(node)[0]
        raise self._refusal(node, "before the returned array")

    def _if(self, node: Node) -> Any:
        branches = [node, *node.children_by_field_name("alternative")]
        for branch in branches:
            condition = branch.child_by_field_name("condition")
            if condition is None or self._is_true(condition):
                return self._execute(branch.children_by_field_name("body"))
        return _NOTHING

    def _expression(self, node: Node) -> bool:
        """Execute an expression as a statement; return whether it is plain."""
        match node.type:
            case "assignment_expression":
                left, right = _parts(node)
                self._assign(left, self._element(right, is_raw=True))
                return True
            case "augmented_assignment_expression" if _operator(node) == "??=":
                left, right = _parts(node)
                if not self._is_set(left):
                    self._assign(left, self._element(right, is_raw=True))
                return True
            case "augmented_assignment_expression" if _operator(node) in {".=", "+="}:
                left, right = _parts(node)
                former, more = self._value(left), self._value(right)
                with self._conversions(node):
                    if _operator(node) == ".=":
                        self._assign(left, to_text(former) + to_text(more))
                    else:
                        self._assign(left, self._calculated(node, "+", former, more))
                return True
            case "binary_expression" if _operator(node).lower() in {"or", "||", "and", "&&"}:
                left, right = _parts(node)
                is_or = _operator(node).lower() in {"or", "||"}
                return self._is_true(left) is is_or or self._expression(right)
            case "function_call_expression":
                return self._call_as_statement(node)
            case _ if node.type in _INCLUDES:
                self._include(node)
                return True
        return False

    def _call_as_statement(self, node: Node) -> bool:
        name, arguments = self._called(node)
        if name in WITHOUT_RESULT:
            return True
        if name == "define" and len(arguments) == 2:
            constant = self._value(arguments[0])
            self._context.constants.setdefault(str(constant), self._element(arguments[1]))
            return True
        return False

    def _assign(self, target: Node, value: Any) -> None:
        keys: list[PhpKey | None] = []  # None: [], the next number
        node = target
        while node.type == "subscript_expression":
            node, *index = _parts(node)
            keys.insert(0, self._key(index[0]) if index else None)
        if node.type != "variable_name" or _text(node) in {"$_ENV", "$_SERVER", "$GLOBALS"}:
            raise self._refusal(target)
        if keys and isinstance(value, _Absent):
            value = Computed(str(value.error))
        variables = self._context.variables
        variables[_text(node)] = self._changed(target, variables.get(_text(node)), keys, value)

    def _changed(self, target: Node, array: Any, keys: Sequence[PhpKey | None], value: Any) -> Any:
        """Return a new array with a changed element: what shares the old one keeps its value."""
        if not keys:
            return value
        if isinstance(array, Computed | _Absent):
            return array  # it stays unknown
        if not isinstance(array, dict | None) or len(keys) > MAX_DEPTH:
            raise self._refusal(target)
        array = array or {}
        key = keys[0]
        if key is None:
            numbers = [number for number in array if not isinstance(number, str)]
            if not all(isinstance(number, int) and number >= 0 for number in numbers):
                raise self._refusal(target)  # as in an array: PHP's versions differ
            key = max(cast(list[int], numbers), default=-1) + 1
        return {**array, key: self._changed(target, array.get(key), keys[1:], value)}

    # Expressions

    def _value(self, node: Node) -> Any:
        """Return a value that is there and known."""
        value = self._raw(node)
        if isinstance(value, _Absent):
            raise value.error
        if isinstance(value, Computed):
            value.fail()
        return value

    def _raw(self, node: Node) -> Any:
        """Return a value, which may be absent from the environment or computed."""
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                raise self._error(node, f"nested deeper than {MAX_DEPTH}")
            with self._conversions(node):
                return self._evaluate(node)
        finally:
            self._depth -= 1

    @contextmanager
    def _conversions(self, node: Node) -> Iterator[None]:
        try:
            yield
        except (ConversionError, OverflowError):
            raise self._refusal(node) from None

    def _evaluate(self, node: Node) -> Any:  # noqa: PLR0912  one case a kind of expression
        match node.type:
            case "array_creation_expression":
                return self._array(node)
            case "string":
                return self._string(node)
            case "encapsed_string":
                return self._interpolated(node)
            case "heredoc" | "nowdoc":
                return self._heredoc(node)
            case "match_expression":
                return self._match(node)
            case "integer" | "float":
                return self._number(node)
            case "boolean":
                return _text(node).lower() == "true"
            case "null":
                return None
            case "name" | "qualified_name":
                return self._constant(node)
            case "class_constant_access_expression":
                return self._class_constant(node)
            case "variable_name":
                return self._variable(node)
            case "parenthesized_expression":
                return self._raw(_parts(node)[0])
            case "unary_op_expression":
                return self._unary(node)
            case "binary_expression":
                return self._binary(node)
            case "conditional_expression":
                return self._conditional(node)
            case "cast_expression":
                return self._cast(node)
            case "subscript_expression":
                return self._subscript(node)
            case "function_call_expression":
                return self._call(node)
            case _ if node.type in _INCLUDES:
                return self._include(node)
        raise self._refusal(node)

    def _array(self, node: Node) -> PhpArray:
        array: PhpArray = {}
        following: int | None = 0  # index of an element that comes without a key
        for element in _parts(node):
            parts = _parts(element)
            if parts[0].type == "variadic_unpacking":
                # What is unpacked is needed to know the array's keys: nothing is left out.
                more = self._value(_parts(parts[0])[0])
                if not isinstance(more, dict) or following is None:
                    raise self._refusal(parts[0])
                array = merged(array, more) if following == 0 else _unpacked(array, more, following)
                following = max((key for key in array if isinstance(key, int)), default=-1) + 1
                continue
            if len(parts) == 2:
                key = self._key(parts[0])
            elif following is None:
                # A constant's number is not known here; after a negative one PHP's versions differ.
                message = "an element without a key after a constant or negative one"
                raise self._error(element, message)
            else:
                key = following
            if isinstance(key, Constant) or (isinstance(key, int) and key < 0):
                following = None
            elif isinstance(key, int) and following is not None:
                following = max(following, key + 1)
            array[key] = self._element(parts[-1])
        return array

    def _element(self, node: Node, *, is_raw: bool = False) -> Any:
        """Return a value; one that cannot be evaluated fails only when it is used."""
        try:
            return self._raw(node) if is_raw else self._value(node)
        except PhpFileError as error:
            return Computed(str(error))

    def _key(self, node: Node) -> PhpKey:
        key = to_key(self._value(node))
        if key is None:
            raise self._refusal(node, "as a key")
        return key

    def _string(self, node: Node) -> str:
        quoted = node.text or b""
        # Before the first quote: b, if anything.
        content = quoted[quoted.index(quoted[-1:]) + 1 : -1]
        return self._unescaped(node, content, _SINGLE_QUOTED_ESCAPE)

    def _interpolated(self, node: Node) -> str:
        """Read a string in double quotes, with variables in it or without."""
        texts: list[str] = []
        literal = b""
        for part in node.children:
            if part.type in {"string_content", "escape_sequence"}:
                literal += part.text or b""
            elif part.is_named and part.type != "comment":
                texts += [
                    self._unescaped(node, literal, _DOUBLE_QUOTED_ESCAPE),
                    to_text(self._value(part)),
                ]
                literal = b""
        return "".join([*texts, self._unescaped(node, literal, _DOUBLE_QUOTED_ESCAPE)])

    def _heredoc(self, node: Node) -> str:
        """Read a text of several lines, less the indentation of the line that ends it."""
        source = node.text or b""
        end = _parts(node)[-1]
        content = source[source.index(b"\n") + 1 : end.start_byte - node.start_byte]
        begin = node.start_byte + source.index(b"\n") + 1
        lines, newline, indentation = content.rpartition(b"\n")
        if not newline:
            return ""
        if indentation.strip(b" \t") or b"\r" in source.replace(b"\r\n", b""):
            raise self._refusal(node)
        lines = lines.removesuffix(b"\r")
        escape = None if node.type == "nowdoc" else _HEREDOC_ESCAPE
        texts: list[str] = []
        at = 0
        for inner, start, stop in _insertions(node):
            literal = lines[at : start - begin]
            texts += [
                self._lines(node, literal, indentation, escape, is_first=at == 0),
                to_text(self._value(inner)),
            ]
            at = stop - begin
        literal = lines[at:]
        return "".join([*texts, self._lines(node, literal, indentation, escape, is_first=at == 0)])

    def _lines(
        self,
        node: Node,
        literal: bytes,
        indentation: bytes,
        escape: re.Pattern[bytes] | None,
        *,
        is_first: bool,
    ) -> str:
        """Return a part of a heredoc without the indentation of its lines."""
        lines = literal.split(b"\n")
        for place, line in enumerate(lines):
            if place or is_first:
                is_last = place == len(lines) - 1
                if line.startswith(indentation):
                    lines[place] = line[len(indentation) :]
                elif indentation.startswith(line.rstrip(b"\r")) and not is_last:
                    lines[place] = line[len(line.rstrip(b"\r")) :]
                else:
                    raise self._refusal(node)
        text = b"\n".join(lines)
        if escape and _VARIABLE.search(text):
            raise self._refusal(node)  # in what the grammar takes for a comment
        try:
            return (escape.sub(_unescape, text) if escape else text).decode()
        except (UnicodeDecodeError, OverflowError, ValueError):
            raise self._error(node, "a string that is not UTF-8") from None

    def _match(self, node: Node) -> Any:
        subject, block = _parts(node)
        value = self._compared(subject)
        default: Node | None = None
        for arm in _parts(block):
            if arm.type == "match_default_expression":
                default = _parts(arm)[0]
                continue
            conditions, result = _parts(arm)
            for condition in _parts(conditions):
                with self._conversions(condition):
                    if are_identical(value, self._compared(condition)):
                        return self._raw(result)
        if default is None:
            raise self._refusal(node)
        return self._raw(default)

    def _unescaped(self, node: Node, content: bytes, escape: re.Pattern[bytes]) -> str:
        try:
            return escape.sub(_unescape, content).decode()
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
            return number if number <= MAX_INT else float(number)
        except (ValueError, OverflowError):
            raise self._error(node, "a number that cannot be read") from None

    def _constant(self, node: Node) -> Any:
        name = _text(node).removeprefix("\\")
        if name in self._context.constants:
            return self._context.constants[name]
        match name.upper():
            case "__DIR__" | "__FILE__" if self._folder is None:
                raise self._refusal(node)
            case "__DIR__":
                return str(self._folder)
            case "__FILE__":
                return self._name
            case "DIRECTORY_SEPARATOR":
                return "/"
            case "PHP_EOL":
                return "\n"
            case "BP" if self._context.root:
                return str(self._context.root)
        return Constant(name)

    def _class_constant(self, node: Node) -> Constant | str:
        parts = _parts(node)
        if any(part.type not in {"name", "qualified_name"} for part in parts) or _parts(parts[1]):
            raise self._refusal(node)
        of, name = self._class(_text(parts[0])), _text(parts[1])
        return of if name.lower() == "class" else Constant(f"{of}::{name}")

    def _class(self, name: str) -> str:
        """Return the whole name of a class."""
        if name.startswith("\\"):
            return name.removeprefix("\\")
        first, separator, rest = name.partition("\\")
        if first.lower() in self._classes:
            return f"{self._classes[first.lower()]}{separator}{rest}"
        return f"{self._namespace}{name}"

    def _use(self, node: Node) -> None:
        for clause in _parts(node):
            if clause.type != "namespace_use_clause":
                raise self._refusal(node)  # a group
            names = [_text(part).removeprefix("\\") for part in _parts(clause)]
            if clause.children[0].type not in {"function", "const"}:
                self._classes[names[-1].rpartition("\\")[2].lower()] = names[0]

    def _variable(self, node: Node) -> Any:
        name = _text(node)
        if name not in self._context.variables:
            raise _UndefinedError(str(self._refusal(node)))
        return self._context.variables[name]

    def _unary(self, node: Node) -> Any:
        sign, operand = node.children[0].type, _parts(node)[-1]
        if sign == "!":
            return not self._is_true(operand)
        value = self._value(operand)
        if sign not in {"-", "+"} or isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refusal(node)
        return -value if sign == "-" else value

    def _binary(self, node: Node) -> Any:
        operator = _operator(node).lower()
        left, right = _parts(node)
        match operator:
            case ".":
                return self._joined(node)
            case "??":
                return self._raw(left) if self._is_set(left) else self._raw(right)
            case "&&" | "and":
                return self._is_true(left) and self._is_true(right)
            case "||" | "or":
                return self._is_true(left) or self._is_true(right)
            case "+" | "-" | "*":
                return self._calculated(node, operator, self._value(left), self._value(right))
        if operator in _COMPARISONS:
            return _COMPARISONS[operator](self._compared(left), self._compared(right))
        raise self._refusal(node)

    def _calculated(self, node: Node, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, dict) and isinstance(right, dict) and operator == "+":
            return {**right, **left}
        if type(left) is not int or type(right) is not int:
            raise self._refusal(node)
        results = {"+": left + right, "-": left - right, "*": left * right}
        if abs(results[operator]) > MAX_INT:
            raise self._refusal(node)
        return results[operator]

    def _joined(self, node: Node) -> str:
        operands = []
        while node.type == "binary_expression" and _operator(node) == ".":
            left, right = _parts(node)
            operands.append(right)
            node = left
        operands.append(node)
        texts = []
        for operand in reversed(operands):
            value = self._value(operand)
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise self._refusal(operand, "in a joined string")
            texts.append(str(value))
        return "".join(texts)

    def _conditional(self, node: Node) -> Any:
        condition, *branches = _parts(node)
        if len(branches) == 1:  # ?:
            value = self._raw(condition)
            return value if to_bool(self._condition(value)) else self._raw(branches[0])
        return self._raw(branches[0] if self._is_true(condition) else branches[1])

    def _is_true(self, node: Node) -> bool:
        with self._conversions(node):
            return to_bool(self._compared(node))

    def _compared(self, node: Node) -> Any:
        return self._condition(self._raw(node))

    def _condition(self, value: Any) -> Any:
        """Return a value for a condition: what the environment lacks is absent there, too."""
        if isinstance(value, Computed):
            value.fail()
        return value.value if isinstance(value, _Absent) else value

    def _is_set(self, node: Node) -> bool:
        try:
            value = self._raw(node)
        except _UndefinedError:
            return False
        if isinstance(value, _Absent):
            # getenv() returns false, which is set: PHP's own environment would decide.
            if value.value is not None:
                raise value.error
            return False
        if isinstance(value, Computed):
            value.fail()
        return value is not None

    def _cast(self, node: Node) -> Any:
        to, operand = _parts(node)
        cast = _CASTS.get(_text(to).strip().lower())
        if cast is None:
            raise self._refusal(node)
        return cast(self._value(operand))

    def _subscript(self, node: Node) -> Any:
        parts = _parts(node)
        if len(parts) != 2:
            raise self._refusal(node)
        of, index = parts
        # In "$variable[name]" the name stands for itself.
        is_bare = (
            index.type == "name"
            and node.parent is not None
            and node.parent.type in {"encapsed_string", "heredoc_body"}
            and (node.prev_sibling is None or node.prev_sibling.type != "{")
        )
        if of.type == "variable_name" and _text(of) in {"$_ENV", "$_SERVER"}:
            name = _text(index) if is_bare else self._value_as_name(node, index)
            return self._from_environment(node, name, None)
        array = self._value(of)
        key = _text(index) if is_bare else self._key(index)
        if not isinstance(array, dict):
            raise self._refusal(node)
        if key not in array:
            raise _UndefinedError(str(self._refusal(node)))
        return array[key]

    def _value_as_name(self, node: Node, index: Node) -> str:
        try:
            name = self._value(index)
        except _UndefinedError:
            raise self._refusal(node) from None
        if not isinstance(name, str):
            raise self._refusal(node)
        return name

    def _from_environment(self, node: Node, name: str, absent: bool | None) -> Any:
        if name in self._context.environment:
            return self._context.environment[name]
        return _Absent(absent, self._error(node, f"the environment has no {name}"))

    # Functions and files

    def _called(self, node: Node) -> tuple[str, list[Node]]:
        """Return a function's name in lower case, and its arguments."""
        function, arguments = _parts(node)
        if function.type not in {"name", "qualified_name"}:
            raise self._refusal(node)
        nodes: list[Node] = []
        for argument in _parts(arguments):
            parts = _parts(argument)
            if argument.type != "argument" or len(parts) != 1 or parts[0].type not in _ARGUMENTS:
                raise self._refusal(node)
            nodes += parts
        return _text(function).removeprefix("\\").lower(), nodes

    def _call(self, node: Node) -> Any:
        name, arguments = self._called(node)
        match name:
            case "getenv" if len(arguments) in {1, 2}:
                return self._from_environment(node, self._value_as_name(node, arguments[0]), False)
            case "isset" if arguments:
                return all(self._is_set(argument) for argument in arguments)
            case "empty" if len(arguments) == 1:
                return not (self._is_set_or_false(arguments[0]) and self._is_true(arguments[0]))
            case "defined" if len(arguments) == 1:
                return self._is_defined(node, str(self._value(arguments[0])).removeprefix("\\"))
            case "file_get_contents" if len(arguments) == 1:
                return self._content(node, self._file(node, arguments[0]))
            case "realpath" if len(arguments) == 1:
                path = self._file(node, arguments[0])
                return str(path.resolve()) if path.exists() else False
        if name in FILE_CHECKS and len(arguments) == 1:
            return FILE_CHECKS[name](self._file(node, arguments[0]))
        function = FUNCTIONS.get(name)
        if function is None or not function.least <= len(arguments) <= function.most:
            raise self._refusal(node)
        return function.call(*(self._value(argument) for argument in arguments))

    def _is_set_or_false(self, node: Node) -> bool:
        try:
            return not isinstance(self._raw(node), _Absent)
        except _UndefinedError:
            return False

    def _is_defined(self, node: Node, name: str) -> bool:
        if name in self._context.constants or (name == "BP" and self._context.root):
            return True
        if name.startswith(("PHP_", "E_", "M_")) or "::" in name:
            raise self._refusal(node)  # PHP's versions differ
        return False

    def _file(self, node: Node, argument: Node) -> Path:
        """Return the path of a file; PHP looks for a relative one where it was started."""
        path = self._path(node, argument)
        if not Path(str(self._value(argument))).is_absolute():
            raise self._error(node, "a relative path: write __DIR__ . '/…'")
        return path

    def _path(self, node: Node, argument: Node) -> Path:
        """Return the path of a file; it is relative to this file, as include finds it."""
        text = self._value(argument)
        if self._folder is None or not isinstance(text, str) or not text or "\0" in text:
            raise self._refusal(node)
        if text.startswith(("./", "../")):  # never relative to this file
            raise self._error(node, "a relative path: write __DIR__ . '/…'")
        path = self._folder / text
        self._context.files.add(path)
        return path

    def _content(self, node: Node, path: Path) -> str:
        try:
            content = _read(path, _MAX_SECRET_BYTES)
            return content.decode()
        except (OSError, UnicodeDecodeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a text file of at most 64 KB"
            raise self._error(node, f"{path}: {reason}") from None

    def _include(self, node: Node) -> Any:
        if self._folder is None:
            raise self._refusal(node)
        path = self._path(node, _parts(node)[0])
        whole = path.resolve()
        if whole in self._context.included and node.type.endswith("_once_expression"):
            return True
        self._context.included.add(whole)
        self._context.includes += 1
        if self._context.includes > _MAX_INCLUDES:
            raise self._error(node, f"more than {_MAX_INCLUDES} files are included")
        try:
            source = _read(path, MAX_BYTES)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or f"not a file of at most {MAX_BYTES} bytes"
            raise self._error(node, f"{path}: {reason}") from None
        value = _Evaluator(str(path), self._context, path.parent).run(source)
        return 1 if isinstance(value, _Nothing) else value

    def _refusal(self, node: Node, where: str = "") -> PhpFileError:
        kind = _KINDS.get(node.type, node.type.replace("_", " "))
        return self._error(node, f"{f'{kind} {where}'.strip()}: cannot be read without running PHP")

    def _error(self, node: Node, message: str) -> PhpFileError:
        return PhpFileError(f"{self._name}, line {node.start_point[0] + 1}: {message}")


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
    *_INCLUDES,
}


def _unpacked(array: PhpArray, more: PhpArray, following: int) -> PhpArray:
    result = dict(array)
    for key, value in more.items():
        if isinstance(key, Constant):
            raise ConversionError  # it may be a number
        if isinstance(key, int):
            result[following] = value
            following += 1
        else:
            result[key] = value
    return result


def _read(path: Path, most: int) -> bytes:
    if not path.is_file():
        path.stat()
        raise ValueError
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError
    return content


def _first_fault(node: Node) -> Node:
    """Return where the syntax breaks: the innermost node with an error, the first of each level."""
    pending = [node]
    while pending:
        node = pending[0]
        faulty = [child for child in node.children if child.has_error or child.is_missing]
        pending = [] if node.is_error else faulty
    return node


def _is_blank(node: Node) -> bool:
    """Return whether there is no text between ?> and <?php, or the end of the file."""
    text = re.sub(rb"(?i)<\?php$", b"", (node.text or b"").removeprefix(b"?>"))
    return not text.strip()


def _insertions(heredoc: Node) -> Iterator[tuple[Node, int, int]]:
    """Yield the variables in a heredoc, with the bytes where each begins and ends."""
    for body in heredoc.named_children:
        if body.type != "heredoc_body":
            continue
        for place, part in enumerate(body.children):
            if part.is_named and part.type not in {"string_content", "escape_sequence", "comment"}:
                is_braced = place > 0 and body.children[place - 1].type == "{"
                first, last = body.children[place - is_braced], body.children[place + is_braced]
                yield part, first.start_byte, last.end_byte


def _parts(node: Node) -> list[Node]:
    return [part for part in node.named_children if part.type != "comment"]


def _operator(node: Node) -> str:
    operator = node.child_by_field_name("operator")
    return operator.type if operator else ""


def _text(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")


def _unescape(escape: re.Match[bytes]) -> bytes:
    matched: bytes = escape[escape.lastindex or 0]
    match escape.lastindex:
        case 2:
            return bytes([int(matched, 8) & 0xFF])
        case 3:
            return bytes([int(matched, 16)])
        case 4:
            return chr(int(matched, 16)).encode()
    return _LETTERS.get(matched, matched)
