"""Asking a Redis a few things over one connection, in the wire format that hiredis reads.

The full client takes 0.1 s to import, at every look, for what no look needs: clusters, asyncio, retries, caching.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any
from urllib.parse import unquote, urlsplit

from ops.runbook.secret import Secret

PORT = 6379


class Refused(Exception):
    """The server answers with an error; its first word is the kind, such as WRONGPASS."""


def ask(url: Secret, *commands: tuple[str, ...], timeout: float) -> list[Any]:
    """The answers to `commands`, one connection for all; a URL with a password logs in first.

    Args:
        url: redis:// or rediss://, userinfo percent-encoded.
        commands: each a command and its arguments.
        timeout: seconds, to connect and for each answer.

    Raises:
        Refused: it answers one of them with an error.
        OSError: it cannot be reached, ends the connection, or is no Redis; TimeoutError when it is silent.
    """
    import hiredis

    parts = urlsplit(url.reveal())
    login = [unquote(part) for part in (parts.username, parts.password) if part]
    todo = [("AUTH", *login)] if parts.password else []
    reader = hiredis.Reader(encoding="utf-8", errors="replace")
    answers = []
    host = parts.hostname or ""
    with (
        socket.create_connection((host, parts.port or PORT), timeout=timeout) as plain,
        _wrapped(plain, host, parts.scheme == "rediss") as connection,
    ):
        for command in [*todo, *commands]:
            connection.sendall(hiredis.pack_command(command))  # type: ignore[arg-type] # its stub asks for one word
            answers.append(_answer(connection, reader, timeout))
    return answers[len(todo) :]


def fields(text: str) -> dict[str, str]:
    """What INFO says, by name."""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))


def _wrapped(plain: socket.socket, host: str, tls: bool) -> socket.socket:
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host) if tls else plain


def _answer(connection: socket.socket, reader: Any, timeout: float) -> Any:
    """The next whole answer."""
    import hiredis

    deadline = time.monotonic() + timeout
    try:
        while (found := reader.gets()) is False:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            data = connection.recv(65536)
            if not data:
                raise ConnectionResetError("the connection was ended")
            reader.feed(data)
    except hiredis.ProtocolError as error:
        raise ConnectionError("this is not Redis's protocol") from error
    if isinstance(found, hiredis.ReplyError):
        raise Refused(str(found))
    return found
