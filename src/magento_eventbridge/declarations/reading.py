"""Read `eventbridge_events.xml` of all modules and of the shop, and merge them.

A declaration that is wrong is refused with file, line and reason; the others are used. The agent
reads the same files by the same rules.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lxml import etree

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.catalog.declared import (
    Declaration,
    DeclaredField,
    ShopCatalog,
    Trigger,
    is_secret,
)
from magento_eventbridge.catalog.schema import COMMON, detail_schema
from magento_eventbridge.declarations.catalogs import catalog_of
from magento_eventbridge.declarations.schema_errors import explain
from magento_eventbridge.magento.agent.module import shipped
from magento_eventbridge.magento.env_php import read_deployment
from magento_eventbridge.magento.installation import module_switches
from magento_eventbridge.magento.php.values import PhpFileError
from magento_eventbridge.provisioning.pattern_syntax import parsed
from magento_eventbridge.provisioning.patterns import PatternError, check, known
from magento_eventbridge.similar_names import did_you_mean

NAME = "eventbridge_events.xml"
SHOPS_OWN = Path("app/etc") / NAME
_MODULES = (
    f"app/code/*/*/etc/{NAME}",
    f"vendor/*/*/etc/{NAME}",
    f"vendor/*/*/src/etc/{NAME}",
)
# Whose snapshots the agent takes of an object that paths can begin at.
_EXTENSIBLE = (
    "CartProduct",
    "Order",
    "Invoice",
    "Creditmemo",
    "Shipment",
    "CustomerLogged",
    "CustomerSignedUp",
)
_EXCEPT = ("CustomerSignedUpFailed",)
_ENCODING_ERRORS = frozenset(
    {
        etree.ErrorTypes.ERR_UNKNOWN_ENCODING,
        etree.ErrorTypes.ERR_UNSUPPORTED_ENCODING,
        etree.ErrorTypes.ERR_ENCODING_NAME,
        etree.ErrorTypes.ERR_INVALID_ENCODING,
    }
)
_DOCUMENTED = {event.detail_type: event for event in EVENTS}


@dataclass(frozen=True)
class DeclarationFault:
    """Why a declaration is refused."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


@dataclass(frozen=True)
class Declarations:
    """What the files declare, and what of it was refused."""

    events: tuple[Declaration, ...] = ()
    faults: tuple[DeclarationFault, ...] = ()

    def catalog(self) -> ShopCatalog:
        """Return the shop's catalog."""
        return catalog_of(self.events)


def files_of(root: Path) -> list[Path]:
    """Return the files of a store that declare events: of enabled modules in their order, the
    shop's own last.
    """
    try:
        switches = module_switches(read_deployment(root, {}))
    except PhpFileError:
        switches = {}
    order = {name: number for number, name in enumerate(switches)}
    found = []
    for pattern in _MODULES:
        for file in root.glob(pattern):
            name = _module_name(file.with_name("module.xml"))
            if name is not None and switches.get(name, not switches):
                found.append((order.get(name, len(order)), name, file))
    files = [file for _, _, file in sorted(found)]
    if (root / SHOPS_OWN).is_file():
        files.append(root / SHOPS_OWN)
    return files


def read_store(root: Path) -> Declarations:
    """Read and merge the declarations of a store."""
    return read_files(files_of(root), root)


def read_files(files: Iterable[Path], root: Path | None = None) -> Declarations:
    """Read and merge declarations from files, later ones over former ones."""
    merged: dict[str, Declaration] = {}
    faults: list[DeclarationFault] = []
    for file in files:
        shown = str(file.relative_to(root)) if root and file.is_relative_to(root) else str(file)
        for part in _read(file, shown):
            if isinstance(part, DeclarationFault):
                faults.append(part)
            else:
                former = merged.get(part.name)
                merged[part.name] = _merged(former, part) if former else part
    events = []
    for declaration in merged.values():
        reason = _fault_of(declaration)
        if reason:
            file_name, _, line = declaration.place.rpartition(":")
            faults.append(
                DeclarationFault(file_name, int(line), f"event '{declaration.name}': {reason}")
            )
        else:
            events.append(declaration)
    return Declarations(tuple(events), tuple(faults))


def _module_name(file: Path) -> str | None:
    try:
        return str(_parse(file.read_bytes()).find("module").attrib["name"])
    except (OSError, etree.XMLSyntaxError, AttributeError, KeyError):
        return None


def _parse(text: bytes) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    return etree.fromstring(text, parser)


def _schema() -> Any:
    return etree.XMLSchema(etree.parse(str(shipped().folder / "etc/eventbridge_events.xsd")))


def _read(file: Path, shown: str) -> Iterator[Declaration | DeclarationFault]:
    try:
        root = _parse(file.read_bytes())
    except OSError as error:
        yield DeclarationFault(shown, 0, f"cannot be read: {error.strerror}")
        return
    except etree.XMLSyntaxError as error:
        yield DeclarationFault(shown, error.lineno or 0, f"not well-formed: {_syntax(error)}")
        return
    if root.tag != "config":
        yield DeclarationFault(
            shown, root.sourceline, f"the root must be <config>, not <{root.tag}>"
        )
        return
    schema = _schema()
    for element in root:
        if not isinstance(element.tag, str):
            continue  # a processing instruction
        # Each by itself, so that one that is wrong does not cost the others.
        alone = etree.Element("config")
        line = element.sourceline
        alone.append(element)
        if misfit := _schema_error(schema, alone):
            yield DeclarationFault(shown, *misfit)
            continue
        try:
            yield _declaration(element, f"{shown}:{line}")
        except ValueError as error:
            yield DeclarationFault(shown, line, f"event '{element.get('name')}': {error}")


def _syntax(error: etree.XMLSyntaxError) -> str:
    message = re.sub(r", line \d+, column \d+$", "", error.msg or "")
    if error.code in _ENCODING_ERRORS:
        return f"{message}; save the file in UTF-8, or name its encoding in the first line"
    return message


def _schema_error(schema: Any, config: Any) -> tuple[int, str] | None:
    """Return line and reason of the first error of a file with one event."""
    line = config[0].sourceline
    try:
        if schema.validate(config):
            return None
    except etree.XMLSchemaValidateError:
        return line, "it cannot be checked: entities of a DOCTYPE are not read"
    first = schema.error_log[0]
    places = config.xpath(first.path or "/config/event")
    return first.line or line, explain(first, places[0] if places else config[0])


def _declaration(element: Any, place: str) -> Declaration:
    fields = []
    for field in element.findall("field"):
        name, path = field.get("name"), field.get("path")
        if is_secret(path):
            raise ValueError(
                f"field '{name}': the path '{path}' leads to a secret or to card data, which "
                "never leaves the shop"
            )
        if path.endswith(".*") and field.get("type") != "object":
            raise ValueError(f"field '{name}': the values of '{path}' are an object: set its type")
        fields.append(DeclaredField(name, path, field.get("type")))
    names = [field.name for field in fields]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"field '{name}' is declared twice")
    pattern = element.findtext("pattern")
    return Declaration(
        name=element.get("name"),
        place=place,
        description=" ".join((element.findtext("description") or "").split()),
        subject=element.get("subject"),
        triggers=tuple(
            Trigger(on.get("event").lower(), on.get("object"), on.get("save") or "any")
            for on in element.findall("on")
        ),
        changed=tuple(changed.get("column") for changed in element.findall("changed")),
        pattern=_pattern(pattern) if pattern else None,
        fields=tuple(fields),
    )


def _pattern(text: str) -> Mapping[str, Any]:
    try:
        pattern = parsed(text)
    except ValueError as error:
        raise ValueError(f"the pattern is not JSON: {error}") from None
    if not isinstance(pattern, dict) or not pattern:
        raise ValueError("the pattern must be a JSON object with fields of the detail")
    return pattern


def _merged(former: Declaration, later: Declaration) -> Declaration:
    fields = {field.name: field for field in (*former.fields, *later.fields)}
    triggers = {trigger.event: trigger for trigger in (*former.triggers, *later.triggers)}
    return replace(
        former,
        description=later.description or former.description,
        subject=later.subject or former.subject,
        triggers=tuple(triggers.values()),
        changed=tuple(dict.fromkeys((*former.changed, *later.changed))),
        pattern=later.pattern or former.pattern,
        fields=tuple(fields.values()),
    )


def _fault_of(declaration: Declaration) -> str | None:
    """Return what is wrong with a declaration as a whole."""
    documented = _DOCUMENTED.get(declaration.name)
    taken = set(COMMON)
    if documented is not None:
        if declaration.triggers or declaration.changed or declaration.subject:
            return "it is a documented event: only fields and a pattern can be added to it"
        if declaration.fields and not _takes_fields(declaration.name):
            return "fields can be added to events of carts, orders, documents and customers only"
        # The typed classes also read a field by its name in Python, as entity_id for entityId.
        taken |= documented.detail.model_fields.keys()
        taken |= detail_schema(documented, "full")["properties"].keys()
    elif not declaration.triggers:
        return (
            'no <on event="…"/> says which Magento event it comes from, and no documented event '
            f"has this name{did_you_mean(declaration.name, _DOCUMENTED)}"
        )
    if declaration.changed:
        taken.add("previous")
    for field in declaration.fields:
        if field.name in taken:
            return f"field '{field.name}': the detail already has a field of that name"
    if declaration.pattern is not None:
        return _pattern_fault(declaration)
    return None


def _takes_fields(documented: str) -> bool:
    return documented.startswith(_EXTENSIBLE) and documented not in _EXCEPT


def _pattern_fault(declaration: Declaration) -> str | None:
    catalog = catalog_of([replace(declaration, pattern=None)])
    event = catalog.by_name[declaration.name]
    try:
        check(
            {"detail-type": [declaration.name], "detail": declaration.pattern},
            [known(event, declaration.name, "full")],
        )
    except PatternError as error:
        return f"the pattern: {'; '.join(str(error).splitlines())}"
    return None
