"""In ClickHouse's place in a test image: says that it is there, on both its ports; its client knows our statements."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NEEDED = ("CLICKHOUSE_ADMIN_PASSWORD", "CLICKHOUSE_PASSWORD", "CLICKHOUSE_SKIP_USER_SETUP")
SETTINGS = ("config.d", "users.d")


class Server(ThreadingHTTPServer):
    """On all addresses of both kinds."""

    address_family = socket.AF_INET6


class Ping(BaseHTTPRequestHandler):
    """``/ping``."""

    def do_GET(self) -> None:
        body = b"Ok.\n"
        self.send_response(200 if self.path == "/ping" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> int:
    """Serve until a signal; 1 when a variable or a folder of settings is not there."""
    absent = [name for name in NEEDED if not os.environ.get(name)]
    absent += [name for name in SETTINGS if not any(Path("/etc/clickhouse-server", name).glob("*.xml"))]
    if absent:
        print(f"not there: {', '.join(absent)}", file=sys.stderr, flush=True)
        return 1
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))  # as process 1 it would not end of itself
    native = socket.create_server(("::", 9000), family=socket.AF_INET6, dualstack_ipv6=True)
    threading.Thread(target=_accept, args=(native,), daemon=True).start()
    Server(("::", 8123), Ping).serve_forever()
    return 0


def _accept(native: socket.socket) -> None:
    while True:
        native.accept()[0].close()


if __name__ == "__main__":
    raise SystemExit(main())
