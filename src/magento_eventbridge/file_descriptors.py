"""File descriptors: allow as many as possible, and notice when none is left."""

import contextlib
import errno
import os
import resource

_WANTED = 65_536


def raise_limit() -> None:
    """Allow this process as many as its user may have: many systems begin with 256 or 1,024."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if most == resource.RLIM_INFINITY else min(most, _WANTED)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        with contextlib.suppress(ValueError, OSError):  # the kernel may allow fewer than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def shortage() -> str | None:
    """Return why no file can be opened and no connection accepted now; None: they can."""
    try:
        os.close(os.open(os.sep, os.O_RDONLY))
    except OSError as error:
        if error.errno == errno.ENFILE:
            return "this machine has no file descriptor left: raise the sysctl fs.file-max"
        if error.errno == errno.EMFILE:
            allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            return (
                f"all {allowed} file descriptors that this process may have are in use: raise its "
                "limit (ulimit -n, or LimitNOFILE in systemd), or lower inlet.max_connections"
            )
    return None
