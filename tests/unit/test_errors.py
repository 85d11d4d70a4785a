"""The tree of errors, as its module draws it."""

import importlib
import pkgutil
import re

import magento_eventbridge
from magento_eventbridge import errors
from magento_eventbridge.errors import BridgeError


def _import_everything() -> None:
    for module in pkgutil.walk_packages(magento_eventbridge.__path__, "magento_eventbridge."):
        if not module.name.endswith("__main__") and ".magento.agent.module." not in module.name:
            importlib.import_module(module.name)


def _below(kind: type[BridgeError]) -> set[tuple[str, int]]:
    found = {(kind.__name__, kind.exit_status)}
    return found.union(*(_below(child) for child in kind.__subclasses__()))


def test_the_drawn_tree_names_every_error_with_its_exit_status():
    _import_everything()
    drawn = {
        (name, int(status))
        for name, status in re.findall(r"(\w+Error)\s+([0-9])", errors.__doc__ or "")
    }
    assert drawn == _below(BridgeError)
