"""A chat answer as ``chat.completion.chunk`` events."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from ops.standins.openai import logprobs
from ops.standins.openai.chat_answer import Answer, Choice
from ops.standins.openai.errors import ApiError
from ops.standins.openai.pieces import arguments, padding, words
from ops.standins.openai.wire import Event, sse

DONE = Event(b"data: [DONE]\n\n")
BROKEN = sse(ApiError(500, "The server had an error (arranged).", kind="server_error").body())


def events(answer: Answer) -> Iterator[Event]:
    """Per choice the role, the content piece by piece, the finish reason, the choices in turns; then the usage."""
    head = answer.head("chat.completion.chunk")
    usage: dict[str, Any] = {"usage": None} if answer.include_usage else {}
    for turn in zip_longest(*(_chunks(choice, answer.logprobs) for choice in answer.choices)):
        for chunk in turn:
            if chunk is not None:
                choice, content = chunk
                padded = {"obfuscation": padding(str(choice["delta"]))} if answer.obfuscate and content else {}
                event = sse({**head, "choices": [choice], **usage, **padded})
                yield Event(event, content, lambda: BROKEN)
    if answer.include_usage:
        yield Event(sse({**head, "choices": [], "usage": answer.usage}))
    yield DONE


def _chunks(choice: Choice, alternatives: int | None) -> Iterator[tuple[dict[str, Any], bool]]:
    """The chunks of one choice, each with whether it carries content."""

    def chunk(delta: dict[str, Any], finish: str | None = None, odds: dict[str, Any] | None = None) -> dict[str, Any]:
        return {"index": choice.index, "delta": delta, "logprobs": odds, "finish_reason": finish}

    said = choice.said
    if choice.legacy:
        call = said.calls[0]
        begun = {"role": "assistant", "content": None, "function_call": {"name": call.name, "arguments": ""}}
        yield chunk({**begun, "refusal": None}), False
        for piece in arguments(call.arguments):
            yield chunk({"function_call": {"arguments": piece}}), True
    elif said.calls:
        yield chunk({"role": "assistant", "content": None, "refusal": None}), False
        for at, whole in enumerate(choice.tool_calls()):
            kind = whole["type"]
            field = "input" if kind == "custom" else "arguments"
            yield chunk({"tool_calls": [{"index": at, **whole, kind: {**whole[kind], field: ""}}]}), False
            for piece in arguments(whole[kind][field]):
                yield chunk({"tool_calls": [{"index": at, kind: {field: piece}}]}), True
    else:
        field = "content" if said.refusal is None else "refusal"
        yield chunk({"role": "assistant", "content": "" if field == "content" else None, "refusal": None}), False
        for piece in words(said.text if said.refusal is None else said.refusal):
            odds = None
            if alternatives is not None:
                odds = {"content": None, "refusal": None, field: [logprobs.of(piece, alternatives)]}
            yield chunk({field: piece}, odds=odds), True
    yield chunk({}, choice.finish), False
