"""Server-sent events: the provider's bytes cut into events, and events of our own.

Events are handed on as the bytes they came in. Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from ..upstream.errors import UpstreamError

LONGEST_EVENT = 32 * 1024 * 1024
SENT_TOGETHER = 64
"""Events of a kept answer, a millisecond of work or two."""
DONE = b"data: [DONE]\n\n"


async def events(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut a stream into events, each with the blank line that ends it.

    Raises:
        UpstreamError: an event is longer than any that could be meant.
    """
    rest = bytearray()
    async for piece in pieces:
        # The blank line may lie across two pieces.
        searched = max(0, len(rest) - 3)
        rest += piece
        while (end := _end(rest, searched)) > 0:
            yield bytes(rest[:end])
            del rest[:end]
            searched = 0
        if len(rest) > LONGEST_EVENT:
            raise UpstreamError(502, "the provider's stream holds an endless event")
    if rest.strip():
        yield bytes(rest) + b"\n\n"


def pieces(events: Iterable[bytes]) -> Iterator[bytes]:
    """Events put together to what is worth sending at a time."""
    waiting: list[bytes] = []
    for each in events:
        waiting.append(each)
        if len(waiting) == SENT_TOGETHER:
            yield b"".join(waiting)
            waiting.clear()
    if waiting:
        yield b"".join(waiting)


def _end(text: bytearray, start: int) -> int:
    """Where the first event ends, behind its blank line; 0 if it has not ended yet."""
    ends = [at + len(mark) for mark in (b"\n\n", b"\r\n\r\n") if (at := text.find(mark, start)) >= 0]
    return min(ends, default=0)


def data_of(event: bytes) -> bytes:
    """The data of an event; empty for a comment or a keep-alive."""
    if event.startswith(b"data: ") and event.find(b"\n") >= len(event) - 2:
        return event[6:].strip()
    lines = event.replace(b"\r\n", b"\n").split(b"\n")
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")).strip()


def event(content: Any, *, name: str | None = None) -> bytes:
    """One event of our own, as OpenAI writes it: compact JSON, and a name in its Responses API."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return (b"" if name is None else b"event: " + name.encode() + b"\n") + b"data: " + text + b"\n\n"
