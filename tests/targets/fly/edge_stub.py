"""What answers behind the public names of a simulated account: real TLS with an authority of its own, by host name.

It answers as long as some edge machine with its services runs, as Fly's proxy does; `answers` says otherwise.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class EdgeStub:
    """An HTTPS server on loopback.

    Args:
        folder: where its certificate is written; `ca` names the file to trust.
        hosts: the names it has a certificate for: gateway, Langfuse.
        up: whether anything stands behind the names.
    """

    def __init__(self, folder: Path, hosts: tuple[str, ...], up: Callable[[], bool]) -> None:
        self.answers: dict[str, tuple[int, str]] = {}
        self.up = up
        self.asked: list[str] = []
        self.ca = folder / "edge.pem"
        _write_certificate(self.ca, hosts)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        # The handshake belongs to the connection's own thread: a client that says nothing must not hold up the others.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, str]:
        """Status and body for a path."""
        if not self.up():
            return 503, '{"error":{"message":"Service Unavailable","type":"edge_error"}}'
        usual = {"/health/readiness": (200, '{"status":"ok"}'), "/api/public/health": (200, '{"status":"OK"}')}
        return self.answers.get(path) or usual.get(path) or (404, '{"error":{"type":"edge_error"}}')

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                stub.asked.append(f"{self.headers['Host']}{self.path}")
                status, text = stub.answer(self.path)
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        return Handler


def _write_certificate(file: Path, hosts: tuple[str, ...]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [*(x509.DNSName(host) for host in hosts), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.touch(0o600)
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
