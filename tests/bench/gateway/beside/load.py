"""A client that costs little: so many connections, each with one request under way, over several addresses evenly."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")
WAIT_S = 60.0
FIRST_TEXT = b'"First'
"""How the first text of a streamed answer begins: see the upstream."""


@dataclass
class Taken:
    """What a block took: milliseconds to each answer's end (for streams: to its first text), and seconds in all."""

    ms: list[float] = field(default_factory=list)
    seconds: float = 0.0


class _Connection(asyncio.Protocol):
    """One request at a time; the answer's end is told by its length or by its last chunk."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: asyncio.Future[bytes] | None = None
        self.open = False
        self.first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.open = cast(asyncio.Transport, transport), True

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError(f"closed in the middle of an answer: {exc}"))

    async def ask(self, request: bytes) -> bytes:
        self._buffer.clear()
        self.first = 0.0
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await asyncio.wait_for(self._waiting, WAIT_S)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.first and FIRST_TEXT in self._buffer:
            self.first = time.perf_counter()
        if (end := self._buffer.find(b"\r\n\r\n")) < 0 or self._waiting is None or self._waiting.done():
            return
        found = LENGTH.search(bytes(self._buffer[: end + 2]).lower())
        whole = len(self._buffer) >= end + 4 + int(found[1]) if found else self._buffer.endswith(b"0\r\n\r\n")
        if whole:
            self._waiting.set_result(bytes(self._buffer))


async def block(
    ports: Sequence[int],
    request: Callable[[], bytes],
    proof: bytes,
    *,
    connections: int,
    requests: int | None = None,
    seconds: float | None = None,
    streamed: bool = False,
) -> Taken:
    """Ask until `requests` were begun, or for so many seconds.

    Args:
        ports: of loopback, among which the connections are dealt out.
        request: makes the next request's bytes.
        proof: what each answer must contain.
        streamed: the time that counts is the one to the first text.

    Raises:
        RuntimeError: an answer was refused, or is not what was asked for.
    """
    taken, begun = Taken(), 0
    loop = asyncio.get_running_loop()

    async def one(port: int) -> None:
        nonlocal begun
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
        while (begun < requests) if requests is not None else (time.perf_counter() < until):
            begun += 1
            if not connection.open:
                _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
            asked = time.perf_counter()
            answer = await connection.ask(request())
            ended = connection.first if streamed else time.perf_counter()
            status = STATUS.match(answer)
            if status is None or status[1] != b"200" or proof not in answer or not ended:
                raise RuntimeError(f"not the answer that was to be measured: {answer[:1500].decode(errors='replace')}")
            taken.ms.append((ended - asked) * 1000)
        connection.close()

    start = time.perf_counter()
    until = start + (seconds or 0)
    await asyncio.gather(*(one(ports[number % len(ports)]) for number in range(connections)))
    taken.seconds = time.perf_counter() - start
    return taken
