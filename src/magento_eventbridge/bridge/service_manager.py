"""Report to systemd that the service is ready, alive or stopping: sd_notify(3)."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

# In seconds: how often `systemctl status` gets a new status line.
_STATUS_EVERY = 10.0


class ServiceManager:
    """The service manager that started this process; silent when there is none.

    The watchdog's signs of life come from the loop that delivers: a loop that hangs sends none,
    and systemd then restarts the service.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._seconds = _STATUS_EVERY
        self._has_failed = False
        is_for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog = environment.get("WATCHDOG_USEC", "")
        if is_for_us and watchdog.isascii() and watchdog.isdigit() and int(watchdog) > 0:
            # Half of the time that systemd allows, as sd_watchdog_enabled(3) advises.
            self._seconds = min(self._seconds, int(watchdog) / 2_000_000)

    def ready(self, status: str) -> None:
        """Report that the service has started."""
        self._send("READY=1", f"STATUS={_line(status)}")

    def stopping(self) -> None:
        """Report that the service is about to end."""
        self._send("STOPPING=1", "STATUS=Stopping: calls in flight are finished")

    async def keep_alive(self, status: Callable[[], str]) -> None:
        """Send signs of life with the present status, until cancelled."""
        while self._address:
            await asyncio.sleep(self._seconds)
            self._send("WATCHDOG=1", f"STATUS={_line(status())}")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        # An address that begins with @ is in Linux's abstract namespace.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            if not self._has_failed:
                log.warning("Cannot notify systemd at %s: %s", self._address, error.strerror)
            self._has_failed = True
        else:
            self._has_failed = False


def _line(text: str) -> str:
    return " ".join(text.split())
