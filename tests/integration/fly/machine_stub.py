"""A machine of a group, as far as the edge sees it: `python machine_stub.py HOST PORT BOOTS_S NAME`.

It listens some time after its start, answers after a moment, and drains on SIGTERM as the gateway does: no new
connection, every request that has begun is answered, then it ends.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWERS_AFTER_S = 0.3


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(ANSWERS_AFTER_S)
        self.do_GET()

    def do_GET(self) -> None:
        body = sys.argv[4].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    request_queue_size = 1024  # the gateway's server takes as many that wait to be taken
    daemon_threads = False  # closing waits for those that answer
    block_on_close = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """An edge that was stopped leaves connections behind; anything else is a defect and shows."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    host, port, boots_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    time.sleep(boots_s)
    server = Server((host, port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(0.02)
    server.server_close()


if __name__ == "__main__":
    main()
