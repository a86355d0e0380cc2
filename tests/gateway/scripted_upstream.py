"""OpenAI as a test arranges it: every request is answered with exactly the bytes the test says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

JSON, SSE = "application/json", "text/event-stream"


@dataclass(frozen=True)
class Asked:
    """One request as it arrived. Header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def sent(self) -> Any:
        """The body as JSON values; None if there is none."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Told:
    """An answer.

    Attributes:
        body: all of it, or the pieces of a stream, each sent by itself.
        ending: "reset": the connection is reset in place of an answer, or after its last piece; "cut": it is closed
            there; "hang": nothing more comes until the client gives up.
    """

    body: bytes | Sequence[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Literal["whole", "reset", "cut", "hang"] = "whole"


Script = Callable[[Asked], Told]


def told(content: Any, status: int = 200, **headers: str) -> Told:
    """A JSON value as an answer."""
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return Told(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(), status, shown)


def nothing_arranged(asked: Asked) -> Told:
    return told({"error": {"message": f"nothing arranged for {asked.path}", "type": "test"}}, 418)


class ScriptedUpstream:
    """A server of the test's own, in a thread. `script` answers; `asked` remembers."""

    def __init__(self, script: Script = nothing_arranged) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def posted(self, endpoint: str) -> list[Any]:
        """Bodies of the requests to an endpoint so far."""
        return [asked.sent for asked in self.asked if asked.path == f"/v1/{endpoint}"]

    def __enter__(self) -> ScriptedUpstream:
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
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)

    async def _close(self) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection may carry another."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        asked = Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))
        self.asked.append(asked)
        answer = self.script(asked)
        if answer.ending == "reset" and not answer.body:
            _reset(writer)
            return False
        await _write(writer, answer)
        if answer.ending == "hang":
            await reader.read()
        if answer.ending == "reset":
            _reset(writer)
        return answer.ending == "whole"


async def _write(writer: asyncio.StreamWriter, answer: Told) -> None:
    streamed = not isinstance(answer.body, bytes)
    headers = {"content-type": SSE if streamed else JSON, **answer.headers}
    headers |= {"transfer-encoding": "chunked"} if streamed else {"content-length": str(len(answer.body))}
    head = f"HTTP/1.1 {answer.status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(head.encode() + b"\r\n")
    if isinstance(answer.body, bytes):
        writer.write(answer.body)
    else:
        for piece in answer.body:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        if answer.ending == "whole":
            writer.write(b"0\r\n\r\n")
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset, not an end."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
