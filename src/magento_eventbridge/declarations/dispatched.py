"""Find the Magento events that no module of a store dispatches, by reading its PHP files."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

# Where a store keeps modules and Magento's libraries.
_MODULES = (
    "app/code/*/*/registration.php",
    "vendor/*/*/registration.php",
    "vendor/*/*/src/registration.php",
)
_LIBRARIES = "lib/internal/Magento"
_PASSED_OVER = {"Test", "Tests", "test", "tests", "dev", "i18n", "view", "generated"}

# Magento's models and collections put these after their prefix, as in `sales_order_save_after`.
_OF_MODELS = (
    *("_load_before", "_load_after", "_save_before", "_save_after", "_save_commit_after"),
    *("_delete_before", "_delete_after", "_delete_commit_after", "_validate_before"),
    *("_validate_after", "_clear", "_merge_before", "_merge_after"),
)


# Of the beginning of a name to which code adds the rest, as in `controller_action_predispatch_`.
_FEWEST_WORDS = 3


def undispatched(root: Path, events: Iterable[str]) -> set[str]:
    """Return the events of which no PHP file of the store has the name.

    A name may be written whole, as the beginning of one (`'controller_action_predispatch_'`), or as
    the prefix of a model's events. The search ends when each has been found.
    """
    missing = {event.lower() for event in events}
    texts = {event: set(_texts(event)) for event in missing}
    for file in _php_files(root):
        if not missing:
            break
        try:
            missing -= _quoted(texts, missing, file.read_bytes())
        except OSError:
            continue
    return missing


def _texts(event: str) -> Iterator[str]:
    """Return the texts of which each would dispatch the event."""
    yield event
    for suffix in _OF_MODELS:
        if event.endswith(suffix):
            yield event.removesuffix(suffix)
    words = event.split("_")
    for count in range(_FEWEST_WORDS, len(words)):
        yield "_".join(words[:count]) + "_"


def _quoted(texts: dict[str, set[str]], missing: set[str], content: bytes) -> set[str]:
    wanted = {text for event in missing for text in texts[event]}
    pattern = "|".join(re.escape(text) for text in sorted(wanted, key=len, reverse=True))
    found = {
        match[1].decode().lower()
        for match in re.finditer(rb"['\"](" + pattern.encode() + rb")['\"{$]", content, re.I)
    }
    return {event for event in missing if texts[event] & found}


def _php_files(root: Path) -> Iterator[Path]:
    folders = [file.parent for pattern in _MODULES for file in sorted(root.glob(pattern))]
    folders.append(root / _LIBRARIES)
    while folders:
        folder = folders.pop()
        try:
            members = sorted(folder.iterdir())
        except OSError:
            continue
        for member in members:
            if member.suffix == ".php":
                yield member
            elif not member.suffix and member.name not in _PASSED_OVER and member.is_dir():
                folders.append(member)
