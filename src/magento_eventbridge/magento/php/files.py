"""What PHP files share while they are evaluated, and what they read from other files."""

import os.path
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tree_sitter import Node

from magento_eventbridge.magento.php.side_effects import side_effects_of
from magento_eventbridge.magento.php.syntax import MAX_BYTES, PhpSource
from magento_eventbridge.magento.php.values import Computed

_MAX_INCLUDES = 20
_MAX_SECRET_BYTES = 65_536


@dataclass
class PhpContext:
    """What files that include each other share.

    Attributes:
        environment: what `getenv('NAME')`, `$_ENV['NAME']` and `$_SERVER['NAME']` return.
        root: of the store, the constant `BP`; None: it is not known.
        files: what was read or looked for.
        lost: why all variables and the environment are unknown; empty: they are known.
        added: why there may be constants and variables of the environment that are not known here.
    """

    environment: Mapping[str, str]
    root: Path | None = None
    files: set[Path] = field(default_factory=set)
    variables: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, Any] = field(
        default_factory=lambda: {"DIRECTORY_SEPARATOR": "/", "PHP_EOL": "\n"}
    )
    includes: int = 0
    statements: int = 0
    included: set[Path] = field(default_factory=set)
    lost: str = ""
    added: str = ""

    def __post_init__(self) -> None:
        """Define the constant `BP`."""
        if self.root:
            self.constants["BP"] = str(self.root.resolve())

    def variable(self, name: str) -> Any:
        """Return a variable's value; None if it is not set."""
        return self.variables.get(name, Computed(self.lost) if self.lost else None)

    def forget(self, expression: Node, reason: str) -> None:
        """Treat as unknown what an expression may have changed that was not evaluated."""
        effects = side_effects_of(expression)
        if effects.anything:
            self.lost = reason
            effects.variables |= self.variables.keys()
        if effects.anything or effects.additions:
            self.added = reason
        self.variables |= dict.fromkeys(effects.variables, Computed(reason))


class Files:
    """The files that one file names. Errors name the place where it does."""

    def __init__(self, source: PhpSource, context: PhpContext) -> None:
        self._source = source
        self._context = context

    def path(self, node: Node, name: Any) -> Path:
        """Return the path of a file; it is relative to this file, as include finds it.

        Raises:
            PhpFileError: it depends on where PHP was started, or is no path.
        """
        folder = self._source.folder
        if folder is None or not isinstance(name, str) or not name or "\0" in name:
            raise self._source.refusal(node)
        if name.startswith(("./", "../")):  # never relative to this file
            raise self._is_relative(node)
        path = folder / name
        self._context.files.add(path)
        return path

    def whole_path(self, node: Node, name: Any) -> str:
        """Return the path of a file as it is; PHP looks for a relative one where it was started.

        Raises:
            PhpFileError: it is relative, or no path.
        """
        self.path(node, name)
        if not Path(name).is_absolute():
            raise self._is_relative(node)
        return str(name)

    def content(self, node: Node, path: Path) -> str:
        """Return the text of a file.

        Raises:
            PhpFileError: it cannot be read, is too long, or is not UTF-8.
        """
        try:
            return _read(path, _MAX_SECRET_BYTES).decode()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a text file of at most 64 KB"
            raise self._source.error(node, f"{path}: {reason}") from None

    def included(self, node: Node, path: Path) -> bytes | None:
        """Return a file to include; None: it was included, and is included only once.

        Raises:
            PhpFileError: it cannot be read, or too many are included.
        """
        context, whole = self._context, real(path)
        if whole in context.included and node.type.endswith("_once_expression"):
            return None
        context.included.add(whole)
        context.includes += 1
        if context.includes > _MAX_INCLUDES:
            raise self._source.error(node, f"more than {_MAX_INCLUDES} files are included")
        try:
            return _read(path, MAX_BYTES)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or f"not a file of at most {MAX_BYTES} bytes"
            raise self._source.error(node, f"{path}: {reason}") from None

    def _is_relative(self, node: Node) -> Exception:
        return self._source.error(node, "a relative path: write __DIR__ . '/…'")


def real(path: Path) -> Path:
    """Return the file behind links; `Path.resolve` fails on a link to itself."""
    return Path(os.path.realpath(path))


def _read(path: Path, most: int) -> bytes:
    if not path.is_file():
        path.stat()
        raise ValueError
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError
    return content
