"""What a shop declares in `eventbridge_events.xml`: events of its own, fields for documented ones.

The agent stores the values that the declared paths lead to in a capture's `paths`; here they get
their names and types. An event of its own is a capture of its own, with its name in `declared`.
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar
from typing import cast as cast_type

from pydantic import Field, JsonValue, create_model

from magento_eventbridge.captures import Capture
from magento_eventbridge.catalog.event import EventDefinition, TranslationError
from magento_eventbridge.catalog.snapshot import Json, as_number
from magento_eventbridge.events.detail import Detail, Number, Part

log = logging.getLogger(__name__)

SWITCHES = "aws_eventbridge/events_declared/"
"""The config paths of own events, without their names; an event is on unless one says no."""

PartT = TypeVar("PartT", bound=Part)

FieldType = Literal["string", "integer", "number", "boolean", "object", "array"]
Save = Literal["any", "created", "updated"]

_SECRET = re.compile(
    r"pass(word|wd|phrase)|token|secret|credential|cvv|cvc|(^|_)(cid|pin|iban)$|(^|_)cc_|(^|_)pan$"
    r"|card_?num|(api|private|public|crypt|access|consumer|encryption|signature)_?key|session_?id"
    r"|protect_code|additional_information|auth_?code",
    re.IGNORECASE,
)


_NOT_IN_A_NAME = re.compile(r"[^0-9A-Za-z]+")


def class_name(detail_type: str) -> str:
    """Return a detail-type as the name of a class: `points.changed` is `PointsChanged`."""
    return "".join(part[:1].upper() + part[1:] for part in _NOT_IN_A_NAME.split(detail_type))


def is_secret(path: str) -> bool:
    """Return whether a path leads to what may never leave the shop: secrets and card data.

    The agent refuses the same names, also under a wildcard; a test compares the two.
    """
    return any(_SECRET.search(segment.removesuffix("[]")) for segment in path.split("."))


@dataclass(frozen=True)
class DeclaredField:
    """A field of a detail: its name, where its value is, and its JSON type."""

    name: str
    path: str
    type: FieldType

    @property
    def is_list(self) -> bool:
        """Whether the path leads through an array: the field is an array of its type."""
        return "[]" in self.path


@dataclass(frozen=True)
class Trigger:
    """A Magento event that an own event comes from."""

    event: str
    object: str | None = None
    save: Save = "any"


@dataclass(frozen=True)
class Declaration:
    """One `<event>`, merged from all files that declare it.

    Attributes:
        place: file and line of the first declaration, for messages.
    """

    name: str
    place: str
    description: str = ""
    subject: str | None = None
    triggers: tuple[Trigger, ...] = ()
    changed: tuple[str, ...] = ()
    pattern: Mapping[str, Any] | None = None
    fields: tuple[DeclaredField, ...] = ()


def cast(value: Any, kind: FieldType) -> Any:
    """Return a value as its declared type; null if it cannot be one."""
    if value is None:
        return None
    match kind:
        case "string":
            return _text(value)
        case "integer":
            number = _number(value)
            return number if isinstance(number, int) else None
        case "number":
            return _number(value)
        case "boolean":
            return _boolean(value)
        case "object":
            return value if isinstance(value, dict) else {} if value == [] else None
    if isinstance(value, dict):  # PHP's arrays with keys
        return list(value.values())
    return value if isinstance(value, list) else None


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else None


def _number(value: Any) -> int | float | None:
    if isinstance(value, str) and not value.strip():
        return None
    try:
        return as_number(value)
    except ValueError:
        return None


def _boolean(value: Any) -> bool | None:
    match value:
        case True | 1 | "1" | "true":
            return True
        case False | 0 | "0" | "" | "false":
            return False
    return None


def _value_of(field: DeclaredField, paths: Mapping[str, Any]) -> Any:
    value = paths.get(field.path)
    if field.is_list and field.type != "array":
        members = cast(value, "array")
        return None if members is None else [cast(member, field.type) for member in members]
    return cast(value, field.type)


class _NullFields:
    """Reports once why a declared field is null: its path leads nowhere, or it has another type."""

    def __init__(self) -> None:
        self._reported: set[tuple[str, str]] = set()

    def check(self, event: str, fields: Iterable[DeclaredField], capture: Capture) -> None:
        for field in fields:
            if field.path not in capture.paths:
                reason = "leads nowhere"
            elif _is_lost(field, capture.paths):
                reason = f"leads to what is not of the type {field.type}"
            else:
                continue
            if (event, field.name) in self._reported:
                continue
            self._reported.add((event, field.name))
            log.warning(
                "Field '%s' of event '%s' is null: the path '%s' %s in capture %s. "
                "This is reported once; 'magento-eventbridge events check' shows the declaration.",
                field.name,
                event,
                field.path,
                reason,
                capture.id,
            )


def _is_lost(field: DeclaredField, paths: Mapping[str, Any]) -> bool:
    """Return whether there is a value that cannot be cast; an empty text stands for none."""
    return paths[field.path] not in (None, "") and _value_of(field, paths) is None


_TYPES: dict[FieldType, Any] = {
    "string": str,
    "integer": int,
    "number": Number,
    "boolean": bool,
    "object": dict[str, JsonValue],
    "array": list[JsonValue],
}
_SAMPLES: dict[FieldType, Any] = {
    "string": "text",
    "integer": 1,
    "number": 9.5,
    "boolean": True,
    "object": {},
    "array": [],
}


def _model(
    name: str,
    base: type[PartT],
    fields: Iterable[DeclaredField],
    *,
    description: str | None = None,
    is_former: bool = False,
) -> type[PartT]:
    members: dict[str, Any] = {}
    for number, field in enumerate(fields):
        kind: Any = _TYPES[field.type] | None
        if field.is_list and field.type != "array":
            kind = list.__class_getitem__(kind) | None
        members[f"declared_{number}"] = (
            kind,
            Field(None, alias=field.name) if is_former else Field(alias=field.name),
        )
    return create_model(name, __base__=base, __doc__=description or base.__doc__, **members)


def _sample(fields: Iterable[DeclaredField]) -> Json:
    return {
        field.name: [_SAMPLES[field.type]]
        if field.is_list and field.type != "array"
        else _SAMPLES[field.type]
        for field in fields
    }


Accepts = Callable[[Json], bool]
"""Says whether a detail passes an event's pattern."""


class ShopCatalog:
    """The events of one shop: the documented ones, with its own fields, and its own events.

    Attributes:
        events: all of them, own ones last.
        by_name: the same by their documented or declared name.
        own: the names of own events.
        conditions: what must hold of a detail, by the event's name.
        is_known: whether the declarations could be read. If not, captures of own events wait.
    """

    def __init__(
        self,
        documented: Iterable[EventDefinition],
        event_of: Callable[[Capture], EventDefinition | None],
        declarations: Iterable[Declaration] = (),
        conditions: Mapping[str, Accepts] | None = None,
        *,
        is_known: bool = True,
    ) -> None:
        self.declarations = tuple(declarations)
        self.conditions = dict(conditions or {})
        self.is_known = is_known
        self._event_of = event_of
        self._null_fields = _NullFields()
        self.by_name = {event.detail_type: event for event in documented}
        self.own = frozenset(d.name for d in self.declarations if d.name not in self.by_name)
        for declaration in self.declarations:
            documented_event = self.by_name.get(declaration.name)
            self.by_name[declaration.name] = (
                self._own_event(declaration)
                if documented_event is None
                else self._with_fields(documented_event, declaration.fields)
            )
        self.events = tuple(self.by_name.values())

    @property
    def columns(self) -> frozenset[str]:
        """The paths of the shop's own fields that can be a column of the entity's own row."""
        return frozenset(field.path for field in self.fields if field.path.isidentifier())

    @property
    def fields(self) -> tuple[DeclaredField, ...]:
        """The shop's own fields, of all events."""
        return tuple(field for of in self.declarations for field in of.fields)

    def event_of(self, capture: Capture) -> EventDefinition | None:
        """Return the event that a capture means; None if nothing happened that is to be sent.

        Raises:
            UndeclaredEventError: the shop does not declare the capture's own event.
            DeclarationsUnknownError: the declarations could not be read yet.
            TranslationError: the catalog does not have its Magento event.
        """
        if (redacted := capture.redacted) and redacted.event in self.by_name:
            return self.by_name[redacted.event]
        if capture.declared is None:
            event = self._event_of(capture)
            return event and self.by_name.get(event.detail_type, event)
        if capture.declared in self.own:
            return self.by_name[capture.declared]
        if not self.is_known:
            raise DeclarationsUnknownError(capture.declared)
        raise UndeclaredEventError(
            f"unknown Magento event {capture.event!r}: the event '{capture.declared}' is not "
            "declared in eventbridge_events.xml, or its declaration is refused ('events check' "
            "shows why): correct that, then redrive; or drop it"
        )

    def accepts(self, event: EventDefinition, detail: Json) -> bool:
        """Return whether a detail passes the event's pattern."""
        condition = self.conditions.get(event.detail_type)
        return condition is None or condition(detail)

    def _with_fields(
        self, event: EventDefinition, fields: tuple[DeclaredField, ...]
    ) -> EventDefinition:
        def translate(capture: Capture) -> Json:
            return event.translate(capture) | self._values(event.detail_type, fields, capture)

        return replace(
            event,
            detail=_model(f"{event.detail_type}Detail", event.detail, fields)
            if fields
            else event.detail,
            translate=translate,
            sample={**event.sample, **_sample(fields)},
            own_fields=frozenset(field.name for field in fields),
        )

    def _own_event(self, declaration: Declaration) -> EventDefinition:
        name, fields = declaration.name, declaration.fields

        columns = {field.path: field for field in fields if field.path in declaration.changed}

        def translate(capture: Capture) -> Json:
            detail = self._values(name, fields, capture)
            if declaration.changed:
                detail["previous"] = {
                    columns[column].name: cast(former, columns[column].type)
                    for column, former in capture.original.items()
                    if column in columns
                }
            return detail

        when = declaration.description or f"Declared by the shop ({declaration.place})."
        model = _model(f"{class_name(name)}Detail", Detail, fields, description=when)
        sample = _sample(fields)
        if declaration.changed:
            former = _model(
                f"Previous{class_name(name)}",
                Part,
                columns.values(),
                description="The former values of the fields that changed; only these are present.",
                is_former=True,
            )
            members: dict[str, Any] = {"previous": (former, ...)}
            model = cast_type(
                type[Detail], create_model(model.__name__, __base__=model, __doc__=when, **members)
            )
            sample["previous"] = {}

        return EventDefinition(
            detail_type=name,
            config_path=f"{SWITCHES}{name}",
            magento_events=tuple(trigger.event for trigger in declaration.triggers),
            description=when,
            detail=model,
            translate=translate,
            sample=sample,
        )

    def _values(self, event: str, fields: tuple[DeclaredField, ...], capture: Capture) -> Json:
        if capture.origin is None:  # rows have few of the values that paths lead to
            self._null_fields.check(event, fields, capture)
        return {field.name: _value_of(field, capture.paths) for field in fields}


class UndeclaredEventError(TranslationError):
    """The capture is of an own event that the shop no longer declares."""


class DeclarationsUnknownError(Exception):
    """A capture of an own event, and the declarations cannot be read yet: it waits."""
