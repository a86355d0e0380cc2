"""Stands between the edge and the gateway and keeps what the edge sends, connection by connection."""

from __future__ import annotations

import asyncio
import contextlib
import threading


class Relay:
    """A TCP forward to `port` on loopback.

    Attributes:
        port: its own.
        sent: of each connection so far, all bytes that came from the edge.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self.sent: list[bytearray] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Relay:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        kept = bytearray()
        self.sent.append(kept)
        with contextlib.suppress(OSError):
            back, forth = await asyncio.open_connection("127.0.0.1", self._to)
            try:
                await asyncio.gather(_copy(reader, forth, kept), _copy(back, writer, None))
            finally:
                forth.close()
        writer.close()
        self._tasks.discard(task)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None) -> None:
    """Pass on until the sender closes; then close the other side too."""
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            if kept is not None:
                kept += piece
            writer.write(piece)
            await writer.drain()
    writer.close()
