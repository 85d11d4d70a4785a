"""Add declarations to the shop's own file, and remove them from it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lxml import etree

from magento_eventbridge.catalog.declared import Declaration
from magento_eventbridge.declarations import reading
from magento_eventbridge.errors import BridgeError, cause

_SCHEMA = "urn:magento:module:MagentoEventBridge_Agent:etc/eventbridge_events.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"


class EditError(BridgeError):
    """The file cannot be changed so; it stays as it was."""


def subscribe(root: Path, event: Any, *, dry_run: bool = False) -> Declaration:
    """Put an `<event>` into the shop's file, or add it to the one of the same name.

    Its fields are added to those that are there; its other parts replace them. With `dry_run` it is
    only checked.

    Raises:
        EditError: the declaration would be refused, or the file cannot be read or written.
    """
    name = event.get("name")
    with _edited(root, dry_run=dry_run) as config:
        former = config.find(f"event[@name='{name}']")
        if former is None:
            config.append(event)
        else:
            config.replace(former, _added(former, event))
        etree.indent(config, "    ")
        return _checked(root, config, name)


def _added(former: Any, event: Any) -> Any:
    """Return an `<event>` with the parts of both, in the schema's order."""
    both = etree.Element("event", {**former.attrib, **event.attrib})
    both.extend(former.xpath("comment()"))
    for part in ("description", "on", "changed", "pattern"):
        both.extend(event.findall(part) or former.findall(part))
    given = event.findall("field")
    names = {field.get("name") for field in given}
    both.extend([field for field in former.findall("field") if field.get("name") not in names])
    both.extend(given)
    return both


def unsubscribe(root: Path, name: str) -> None:
    """Remove an `<event>` from the shop's file.

    Raises:
        EditError: the file does not declare it, or cannot be read or written.
    """
    with _edited(root) as config:
        event = config.find(f"event[@name='{name}']")
        if event is None:
            places = [e.place for e in reading.read_store(root).events if e.name == name]
            raise EditError(
                f"{places[0]} declares '{name}', not {reading.SHOPS_OWN}: switch it off by the "
                f"setting aws_eventbridge/events_declared/{name} = 0"
                if places
                else f"{root / reading.SHOPS_OWN} does not declare '{name}'"
            )
        config.remove(event)


@contextmanager
def _edited(root: Path, *, dry_run: bool = False) -> Iterator[Any]:
    """Yield the root element of the shop's file; write it at the end, unless an error is raised."""
    file = root / reading.SHOPS_OWN
    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        if file.exists():
            config = etree.fromstring(file.read_bytes(), parser)
        else:
            config = etree.Element("config", nsmap={"xsi": _XSI})
            config.set(f"{{{_XSI}}}noNamespaceSchemaLocation", _SCHEMA)
    except (OSError, etree.XMLSyntaxError) as error:
        raise EditError(f"{file}: {cause(error)}") from None
    yield config
    if dry_run:
        return
    try:
        _replace(file, _text(config))
    except OSError as error:
        raise EditError(f"{file}: {error.strerror}") from None


def _text(config: Any) -> bytes:
    text: bytes = etree.tostring(
        config.getroottree(), xml_declaration=True, encoding="UTF-8", pretty_print=True
    )
    return text


def _replace(file: Path, text: bytes) -> None:
    """Write the whole file or nothing, readable for the shop as it was."""
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(text)
    if file.exists():
        part.chmod(file.stat().st_mode)
    part.replace(file)


def _checked(root: Path, config: Any, name: str) -> Declaration:
    """Read all declarations as they would be; return the one of the name."""
    handle, path = tempfile.mkstemp(suffix=".xml")
    try:
        with os.fdopen(handle, "wb") as copy:
            copy.write(_text(config))
        own = root / reading.SHOPS_OWN
        files = [file for file in reading.files_of(root) if file != own]
        declared = reading.read_files([*files, Path(path)])
    finally:
        Path(path).unlink()
    for declaration in declared.events:
        if declaration.name == name:
            return declaration
    reasons = [fault.reason for fault in declared.faults if fault.file == path]
    raise EditError(f"the declaration would be refused: {'; '.join(reasons) or 'it is invalid'}")
