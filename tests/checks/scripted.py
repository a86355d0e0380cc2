"""A server on loopback that answers as it is told, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ops.services.endpoints import Endpoints


@dataclass(frozen=True)
class Reply:
    """What the server sends; a body that is no text is sent as JSON."""

    body: Any
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What came: the path with its query, the parsed body, and whether a key came with it."""

    path: str
    body: Any
    authorized: bool


@dataclass
class Script:
    """How to answer. `asked` holds what came, in order."""

    answer: Callable[[Request], Reply]
    asked: list[Request] = field(default_factory=list)


@contextmanager
def serving(script: Script) -> Iterator[Endpoints]:
    """Serve while inside; the endpoints lead a client there."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *details: object) -> None:
            return

        def do_GET(self) -> None:
            self._reply(None)

        def do_POST(self) -> None:
            self._reply(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def _reply(self, body: Any) -> None:
            request = Request(self.path, body, "authorization" in self.headers)
            script.asked.append(request)
            reply = script.answer(request)
            raw = (reply.body if isinstance(reply.body, str) else json.dumps(reply.body)).encode()
            self.send_response(reply.status)
            self.send_header("content-type", reply.media_type)
            self.send_header("content-length", str(len(raw)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        yield Endpoints(gateway=base, langfuse=base)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
