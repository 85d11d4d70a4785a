"""The syntax tree of a PHP file, and the places in it that error messages name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tree_sitter_php
from tree_sitter import Language, Node, Parser

from magento_eventbridge.magento.php.values import PhpFileError

MAX_BYTES = 2_000_000
MAX_DEPTH = 64
INCLUDES = {
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
} | dict.fromkeys(INCLUDES, "an include")

_LANGUAGE = Language(tree_sitter_php.language_php())
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class PhpSource:
    """A file that is evaluated.

    Attributes:
        name: for messages.
        path: of the file itself, not of a link to it, as in PHP; None: it can read no other files.
    """

    name: str
    path: Path | None

    @property
    def folder(self) -> Path | None:
        """The folder of the file."""
        return self.path and self.path.parent

    def parse(self, text: bytes) -> Node:
        """Return the root of the file's syntax tree.

        Raises:
            PhpFileError: it is too long, or not PHP.
        """
        if len(text) > MAX_BYTES:
            raise PhpFileError(f"{self.name}: longer than {MAX_BYTES} bytes")
        root = Parser(_LANGUAGE).parse(text.removeprefix(_BOM)).root_node
        if root.has_error:
            raise self.error(_first_fault(root), "this is not PHP")
        return root

    def refusal(self, node: Node, where: str = "") -> PhpFileError:
        """Return the error for something that only PHP can evaluate."""
        kind = _KINDS.get(node.type, node.type.replace("_", " "))
        return self.error(node, f"{f'{kind} {where}'.strip()}: cannot be read without running PHP")

    def error(self, node: Node, message: str) -> PhpFileError:
        """Return an error with the file and line of a place."""
        return PhpFileError(f"{self.line_of(node)}: {message}")

    def line_of(self, node: Node) -> str:
        """Return the file and line of a place."""
        return f"{self.name}, line {node.start_point[0] + 1}"


def parts_of(node: Node) -> list[Node]:
    """Return what a node consists of, without punctuation and comments."""
    return [part for part in node.named_children if part.type != "comment"]


def all_in(node: Node) -> Iterator[Node]:
    """Yield a node and everything in it."""
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        pending += node.named_children


def operator_of(node: Node) -> str:
    """Return the operator of an expression."""
    found = node.child_by_field_name("operator")
    return found.type if found else ""


def text_of(node: Node) -> str:
    """Return the text of a node as it is in the file."""
    return (node.text or b"").decode(errors="replace")


def is_blank(node: Node) -> bool:
    """Return whether there is no text between ?> and <?php, or the end of the file."""
    text = re.sub(rb"(?i)<\?php$", b"", (node.text or b"").removeprefix(b"?>"))
    return not text.strip()


def _first_fault(node: Node) -> Node:
    """Return where the syntax breaks: the innermost node with an error, the first of each level."""
    pending = [node]
    while pending:
        node = pending[0]
        faulty = [child for child in node.children if child.has_error or child.is_missing]
        pending = [] if node.is_error else faulty
    return node
