"""The whole names of classes, functions and constants, as `namespace` and `use` make them."""

from tree_sitter import Node

from magento_eventbridge.magento.php.syntax import PhpSource, all_in, parts_of, text_of


class PhpNames:
    """The names that a file gives to classes, functions and constants."""

    def __init__(self, source: PhpSource) -> None:
        self._source = source
        self.namespace = ""
        """With the separator that follows; empty: none."""
        # What `use` names: those of classes and functions in lower case, since they have no case.
        self._classes: dict[str, str] = {}
        self._functions: dict[str, str] = {}
        self._constants: dict[str, str] = {}
        # Found when they are needed first.
        self._own_functions: list[str] | None = None
        self._constants_of_file: set[str] | None = None

    def enter(self, node: Node) -> None:
        """Begin a namespace."""
        self.namespace = f"{text_of(parts_of(node)[0])}\\"
        if self._own_functions is None:
            self._own_functions = [
                text_of(parts_of(other)[0])
                for other in all_in(node.parent or node)
                if other.type == "function_definition"
            ]
        # What `use` named ends with the former namespace.
        self._classes, self._constants, self._constants_of_file = {}, {}, None
        # A function of the file itself precedes PHP's, also before its definition.
        self._functions = {name.lower(): self.namespace + name for name in self._own_functions}

    def of_class(self, name: str) -> str:
        """Return the whole name of a class."""
        if name.startswith("\\"):
            return name.removeprefix("\\")
        first, separator, rest = name.partition("\\")
        if first.lower() in self._classes:
            return f"{self._classes[first.lower()]}{separator}{rest}"
        return f"{self.namespace}{name}"

    def of_function(self, name: str) -> str:
        """Return the whole name of a function, in lower case; PHP's own are in no namespace."""
        return self._functions.get(name.lower(), name).removeprefix("\\").lower()

    def of_constant(self, name: str) -> list[str]:
        """Return the whole names that a constant can have; the first that is defined counts."""
        if "\\" in name:
            return [self.of_class(name)]
        if name in self._constants:
            return [self._constants[name]]
        return [self.namespace + name, name]

    def use(self, node: Node) -> None:
        """Execute a `use`.

        Raises:
            PhpFileError: it is one of a group.
        """
        self._constants_of_file = None
        # The grammar keeps `function` or `const` of the whole statement in its first clause.
        kinds = {child.type for part in (node, *parts_of(node)[:1]) for child in part.children}
        for clause in parts_of(node):
            if clause.type != "namespace_use_clause":
                raise self._source.refusal(node)
            names = [text_of(part).removeprefix("\\") for part in parts_of(clause)]
            name = names[-1].rpartition("\\")[2]
            if "function" in kinds:
                self._functions[name.lower()] = names[0]
            elif "const" in kinds:
                self._constants[name] = names[0]
            else:
                self._classes[name.lower()] = names[0]

    def constants_of_file(self, node: Node) -> set[str]:
        """Return the names of the constants that the file of a node defines anywhere in it."""
        if self._constants_of_file is not None:
            return self._constants_of_file
        while node.parent:
            node = node.parent
        names = set()
        for part in all_in(node):
            if part.type == "const_element":
                names.add(self.namespace + text_of(parts_of(part)[0]))
            elif part.type == "function_call_expression":
                function, arguments = parts_of(part)
                if self.of_function(text_of(function)) == "define" and parts_of(arguments):
                    names.add(text_of(parts_of(arguments)[0]).strip("'\""))
        self._constants_of_file = names
        return names
