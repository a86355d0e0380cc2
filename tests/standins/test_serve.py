"""What holds for every stand-in, whatever it stands for."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest


@pytest.mark.parametrize("path", ["/api/auth/signup", "/api/public/otel/v1/traces"])
def test_an_answer_that_does_not_need_the_body_still_waits_for_it(langfuse_server: Any, path: str) -> None:
    """Else the connection is closed over unread bytes, and the answer is lost on its way."""
    where, length = urlsplit(langfuse_server.url), 1_000_000
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        for _ in range(3):
            head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n"
            connection.sendall(head.encode() + b"x" * (length // 2))
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(10)
            connection.sendall(b"x" * (length - length // 2))
            answer = b""
            while b"}" not in answer:
                chunk = connection.recv(65536)
                assert chunk, "the connection was closed"
                answer += chunk
            assert answer.startswith(b"HTTP/1.1 4")
