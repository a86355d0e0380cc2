"""Chunks of a streamed answer: what they say, what they cost, and a kept answer as chunks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any

from .replay import as_stream
from .reply import DONE, event

Chunk = Mapping[str, Any]


def text_of(chunks: Sequence[Chunk]) -> str:
    """All that was said, arguments of tool calls included."""
    return "".join(_pieces(chunks))


def usage_of(chunks: Sequence[Chunk]) -> Mapping[str, Any] | None:
    """The usage the provider sent with its last chunk."""
    return next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), None)


async def replayed(response: Mapping[str, Any], *, include_usage: bool) -> AsyncGenerator[bytes, None]:
    """A kept answer as server-sent events."""
    for chunk in as_stream(response, include_usage=include_usage):
        yield event(chunk)
    yield DONE


def _pieces(chunks: Sequence[Chunk]) -> Iterator[str]:
    for chunk in chunks:
        for choice in chunk["choices"]:
            delta = choice["delta"]
            yield delta.get("content") or ""
            for call in delta.get("tool_calls") or ():
                yield (call.get("function") or {}).get("arguments") or ""
