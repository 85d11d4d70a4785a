"""The file of the events that were refused in a row, which a restart must not forget."""

import logging
import os
from pathlib import Path

import msgspec

from magento_eventbridge.delivery.apart import Refusals, RefusedInARow
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.sqlite_files import make_private

log = logging.getLogger(__name__)


class RefusalFile:
    """Keeps the rows of one queue; there is no file while there are none.

    Without it, each start of the bridge would make more dead letters before it notices that the
    settings are wrong.
    """

    def __init__(self, path: Path) -> None:
        """Read the file, if there is one."""
        self._path = path
        self._has_failed = False
        self._written = b""
        self._rows: dict[str, dict[int, RefusedInARow]] = {}
        try:
            self._written = path.read_bytes()
            self._rows = msgspec.json.decode(
                self._written, type=dict[str, dict[int, RefusedInARow]]
            )
        except FileNotFoundError:
            pass  # nearly always
        except (OSError, msgspec.MsgspecError, UnicodeError) as error:
            self._warn(error)

    def of(self, destination: Destination) -> Refusals:
        """Return what notices wrong settings of a destination's store views."""
        return Refusals(self._rows.setdefault(str(destination), {}), self._write)

    def _write(self) -> None:
        content = msgspec.json.encode({key: rows for key, rows in self._rows.items() if rows})
        if content == self._written:
            return
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        try:
            if content == b"{}":
                self._path.unlink(missing_ok=True)
            else:
                make_private(part)
                part.write_bytes(content)
                part.replace(self._path)
            self._written = content
        except OSError as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        if not self._has_failed:
            self._has_failed = True
            log.warning(
                "Refused events are not remembered across restarts: %s: %s", self._path, error
            )
