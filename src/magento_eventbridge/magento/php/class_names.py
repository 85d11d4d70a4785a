"""The whole names of classes, as `namespace` and `use` make them."""

from tree_sitter import Node

from magento_eventbridge.magento.php.syntax import PhpSource, parts_of, text_of


class ClassNames:
    """The names that a file gives to classes."""

    def __init__(self, source: PhpSource) -> None:
        self._source = source
        self._namespace = ""
        self._classes: dict[str, str] = {}  # the names that `use` gives to classes, in lower case

    def enter(self, namespace: str) -> None:
        """Begin a namespace."""
        self._namespace = f"{namespace}\\"

    def whole(self, name: str) -> str:
        """Return the whole name of a class."""
        if name.startswith("\\"):
            return name.removeprefix("\\")
        first, separator, rest = name.partition("\\")
        if first.lower() in self._classes:
            return f"{self._classes[first.lower()]}{separator}{rest}"
        return f"{self._namespace}{name}"

    def use(self, node: Node) -> None:
        """Execute a `use`.

        Raises:
            PhpFileError: it is one of a group.
        """
        for clause in parts_of(node):
            if clause.type != "namespace_use_clause":
                raise self._source.refusal(node)
            names = [text_of(part).removeprefix("\\") for part in parts_of(clause)]
            if clause.children[0].type not in {"function", "const"}:
                self._classes[names[-1].rpartition("\\")[2].lower()] = names[0]
