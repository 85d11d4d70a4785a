"""The declarations in force: read at the start, and again when their files change."""

import logging
from pathlib import Path

from magento_eventbridge.catalog import DOCUMENTED
from magento_eventbridge.catalog.declared import ShopCatalog
from magento_eventbridge.declarations import exported
from magento_eventbridge.declarations.catalogs import catalog_of
from magento_eventbridge.declarations.exported import ExportError
from magento_eventbridge.settings.model import Settings

log = logging.getLogger(__name__)

_Stamp = tuple[tuple[str, int, int], ...]


class CurrentCatalog:
    """The shop's catalog, from the store's folder or from an exported file.

    With neither, only documented events are known, and captures of own events wait.
    """

    def __init__(self, settings: Settings) -> None:
        self._root = settings.magento_root
        self._file = settings.declarations_file
        self._stamp: _Stamp | None = None
        self.catalog: ShopCatalog = DOCUMENTED
        self.refresh()

    def refresh(self) -> bool:
        """Read the declarations if their files have changed; return whether they had."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        self.catalog = self._read()
        return True

    def _stamp_now(self) -> _Stamp:
        if self._file:
            return (_stamp(self._file),)
        if self._root is None:
            return ()
        from magento_eventbridge.declarations import reading

        return tuple(_stamp(file) for file in reading.files_of(self._root))

    def _read(self) -> ShopCatalog:
        if self._file:
            try:
                return catalog_of(exported.read(self._file))
            except ExportError as error:
                log.error("The shop's declarations cannot be read; own events wait: %s", error)
                return catalog_of((), is_known=False)
        if self._root is None:
            return catalog_of((), is_known=False)
        from magento_eventbridge.declarations import reading

        declarations = reading.read_store(self._root)
        for fault in declarations.faults:
            log.error("A declaration is refused: %s", fault)
        return declarations.catalog()


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        status = file.stat()
    except OSError:
        return str(file), 0, 0
    return str(file), status.st_mtime_ns, status.st_size
