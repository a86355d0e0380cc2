"""The provider behind the gateway that is attacked: a sound answer to whatever arrives."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.gateway.scripted_upstream import Asked, Told, told

_numbers = itertools.count(1)


def answering(asked: Asked) -> Told:
    """An answer of the kind that was asked for, which quotes the question."""
    sent = asked.sent if isinstance(asked.sent, dict) else {}
    identity = f"{next(_numbers):032x}"
    if asked.path.endswith("/embeddings"):
        return told(_embeddings(sent))
    if asked.path.endswith("/moderations"):
        texts = sent["input"] if isinstance(sent["input"], list) else [sent["input"]]
        results = [{"flagged": False, "categories": {}, "category_scores": {}} for _ in texts]
        return told({"id": f"modr-{identity}", "model": "omni-moderation-latest", "results": results})
    if "/conversations" in asked.path:
        return told({"id": f"conv_{identity}", "object": "conversation", "created_at": 1, "metadata": {}})
    if "/responses" in asked.path:
        return _streamed(_response_events, sent, identity) if sent.get("stream") else told(_response(sent, identity))
    return _streamed(_chunks, sent, identity) if sent.get("stream") else told(_completion(sent, identity))


def _embeddings(sent: dict[str, Any]) -> dict[str, Any]:
    inputs = sent["input"] if isinstance(sent["input"], list) else [sent["input"]]
    if inputs and isinstance(inputs[0], int):
        inputs = [inputs]
    data = [{"object": "embedding", "index": at, "embedding": [0.1, 0.2]} for at in range(len(inputs))]
    usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
    return {"object": "list", "model": sent["model"], "data": data, "usage": usage}


def _completion(sent: dict[str, Any], identity: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": f"heard: {json.dumps(sent.get('messages'))}"}
    choices = [{"index": at, "message": message, "finish_reason": "stop"} for at in range(sent.get("n") or 1)]
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {"id": f"chatcmpl-{identity}", "object": "chat.completion", "created": 1, "model": sent.get("model"),
            "choices": choices, "usage": usage}  # fmt: skip


def _chunks(sent: dict[str, Any], identity: str) -> list[Any]:
    whole = _completion(sent, identity)
    head = {**whole, "object": "chat.completion.chunk", "usage": None}
    choices = [
        {"index": it["index"], "delta": it["message"], "finish_reason": it["finish_reason"]} for it in whole["choices"]
    ]
    return [{**head, "choices": choices}, {**head, "choices": [], "usage": whole["usage"]}]


def _response(sent: dict[str, Any], identity: str) -> dict[str, Any]:
    text = {"type": "output_text", "text": f"heard: {json.dumps(sent.get('input'))}", "annotations": []}
    message = {
        "type": "message",
        "id": f"msg_{identity}",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    return {"id": f"resp_{identity}", "object": "response", "created_at": 1, "status": "completed",
            "model": sent.get("model"), "output": [message], "usage": usage}  # fmt: skip


def _response_events(sent: dict[str, Any], identity: str) -> list[Any]:
    return [{"type": "response.completed", "sequence_number": 0, "response": _response(sent, identity)}]


def _streamed(make: Any, sent: dict[str, Any], identity: str) -> Told:
    events = make(sent, identity)
    lines = [
        (f"event: {event['type']}\n" if "type" in event else "") + f"data: {json.dumps(event)}\n\n" for event in events
    ]
    if make is _chunks:
        lines.append("data: [DONE]\n\n")
    return Told([line.encode() for line in lines])
