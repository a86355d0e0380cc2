"""Bytes sent as they are, and the answers that come back, read strictly."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any

import h11

LONGEST_S = 20.0
"""For whatever must end by itself: far above what it takes, so that a busy machine decides nothing."""

AFTER_CLOSE_S = 1.0
"""How long more is looked for after an answer that says that it is the last."""


@dataclass(frozen=True)
class Answer:
    """One response. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON values."""
        return json.loads(self.body)


@dataclass
class Heard:
    """What came back on one connection.

    Attributes:
        answers: all whole responses, in their order.
        closed: whether the other side ended the connection, or said that it will.
        broken: why what came is no sequence of responses; empty if it is one.
    """

    answers: list[Answer] = field(default_factory=list)
    closed: bool = False
    broken: str = ""

    @property
    def statuses(self) -> list[int]:
        """Of all answers, in their order."""
        return [answer.status for answer in self.answers]


def exchange(port: int, *pieces: bytes, until: int | None = None, timeout_s: float = LONGEST_S) -> Heard:
    """Send bytes to a port on loopback and read until the other side closes.

    Args:
        pieces: each sent by itself.
        until: so many answers are enough.
        timeout_s: how long is waited for the end.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                break
        return listen(connection, until=until, timeout_s=timeout_s)


def listen(connection: socket.socket, *, until: int | None = None, timeout_s: float = LONGEST_S) -> Heard:
    """Read responses until the other side closes or has said that it will, `until` are there, or the time is over."""
    deadline = time.monotonic() + timeout_s
    said, heard = b"", Heard()
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            piece = connection.recv(65536)
        except TimeoutError:
            break
        except OSError:
            piece = b""
        if not piece:
            heard.closed = True
            break
        said += piece
        answers = responses(said).answers
        if until is not None and len(answers) >= until:
            break
        if answers and answers[-1].headers.get("connection") == "close":
            deadline = min(deadline, time.monotonic() + AFTER_CLOSE_S)
    heard = responses(said, heard)
    heard.closed |= bool(heard.answers) and heard.answers[-1].headers.get("connection") == "close"
    return heard


def responses(said: bytes, heard: Heard | None = None) -> Heard:
    """The responses that these bytes are; interim ones are left out."""
    heard = heard or Heard()
    while said:
        reader = h11.Connection(h11.CLIENT)
        # h11 wants to know that it was asked; what was asked is not its business.
        reader.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        reader.send(h11.EndOfMessage())
        reader.receive_data(said)
        status, headers, body = 0, dict[str, str](), b""
        try:
            while not isinstance(event := reader.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA and heard.closed:
                    reader.receive_data(b"")
                    heard.closed = True
                    event = reader.next_event()
                    if isinstance(event, h11.EndOfMessage):
                        break
                if event is h11.NEED_DATA:
                    return heard
                if isinstance(event, h11.Response):
                    status = event.status_code
                    headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.ConnectionClosed):
                    return heard
        except h11.RemoteProtocolError as error:
            heard.broken = f"{error}: {said[:120]!r}"
            return heard
        heard.answers.append(Answer(status, headers, body))
        said = reader.trailing_data[0]
    return heard
