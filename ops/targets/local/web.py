"""HTTP requests to the rehearsal's own servers on loopback."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from pathlib import Path
from typing import Any

from ops.runbook.secret import Secret
from ops.targets.local.patience import ANSWER_S


def status(port: int, path: str) -> int:
    """The status that ``http://127.0.0.1:port/path`` answers with, 0 for no answer."""
    return _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S), path)[0]


def document(port: int, path: str) -> Any:
    """The JSON that ``http://127.0.0.1:port/path`` answers 200 with, else None."""
    code, body = _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S), path)
    if code != 200:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return None


def ask(method: str, port: int, path: str, key: Secret, body: dict[str, str] | None = None) -> tuple[int, Any]:
    """A request with a bearer key and a JSON body; the status (0 for no answer) and the parsed answer."""
    headers = {"Authorization": f"Bearer {key.reveal()}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    code, answer = _ask(connection, path, method, headers, content)
    try:
        return code, json.loads(answer)
    except ValueError:
        return code, None


class _Named(http.client.HTTPSConnection):
    """Connects to loopback and asks for a name that need not resolve."""

    def __init__(self, host: str, address: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=ANSWER_S, context=context)
        self._address = address
        self._ssl = context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), timeout=ANSWER_S)
        try:
            self.sock = self._ssl.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def secure_status(host: str, port: int, path: str, authority: Path, address: str = "127.0.0.1") -> int:
    """The status of ``https://host:port/path``, dialled on loopback with SNI; 0 for no answer or no valid certificate.

    Args:
        authority: file with the only certificate authority that is trusted.
        address: loopback address to dial.
    """
    try:
        context = ssl.create_default_context(cafile=str(authority))
    except OSError:
        return 0
    return _ask(_Named(host, address, port, context), path)[0]


def _ask(
    connection: http.client.HTTPConnection,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: str | None = None,
) -> tuple[int, bytes]:
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
