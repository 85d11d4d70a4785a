"""Evaluate PHP files that return an array, as far as their statements are plain."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from tree_sitter import Node

from magento_eventbridge.magento.php.expressions import Absent, Expressions
from magento_eventbridge.magento.php.files import PhpContext
from magento_eventbridge.magento.php.functions import WITHOUT_RESULT
from magento_eventbridge.magento.php.names import PhpNames
from magento_eventbridge.magento.php.side_effects import VARIABLES_OF_PHP
from magento_eventbridge.magento.php.syntax import (
    INCLUDES,
    MAX_DEPTH,
    PhpSource,
    is_blank,
    operator_of,
    parts_of,
    text_of,
)
from magento_eventbridge.magento.php.values import (
    Computed,
    PhpArray,
    PhpFileError,
    PhpKey,
    check_known,
    to_text,
)


class _Nothing:
    """The result of a file, or of a statement, that returns nothing."""


_NOTHING = _Nothing()
# Of all files together: each assignment to an element copies its array.
_MAX_STATEMENTS = 10_000
_MAX_DEPTH_OF_ARRAYS = 256
_MAX_ELEMENTS = 1_000_000


def evaluate_file(
    text: bytes, name: str, context: PhpContext, path: Path | None = None
) -> PhpArray:
    """Return the array that a PHP file returns.

    Args:
        text: of the file.
        name: of the file, for messages.
        context: what it shares with other files.
        path: of the file itself, not of a link; None: it can read no other files.

    Raises:
        PhpFileError: with file and line, when there is no such array.
    """
    statements = _StatementsOfFile(PhpSource(name, path), context)
    value = statements.run(text)
    if value is None or isinstance(value, _Nothing):
        raise PhpFileError(f"{name}: returns no array")
    if not isinstance(value, dict):
        raise PhpFileError(f"{statements.returned_at}: does not return an array")
    if excess := _excess(value):
        raise PhpFileError(f"{statements.returned_at}: {excess}")
    return value


def _excess(array: PhpArray) -> str | None:
    """Return why an array cannot be compared or walked in a reasonable time; None: it can.

    Each array in it is looked at once, with the number of places where it is used.
    """
    level, count = {id(array): (array, 1)}, 0
    for _ in range(_MAX_DEPTH_OF_ARRAYS):
        inner: dict[int, tuple[PhpArray, int]] = {}
        for outer, places in level.values():
            count += len(outer) * places
            for value in outer.values():
                if isinstance(value, dict):
                    inner[id(value)] = (value, inner.get(id(value), (value, 0))[1] + places)
        level = inner
        if count > _MAX_ELEMENTS:
            return f"an array with more than {_MAX_ELEMENTS} elements"
    return f"an array nested deeper than {_MAX_DEPTH_OF_ARRAYS}" if level else None


class _StatementsOfFile:
    """Executes the statements of one file."""

    def __init__(self, source: PhpSource, context: PhpContext) -> None:
        self.returned_at = source.name
        self._source = source
        self._context = context
        self._names = PhpNames(source)
        self._expressions = Expressions(source, context, self._names, self._include)
        self._depth = 0

    def run(self, text: bytes) -> Any:
        """Return what the file returns; `_NOTHING` if that is nothing."""
        return self._execute(self._source.parse(text).children)

    def _include(self, path: Path, text: bytes) -> Any:
        value = _StatementsOfFile(PhpSource(str(path), path.resolve()), self._context).run(text)
        return 1 if isinstance(value, _Nothing) else value

    def _execute(self, statements: Sequence[Node]) -> Any:
        """Execute statements up to a `return`, and return its value."""
        self._depth += 1
        for statement in statements:
            if self._depth > MAX_DEPTH:
                raise self._source.error(statement, f"nested deeper than {MAX_DEPTH}")
            self._context.statements += 1
            if self._context.statements > _MAX_STATEMENTS:
                raise self._source.error(statement, f"more than {_MAX_STATEMENTS} statements")
            result = self._statement(statement)
            if not isinstance(result, _Nothing):
                return result
        self._depth -= 1
        return _NOTHING

    def _statement(self, node: Node) -> Any:
        match node.type:
            case "php_tag" | "comment" | "empty_statement" | "?>" | "{" | "}" | ":":
                return _NOTHING
            case "namespace_use_declaration":
                self._names.use(node)
                return _NOTHING
            case "namespace_definition" if len(parts_of(node)) == 1:
                self._names.enter(node)
                return _NOTHING
            case "declare_statement" if len(parts_of(node)) == 1:
                return _NOTHING
            case "text_interpolation" if is_blank(node):
                return _NOTHING  # between ?> and <?php, or the end of the file
            case "return_statement":
                self.returned_at = self._source.line_of(node)
                parts = parts_of(node)
                return self._expressions.value(parts[0]) if parts else None
            case "compound_statement" | "colon_block":
                return self._execute(node.children)
            case "if_statement":
                return self._if(node)
            case "const_declaration":
                for element in parts_of(node):
                    name, value = parts_of(element)
                    self._context.constants.setdefault(
                        self._names.namespace + text_of(name), self._expressions.element(value)
                    )
                return _NOTHING
            case "expression_statement" if self._expression(parts_of(node)[0]):
                return _NOTHING
            case "expression_statement":
                node = parts_of(node)[0]
        raise self._source.refusal(node, "before the returned array")

    def _if(self, node: Node) -> Any:
        branches = [node, *node.children_by_field_name("alternative")]
        for branch in branches:
            condition = branch.child_by_field_name("condition")
            if condition is None or self._expressions.is_true(condition):
                return self._execute(branch.children_by_field_name("body"))
        return _NOTHING

    def _expression(self, node: Node) -> bool:
        """Execute an expression as a statement; return whether it is plain."""
        match node.type:
            case "assignment_expression":
                left, right = parts_of(node)
                self._assign(left, self._expressions.element(right, is_raw=True))
                return True
            case "augmented_assignment_expression" if operator_of(node) == "??=":
                left, right = parts_of(node)
                if self._expressions.value_or_null(left) is None:
                    self._assign(left, self._expressions.element(right, is_raw=True))
                return True
            case "augmented_assignment_expression" if operator_of(node) in {".=", "+="}:
                left, right = parts_of(node)
                former, more = self._expressions.value(left), self._expressions.value(right)
                with self._expressions.conversions(node):
                    if operator_of(node) == ".=":
                        joined = to_text(former) + to_text(more)
                        self._assign(left, self._expressions.bounded(node, joined))
                    else:
                        self._assign(left, self._expressions.calculated(node, "+", former, more))
                return True
            case "binary_expression" if operator_of(node).lower() in {"or", "||", "and", "&&"}:
                left, right = parts_of(node)
                is_or = operator_of(node).lower() in {"or", "||"}
                return self._expressions.is_true(left) is is_or or self._expression(right)
            case "function_call_expression":
                return self._call_as_statement(node)
            case _ if node.type in INCLUDES:
                self._expressions.include(node)
                return True
        return False

    def _call_as_statement(self, node: Node) -> bool:
        name, arguments = self._expressions.called(node)
        if name in WITHOUT_RESULT:
            for argument in arguments:
                self._expressions.element(argument)  # only for what it changes
            return True
        if name == "define" and len(arguments) == 2:
            constant = self._expressions.value(arguments[0])
            self._context.constants.setdefault(
                str(constant), self._expressions.element(arguments[1])
            )
            return True
        return False

    def _assign(self, target: Node, value: Any) -> None:
        keys: list[PhpKey | None] = []  # None: [], the next number
        node = target
        while node.type == "subscript_expression":
            node, *index = parts_of(node)
            keys.insert(0, self._expressions.key(index[0]) if index else None)
        if node.type != "variable_name" or text_of(node) in VARIABLES_OF_PHP:
            raise self._source.refusal(target)
        if keys and isinstance(value, Absent):
            value = Computed(str(value.error))
        name = text_of(node)
        former = self._context.variable(name)
        self._context.variables[name] = self._changed(target, former, keys, value)

    def _changed(self, target: Node, array: Any, keys: Sequence[PhpKey | None], value: Any) -> Any:
        """Return a new array with a changed element: what shares the old one keeps its value."""
        if not keys:
            return value
        if isinstance(array, Computed | Absent):
            return array  # it stays unknown
        if not isinstance(array, dict | None) or len(keys) > MAX_DEPTH:
            raise self._source.refusal(target)
        array = array or {}
        key = keys[0]
        if len(keys) > 1 and key not in array:
            check_known(*array)  # a constant may be this key
        if key is None:
            numbers = [number for number in array if not isinstance(number, str)]
            if not all(isinstance(number, int) and number >= 0 for number in numbers):
                raise self._source.refusal(target)  # as in an array: PHP's versions differ
            key = max(cast(list[int], numbers), default=-1) + 1
        return {**array, key: self._changed(target, array.get(key), keys[1:], value)}
