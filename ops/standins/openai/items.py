"""Items of the Responses API: as they are stored, and what they ask of the model."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ops.standins.openai.asked import Asked, Format, Tool, tokens
from ops.standins.openai.billing import part_tokens
from ops.standins.openai.files import Files
from ops.standins.openai.models import Model
from ops.standins.openai.response_rules import chosen

Item = dict[str, Any]
PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
}
CALLS = ("function_call", "custom_tool_call")
OUTPUTS = ("function_call_output", "custom_tool_call_output")


def new_id(prefix: str) -> str:
    """A new id such as OpenAI's."""
    return f"{prefix}_{uuid.uuid4().hex}{uuid.uuid4().hex[:16]}"


def stored(given: Mapping[str, Any]) -> Item:
    """An input item as the API gives it back: with type, id and status, its content a list of parts."""
    kind = given.get("type") or "message"
    item: Item = {"id": given.get("id") or new_id(PREFIXES.get(kind, "item")), "type": kind}
    if kind == "message":
        spoken = given["role"] == "assistant"
        content = given["content"]
        if isinstance(content, str):
            content = [{"type": "output_text" if spoken else "input_text", "text": content}]
        item |= {"status": "completed", **_given(given), "content": [_part(part) for part in content]}
    elif kind in (*CALLS, *OUTPUTS):
        item |= {"status": "completed", **_given(given)}
    else:
        item |= _given(given)
    return item


def _given(item: Mapping[str, Any]) -> Item:
    return {name: value for name, value in item.items() if value is not None and name not in ("id", "type")}


def _part(part: Mapping[str, Any]) -> Item:
    defaults: dict[str, Item] = {
        "output_text": {"annotations": [], "logprobs": []},
        "input_image": {"detail": "auto"},
    }
    return {**defaults.get(part["type"], {}), **part}


def text_of(content: Any) -> str:
    """The text of a message's content or a call's output."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if isinstance(part.get("text"), str))


def prompt_tokens(instructions: str, context: Sequence[Item], model: Model, files: Files) -> int:
    """The tokens of what the model reads. Raises ApiError for a file that does not exist."""
    return 3 + (tokens(instructions) if instructions else 0) + sum(item_tokens(i, model, files) for i in context)


def item_tokens(item: Item, model: Model, files: Files) -> int:
    """The tokens of one item of the context."""
    if item["type"] == "message":
        return 3 + part_tokens(item["content"], model, files)
    if item["type"] in OUTPUTS:
        return 3 + part_tokens(item["output"], model, files)
    if item["type"] in CALLS:
        return 3 + tokens(item.get("arguments") or item.get("input") or "")
    return 0 if item["type"] == "reasoning" else 3 + tokens(json.dumps(item))


def read(body: Mapping[str, Any], model: str, instructions: str, context: Sequence[Item]) -> Asked:
    """What ``body``, which has been checked, asks a model that has read ``context``."""
    messages = [item for item in context if item["type"] == "message"]
    system = [text_of(item["content"]) for item in messages if item["role"] in ("system", "developer")]
    users = [at for at, item in enumerate(context) if item["type"] == "message" and item["role"] == "user"]
    since = context[users[-1] + 1 :] if users else context
    choice = body.get("tool_choice") or "auto"
    mode = choice.get("mode", "required") if isinstance(choice, dict) else choice
    return Asked(
        model=model,
        system="\n".join([*([instructions] if instructions else []), *system]),
        question=text_of(context[users[-1]]["content"]) if users else "",
        messages=tuple({"role": m["role"], "content": text_of(m["content"])} for m in messages),
        tools=_tools(body, choice),
        must_call=mode == "required",
        parallel=body.get("parallel_tool_calls") is not False,
        called=tuple(item["name"] for item in since if item["type"] in CALLS),
        results=tuple(text_of(item["output"]) for item in since if item["type"] in OUTPUTS),
        format=_format((body.get("text") or {}).get("format") or {}),
    )


def _tools(body: Mapping[str, Any], choice: Any) -> tuple[Tool, ...]:
    """The functions it may call; hosted tools, which nothing here can run, are never called."""
    names = chosen(choice)
    if choice == "none" or (isinstance(choice, dict) and not names):
        return ()
    kinds = ("function", "custom")
    given = [tool for tool in body.get("tools") or () if tool["type"] in kinds]
    return tuple(
        Tool(tool["name"], None if tool["type"] == "custom" else tool.get("parameters") or {})
        for tool in given
        if not names or tool["name"] in names
    )


def _format(wanted: Mapping[str, Any]) -> Format | None:
    if wanted.get("type") == "json_object":
        return Format(None)
    return Format(wanted["schema"]) if wanted.get("type") == "json_schema" else None
