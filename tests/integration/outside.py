"""The way out for programs that a test runs: a proxy that leads the public names to the rehearsal, and nowhere else."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass
class Way:
    """A proxy under `url`, for `HTTPS_PROXY`. `wanted` holds every host that was asked for, in order."""

    url: str = ""
    wanted: list[str] = field(default_factory=list)


@contextlib.contextmanager
def way_out(names: Mapping[str, str]) -> Iterator[Way]:
    """Lead these hosts to `host:port` each; every other one is refused, and written down."""
    way = Way()

    class Tunnel(socketserver.StreamRequestHandler):
        timeout = 60

        def handle(self) -> None:
            method, _, rest = self.rfile.readline().decode("latin-1").partition(" ")
            while self.rfile.readline().strip():
                pass
            host = rest.split(" ")[0].rpartition(":")[0]
            way.wanted.append(host)
            if method != "CONNECT" or host not in names:
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
                return
            place, _, port = names[host].rpartition(":")
            with socket.create_connection((place, int(port)), timeout=self.timeout) as there:
                self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                back = threading.Thread(target=_copy, args=(there, self.connection))
                back.start()
                _copy(self.connection, there)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        way.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield way
        finally:
            server.shutdown()
            thread.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Bytes from one side to the other until there are no more; then the other side is told."""
    with contextlib.suppress(OSError):
        while block := source.recv(65536):
            target.sendall(block)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
