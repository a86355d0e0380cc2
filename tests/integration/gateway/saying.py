"""What OpenAI says, in short: answers for tests whose upstream is arranged."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.gateway.scripted_upstream import Asked, Script, Told, told

DONE = b"data: [DONE]\n\n"
SIGNED = "gpt-4o-mini-2024-07-18"
"""How the provider signs an answer of gpt-4o-mini."""
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
CALL = {"id": "call_1", "type": "function", "function": {"name": "refund", "arguments": '{"order":"A-1"}'}}
TOOL = {"type": "function", "function": {"name": "refund", "parameters": {"type": "object", "properties": {}}}}


def completion(text: str | None = "30 days.", *, finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    """A whole chat completion."""
    said = {"role": "assistant", "content": text, "refusal": None, "annotations": [], **message}
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": SIGNED}
    return {**head, "choices": [choice], "usage": USAGE, "service_tier": "default", "system_fingerprint": "fp_1"}


def chunk(delta: dict[str, Any], finish: str | None = None, *, index: int = 0) -> dict[str, Any]:
    """A chunk of a streamed chat completion."""
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": SIGNED}
    return {**head, "choices": [choice]}


def stream(*contents: Any, done: bool = True) -> Told:
    """Chunks as server-sent events."""
    events = [b"data: " + json.dumps(content, ensure_ascii=False).encode() + b"\n\n" for content in contents]
    return Told([*events, DONE] if done else events)


def embedding(asked: Asked, dimensions: int = 256) -> Told:
    """A vector for each input of an embedding request, the same for the same input."""
    sent = asked.sent["input"]
    inputs = sent if isinstance(sent, list) else [sent]
    vectors = [[float(len(str(each)) % 7 + 1), *([0.0] * (dimensions - 1))] for each in inputs]
    found = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(vectors)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return told({"object": "list", "data": found, "model": asked.sent["model"], "usage": usage})


def chatting(answer: Told | Callable[[Asked], Told]) -> Script:
    """An upstream that answers chats as told, and embeds."""

    def script(asked: Asked) -> Told:
        if asked.path.endswith("/embeddings"):
            return embedding(asked)
        return answer(asked) if callable(answer) else answer

    return script


def events(body: bytes | str) -> list[Any]:
    """The data of the events of a stream; [DONE] stays a word."""
    text = body.decode() if isinstance(body, bytes) else body
    lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def pieces(answer: bytes | str, name: str, *, index: int = 0) -> list[str]:
    """One field of all deltas of a choice that have it."""
    deltas = [
        choice["delta"]
        for event in events(answer)
        if isinstance(event, dict)
        for choice in event.get("choices", ())
        if choice["index"] == index
    ]
    return [delta[name] for delta in deltas if delta.get(name) is not None]


def error(status: int, fields: dict[str, Any], **headers: str) -> Told:
    """An error of the provider."""
    return told({"error": fields}, status, **headers)
