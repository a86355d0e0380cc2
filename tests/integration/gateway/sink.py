"""A Langfuse that only notes which traces arrive, as a process of its own that can be frozen, killed and started again.

python -m tests.integration.gateway.sink PORT FILE
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.gateway.valkey_server import free_port

ROOT = Path(__file__).resolve().parents[3]
READY_S = 20.0
REFUSED = b"what this sink refuses"
"""A batch that contains it gets 400, as Langfuse answers a batch with a span it cannot read."""


class SinkProcess:
    """The process, on one address for all its lives."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = tempfile.TemporaryDirectory(prefix="sink-")
        self._file = Path(self._folder.name) / "traces"
        self._file.touch()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> SinkProcess:
        """Start it and wait until it listens."""
        command = [sys.executable, "-m", "tests.integration.gateway.sink", str(self.port), str(self._file)]
        self._process = subprocess.Popen(command, cwd=ROOT)
        deadline = time.monotonic() + READY_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return self
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the sink did not come up")
            time.sleep(0.02)

    def stop(self) -> None:
        """Be gone, like a machine that was switched off: connections are refused from now on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: connections are taken and nothing is answered."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after `freeze`."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def arrived(self) -> Counter[str]:
        """How often each trace has arrived, by its id."""
        return Counter(self._file.read_text().split())

    def __enter__(self) -> SinkProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._folder.cleanup()


def serve(port: int, file: Path) -> None:
    """Take OTLP posts; write the ids of their traces down before answering."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if REFUSED in body:
                self._answer(400)
                return
            found = ExportTraceServiceRequest.FromString(body)
            ids = [span.trace_id.hex() for r in found.resource_spans for s in r.scope_spans for span in s.spans]
            with file.open("a") as lines:
                lines.write("".join(f"{id_}\n" for id_ in ids))
            self._answer(200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return  # A client that gave up waiting is no news.

    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
