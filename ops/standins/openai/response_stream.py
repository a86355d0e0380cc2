"""A response as server-sent events, in the documented order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.standins.openai.items import Item
from ops.standins.openai.pieces import arguments, padding, words
from ops.standins.openai.response_object import unfinished
from ops.standins.openai.wire import Event, sse

Made = tuple[str, dict[str, Any]]
ENDS = {"completed": "response.completed", "incomplete": "response.incomplete", "failed": "response.failed"}


def events(response: Mapping[str, Any], *, obfuscate: bool = True, after: int = -1) -> Iterator[Event]:
    """The events that tell ``response``, which has ended, numbered from 0; those up to ``after`` are left out."""
    for number, (kind, fields) in enumerate(_all(response)):
        if number <= after:
            continue
        content = kind.endswith(".delta")
        padded = {"obfuscation": padding(fields["delta"])} if content and obfuscate else {}
        data = sse({"type": kind, "sequence_number": number, **fields, **padded}, kind)
        yield Event(data, content, lambda number=number: _broken(number))  # type: ignore[misc]


def _broken(number: int) -> bytes:
    said = "The server had an error (arranged)."
    error = {"type": "error", "sequence_number": number, "code": "server_error", "message": said, "param": None}
    return sse(error, "error")


def _all(response: Mapping[str, Any]) -> Iterator[Made]:
    if response["background"]:
        yield "response.created", {"response": unfinished(response, "queued")}
        yield "response.queued", {"response": unfinished(response, "queued")}
    else:
        yield "response.created", {"response": unfinished(response, "in_progress")}
    yield "response.in_progress", {"response": unfinished(response, "in_progress")}
    for at, item in enumerate(response["output"]):
        for kind, fields in _item(item):
            yield kind, {"output_index": at, **fields}
    yield ENDS[response["status"]], {"response": response}


def _item(item: Item) -> Iterator[Made]:
    kinds = {
        "message": _message,
        "reasoning": _reasoning,
        "function_call": _function_call,
        "custom_tool_call": _custom_call,
    }
    yield from kinds[item["type"]](item)
    yield "response.output_item.done", {"item": item}


def _message(item: Item) -> Iterator[Made]:
    yield "response.output_item.added", {"item": {**item, "status": "in_progress", "content": []}}
    for at, part in enumerate(item["content"]):
        place = {"item_id": item["id"], "content_index": at}
        if part["type"] == "refusal":
            yield "response.content_part.added", {**place, "part": {"type": "refusal", "refusal": ""}}
            for piece in words(part["refusal"]):
                yield "response.refusal.delta", {**place, "delta": piece}
            yield "response.refusal.done", {**place, "refusal": part["refusal"]}
        else:
            yield "response.content_part.added", {**place, "part": {**part, "text": "", "logprobs": []}}
            told = [_without_bytes(token) for token in part["logprobs"]]
            for index, piece in enumerate(words(part["text"])):
                yield "response.output_text.delta", {**place, "delta": piece, "logprobs": told[index : index + 1]}
            yield "response.output_text.done", {**place, "text": part["text"], "logprobs": told}
        yield "response.content_part.done", {**place, "part": part}


def _without_bytes(token: Mapping[str, Any]) -> dict[str, Any]:
    """A log probability as text events have it."""
    others = [{name: value for name, value in one.items() if name != "bytes"} for one in token["top_logprobs"]]
    return {"token": token["token"], "logprob": token["logprob"], "top_logprobs": others}


def _reasoning(item: Item) -> Iterator[Made]:
    yield "response.output_item.added", {"item": {**item, "summary": []}}
    for at, part in enumerate(item["summary"]):
        place = {"item_id": item["id"], "summary_index": at}
        yield "response.reasoning_summary_part.added", {**place, "part": {**part, "text": ""}}
        for piece in words(part["text"]):
            yield "response.reasoning_summary_text.delta", {**place, "delta": piece}
        yield "response.reasoning_summary_text.done", {**place, "text": part["text"]}
        yield "response.reasoning_summary_part.done", {**place, "part": part}


def _function_call(item: Item) -> Iterator[Made]:
    place = {"item_id": item["id"]}
    yield "response.output_item.added", {"item": {**item, "status": "in_progress", "arguments": ""}}
    for piece in arguments(item["arguments"]):
        yield "response.function_call_arguments.delta", {**place, "delta": piece}
    yield "response.function_call_arguments.done", {**place, "arguments": item["arguments"]}


def _custom_call(item: Item) -> Iterator[Made]:
    place = {"item_id": item["id"]}
    yield "response.output_item.added", {"item": {**item, "input": ""}}
    for piece in arguments(item["input"]):
        yield "response.custom_tool_call_input.delta", {**place, "delta": piece}
    yield "response.custom_tool_call_input.done", {**place, "input": item["input"]}
