"""`make audit`: every locked package is asked about, and a known fault does not pass."""

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
    """Answer as OSV does that all is well, but for one package; gives what it was asked about."""
    asked: Asked = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name, version = told["package"]["name"], told["version"]
            asked.add((name, version))
            known = {"vulns": [_fault(name, version)]} if name == faulty else {}
            body = json.dumps(known).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output to itself."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# What is installed is not installed again by the test.
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
        status, told = _audit(url)
    assert status == 0, told
    text = (ROOT / "requirements.lock").read_text()
    # What another Python or system gets is not asked about here.
    locked = re.findall(r"^([\w.-]+)==(\S+) \\$", text, re.MULTILINE)
    assert len(locked) > 100
    assert set(locked) <= asked


def test_a_known_fault_does_not_pass():
    with database("botocore") as (url, _):
        status, told = _audit(url)
    assert status != 0
    assert "PYSEC-0000-1" in told
    assert "make audit" in told
