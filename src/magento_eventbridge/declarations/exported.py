"""Declarations as a file, for a bridge that cannot read the store's folder."""

from pathlib import Path

import msgspec

from magento_eventbridge.catalog.declared import Declaration
from magento_eventbridge.errors import BridgeError, cause


class ExportError(BridgeError):
    """The file cannot be read or written, or is not one of `events export`."""


class _File(msgspec.Struct):
    events: list[Declaration]
    format: int = 1


def write(file: Path, declarations: tuple[Declaration, ...]) -> None:
    """Write declarations to a file.

    Raises:
        ExportError: it cannot be written.
    """
    text = msgspec.json.format(msgspec.json.encode(_File(list(declarations))), indent=2)
    part = file.with_name(file.name + ".part")
    try:
        part.write_bytes(text + b"\n")
        part.replace(file)
    except OSError as error:
        raise ExportError(f"{file}: {error.strerror}") from None


def read(file: Path) -> tuple[Declaration, ...]:
    """Read the declarations in a file.

    Raises:
        ExportError: it is missing, or not one of `events export`.
    """
    try:
        return tuple(msgspec.json.decode(file.read_bytes(), type=_File).events)
    except OSError as error:
        raise ExportError(f"{file}: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ExportError(f"{file} is not a file of 'events export': {cause(error)}") from None
