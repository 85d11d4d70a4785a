"""A local AWS that answers as a test says, for services that moto lacks."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Refusal:
    code: str
    message: str
    status: int = 400


@dataclass(frozen=True)
class Raw:
    """For services that do not speak JSON."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Answer = Callable[[Request], Any]


class AwsStub:
    """The requests, and the answers; `answer` may be changed while it runs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[Request] = []
        self.answer: Answer = lambda _: {}


@contextmanager
def aws_stub() -> Iterator[AwsStub]:
    """Run the stub while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, self.rfile.read(length))
            stub.requests.append(request)
            answer = stub.answer(request)
            match answer:
                case Raw(body, status, more):
                    self.send_response(status)
                    for name, value in more.items():
                        self.send_header(name, value)
                case Refusal(code, message, status):
                    self.send_response(status)
                    self.send_header("x-amzn-errortype", code)
                    body = json.dumps({"__type": code, "Message": message}).encode()
                case _:
                    self.send_response(200)
                    body = json.dumps(answer).encode()
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = AwsStub(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
