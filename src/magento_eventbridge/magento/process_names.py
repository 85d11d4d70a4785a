"""Names of bridge processes, by which others on the same machine see at once that one is gone."""

import functools
import hashlib
import os
import re
import secrets
import socket
from pathlib import Path

_NAME = re.compile(r".*-(?P<pid>\d+)-(?P<machine>[0-9a-f]{8})-(?P<start>[0-9a-f]+)-[0-9a-f]{6}")
_PROC = Path("/proc")


def new_name() -> str:
    """Return a new name for this process: host, process id, machine, start, and a random part."""
    host = re.sub(r"[^\w.-]", "-", socket.gethostname(), flags=re.ASCII)[:12]
    pid = os.getpid()
    start = _start_of(pid) or "0"
    return f"{host}-{pid}-{_machine()}-{start}-{secrets.token_hex(3)}"


def is_gone(name: str) -> bool:
    """Return whether a process was on this machine and has ended; False also if unknown."""
    parts = _NAME.fullmatch(name)
    if parts is None or parts["machine"] != _machine():
        return False
    return _start_of(int(parts["pid"])) != parts["start"]


def is_running(name: str) -> bool:
    """Return whether a process is on this machine and has not ended; False also if unknown."""
    parts = _NAME.fullmatch(name)
    if parts is None or parts["machine"] != _machine():
        return False
    return _start_of(int(parts["pid"])) == parts["start"]


@functools.cache
def _machine() -> str:
    """Return what stands for this boot of this machine, and for the container's process ids."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text()
        namespace = str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return secrets.token_hex(4)  # no process of another name counts as one of this machine
    return hashlib.sha256(f"{boot}{namespace}".encode()).hexdigest()[:8]


def _start_of(pid: int) -> str | None:
    """Return when a process began, None if it has ended."""
    try:
        state, *fields = (_PROC / f"{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in {"Z", "X"} else f"{int(fields[18]):x}"
