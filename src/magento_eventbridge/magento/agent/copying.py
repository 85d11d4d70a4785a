"""Put the agent into a store: all of a version or nothing, owned as its neighbours are."""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from magento_eventbridge.install_hints import AGENT_PACKAGE
from magento_eventbridge.magento.agent.module import AgentError, Module, StoreFolder

_BEGUN = ".Agent."
"""The prefix of unfinished folders, which Magento ignores."""


@dataclass(frozen=True)
class Copy:
    """What came of it."""

    folder: Path
    version: str
    former_version: str | None
    """Of what was there before; None where nothing was."""
    is_changed: bool
    is_composers: bool = False
    """Composer has put the agent into the store, and only it may change that."""


def copy(module: Module, store: StoreFolder) -> Copy:
    """Put a version of the agent into a store, in the place of the former one.

    Raises:
        AgentError: something else is in its place in the store, or the store cannot be written.
    """
    composers, target = store.by_composer, store.copied
    if composers.is_there:
        if target.folder.exists():
            raise AgentError(
                f"{target.folder} and {composers.folder} both hold the agent, and Magento starts "
                f"with neither then: remove {target.folder}, or run "
                f"'composer remove {AGENT_PACKAGE}'"
            )
        version = composers.version
        return Copy(composers.folder, version, version, is_changed=False, is_composers=True)
    former = _former(target)
    if former is not None and not target.differences(module):
        return Copy(target.folder, module.version, former, is_changed=False)
    try:
        _put(module, store)
    except OSError as error:
        raise AgentError(
            f"{error.filename or target.folder} cannot be written ({error.strerror}): run this as "
            "the owner of the store's files"
        ) from None
    return Copy(target.folder, module.version, former, is_changed=True)


def _former(target: Module) -> str | None:
    folder = target.folder
    if folder.is_symlink():
        raise AgentError(f"{folder} is a link to {folder.resolve()}: it is left as it is")
    if not folder.exists():
        return None
    if not target.is_there:
        raise AgentError(f"{folder} holds something else than the agent: move it away first")
    try:
        return target.version
    except AgentError:
        return "unknown"


def _put(module: Module, store: StoreFolder) -> None:
    target = store.copied.folder
    neighbour = _existing(target.parent)
    for folder in (*reversed(_missing(target.parent)), target.parent):
        if not folder.exists():
            folder.mkdir()
            _like(neighbour, folder)
    for left_over in target.parent.glob(f"{_BEGUN}*"):
        shutil.rmtree(left_over)
    with _folder_beside(target) as new, _folder_beside(target) as old:
        _fill(new, module, neighbour)
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise


def _fill(folder: Path, module: Module, neighbour: Path) -> None:
    folder.mkdir()
    _like(neighbour, folder)
    for place in module.files():
        for parent in reversed(place.parents[:-1]):
            if not (folder / parent).exists():
                (folder / parent).mkdir()
                _like(neighbour, folder / parent)
        shutil.copyfile(module.folder / place, folder / place)
        _like(neighbour, folder / place)


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """Yield a temporary path for a folder; whatever is there at the end is removed."""
    path = target.with_name(f"{_BEGUN}{secrets.token_hex(4)}")
    try:
        yield path
    finally:
        if path.exists():
            shutil.rmtree(path)


def _like(neighbour: Path, path: Path) -> None:
    """Copy owner, group and mode of a folder; only root can change the owner."""
    known = neighbour.stat()
    if os.geteuid() == 0:
        os.chown(path, known.st_uid, known.st_gid)
    mode = stat.S_IMODE(known.st_mode)
    path.chmod(mode if path.is_dir() else mode & 0o666)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _missing(folder: Path) -> list[Path]:
    return [path for path in folder.parents if not path.exists()]
