"""`make audit`: checks every locked package, and fails on a known vulnerability."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).parents[2]

Asked = set[tuple[str, str]]


@contextmanager
def database(faulty: str | None = None) -> Iterator[tuple[str, Asked]]:
    """Answer as OSV does, with one vulnerable package; yield the packages asked for."""
    asked: Asked = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            output = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name, version = output["package"]["name"], output["version"]
            asked.add((name, version))
            known = {"vulns": [_fault(name, version)]} if name == faulty else {}
            body = json.dumps(known).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Do not log requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# The test does not install the packages again.
OLD = ("--old-file=.venv/installed-demo", "--old-file=.venv/installed")


def _fault(name: str, version: str) -> dict[str, object]:
    package = {"name": name, "ecosystem": "PyPI"}
    affected = [{"package": package, "versions": [version], "ranges": []}]
    return {"id": "PYSEC-0000-1", "summary": "a fault", "aliases": [], "affected": affected}


def _audit(url: str) -> tuple[int, str]:
    here = Path(sys.executable).parent
    done = subprocess.run(
        ["make", "audit", *OLD, f"BIN={here}", f"OSV_URL={url}"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_each_locked_package_is_asked_about():
    with database() as (url, asked):
        status, output = _audit(url)
    assert status == 0, output
    text = (ROOT / "requirements.lock").read_text()
    # Packages for another Python or system are not checked here.
    locked = re.findall(r"^([\w.-]+)==(\S+) \\$", text, re.MULTILINE)
    assert len(locked) > 100
    assert set(locked) <= asked


def test_a_known_fault_does_not_pass():
    with database("botocore") as (url, _):
        status, output = _audit(url)
    assert status != 0
    assert "PYSEC-0000-1" in output
    assert "make audit" in output
