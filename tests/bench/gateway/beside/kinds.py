"""What is asked for: one request of each kind, as bytes, and how its answer is known."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench.gateway.beside.upstream import TEXT

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
TOOL = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Looks an order up by its number.",
        "parameters": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
    },
}


@dataclass(frozen=True)
class Kind:
    """A kind of request.

    Attributes:
        title: as the page says it.
        path: its endpoint.
        body: from the question to the request's body.
        proof: what every right answer contains.
        new: each question is another one; else always the same.
        cached: only asked of contenders that have a cache.
        past_caches: the request says that no cache is to be asked or filled.
    """

    name: str
    title: str
    path: str
    body: Callable[[str], dict[str, Any]]
    proof: bytes
    new: bool = True
    cached: bool = False
    past_caches: bool = False
    streamed: bool = False


def _chat(question: str, **more: Any) -> dict[str, Any]:
    messages = [
        {"role": "system", "content": "You answer questions of a small shop's customers, briefly."},
        {"role": "user", "content": question},
    ]
    return {"model": "gpt-4o-mini", "messages": messages, "max_tokens": 64, **more}


def _embedding(question: str) -> dict[str, Any]:
    return {"model": "text-embedding-3-large", "input": question, "encoding_format": "base64"}


_TEXT = TEXT.strip().encode()
KINDS = (
    Kind("pass", "Bare pass-through", CHAT, _chat, _TEXT, past_caches=True),
    Kind("miss", "Cache miss", CHAT, _chat, _TEXT, cached=True),
    Kind("hit", "Exact hit", CHAT, _chat, _TEXT, new=False, cached=True),
    Kind("stream", "Stream, to its first text", CHAT, lambda q: _chat(q, stream=True), b"[DONE]",
         past_caches=True, streamed=True),
    Kind("tool", "Tool call", CHAT, lambda q: _chat(q, tools=[TOOL]), b"find_order", past_caches=True),
    Kind("embedding", "Embedding", EMBEDDINGS, _embedding, b'"embedding"', past_caches=True),
)  # fmt: skip


def requests(kind: Kind, block: str, headers: Mapping[str, str], past_caches: Mapping[str, Any]) -> Callable[[], bytes]:
    """What makes the next request of a block.

    Args:
        block: named in every question that is new, so that the upstream counts them.
        headers: the contender's own.
        past_caches: what its body holds where no cache is to be asked or filled.
    """
    numbers = itertools.count()
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    def made() -> bytes:
        number = next(numbers)
        question = f"block {block}: what of order {number}?" if kind.new else f"block {kind.name}: when do you open?"
        body = json.dumps({**kind.body(question), **(past_caches if kind.past_caches else {})}).encode()
        head = f"POST {kind.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{lines}"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    return made
