"""Between the two shapes of a chat answer: one completion, or a stream of chunks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

PIECE = re.compile(r"(?:\s*\S+){1,8}\s*|\s+")
"""Some words at a time: what a replayed stream carries per chunk."""


def complete(response: Mapping[str, Any]) -> bool:
    """Whether an answer may be kept and shown again: one choice, ended by itself, text, no tool, no refusal."""
    choices = response.get("choices")
    if response.get("error") or not isinstance(choices, list) or len(choices) != 1:
        return False
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(message, Mapping) or choice.get("finish_reason") != "stop":
        return False
    if any(message.get(field) for field in ("tool_calls", "function_call", "refusal", "audio")):
        return False
    content = message.get("content")
    return isinstance(content, str) and bool(content.strip())


def as_stream(response: Mapping[str, Any], *, include_usage: bool = False) -> Iterator[dict[str, Any]]:
    """Replay a stored chat completion as the chunks a streaming caller expects.

    Args:
        response: a completion for which `complete` holds.
        include_usage: the caller's `stream_options.include_usage`: ends with a chunk that has no choices.

    Yields:
        The role, the content in pieces, the finish reason, and the usage if it was asked for and is known.
    """
    head = {name: response[name] for name in ("id", "created", "model", "system_fingerprint") if name in response}
    head["object"] = "chat.completion.chunk"
    usage = response.get("usage") if include_usage else None

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        shown = {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
        return {**shown, "usage": None} if usage else shown

    choice = response["choices"][0]
    yield chunk({"role": "assistant", "content": ""})
    for piece in PIECE.findall(choice["message"]["content"]):
        yield chunk({"content": piece})
    yield chunk({}, choice.get("finish_reason") or "stop")
    if usage:
        yield {**head, "choices": [], "usage": usage}


def assemble(chunks: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The completion a stream amounts to, or None if it broke off or is nothing a cache may keep.

    Args:
        chunks: the decoded `chat.completion.chunk` objects in order, without the closing `[DONE]`.
    """
    pieces: list[str] = []
    head: dict[str, Any] = {}
    usage: Any = None
    finish: str | None = None
    for chunk in chunks:
        if chunk.get("error"):
            return None
        head = {
            name: chunk[name] for name in ("id", "created", "model", "system_fingerprint") if chunk.get(name)
        } | head
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            if choice.get("index", 0) != 0 or any(delta.get(f) for f in ("tool_calls", "function_call", "refusal")):
                return None
            pieces.append(delta.get("content") or "")
            finish = choice.get("finish_reason") or finish
    message = {"role": "assistant", "content": "".join(pieces)}
    response = head | {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
    }
    if usage:
        response["usage"] = usage
    return response if complete(response) else None
