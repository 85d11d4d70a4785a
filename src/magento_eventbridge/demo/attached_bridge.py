"""The demo's bridge: `serve`, which also stops when its standard input is closed.

The demo holds the other end, which the system closes however the demo ends, even by SIGKILL.
"""

import os
import runpy
import signal
import sys
import threading


def _stop_with_the_demo() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_the_demo, daemon=True).start()
    sys.argv = ["magento-eventbridge", "serve"]
    runpy.run_module("magento_eventbridge", run_name="__main__")
