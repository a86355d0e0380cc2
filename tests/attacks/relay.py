"""Stands between the edge and the gateway and keeps what the edge sends, connection by connection."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.contextmanager
def served(serve: Serve) -> Iterator[int]:
    """A TCP server on loopback, in a thread of its own; yields its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        finally:
            tasks.discard(task)

    async def close() -> None:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(one, "127.0.0.1", 0, backlog=1024), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class Relay:
    """A forward to `port` on loopback.

    Attributes:
        port: its own.
        sent: of each connection so far, all bytes that came from the edge.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self.sent: list[bytearray] = []

    def __enter__(self) -> Relay:
        self._server = served(self._serve)
        self.port: int = self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__(None, None, None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = bytearray()
        self.sent.append(kept)
        with contextlib.suppress(OSError):
            back, forth = await asyncio.open_connection("127.0.0.1", self._to)
            try:
                await asyncio.gather(_copy(reader, forth, kept), _copy(back, writer, None))
            finally:
                forth.close()
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None) -> None:
    """Pass on until the sender closes; then close the other side too."""
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            if kept is not None:
                kept += piece
            writer.write(piece)
            await writer.drain()
    writer.close()
