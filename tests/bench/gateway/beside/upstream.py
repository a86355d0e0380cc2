"""The provider of the benchmark, a process of its own: the same answers each time, at next to no cost.

    python -m tests.bench.gateway.beside.upstream

It prints its port. It answers chat completions (whole, streamed, with a tool call) and embeddings, and takes whatever
else is posted, such as traces. `GET /counts` says how many requests named which block: a question begins with one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import struct
from collections import Counter
from typing import Any, ClassVar, cast

TEXT = "First the kitchen opens at eleven, then the counter at noon, and both close at ten in the evening. "
PIECES, PIECE_S = 8, 0.005
DIMENSIONS = 3072
MODEL = "gpt-4o-mini-2024-07-18"
MARK = re.compile(rb"block (\w+):")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _whole(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _chat(message: dict[str, Any], reason: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": reason}
    usage = {"prompt_tokens": 21, "completion_tokens": 24, "total_tokens": 45}
    said = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": MODEL}
    return _whole(_json({**said, "choices": [choice], "usage": usage, "system_fingerprint": "fp_1"}))


def _piece(delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    said = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": MODEL}
    return b"data: " + _json({**said, "choices": [choice], "system_fingerprint": "fp_1"}) + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _embedding(vector: str | list[float]) -> bytes:
    data = [{"object": "embedding", "index": 0, "embedding": vector}]
    usage = {"prompt_tokens": 9, "total_tokens": 9}
    return _whole(_json({"object": "list", "data": data, "model": "text-embedding-3-large", "usage": usage}))


VECTOR = [((7 * each) % 101 - 50) / 3000 for each in range(DIMENSIONS)]
TOOL = {"name": "find_order", "arguments": '{"order":"1001"}'}
ANSWER = _chat({"content": TEXT, "refusal": None}, "stop")
CALL = _chat({"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": TOOL}]}, "tool_calls")
EMBEDDING = _embedding(VECTOR)
EMBEDDING_BASE64 = _embedding(base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *VECTOR)).decode())
WORDS = TEXT.split(" ")
STREAM = [
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
    + _chunk(_piece({"role": "assistant", "content": ""}))
    + _chunk(_piece({"content": WORDS[0]})),
    *(_chunk(_piece({"content": f" {word}"})) for word in WORDS[1:PIECES]),
    _chunk(_piece({}, "stop") + b"data: [DONE]\n\n") + b"0\r\n\r\n",
]
TAKEN = _whole(b"{}")


class Upstream(asyncio.Protocol):
    """One connection."""

    counts: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._buffer = cast(asyncio.Transport, transport), bytearray()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[: end + 2])
            found = LENGTH.search(head.lower())
            length = int(found[1]) if found else 0
            if len(self._buffer) < end + 4 + length:
                return
            body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            self._answer(head.split(b" ", 2)[1], body)

    def _answer(self, path: bytes, body: bytes) -> None:
        if path == b"/counts":
            self._transport.write(_whole(_json(self.counts)))
            return
        # Traces hold the question too.
        if (marked := MARK.search(body)) and path.startswith(b"/v1/"):
            self.counts[marked[1].decode()] += 1
        if path.endswith(b"/chat/completions"):
            if re.search(rb'"stream": *true', body):
                self._stream(0)
            else:
                self._transport.write(CALL if b'"tools"' in body else ANSWER)
        elif path.endswith(b"/embeddings"):
            self._transport.write(EMBEDDING_BASE64 if b'"base64"' in body else EMBEDDING)
        else:
            self._transport.write(TAKEN)

    def _stream(self, number: int) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(STREAM[number])
        if number + 1 < len(STREAM):
            asyncio.get_running_loop().call_later(PIECE_S, self._stream, number + 1)


async def serve() -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve())
