"""Describe the faults of settings in plain sentences: what is wrong, and what would be right."""

from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from magento_eventbridge.similar_names import most_similar

_LONGEST_NUMBER = 20
_LONGEST_PART = 250
_VERY_SIMILAR = 0.75


def describe(fault: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """Return the dotted name of a setting and what is wrong with it.

    A text is never shown: it may be a secret in the wrong place.
    """
    parts = [str(part) for part in fault["loc"] if part != "[key]"]
    return ".".join(parts), _sentence(fault, parts, model)


_NUMBERS = frozenset({"int_parsing", "int_type", "int_from_float", "int_parsing_size"})
# Faults of settings that are texts, and so may be secrets.
_TEXTS = frozenset({"string_type", "path_type", "tuple_type"})
_GROUPS = frozenset({"dict_type", "model_type", "model_attributes_type"})
# What is right, by pydantic's name of the fault; {…} are pydantic's limits.
_SENTENCES = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_type": "must be a text in quotes",
    "path_type": "must be a text in quotes",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "tuple_type": "must be a list of texts, or one text with spaces between",
    **dict.fromkeys(_NUMBERS, "must be a whole number"),
}


def _sentence(fault: ErrorDetails, parts: list[str], model: type[BaseModel]) -> str:
    kind, value = fault["type"], fault["input"]
    if kind == "extra_forbidden":
        return f"there is no such setting{_did_you_mean(parts, model)}"
    if kind in _GROUPS:
        return f"is a group of settings{_example(parts, model)}, not {_kind(value)}"
    if kind in _NUMBERS and fault["loc"][-1] == "[key]":
        return "must be the number of a store view, as stores.2"
    if kind in _SENTENCES:
        limits = {name: _figure(limit) for name, limit in fault.get("ctx", {}).items()}
        return f"{_SENTENCES[kind].format(**limits)}{_not(value, may_be_secret=kind in _TEXTS)}"
    message = fault["msg"].removeprefix("Value error, ")
    if len(message) > 2 * _LONGEST_PART:
        message = f"{message[:_LONGEST_PART]}…{message[-_LONGEST_PART:]}"
    return message


def _not(value: object, *, may_be_secret: bool) -> str:
    """Return the wrong value if it is a number, else what it is; nothing for a text."""
    if isinstance(value, str):
        return ""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    shown = str(value) if is_number and not may_be_secret else ""
    return f", not {shown if 0 < len(shown) <= _LONGEST_NUMBER else _kind(value)}"


def _kind(value: object) -> str:
    """Return what a value is, in the words of TOML."""
    match value:
        case dict():
            return "a group"
        case list() | tuple():
            return "a list"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case None:
            return "empty"
        case _:
            return "a date or time"


def _figure(limit: object) -> str:
    return f"{limit:g}" if isinstance(limit, float) else str(limit)


def _did_you_mean(parts: list[str], model: type[BaseModel]) -> str:
    """Return the known setting that is most like an unknown one, as the end of a sentence."""
    *groups, last = parts
    at = _group(groups, model)
    siblings = [] if at is None else list(at.model_fields)
    if found := most_similar(last, siblings, _VERY_SIMILAR):
        return f"; did you mean {'.'.join([*groups, found])}?"
    # The right name in a wrong group, or without one.
    elsewhere = [name for name in _names(model) if name.rpartition(".")[2] == last]
    if groups[:1] == ["stores"]:
        whole = last if last in model.model_fields else next(iter(elsewhere), "")
        return f"; {whole} is a setting of the whole bridge, not of a store view" if whole else ""
    if elsewhere:
        return f"; did you mean {elsewhere[0]}?"
    if found := most_similar(".".join(parts), _names(model)):
        return f"; did you mean {found}?"
    return ""


def _example(parts: list[str], model: type[BaseModel]) -> str:
    if parts == ["stores"]:
        return ", as stores.2"
    group = _group(parts, model)
    if group is None:
        return ""
    return f", as {'.'.join([*parts, next(iter(group.model_fields))])}"


def _group(parts: list[str], model: type[BaseModel]) -> type[BaseModel] | None:
    """Return the class of a group of settings; None when there is no such group."""
    at: type[BaseModel] | None = model
    skip = False
    for part in parts:
        if skip:  # the number of a store view
            skip = False
            continue
        field = at.model_fields.get(part) if at else None
        at = None
        for candidate in (field.annotation, *get_args(field.annotation)) if field else ():
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                at, skip = candidate, candidate is not field.annotation if field else False
    return at


def _names(model: type[BaseModel], at: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _names(field.annotation, f"{at}{name}.")
        else:
            yield f"{at}{name}"
