"""What an expression that is not evaluated may change, by its syntax: it is unknown afterwards."""

from dataclasses import dataclass, field

from tree_sitter import Node

from magento_eventbridge.magento.php.functions import FUNCTIONS
from magento_eventbridge.magento.php.syntax import INCLUDES, all_in, parts_of, text_of

VARIABLES_OF_PHP = {
    "$GLOBALS",
    "$_COOKIE",
    "$_ENV",
    "$_FILES",
    "$_GET",
    "$_POST",
    "$_REQUEST",
    "$_SERVER",
    "$_SESSION",
    "$argc",
    "$argv",
    "$this",
}
"""What PHP itself sets."""

_ASSIGNMENTS = {
    "assignment_expression",
    "augmented_assignment_expression",
    "by_ref",
    "reference_assignment_expression",
    "update_expression",
}
_CALLS_OF_METHODS = {
    "member_call_expression",
    "nullsafe_member_call_expression",
    "object_creation_expression",
    "scoped_call_expression",
}
_ARGUMENTS = {"argument", "parenthesized_expression", "variadic_unpacking"}
_OF_VARIABLES = {"member_access_expression", "subscript_expression"}
_CHANGING_ANYTHING = {"define", "eval", "extract", "mb_parse_str", "parse_str", "putenv"}
_CHANGING_NOTHING = {*FUNCTIONS, "defined", "empty", "getenv", "isset"}


@dataclass
class SideEffects:
    """What an expression may change.

    Attributes:
        variables: the names of those that it may set.
        anything: whether it may change all variables, and those of the environment.
        additions: whether it may define constants, and set variables that the environment lacks.
    """

    variables: set[str] = field(default_factory=set)
    anything: bool = False
    additions: bool = False


def side_effects_of(expression: Node) -> SideEffects:
    """Return the side effects of an expression with all that is in it."""
    effects = SideEffects()
    for node in all_in(expression):
        if node.type in INCLUDES:
            effects.anything = True
        elif node.type in _ASSIGNMENTS:
            _note_assignment(effects, node.child_by_field_name("left") or node)
        elif node.type in _CALLS_OF_METHODS:
            effects.additions = True
            effects.variables |= _variables_given(node)
        elif node.type == "function_call_expression":
            _note_call(effects, node)
    return effects


def _note_assignment(effects: SideEffects, target: Node) -> None:
    for node in all_in(target):
        if node.type == "dynamic_variable_name" or text_of(node) in VARIABLES_OF_PHP:
            effects.anything = True
        elif node.type == "variable_name":
            effects.variables.add(text_of(node))


def _note_call(effects: SideEffects, call: Node) -> None:
    function = parts_of(call)[0]
    name = text_of(function).removeprefix("\\").lower()
    effects.anything |= name in _CHANGING_ANYTHING
    effects.additions |= function.type not in {"name", "qualified_name"}  # a closure
    if name not in _CHANGING_NOTHING:
        effects.variables |= _variables_given(call)


def _variables_given(call: Node) -> set[str]:
    """Return the variables that a call is given: it may take them by reference."""
    arguments = [part for part in parts_of(call) if part.type == "arguments"]
    given = {_variable_in(argument) for nodes in arguments for argument in parts_of(nodes)}
    # Functions decrypt what is in the environment; they do not change it by reference.
    return given - VARIABLES_OF_PHP - {""}


def _variable_in(argument: Node) -> str:
    """Return the variable that an argument is, or is an element of; empty: none."""
    node = argument
    while node.type in _ARGUMENTS | _OF_VARIABLES:
        node = parts_of(node)[-1 if node.type in _ARGUMENTS else 0]
    return text_of(node) if node.type == "variable_name" else ""
